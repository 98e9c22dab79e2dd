/* Finding a repository's folders: requirements, shares, stores. */
#define _GNU_SOURCE /* O_PATH, asprintf */

#include "handlers/repo/layout.h"

#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/notices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a requirement is about. */
enum about {
    STORE,        /* which files there are, and what they are called or mean */
    FORMAT,       /* how the store's files are written */
    WORKING_COPY, /* this working copy alone: a share has its own */
};

static const struct requirement {
    const char *name;
    enum fg_requirement bit;
    enum about about;
} known_requirements[] = {
    {"bookmarksinstore", FG_REQUIREMENT_BOOKMARKSINSTORE, STORE},
    {"dirstate-tracked-key-v1", FG_REQUIREMENT_DIRSTATE_TRACKED_KEY, WORKING_COPY},
    {"dirstate-v2", FG_REQUIREMENT_DIRSTATE_V2, WORKING_COPY},
    {"dotencode", FG_REQUIREMENT_DOTENCODE, STORE},
    {"exp-archived-phase", FG_REQUIREMENT_ARCHIVED_PHASE, STORE},
    {"exp-compression-none", FG_REQUIREMENT_COMPRESSION_NONE, FORMAT},
    {"exp-compression-zstd", FG_REQUIREMENT_COMPRESSION_ZSTD, FORMAT},
    {"exp-sparse", FG_REQUIREMENT_SPARSE, WORKING_COPY},
    {"fncache", FG_REQUIREMENT_FNCACHE, STORE},
    {"generaldelta", FG_REQUIREMENT_GENERALDELTA, FORMAT},
    {"internal-phase", FG_REQUIREMENT_INTERNAL_PHASE, STORE},
    {"internal-phase-2", FG_REQUIREMENT_INTERNAL_PHASE_2, STORE},
    {"persistent-nodemap", FG_REQUIREMENT_PERSISTENT_NODEMAP, STORE},
    {"relshared", FG_REQUIREMENT_RELSHARED, WORKING_COPY},
    {"revlog-compression-zstd", FG_REQUIREMENT_REVLOG_COMPRESSION_ZSTD, FORMAT},
    {"revlogv1", FG_REQUIREMENT_REVLOGV1, FORMAT},
    {"share-safe", FG_REQUIREMENT_SHARE_SAFE, WORKING_COPY},
    {"shared", FG_REQUIREMENT_SHARED, WORKING_COPY},
    {"sparserevlog", FG_REQUIREMENT_SPARSEREVLOG, FORMAT},
    {"store", FG_REQUIREMENT_STORE, STORE},
};

enum { KNOWN_COUNT = sizeof known_requirements / sizeof known_requirements[0] };

static bool shared(const struct fg_layout *layout)
{
    return (layout->requirements & (FG_REQUIREMENT_SHARED | FG_REQUIREMENT_RELSHARED)) != 0;
}

/*
 * Adds what a file named requires says; own: the working copy beside it is this repository's. A
 * missing file says nothing.
 */
static enum fg_status add_requirements(struct fg_layout *layout, int folder, bool own,
                                       struct fg_error *error)
{
    struct fg_buffer text = FG_BUFFER_INIT(FG_SMALL_FILE_MAX);
    enum fg_status status = fg_file_read(folder, "requires", &text, error);
    if (status == FG_ERR_NOT_FOUND) {
        return FG_OK;
    }
    struct fg_bytes rest = fg_buffer_view(&text);
    struct fg_bytes line;
    while (status == FG_OK && fg_line_next(&rest, &line)) {
        size_t i = 0;
        while (i < KNOWN_COUNT && !fg_bytes_equal_string(line, known_requirements[i].name)) {
            i++;
        }
        if (i < KNOWN_COUNT) {
            layout->requirements |= own || known_requirements[i].about != WORKING_COPY
                                        ? (unsigned)known_requirements[i].bit
                                        : 0;
        } else if (line.size > 0) {
            status = fg_fail(error, FG_ERR_UNSUPPORTED, 0,
                             "the repository requires '%.*s', which is not supported",
                             (int)(line.size < 100 ? line.size : 100), (const char *)line.data);
        }
    }
    fg_buffer_free(&text);
    return status;
}

static enum fg_status open_folder(const char *path, int *ret_fd, struct fg_error *error)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        return fg_fail(error, missing ? FG_ERR_NOT_FOUND : FG_ERR_IO, 0, "cannot open %s: %s", path,
                       strerror(errno));
    }
    *ret_fd = fd;
    return FG_OK;
}

static enum fg_status join(const char *folder, const char *name, size_t name_size, char **ret_path,
                           struct fg_error *error)
{
    bool absolute = folder == NULL || (name_size > 0 && name[0] == '/');
    if (asprintf(ret_path, "%s%s%.*s", absolute ? "" : folder, absolute ? "" : "/", (int)name_size,
                 name) < 0) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    return FG_OK;
}

/* Follows .hg/sharedpath, which names the source's .hg: relative to ours with relshared. */
static enum fg_status find_source(struct fg_layout *layout, struct fg_error *error)
{
    struct fg_buffer text = FG_BUFFER_INIT(FG_SMALL_FILE_MAX);
    enum fg_status status = fg_file_read(layout->hg, "sharedpath", &text, error);
    if (status == FG_ERR_NOT_FOUND) {
        status =
            fg_fail(error, FG_ERR_CORRUPT, 0, "%s is shared but has no sharedpath", layout->path);
    }
    if (status == FG_OK) {
        struct fg_bytes path = fg_buffer_view(&text);
        while (path.size > 0 && path.data[path.size - 1] == '\n') {
            path.size--;
        }
        if (path.size == 0 || memchr(path.data, '\0', path.size) != NULL) {
            status = fg_fail(error, FG_ERR_CORRUPT, 0, "%s has a damaged sharedpath", layout->path);
        } else {
            status = join(layout->hg_path, (const char *)path.data, path.size, &layout->source_path,
                          error);
        }
    }
    fg_buffer_free(&text);
    if (status == FG_OK) {
        status = open_folder(layout->source_path, &layout->source, error);
        if (status == FG_ERR_NOT_FOUND) {
            status = fg_fail(error, status, 0, "the sharedpath of %s leads to nothing: %s",
                             layout->path, layout->source_path);
        }
    }
    return status;
}

/* .hg/shared lists what is shared beside the store: one word, bookmarks. */
static enum fg_status read_shared_items(struct fg_layout *layout, struct fg_error *error)
{
    struct fg_buffer text = FG_BUFFER_INIT(FG_SMALL_FILE_MAX);
    enum fg_status status = fg_file_read(layout->hg, "shared", &text, error);
    if (status == FG_ERR_NOT_FOUND) {
        return FG_OK;
    }
    struct fg_bytes rest = fg_buffer_view(&text);
    struct fg_bytes line;
    while (status == FG_OK && fg_line_next(&rest, &line)) {
        if (fg_bytes_equal_string(fg_bytes_strip(line), "bookmarks")) {
            layout->shares_bookmarks = true;
        }
    }
    fg_buffer_free(&text);
    return status;
}

static enum fg_status open_source(struct fg_layout *layout, struct fg_error *error)
{
    if (!shared(layout)) {
        layout->source_path = strdup(layout->hg_path);
        if (layout->source_path == NULL) {
            return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
        }
        return open_folder(layout->source_path, &layout->source, error);
    }
    enum fg_status status = find_source(layout, error);
    if (status == FG_OK) {
        status = read_shared_items(layout, error);
    }
    /* The source may have been upgraded since it was shared. */
    return status == FG_OK ? add_requirements(layout, layout->source, false, error) : status;
}

static enum fg_status open_store(struct fg_layout *layout, struct fg_error *error)
{
    if ((layout->requirements & FG_REQUIREMENT_STORE) == 0 &&
        (layout->requirements & FG_REQUIREMENT_SHARE_SAFE) == 0) {
        /* The layout of before 0.9.2: everything stands in .hg itself. */
        layout->store = dup(layout->source);
        return layout->store >= 0 ? FG_OK : fg_fail(error, FG_ERR_IO, 0, "cannot open the store");
    }
    char *path;
    enum fg_status status = join(layout->source_path, "store", 5, &path, error);
    if (status == FG_OK) {
        status = open_folder(path, &layout->store, error);
        free(path);
    }
    if (status == FG_OK && (layout->requirements & FG_REQUIREMENT_SHARE_SAFE) != 0) {
        status = add_requirements(layout, layout->store, true, error);
    }
    return status;
}

static enum fg_status open_all(struct fg_layout *layout, const char *path, struct fg_error *error)
{
    layout->path = realpath(path, NULL);
    if (layout->path == NULL) {
        return fg_fail(error, errno == ENOMEM ? FG_ERR_MEMORY : FG_ERR_NOT_FOUND, 0,
                       "no repository at %s: %s", path, strerror(errno));
    }
    enum fg_status status = join(layout->path, ".hg", 3, &layout->hg_path, error);
    if (status == FG_OK) {
        status = open_folder(layout->hg_path, &layout->hg, error);
        if (status == FG_ERR_NOT_FOUND) {
            status = fg_fail(error, status, 0, "no repository at %s: it has no .hg", path);
        }
    }
    if (status == FG_OK) {
        status = add_requirements(layout, layout->hg, true, error);
    }
    if (status == FG_OK) {
        status = open_source(layout, error);
    }
    return status == FG_OK ? open_store(layout, error) : status;
}

enum fg_status fg_layout_open(const char *path, struct fg_layout **ret_layout,
                              struct fg_error *error)
{
    struct fg_layout *layout = calloc(1, sizeof *layout);
    if (layout == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    atomic_init(&layout->references, 1);
    layout->hg = layout->source = layout->store = -1;
    enum fg_status status = open_all(layout, path, error);
    if (status != FG_OK) {
        fg_layout_unref(layout);
        return status;
    }
    const int folders[] = {layout->hg, layout->source, layout->store};
    layout->watch = fg_watch_new(folders, sizeof folders / sizeof folders[0]);
    layout->watches_above = layout->watch != NULL &&
                            fg_watch_add_above(layout->watch, layout->hg_path) &&
                            fg_watch_add_above(layout->watch, layout->source_path);
    *ret_layout = layout;
    return FG_OK;
}

struct fg_layout *fg_layout_ref(struct fg_layout *layout)
{
    atomic_fetch_add_explicit(&layout->references, 1, memory_order_relaxed);
    return layout;
}

void fg_layout_unref(struct fg_layout *layout)
{
    if (layout == NULL ||
        atomic_fetch_sub_explicit(&layout->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    fg_watch_free(layout->watch);
    fg_notices_unref(layout->notices);
    int folders[] = {layout->hg, layout->source, layout->store};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (folders[i] >= 0) {
            close(folders[i]);
        }
    }
    free(layout->path);
    free(layout->hg_path);
    free(layout->source_path);
    free(layout);
}

int fg_layout_bookmarks_folder(const struct fg_layout *layout)
{
    if ((layout->requirements & FG_REQUIREMENT_BOOKMARKSINSTORE) != 0) {
        return layout->store;
    }
    return layout->shares_bookmarks ? layout->source : layout->hg;
}

size_t fg_layout_requirements(const struct fg_layout *layout, const char **ret_names,
                              size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < KNOWN_COUNT && count < capacity; i++) {
        if ((layout->requirements & (unsigned)known_requirements[i].bit) != 0) {
            ret_names[count++] = known_requirements[i].name;
        }
    }
    return count;
}

const char *fg_layout_format(const struct fg_layout *layout, unsigned index)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        const struct requirement *requirement = &known_requirements[i];
        if (requirement->about == FORMAT &&
            (layout->requirements & (unsigned)requirement->bit) != 0 && index-- == 0) {
            return requirement->name;
        }
    }
    return NULL;
}
