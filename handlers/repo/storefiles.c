/*
 * Walking the store. With fncache there is a list; without it the folders say what there is, and
 * their names are read back.
 */
#define _GNU_SOURCE /* memmem */

#include "handlers/repo/storefiles.h"

#include "handlers/patience.h"
#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/storepath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Bytes of a name: paths of a system, with room for their encoding. */
#define NAME_MAX_BYTES ((size_t)64 << 10)

static const char folder_end[] = ".hg/";

enum { FOLDER_END_SIZE = sizeof folder_end - 1 };

static bool ends_with(struct fg_bytes text, const char *end)
{
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

/* -- names ------------------------------------------------------------------------------------- */

/* "a.i.hg/" is the folder "a.i/", likewise ".d" and ".hg". */
enum fg_status fg_storefile_plain(struct fg_bytes name, struct fg_buffer *plain)
{
    fg_buffer_reset(plain);
    while (name.size > 0) {
        const uint8_t *end = memmem(name.data, name.size, folder_end, FOLDER_END_SIZE);
        struct fg_bytes part = {name.data, end != NULL ? (size_t)(end - name.data) : name.size};
        bool marked = end != NULL &&
                      (ends_with(part, ".i") || ends_with(part, ".d") || ends_with(part, ".hg"));
        enum fg_status status = fg_buffer_append(plain, part.data, part.size);
        if (status == FG_OK && end != NULL) {
            status = fg_buffer_append_string(plain, marked ? "/" : folder_end);
        }
        if (status != FG_OK) {
            return status;
        }
        size_t used = end != NULL ? part.size + FOLDER_END_SIZE : part.size;
        name.data += used;
        name.size -= used;
    }
    return FG_OK;
}

void fg_storefile_finder_init(struct fg_storefile_finder *finder)
{
    fg_buffer_init(&finder->plain, NAME_MAX_BYTES);
    fg_buffer_init(&finder->path, NAME_MAX_BYTES);
}

void fg_storefile_finder_clear(struct fg_storefile_finder *finder)
{
    fg_buffer_free(&finder->plain);
    fg_buffer_free(&finder->path);
}

/* Files of the changelog and the manifest lie where they are called. */
static bool is_tracked(struct fg_bytes name)
{
    return name.size > 5 &&
           (memcmp(name.data, "data/", 5) == 0 || memcmp(name.data, "meta/", 5) == 0);
}

enum fg_status fg_storefile_find(struct fg_storefile_finder *finder, const struct fg_layout *layout,
                                 struct fg_bytes name, const char **ret_path)
{
    fg_buffer_reset(&finder->path);
    if (memchr(name.data, '\0', name.size) != NULL) {
        return FG_ERR_CORRUPT;
    }
    enum fg_status status;
    if (is_tracked(name)) {
        status = fg_storefile_plain(name, &finder->plain);
        if (status == FG_OK) {
            status = fg_storepath_encode(fg_buffer_view(&finder->plain), layout->requirements,
                                         &finder->path);
        }
    } else {
        status = fg_buffer_append(&finder->path, name.data, name.size);
    }
    if (status == FG_OK) {
        status = fg_buffer_append_byte(&finder->path, '\0');
    }
    if (status == FG_OK) {
        *ret_path = (const char *)finder->path.data;
    }
    return status;
}

/* -- walking ----------------------------------------------------------------------------------- */

struct walk {
    const struct fg_layout *layout;
    fg_storefile_taker take;
    void *context;
    struct fg_storefile_finder finder;
    struct fg_buffer name;
    struct fg_error *error;
};

/* True if the path leaves a folder upwards, which no name of Mercurial's own does. */
static bool climbs(const char *path)
{
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) {
            return true;
        }
    }
    return false;
}

/* Gives one file, if it is there. */
static enum fg_status give(struct walk *walk, struct fg_bytes name)
{
    const char *path;
    struct stat status;
    enum fg_status found = fg_storefile_find(&walk->finder, walk->layout, name, &path);
    if (found != FG_OK) {
        return fg_fail(walk->error, found, 0, "the name of a file of the store: %s",
                       fg_status_text(found));
    }
    if (climbs(path)) {
        return fg_fail(walk->error, FG_ERR_CORRUPT, 0, "a file of the store is called %.200s",
                       path);
    }
    if (fstatat(walk->layout->store, path, &status, 0) != 0) {
        /* A list may name files that were stripped. */
        return errno == ENOENT || errno == ENOTDIR
                   ? FG_OK
                   : fg_fail(walk->error, FG_ERR_IO, 0, "cannot look at %.200s: %s", path,
                             strerror(errno));
    }
    return S_ISREG(status.st_mode) ? walk->take(walk->context, name, &status, walk->error) : FG_OK;
}

static bool is_revlog(struct fg_bytes name)
{
    return ends_with(name, ".i") || ends_with(name, ".d");
}

static enum fg_status walk_list(struct walk *walk)
{
    struct fg_buffer list = FG_BUFFER_INIT(FG_FNCACHE_MAX);
    struct fg_holding holding = {.memory = walk->layout->memory};
    enum fg_status status =
        fg_file_read_counted(walk->layout->store, "fncache", &list, &holding, walk->error);
    if (status == FG_ERR_NOT_FOUND) {
        status = FG_OK; /* nothing was ever tracked */
    }
    struct fg_bytes rest = fg_buffer_view(&list);
    while (status == FG_OK && rest.size > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        if (end == NULL) {
            status = fg_fail(walk->error, FG_ERR_CORRUPT, 0, "fncache does not end with a newline");
            break;
        }
        struct fg_bytes name = {rest.data, (size_t)(end - rest.data)};
        status = fg_patience_check(walk->error);
        if (status == FG_OK && is_tracked(name) && is_revlog(name)) {
            status = give(walk, name);
        }
        rest.data += name.size + 1;
        rest.size -= name.size + 1;
    }
    fg_buffer_free(&list);
    fg_holding_set(&holding, 0);
    return status;
}

/* The value of a lower-case hexadecimal digit, 16 for other bytes. */
static unsigned digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9'   ? (unsigned)(byte - '0')
           : byte >= 'a' && byte <= 'f' ? (unsigned)(byte - 'a' + 10)
                                        : 16;
}

/* Reads back what stores without fncache do to a name: "_a" is "A", "__" is "_", "~7e" is "~". */
static enum fg_status decode(struct fg_bytes path, struct fg_buffer *name)
{
    fg_buffer_reset(name);
    for (size_t i = 0; i < path.size; i++) {
        uint8_t byte = path.data[i];
        if (byte == '_' && i + 1 < path.size) {
            byte = path.data[++i];
            byte = byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 'a' + 'A') : byte;
        } else if (byte == '~' && i + 2 < path.size) {
            byte = (uint8_t)(digit(path.data[i + 1]) << 4 | digit(path.data[i + 2]));
            i += 2;
        }
        enum fg_status status = fg_buffer_append_byte(name, byte);
        if (status != FG_OK) {
            return status;
        }
    }
    return FG_OK;
}

static enum fg_status walk_folder(struct walk *walk, struct fg_buffer *path);

/* One entry of a folder; path is its path, with a NUL behind its end. */
static enum fg_status walk_entry(struct walk *walk, struct fg_buffer *path)
{
    struct stat status;
    if (fstatat(walk->layout->store, (const char *)path->data, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return FG_OK; /* removed meanwhile */
    }
    struct fg_bytes name = {path->data, path->size - 1};
    if (S_ISDIR(status.st_mode)) {
        path->size--;
        return walk_folder(walk, path);
    }
    if (!is_revlog(name)) {
        return FG_OK;
    }
    if ((walk->layout->requirements & FG_REQUIREMENT_STORE) == 0) {
        return give(walk, name);
    }
    enum fg_status decoded = decode(name, &walk->name);
    return decoded == FG_OK ? give(walk, fg_buffer_view(&walk->name)) : decoded;
}

/* Walks the folder path (without a NUL); path is the same afterwards. */
static enum fg_status walk_folder(struct walk *walk, struct fg_buffer *path)
{
    size_t size = path->size;
    enum fg_status status = fg_buffer_append_byte(path, '\0');
    if (status != FG_OK) {
        return fg_fail(walk->error, status, 0, "a path in the store is too long");
    }
    int fd = openat(walk->layout->store, (const char *)path->data,
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL) {
        bool missing = errno == ENOENT;
        if (fd >= 0) {
            close(fd);
        }
        path->size = size;
        return missing ? FG_OK
                       : fg_fail(walk->error, FG_ERR_IO, 0, "cannot read a folder: %s",
                                 strerror(errno));
    }
    struct dirent *entry;
    while (status == FG_OK && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        path->size = size;
        status = fg_patience_check(walk->error);
        if (status == FG_OK) {
            status = fg_buffer_append_format(path, "/%s", entry->d_name);
        }
        if (status == FG_OK) {
            status = fg_buffer_append_byte(path, '\0');
        }
        if (status == FG_OK) {
            status = walk_entry(walk, path);
        }
    }
    closedir(folder);
    path->size = size;
    return status;
}

static enum fg_status walk_folders(struct walk *walk)
{
    static const char *const roots[] = {"data", "meta"};
    enum fg_status status = FG_OK;
    struct fg_buffer path = FG_BUFFER_INIT(NAME_MAX_BYTES);
    for (size_t i = 0; i < sizeof roots / sizeof roots[0] && status == FG_OK; i++) {
        fg_buffer_reset(&path);
        status = fg_buffer_append_string(&path, roots[i]);
        if (status == FG_OK) {
            status = walk_folder(walk, &path);
        }
    }
    fg_buffer_free(&path);
    return status;
}

enum fg_status fg_storefiles_walk(const struct fg_layout *layout, fg_storefile_taker take,
                                  void *context, struct fg_error *error)
{
    /* The changelog last: it is what makes the others count. */
    static const char *const top[] = {"00manifest.d", "00manifest.i", "00changelog.d",
                                      "00changelog.i"};
    struct walk walk = {.layout = layout, .take = take, .context = context, .error = error};
    fg_storefile_finder_init(&walk.finder);
    fg_buffer_init(&walk.name, NAME_MAX_BYTES);
    bool list = (layout->requirements & FG_REQUIREMENT_FNCACHE) != 0 &&
                (layout->requirements & FG_REQUIREMENT_STORE) != 0;
    enum fg_status status = list ? walk_list(&walk) : walk_folders(&walk);
    for (size_t i = 0; i < sizeof top / sizeof top[0] && status == FG_OK; i++) {
        status = give(&walk, fg_bytes_from_string(top[i]));
    }
    fg_storefile_finder_clear(&walk.finder);
    fg_buffer_free(&walk.name);
    return status;
}
