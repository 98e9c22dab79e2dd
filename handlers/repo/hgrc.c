/*
 * Reading .hg/hgrc as far as a server's readers go: sections, "key = value", comments,
 * continuation lines, %include and %unset, as "hg help config" has them.
 */
#define _GNU_SOURCE /* asprintf */

#include "handlers/repo/hgrc.h"

#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a key is to us. */
enum kind {
    KIND_OTHER,
    KIND_BOOLEAN, /* is followed */
    KIND_USERS,   /* is told of, where it has a value */
    KIND_OFF,     /* is told of, where it is false */
};

struct key {
    const char *section;
    const char *name; /* with - for _ */
    enum kind kind;
    unsigned which; /* an offset in struct fg_hgrc, or an enum fg_hgrc_access */
};

static const struct key keys[] = {
    {"phases", "publish", KIND_BOOLEAN, offsetof(struct fg_hgrc, publishing)},
    {"server", "uncompressed", KIND_BOOLEAN, offsetof(struct fg_hgrc, uncompressed)},
    {"web", "allow-pull", KIND_OFF, FG_HGRC_ALLOW_PULL},
    {"web", "allowpull", KIND_OFF, FG_HGRC_ALLOW_PULL},
    {"web", "allow-push", KIND_USERS, FG_HGRC_ALLOW_PUSH},
    {"web", "allow-read", KIND_USERS, FG_HGRC_ALLOW_READ},
    {"web", "deny-push", KIND_USERS, FG_HGRC_DENY_PUSH},
    {"web", "deny-read", KIND_USERS, FG_HGRC_DENY_READ},
    {"web", "push-ssl", KIND_USERS, FG_HGRC_PUSH_SSL},
};

enum { KEYS_COUNT = sizeof keys / sizeof keys[0] };

struct reader {
    const char *path; /* the file being read */
    unsigned depth;   /* of includes */
    unsigned line;
    struct fg_bytes section;
    bool in_item;           /* a continuation line belongs to an item */
    const struct key *item; /* which, if it is one of the keys; else NULL */
    struct fg_hgrc *hgrc;
};

static enum fg_status read_file(struct reader *reader, struct fg_error *error);

static enum fg_status damaged(const struct reader *reader, struct fg_error *error)
{
    return fg_fail(error, FG_ERR_CORRUPT, 0, "%s:%u: cannot be parsed", reader->path, reader->line);
}

static bool equal_ignoring_case(struct fg_bytes text, const char *word)
{
    return text.size == strlen(word) && strncasecmp((const char *)text.data, word, text.size) == 0;
}

/* Mercurial's words for the two. False if the value is none of them. */
static bool parse_boolean(struct fg_bytes value, bool *ret_truth)
{
    static const char *const words[][2] = {
        {"0", "1"}, {"no", "yes"}, {"false", "true"}, {"off", "on"}, {"never", "always"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (int truth = 0; truth < 2; truth++) {
            if (equal_ignoring_case(value, words[i][truth])) {
                *ret_truth = truth == 1;
                return true;
            }
        }
    }
    return false;
}

/* -- what the keys are ------------------------------------------------------------------------- */

static bool is_name(struct fg_bytes text, const char *name)
{
    bool same = text.size == strlen(name);
    for (size_t i = 0; same && i < text.size; i++) {
        same = (text.data[i] == '_' ? '-' : (char)text.data[i]) == name[i];
    }
    return same;
}

/* The key of this name in the present section; NULL if it is none of ours. */
static const struct key *find_key(const struct reader *reader, struct fg_bytes name)
{
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        if (fg_bytes_equal_string(reader->section, keys[i].section) &&
            is_name(name, keys[i].name)) {
            return &keys[i];
        }
    }
    return NULL;
}

/* What it is if no line says anything. */
static void reset(const struct reader *reader, const struct key *key)
{
    if (key->kind == KIND_BOOLEAN) {
        *(bool *)((char *)reader->hgrc + key->which) = true;
    } else {
        struct fg_hgrc_option *option = &reader->hgrc->access[key->which];
        free(option->file);
        *option = (struct fg_hgrc_option){NULL, 0};
    }
}

static enum fg_status note(const struct reader *reader, const struct key *key,
                           struct fg_error *error)
{
    char *file = strdup(reader->path);
    if (file == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    struct fg_hgrc_option *option = &reader->hgrc->access[key->which];
    free(option->file);
    *option = (struct fg_hgrc_option){file, reader->line};
    return FG_OK;
}

static enum fg_status set(const struct reader *reader, const struct key *key, struct fg_bytes value,
                          struct fg_error *error)
{
    bool truth = true;
    bool boolean = parse_boolean(value, &truth);
    if (!boolean && key->kind != KIND_USERS) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "%s:%u: %s.%s is not a boolean", reader->path,
                       reader->line, key->section, key->name);
    }
    reset(reader, key);
    if (key->kind == KIND_BOOLEAN) {
        *(bool *)((char *)reader->hgrc + key->which) = truth;
        return FG_OK;
    }
    bool matters = key->kind == KIND_OFF ? !truth : value.size > 0;
    return matters ? note(reader, key, error) : FG_OK;
}

/* -- lines ------------------------------------------------------------------------------------- */

/* Reads an included file, relative to the one that includes it. A missing one says nothing. */
static enum fg_status include(struct reader *reader, struct fg_bytes name, struct fg_error *error)
{
    if (reader->depth == FG_HGRC_INCLUDE_MAX) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "%s:%u: includes nest too deeply", reader->path,
                       reader->line);
    }
    bool absolute = name.size > 0 && name.data[0] == '/';
    const char *slash = strrchr(reader->path, '/');
    int folder = absolute || slash == NULL ? 0 : (int)(slash + 1 - reader->path);
    char *path;
    if (asprintf(&path, "%.*s%.*s", folder, reader->path, (int)name.size, (const char *)name.data) <
        0) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    struct reader inner = {.path = path, .depth = reader->depth + 1, .hgrc = reader->hgrc};
    enum fg_status status = read_file(&inner, error);
    free(path);
    return status;
}

static enum fg_status take_directive(struct reader *reader, struct fg_bytes line,
                                     struct fg_error *error)
{
    if (fg_bytes_start_with(line, "%include ")) {
        return include(reader, fg_bytes_strip((struct fg_bytes){line.data + 9, line.size - 9}),
                       error);
    }
    if (fg_bytes_start_with(line, "%unset ")) {
        struct fg_bytes name = fg_bytes_strip((struct fg_bytes){line.data + 7, line.size - 7});
        const struct key *key = find_key(reader, name);
        if (key != NULL) {
            reset(reader, key);
        }
        return FG_OK;
    }
    return damaged(reader, error);
}

static enum fg_status take_item(struct reader *reader, struct fg_bytes line, struct fg_error *error)
{
    const uint8_t *equals = memchr(line.data, '=', line.size);
    if (equals == NULL || equals == line.data) {
        return damaged(reader, error);
    }
    size_t size = (size_t)(equals - line.data);
    struct fg_bytes name = fg_bytes_strip((struct fg_bytes){line.data, size});
    struct fg_bytes value = fg_bytes_strip((struct fg_bytes){equals + 1, line.size - size - 1});
    reader->in_item = true;
    reader->item = find_key(reader, name);
    return reader->item != NULL ? set(reader, reader->item, value, error) : FG_OK;
}

static enum fg_status take_line(struct reader *reader, struct fg_bytes line, struct fg_error *error)
{
    struct fg_bytes stripped = fg_bytes_strip(line);
    if (fg_bytes_start_with(line, "#") || fg_bytes_start_with(line, ";")) {
        return FG_OK;
    }
    bool indented = line.size > 0 && stripped.size > 0 && stripped.data != line.data;
    if (indented && reader->in_item) {
        if (reader->item == NULL) {
            return FG_OK;
        }
        /* A boolean on several lines is none; a list goes on. */
        return reader->item->kind == KIND_USERS ? note(reader, reader->item, error)
                                                : damaged(reader, error);
    }
    reader->in_item = false;
    if (stripped.size == 0) {
        return FG_OK;
    }
    if (indented) {
        return damaged(reader, error);
    }
    if (line.data[0] == '%') {
        return take_directive(reader, line, error);
    }
    if (line.data[0] == '[') {
        const uint8_t *end = memchr(line.data, ']', line.size);
        if (end == NULL) {
            return damaged(reader, error);
        }
        reader->section = (struct fg_bytes){line.data + 1, (size_t)(end - line.data) - 1};
        return FG_OK;
    }
    return take_item(reader, line, error);
}

static enum fg_status read_file(struct reader *reader, struct fg_error *error)
{
    struct fg_buffer text = FG_BUFFER_INIT(FG_SMALL_FILE_MAX);
    enum fg_status status = fg_file_read(AT_FDCWD, reader->path, &text, error);
    if (status == FG_ERR_NOT_FOUND) {
        return FG_OK;
    }
    struct fg_bytes rest = fg_buffer_view(&text);
    if (fg_bytes_start_with(rest, "\xef\xbb\xbf")) {
        rest.data += 3; /* a byte order mark */
        rest.size -= 3;
    }
    struct fg_bytes line;
    while (status == FG_OK && fg_line_next(&rest, &line)) {
        reader->line++;
        status = take_line(reader, line, error);
    }
    fg_buffer_free(&text);
    return status;
}

/* Reads a file of a folder on top of what hgrc has from others. */
static enum fg_status read_in(const char *folder, const char *name, struct fg_hgrc *hgrc,
                              struct fg_error *error)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    struct reader reader = {.path = path, .hgrc = hgrc};
    enum fg_status status = read_file(&reader, error);
    free(path);
    return status;
}

/* -- the whole --------------------------------------------------------------------------------- */

enum fg_status fg_hgrc_read(const struct fg_layout *layout, struct fg_hgrc *ret_hgrc,
                            struct fg_error *error)
{
    struct fg_hgrc hgrc = {.publishing = true, .uncompressed = true};
    bool share_safe = (layout->requirements & FG_REQUIREMENT_SHARE_SAFE) != 0;
    enum fg_status status = FG_OK;
    if (share_safe && strcmp(layout->source_path, layout->hg_path) != 0) {
        status = read_in(layout->source_path, "hgrc", &hgrc, error);
    }
    if (status == FG_OK) {
        status = read_in(layout->hg_path, "hgrc", &hgrc, error);
    }
    if (status == FG_OK && share_safe) {
        status = read_in(layout->hg_path, "hgrc-not-shared", &hgrc, error);
    }
    if (status != FG_OK) {
        fg_hgrc_clear(&hgrc);
        return status;
    }
    *ret_hgrc = hgrc;
    return FG_OK;
}

void fg_hgrc_clear(struct fg_hgrc *hgrc)
{
    if (hgrc != NULL) {
        for (size_t i = 0; i < FG_HGRC_ACCESS_COUNT; i++) {
            free(hgrc->access[i].file);
            hgrc->access[i].file = NULL;
        }
    }
}

/* For whoever answers a client, who is to hear of no path of this machine. */
static enum fg_status read_quietly(const struct fg_layout *layout, struct fg_hgrc *ret_hgrc,
                                   struct fg_error *error)
{
    struct fg_error inner;
    enum fg_status status = fg_hgrc_read(layout, ret_hgrc, &inner);
    return status == FG_OK ? FG_OK
                           : fg_fail(error, status, 0, "the repository's hgrc cannot be read");
}

enum fg_status fg_hgrc_publishing(const struct fg_layout *layout, bool *ret_publishing,
                                  struct fg_error *error)
{
    struct fg_hgrc hgrc;
    enum fg_status status = read_quietly(layout, &hgrc, error);
    if (status == FG_OK) {
        *ret_publishing = hgrc.publishing;
        fg_hgrc_clear(&hgrc);
    }
    return status;
}

enum fg_status fg_hgrc_uncompressed(const struct fg_layout *layout, bool *ret_uncompressed,
                                    struct fg_error *error)
{
    struct fg_hgrc hgrc;
    enum fg_status status = read_quietly(layout, &hgrc, error);
    if (status == FG_OK) {
        *ret_uncompressed = hgrc.uncompressed;
        fg_hgrc_clear(&hgrc);
    }
    return status;
}
