/*
 * Reading the layers. What a file that is not trusted says is kept, too, and marked so: some of
 * what hgweb follows does not ask for trust.
 */
#define _GNU_SOURCE /* CLOCK_REALTIME_COARSE */

#include "handlers/repo/configlayers.h"

#include "handlers/repo/configpath.h"
#include "handlers/repo/configtext.h"
#include "handlers/repo/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* How coarse a file system's clock may be: the longest kernel tick is 10 ms. */
#define TICK_NS 50000000

struct reader {
    struct fg_config_lines *lines;
    fg_config_filter filter;
    bool trusted;       /* the file of a layer that is being read, and so what it includes */
    unsigned depth;     /* of includes */
    size_t trusting[2]; /* the lines of users and groups that were taken, counted from 1 */
    struct fg_error *error;
};

static enum fg_status no_memory(struct fg_error *error)
{
    return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
}

/* Makes room for one more item of an array. */
static enum fg_status grow(void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return FG_OK;
    }
    size_t more = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = realloc(*items, more * size);
    if (grown == NULL) {
        return FG_ERR_MEMORY;
    }
    *items = grown;
    *capacity = more;
    return FG_OK;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* -- files ------------------------------------------------------------------------------------- */

/* The stamp of what a path leads to; what cannot be looked at is as if it were missing. */
static struct fg_file_stamp stamp_of(const char *path)
{
    struct fg_file_stamp stamp;
    return fg_file_stamp(AT_FDCWD, path, &stamp, NULL) == FG_OK
               ? stamp
               : (struct fg_file_stamp){.exists = false};
}

/* Notes that a file is looked at, before it is read. Takes path over. */
static enum fg_status note_file(struct reader *reader, char *path)
{
    struct fg_config_lines *lines = reader->lines;
    if (path == NULL) {
        return no_memory(reader->error);
    }
    if (lines->files_count == FG_CONFIG_FILES_MAX) {
        enum fg_status status =
            fg_fail(reader->error, FG_ERR_LIMIT, 0,
                    "%.120s: more than %u configuration files, with what they include", path,
                    FG_CONFIG_FILES_MAX);
        free(path);
        return status;
    }
    void *files = lines->files;
    if (grow(&files, lines->files_count, &lines->files_capacity, sizeof *lines->files) != FG_OK) {
        free(path);
        return no_memory(reader->error);
    }
    lines->files = files;
    struct fg_config_file *file = &lines->files[lines->files_count++];
    *file = (struct fg_config_file){path, stamp_of(path)};
    if (file->stamp.changed + TICK_NS > now_ns() &&
        file->stamp.changed + TICK_NS > lines->settles) {
        lines->settles = file->stamp.changed + TICK_NS;
    }
    return FG_OK;
}

/* The file that was noted last. */
static const char *last_path(const struct reader *reader)
{
    return reader->lines->files[reader->lines->files_count - 1].path;
}

/* True for failures to open that say that there is no such file for us; Mercurial goes on then. */
static bool is_absent(int number)
{
    return number != EMFILE && number != ENFILE && number != ENOMEM && number != EIO &&
           number != EINTR && number != ESTALE;
}

/*
 * Opens the file that was noted last. *ret_fd is -1 and *ret_number says why if it is not to be
 * read; -1 and 0 for the null device, which is empty.
 */
static enum fg_status open_file(const struct reader *reader, int *ret_fd, int *ret_number,
                                struct stat *ret_info)
{
    const char *path = last_path(reader);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *ret_fd = -1;
    *ret_number = 0;
    if (fd < 0 && is_absent(errno)) {
        *ret_number = errno;
        return FG_OK;
    }
    if (fd < 0 || fstat(fd, ret_info) != 0) {
        int number = errno;
        if (fd >= 0) {
            close(fd);
        }
        return fg_fail(reader->error, FG_ERR_IO, 0, "cannot open %.120s: %s", path,
                       strerror(number));
    }
    if (S_ISREG(ret_info->st_mode)) {
        *ret_fd = fd;
        return FG_OK;
    }
    close(fd);
    if (S_ISDIR(ret_info->st_mode)) {
        *ret_number = EISDIR;
        return FG_OK;
    }
    bool null = S_ISCHR(ret_info->st_mode) && ret_info->st_rdev == makedev(1, 3);
    return null ? FG_OK
                : fg_fail(reader->error, FG_ERR_CORRUPT, 0, "%.120s is not a regular file", path);
}

/* Reads an open file to its end, as far as there are bytes left for all of them. Closes fd. */
static enum fg_status read_text(const struct reader *reader, int fd, struct fg_buffer *text)
{
    enum { STEP = 16 << 10 };
    struct fg_config_lines *lines = reader->lines;
    uint8_t *space;
    ssize_t got = 0;
    enum fg_status status;
    do {
        status = fg_buffer_reserve(text, STEP, &space);
        if (status == FG_OK) {
            got = read(fd, space, STEP);
            text->size += got > 0 ? (size_t)got : 0;
        }
    } while (status == FG_OK && (got > 0 || (got < 0 && errno == EINTR)) &&
             lines->bytes + text->size <= FG_CONFIG_BYTES_MAX);
    int number = errno;
    close(fd);
    lines->bytes += text->size;
    if (status == FG_OK && lines->bytes > FG_CONFIG_BYTES_MAX) {
        return fg_fail(reader->error, FG_ERR_LIMIT, 0,
                       "%.120s: configuration files have more than %zu bytes together",
                       last_path(reader), FG_CONFIG_BYTES_MAX);
    }
    if (status == FG_OK && got < 0) {
        return fg_fail(reader->error, FG_ERR_IO, 0, "cannot read %.120s: %s", last_path(reader),
                       strerror(number));
    }
    return status == FG_OK ? FG_OK : no_memory(reader->error);
}

/* -- trust ------------------------------------------------------------------------------------- */

static bool names(const struct fg_config_lines *lines, bool group, const char *name)
{
    for (size_t i = 0; i < lines->trust_count; i++) {
        if (lines->trust[i].group == group &&
            fg_bytes_equal_string(fg_buffer_view(&lines->trust[i].name), name)) {
            return true;
        }
    }
    return false;
}

enum { NAME_SIZE = 256, ENTRY_SIZE = 64 << 10 };

/* The name of a user, or his number where he has none. */
static void user_name(uid_t user, char ret_name[NAME_SIZE])
{
    struct passwd entry;
    struct passwd *found = NULL;
    char space[ENTRY_SIZE];
    (void)getpwuid_r(user, &entry, space, sizeof space, &found);
    if (found != NULL) {
        (void)snprintf(ret_name, NAME_SIZE, "%s", entry.pw_name);
    } else {
        (void)snprintf(ret_name, NAME_SIZE, "%lu", (unsigned long)user);
    }
}

static void group_name(gid_t group, char ret_name[NAME_SIZE])
{
    struct group entry;
    struct group *found = NULL;
    char space[ENTRY_SIZE];
    (void)getgrgid_r(group, &entry, space, sizeof space, &found);
    if (found != NULL) {
        (void)snprintf(ret_name, NAME_SIZE, "%s", entry.gr_name);
    } else {
        (void)snprintf(ret_name, NAME_SIZE, "%lu", (unsigned long)group);
    }
}

/* Not even root is trusted where nobody says so: Mercurial's rule. */
static bool is_trusted(const struct fg_config_lines *lines, const struct stat *info)
{
    char owner[NAME_SIZE];
    char other[NAME_SIZE];
    if (info->st_uid == getuid() || names(lines, false, "*") || names(lines, true, "*")) {
        return true;
    }
    user_name(info->st_uid, owner);
    if (names(lines, false, owner)) {
        return true;
    }
    user_name(getuid(), other);
    if (strcmp(owner, other) == 0) {
        return true;
    }
    group_name(info->st_gid, other);
    return names(lines, true, other);
}

struct trusting {
    struct fg_config_lines *lines;
    bool group;
};

static enum fg_status add_trust(void *context, struct fg_bytes name)
{
    const struct trusting *trusting = context;
    struct fg_config_lines *lines = trusting->lines;
    void *items = lines->trust;
    if (lines->trust_count == FG_CONFIG_LINES_MAX) {
        return FG_ERR_LIMIT;
    }
    enum fg_status status =
        grow(&items, lines->trust_count, &lines->trust_capacity, sizeof *lines->trust);
    if (status == FG_OK) {
        lines->trust = items;
        struct fg_config_trust *trust = &lines->trust[lines->trust_count++];
        *trust = (struct fg_config_trust){trusting->group, FG_BUFFER_INIT(FG_CONFIG_BYTES_MAX)};
        status = fg_buffer_append(&trust->name, name.data, name.size);
    }
    return status;
}

/* The last trusted line of a setting, counted from 1; 0 if there is none, or it was unset. */
static size_t find_trusted(const struct fg_config_lines *lines, const char *section,
                           const char *name)
{
    for (size_t i = lines->count; i > 0; i--) {
        const struct fg_config_line *line = &lines->items[i - 1];
        if (line->trusted && fg_bytes_equal_string(line->section, section) &&
            fg_bytes_equal_string(line->name, name)) {
            return line->unset ? 0 : i;
        }
    }
    return 0;
}

/* After each file, as Mercurial does it: who was trusted once stays so. */
static enum fg_status update_trust(struct reader *reader)
{
    static const char *const keys[] = {"users", "groups"};
    enum fg_status status = FG_OK;
    for (int i = 0; i < 2 && status == FG_OK; i++) {
        struct trusting trusting = {reader->lines, i == 1};
        size_t line = find_trusted(reader->lines, "trusted", keys[i]);
        if (line != 0 && line != reader->trusting[i]) {
            reader->trusting[i] = line;
            status = fg_config_words(fg_buffer_view(&reader->lines->items[line - 1].value),
                                     add_trust, &trusting);
        }
    }
    if (status == FG_ERR_LIMIT) {
        return fg_fail(reader->error, status, 0, "%.160s: [trusted] names more than %u",
                       last_path(reader), FG_CONFIG_LINES_MAX);
    }
    return status == FG_OK ? FG_OK : no_memory(reader->error);
}

/* -- lines ------------------------------------------------------------------------------------- */

static enum fg_status add_line(struct reader *reader, const struct fg_configtext_item *item,
                               size_t file, unsigned number)
{
    struct fg_config_lines *lines = reader->lines;
    if (lines->count == FG_CONFIG_LINES_MAX) {
        return fg_fail(reader->error, FG_ERR_LIMIT, 0, "%.120s:%u: more than %u settings",
                       lines->files[file].path, number, FG_CONFIG_LINES_MAX);
    }
    void *items = lines->items;
    if (grow(&items, lines->count, &lines->capacity, sizeof *lines->items) != FG_OK) {
        return no_memory(reader->error);
    }
    lines->items = items;
    struct fg_config_line line = {
        .words = malloc(item->section.size + item->name.size + 1),
        .value = FG_BUFFER_INIT(FG_CONFIG_BYTES_MAX),
        .unset = item->kind == FG_CONFIGTEXT_UNSET,
        .trusted = reader->trusted,
        .source = lines->source,
        .file = file,
        .line = number,
    };
    if (line.words == NULL) {
        return no_memory(reader->error);
    }
    line.section = (struct fg_bytes){line.words, item->section.size};
    line.name = (struct fg_bytes){line.words + item->section.size, item->name.size};
    if (item->section.size > 0) {
        memcpy(line.words, item->section.data, item->section.size);
    }
    if (item->name.size > 0) {
        memcpy(line.words + item->section.size, item->name.data, item->name.size);
    }
    lines->items[lines->count++] = line;
    struct fg_bytes value = item->value;
    return line.unset || fg_buffer_append(&lines->items[lines->count - 1].value, value.data,
                                          value.size) == FG_OK
               ? FG_OK
               : no_memory(reader->error);
}

/* One more line of the value of the last item. */
static enum fg_status add_more(struct reader *reader, struct fg_bytes value, unsigned number)
{
    struct fg_config_line *line = &reader->lines->items[reader->lines->count - 1];
    line->line = number;
    enum fg_status status = fg_buffer_append_byte(&line->value, '\n');
    if (status == FG_OK) {
        status = fg_buffer_append(&line->value, value.data, value.size);
    }
    return status == FG_OK ? FG_OK : no_memory(reader->error);
}

static enum fg_status parse(struct reader *reader, struct fg_bytes text, size_t file);

/* Reads what a line includes. What is missing says nothing; other failures are the line's own. */
static enum fg_status include(struct reader *reader, struct fg_bytes name, size_t file,
                              unsigned number)
{
    struct fg_config_lines *lines = reader->lines;
    char *expanded = NULL;
    enum fg_status status = fg_config_path_expand(name, &expanded);
    if (status != FG_OK) {
        return status == FG_ERR_MEMORY
                   ? no_memory(reader->error)
                   : fg_fail(reader->error, FG_ERR_CORRUPT, 0, "%.120s:%u: cannot include that",
                             lines->files[file].path, number);
    }
    char *folder = fg_config_path_folder(lines->files[file].path);
    char *path = folder != NULL ? fg_config_path_join(folder, expanded) : NULL;
    free(folder);
    free(expanded);
    if (reader->depth == FG_CONFIG_INCLUDE_MAX) {
        free(path);
        return fg_fail(reader->error, FG_ERR_LIMIT, 0, "%.120s:%u: includes nest too deeply",
                       lines->files[file].path, number);
    }
    struct fg_buffer text = FG_BUFFER_INIT(FG_CONFIG_BYTES_MAX + (64 << 10));
    struct stat info;
    int fd = -1;
    int failure = 0;
    status = note_file(reader, path);
    lines->source++;
    if (status == FG_OK) {
        status = open_file(reader, &fd, &failure, &info);
    }
    if (status == FG_OK && failure != 0 && failure != ENOENT) {
        status = fg_fail(reader->error, FG_ERR_CORRUPT, 0, "%.80s:%u: cannot include %.80s: %s",
                         lines->files[file].path, number, last_path(reader), strerror(failure));
    }
    if (status == FG_OK && fd >= 0) {
        status = read_text(reader, fd, &text);
    }
    if (status == FG_OK && failure == 0) {
        reader->depth++;
        status = parse(reader, fg_buffer_view(&text), lines->files_count - 1);
        reader->depth--;
        lines->source++; /* what follows counts more */
    }
    fg_buffer_free(&text);
    return status;
}

static enum fg_status parse(struct reader *reader, struct fg_bytes text, size_t file)
{
    struct fg_configtext configtext;
    struct fg_configtext_item item;
    bool kept = false; /* the last item is */
    fg_configtext_start(&configtext, text);
    enum fg_status status;
    while ((status = fg_configtext_next(&configtext, &item)) == FG_OK) {
        switch (item.kind) {
        case FG_CONFIGTEXT_INCLUDE:
            status = include(reader, item.value, file, configtext.line);
            break;
        case FG_CONFIGTEXT_MORE:
            status = kept ? add_more(reader, item.value, configtext.line) : FG_OK;
            break;
        case FG_CONFIGTEXT_SECTION:
        case FG_CONFIGTEXT_SET:
        case FG_CONFIGTEXT_UNSET:
            kept = reader->filter(item.section);
            status = kept ? add_line(reader, &item, file, configtext.line) : FG_OK;
            break;
        }
        if (status != FG_OK) {
            return status;
        }
    }
    return status == FG_END
               ? FG_OK
               : fg_fail(reader->error, FG_ERR_CORRUPT, 0, "%.160s:%u: cannot be parsed",
                         reader->lines->files[file].path, configtext.line);
}

/*
 * Reads a file of a layer; takes path over. What cannot be parsed ends one that is not trusted,
 * where it is as if the rest were not there.
 */
static enum fg_status read_layer(struct reader *reader, char *path, bool trusted)
{
    struct fg_buffer text = FG_BUFFER_INIT(FG_CONFIG_BYTES_MAX + (64 << 10));
    struct stat info;
    int fd = -1;
    int failure;
    enum fg_status status = note_file(reader, path);
    if (status == FG_OK) {
        status = open_file(reader, &fd, &failure, &info);
    }
    if (status != FG_OK || fd < 0) {
        return status;
    }
    size_t file = reader->lines->files_count - 1;
    reader->trusted = trusted || is_trusted(reader->lines, &info);
    reader->lines->source++;
    status = read_text(reader, fd, &text);
    if (status == FG_OK) {
        status = parse(reader, fg_buffer_view(&text), file);
    }
    if (status == FG_ERR_CORRUPT && !reader->trusted) {
        status = FG_OK;
    }
    fg_buffer_free(&text);
    return status == FG_OK ? update_trust(reader) : status;
}

/* -- layers ------------------------------------------------------------------------------------ */

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The names of a folder that end in ".rc", ascending; free them and the array. */
static enum fg_status list_folder(struct reader *reader, const char *folder, char ***ret_names,
                                  size_t *ret_count)
{
    size_t capacity = 0;
    void *items = NULL;
    size_t count = 0;
    enum fg_status status = FG_OK;
    DIR *stream = opendir(folder);
    const struct dirent *entry;
    while (stream != NULL && status == FG_OK && (entry = readdir(stream)) != NULL) {
        size_t size = strlen(entry->d_name);
        if (size < 3 || strcmp(entry->d_name + size - 3, ".rc") != 0) {
            continue;
        }
        char *name = count < FG_CONFIG_FILES_MAX ? strdup(entry->d_name) : NULL;
        status = name != NULL ? grow(&items, count, &capacity, sizeof name) : FG_ERR_LIMIT;
        if (status != FG_OK) {
            free(name);
            status = fg_fail(reader->error, FG_ERR_LIMIT, 0,
                             "%.120s: too many configuration files, or no memory", folder);
        } else {
            ((char **)items)[count++] = name;
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
    if (count > 0) {
        qsort(items, count, sizeof(char *), compare_names);
    }
    *ret_names = items;
    *ret_count = count;
    return status;
}

/* All files of a folder that end in ".rc". A missing folder is an empty one. */
static enum fg_status read_folder(struct reader *reader, const char *folder)
{
    char **files;
    size_t count;
    enum fg_status status = note_file(reader, strdup(folder));
    if (status != FG_OK) {
        return status;
    }
    status = list_folder(reader, folder, &files, &count);
    for (size_t i = 0; i < count; i++) {
        if (status == FG_OK) {
            status = read_layer(reader, fg_config_path_join(folder, files[i]), true);
        }
        free(files[i]);
    }
    free(files);
    return status;
}

/* A path of HGRCPATH: a file, or a folder of files. */
static enum fg_status read_named(struct reader *reader, struct fg_bytes name)
{
    struct stat info;
    char *path = NULL;
    enum fg_status status = fg_config_path_expand(name, &path);
    if (status != FG_OK) {
        return fg_fail(reader->error, status, 0, "HGRCPATH: %s", fg_status_text(status));
    }
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        status = read_folder(reader, path);
        free(path);
        return status;
    }
    return read_layer(reader, path, true);
}

static enum fg_status read_hgrcpath(struct reader *reader, const char *paths)
{
    enum fg_status status = FG_OK;
    while (status == FG_OK && *paths != '\0') {
        size_t size = strcspn(paths, ":");
        if (size > 0) {
            status = read_named(reader, (struct fg_bytes){(const uint8_t *)paths, size});
        }
        paths += paths[size] == ':' ? size + 1 : size;
    }
    return status;
}

/* ROOT/etc/mercurial: hgrc, and the folder hgrc.d. */
static enum fg_status read_system(struct reader *reader, const char *root)
{
    char *folder = fg_config_path_join(root, "etc/mercurial");
    char *more = folder != NULL ? fg_config_path_join(folder, "hgrc.d") : NULL;
    enum fg_status status = more != NULL
                                ? read_layer(reader, fg_config_path_join(folder, "hgrc"), true)
                                : no_memory(reader->error);
    if (status == FG_OK) {
        status = read_folder(reader, more);
    }
    free(folder);
    free(more);
    return status;
}

/* That of the prefix that hg is installed in, two folders above the program. */
static enum fg_status read_installation(struct reader *reader, const char *program)
{
    char *path = NULL;
    enum fg_status status = fg_config_path_program(program, &path);
    if (status != FG_OK) {
        return status == FG_ERR_NOT_FOUND ? FG_OK : no_memory(reader->error);
    }
    char *folder = fg_config_path_folder(path);
    char *root = folder != NULL ? fg_config_path_folder(folder) : NULL;
    status = root == NULL             ? no_memory(reader->error)
             : strcmp(root, "/") == 0 ? FG_OK
                                      : read_system(reader, root);
    free(path);
    free(folder);
    free(root);
    return status;
}

static enum fg_status read_home(struct reader *reader, const char *variable, const char *preset,
                                const char *file)
{
    const char *value = variable != NULL ? getenv(variable) : NULL;
    char *folder = NULL;
    if (value == NULL || value[0] != '/') {
        enum fg_status status = fg_config_path_expand(fg_bytes_from_string(preset), &folder);
        if (status != FG_OK) {
            return fg_fail(reader->error, status, 0, "%s: %s", preset, fg_status_text(status));
        }
    }
    char *path = fg_config_path_join(folder != NULL ? folder : value, file);
    free(folder);
    return read_layer(reader, path, true);
}

static enum fg_status read_account(struct reader *reader, const struct fg_config_place *place)
{
    const char *paths = getenv("HGRCPATH");
    if (paths != NULL) {
        return read_hgrcpath(reader, paths);
    }
    enum fg_status status = read_installation(reader, place->program);
    if (status == FG_OK) {
        status = read_system(reader, "/");
    }
    if (status == FG_OK) {
        status = read_home(reader, NULL, "~", ".hgrc");
    }
    return status == FG_OK ? read_home(reader, "XDG_CONFIG_HOME", "~/.config", "hg/hgrc") : status;
}

static enum fg_status read_repository(struct reader *reader, const struct fg_config_place *place)
{
    const struct {
        const char *folder;
        const char *name;
    } files[] = {{place->source_path, "hgrc"},
                 {place->hg_path, "hgrc"},
                 {place->hg_path, "hgrc-not-shared"}};
    enum fg_status status = FG_OK;
    bool skip = getenv("HGRCSKIPREPO") != NULL;
    for (size_t i = 0; i < sizeof files / sizeof files[0] && status == FG_OK && !skip; i++) {
        if (files[i].folder != NULL) {
            status = read_layer(reader, fg_config_path_join(files[i].folder, files[i].name), false);
        }
    }
    return status;
}

enum fg_status fg_config_lines_read(const struct fg_config_place *place, fg_config_filter filter,
                                    struct fg_config_lines *ret_lines, struct fg_error *error)
{
    struct reader reader = {.lines = ret_lines, .filter = filter, .error = error};
    *ret_lines = (struct fg_config_lines){.items = NULL};
    enum fg_status status = read_account(&reader, place);
    return status == FG_OK ? read_repository(&reader, place) : status;
}

void fg_config_lines_clear(struct fg_config_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->items[i].words);
        fg_buffer_free(&lines->items[i].value);
    }
    for (size_t i = 0; i < lines->files_count; i++) {
        free(lines->files[i].path);
    }
    for (size_t i = 0; i < lines->trust_count; i++) {
        fg_buffer_free(&lines->trust[i].name);
    }
    free(lines->items);
    free(lines->files);
    free(lines->trust);
    *lines = (struct fg_config_lines){.items = NULL};
}

bool fg_config_lines_fresh(const struct fg_config_lines *lines)
{
    if (lines->settles != 0 && now_ns() >= lines->settles) {
        return false;
    }
    for (size_t i = 0; i < lines->files_count; i++) {
        struct fg_file_stamp stamp = stamp_of(lines->files[i].path);
        if (!fg_file_stamp_equal(&stamp, &lines->files[i].stamp)) {
            return false;
        }
    }
    return true;
}
