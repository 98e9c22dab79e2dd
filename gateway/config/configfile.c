/*
 * Reading the configuration file. libinih takes lines apart; this file gives it the lines, so that
 * it knows their numbers and can refuse what the library would silently cut or drop.
 */
#include "gateway/config/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_MAX_SIZE = 1 << 20,
    SETTINGS_MAX = 256,      /* more than the table has */
    WORDS_MAX_SIZE = 1 << 18 /* of one list */
};

struct file {
    struct fg_config *config;
    const char *path;
    FILE *stream;
    char *line; /* of getline */
    size_t line_capacity;
    size_t bytes;
    unsigned number; /* of the line that the library has */
    bool indented;
    enum fg_status status; /* the first failure */
    struct fg_error *error;
    const struct fg_setting *last; /* may go on in the next line */
    struct fg_buffer words;        /* its value so far */
    bool seen[SETTINGS_MAX];
};

static void fail(struct file *file, enum fg_status status, const char *what, const char *detail)
{
    if (file->status == FG_OK) {
        file->status =
            fg_fail(file->error, status, 0, "%s:%u: %s%s", file->path, file->number, what, detail);
    }
}

/* -- lines ------------------------------------------------------------------------------------ */

/* What the library would not tell us of. */
static void check_line(struct file *file, const char *line, size_t size, size_t room)
{
    file->indented = line[0] == ' ' || line[0] == '\t';
    const char *first = line + strspn(line, " \t\r\n");
    if (*first == '[') {
        file->last = NULL;
    }
    if (strlen(line) != size) {
        fail(file, FG_ERR_SYNTAX, "a NUL", "");
    } else if (*first == '[' && (file->indented || strchr(first, ']') == NULL)) {
        fail(file, FG_ERR_SYNTAX, "a [SECTION] that is indented or has no end", "");
    } else if (size > room) {
        fail(file, FG_ERR_SYNTAX, "the line is too long; a list may go on in indented lines", "");
    } else if (*first != '#' && *first != ';' &&
               (strstr(first, " ;") != NULL || strstr(first, "\t;") != NULL)) {
        fail(file, FG_ERR_SYNTAX, "a comment needs a line of its own", "");
    } else if (!file->indented && *first != '\0' && strchr("#;[", *first) == NULL) {
        size_t name = strcspn(first, "=:");
        if (first[name] != '=') {
            fail(file, FG_ERR_SYNTAX, "this is neither [SECTION] nor KEY = VALUE", "");
        }
    }
}

/* The library's fgets. */
static char *read_line(char *text, int capacity, void *stream)
{
    struct file *file = stream;
    errno = 0;
    ssize_t size =
        file->status == FG_OK ? getline(&file->line, &file->line_capacity, file->stream) : -1;
    if (size < 0) {
        if (file->status == FG_OK && (ferror(file->stream) || errno == ENOMEM)) {
            file->status = fg_fail(file->error, FG_ERR_IO, 0, "cannot read %s: %s", file->path,
                                   strerror(errno));
        }
        return NULL;
    }
    file->number++;
    file->bytes += (size_t)size;
    check_line(file, file->line, (size_t)size, (size_t)capacity - 1);
    if (file->bytes > FILE_MAX_SIZE) {
        fail(file, FG_ERR_LIMIT, "the file is too large", "");
    }
    if (file->status != FG_OK) {
        return NULL;
    }
    memcpy(text, file->line, (size_t)size + 1);
    return text;
}

/* -- settings --------------------------------------------------------------------------------- */

static const struct fg_setting *find(const char *section, const char *name)
{
    bool web = strcmp(section, "web") == 0;
    if (!web && strcmp(section, "framegate") != 0) {
        return NULL;
    }
    char key[64];
    size_t size = strlen(name);
    if (size >= sizeof(key)) {
        return NULL;
    }
    for (size_t i = 0; i <= size; i++) {
        key[i] = web && name[i] == '_' ? '-' : name[i];
    }
    const struct fg_setting *setting =
        fg_config_find((struct fg_bytes){(const uint8_t *)key, size});
    bool in_web = setting != NULL && (setting->flags & FG_SETTING_WEB) != 0;
    return in_web == web ? setting : NULL;
}

static void set(struct file *file, const struct fg_setting *setting, const char *text)
{
    struct fg_error inner;
    enum fg_status status = fg_config_set(file->config, setting, text, file->number, &inner);
    if (status != FG_OK) {
        fail(file, status == FG_ERR_ARGUMENT ? FG_ERR_SYNTAX : status, inner.message, "");
    }
}

/* The value of the last setting goes on. */
static void go_on(struct file *file, const char *value)
{
    if (file->last == NULL || file->last->type != FG_SETTING_WORDS) {
        fail(file, FG_ERR_SYNTAX, "an indented line, but what is above is no list", "");
        return;
    }
    /* With the NUL that ends the words so far turned into a blank. */
    file->words.data[file->words.size - 1] = ' ';
    enum fg_status status = fg_buffer_append(&file->words, value, strlen(value) + 1);
    if (status != FG_OK) {
        fail(file, status, "the list is too long", "");
        return;
    }
    set(file, file->last, (const char *)file->words.data);
}

static void begin(struct file *file, const char *section, const char *name, const char *value)
{
    size_t count = 0;
    const struct fg_setting *all = fg_config_settings(&count);
    const struct fg_setting *setting = find(section, name);
    file->last = setting;
    if (setting == NULL) {
        char what[200];
        snprintf(what, sizeof(what), "there is no setting '%.64s' in section [%.64s]", name,
                 section);
        fail(file, FG_ERR_SYNTAX, what, "");
        return;
    }
    size_t place = (size_t)(setting - all);
    if (place >= SETTINGS_MAX || file->seen[place]) {
        fail(file, FG_ERR_SYNTAX, setting->key, ": given twice");
        return;
    }
    file->seen[place] = true;
    fg_buffer_reset(&file->words);
    enum fg_status status = fg_buffer_append(&file->words, value, strlen(value) + 1);
    if (status != FG_OK) {
        fail(file, status, fg_status_text(status), "");
        return;
    }
    set(file, setting, value);
}

static int on_value(void *context, const char *section, const char *name, const char *value)
{
    struct file *file = context;
    if (file->status == FG_OK) {
        if (file->indented) {
            go_on(file, value);
        } else {
            begin(file, section, name, value);
        }
    }
    return file->status == FG_OK;
}

enum fg_status fg_config_read_file(struct fg_config *config, const char *path,
                                   struct fg_error *error)
{
    struct file file = {.config = config,
                        .path = path,
                        .stream = fopen(path, "re"),
                        .error = error,
                        .words = FG_BUFFER_INIT(WORDS_MAX_SIZE)};
    if (file.stream == NULL) {
        return fg_fail(error, FG_ERR_IO, 0, "cannot read %s: %s", path, strerror(errno));
    }
    int line = ini_parse_stream(read_line, &file, on_value, &file);
    if (line != 0 && file.status == FG_OK) {
        file.number = line > 0 ? (unsigned)line : file.number;
        fail(&file, line > 0 ? FG_ERR_SYNTAX : FG_ERR_MEMORY,
             line > 0 ? "this is neither [SECTION] nor KEY = VALUE" : "out of memory", "");
    }
    fclose(file.stream);
    free(file.line);
    fg_buffer_free(&file.words);
    return file.status;
}
