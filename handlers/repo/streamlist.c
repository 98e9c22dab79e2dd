/* Which files a stream clone sends, and how many bytes of each. */
#define _GNU_SOURCE /* qsort_r */

#include "handlers/repo/streamclone_internal.h"

#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SMALL = 64 << 10 }; /* bytes of a whole file that is kept in memory */

/*
 * What a client could also compute by itself, at the price of reading the whole history. Each
 * cache of branches and tags exists once for each view of the repository.
 */
static const char *const caches[] = {
    "branch2",        "branch2-visible",       "branch2-visible-hidden",
    "branch2-served", "branch2-served.hidden", "branch2-immutable",
    "branch2-base",   "rbc-names-v1",          "rbc-revs-v1",
    "tags2",          "tags2-visible",         "tags2-visible-hidden",
    "tags2-served",   "tags2-served.hidden",   "tags2-immutable",
    "tags2-base",     "hgtagsfnodes1",
};

void fg_streamlist_clear(struct fg_streamclone *clone)
{
    for (size_t i = 0; i < clone->whole_count; i++) {
        if (clone->whole[i].fd >= 0) {
            close(clone->whole[i].fd);
        }
        fg_buffer_free(&clone->whole[i].bytes);
    }
    clone->whole_count = 0;
    fg_buffer_free(&clone->names);
    free(clone->files);
    clone->files = NULL;
    clone->files_count = 0;
    clone->files_capacity = 0;
    clone->ends_count = 0;
    clone->bytes = 0;
}

/* -- the list ---------------------------------------------------------------------------------- */

static enum fg_status grow(struct fg_streamclone *clone)
{
    size_t capacity = clone->files_capacity == 0 ? 64 : clone->files_capacity * 2;
    struct fg_stream_file *files = realloc(clone->files, capacity * sizeof *files);
    if (files == NULL) {
        return FG_ERR_MEMORY;
    }
    clone->files = files;
    clone->files_capacity = capacity;
    return FG_OK;
}

/* Adds a file; *file is all but its name. */
static enum fg_status add(struct fg_streamclone *clone, struct fg_bytes name,
                          const struct fg_stream_file *file, struct fg_error *error)
{
    enum fg_status status = clone->files_count < clone->files_capacity ? FG_OK : grow(clone);
    size_t start = clone->names.size;
    if (status == FG_OK) {
        status = fg_buffer_append(&clone->names, name.data, name.size);
    }
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "the list of a store's files: %s", fg_status_text(status));
    }
    struct fg_stream_file *added = &clone->files[clone->files_count++];
    *added = *file;
    added->name = start;
    added->name_size = (uint32_t)name.size;
    clone->bytes += file->size;
    return FG_OK;
}

static enum fg_status add_store_file(void *context, struct fg_bytes name, const struct stat *status,
                                     struct fg_error *error)
{
    const struct fg_stream_file file = {.whole = -1,
                                        .size = (uint64_t)status->st_size,
                                        .inode = status->st_ino,
                                        .changed = fg_stream_changed(status)};
    return file.size > 0 ? add(context, name, &file, error) : FG_OK;
}

/* Files that are replaced first, so that what is open for them is closed soon; then those of
 * tracked files; what makes them count at the end. */
static int group(const struct fg_stream_file *file, const uint8_t *names)
{
    return file->whole >= 0 ? 0 : names[file->name] == '0' ? 2 : 1;
}

static int compare(const void *left, const void *right, void *names)
{
    const struct fg_stream_file *a = left;
    const struct fg_stream_file *b = right;
    const uint8_t *bytes = names;
    int order = group(a, bytes) - group(b, bytes);
    if (order == 0) {
        size_t size = a->name_size < b->name_size ? a->name_size : b->name_size;
        order = memcmp(bytes + a->name, bytes + b->name, size);
    }
    return order != 0 ? order : (a->name_size > b->name_size) - (a->name_size < b->name_size);
}

void fg_streamlist_sort(struct fg_streamclone *clone)
{
    size_t kept = 0;
    if (clone->files_count > 0) {
        qsort_r(clone->files, clone->files_count, sizeof clone->files[0], compare,
                clone->names.data);
    }
    for (size_t i = 0; i < clone->files_count; i++) {
        if (kept > 0 &&
            compare(&clone->files[i], &clone->files[kept - 1], clone->names.data) == 0) {
            clone->bytes -= clone->files[i].size;
        } else {
            clone->files[kept++] = clone->files[i];
        }
    }
    clone->files_count = kept;
}

/* -- files that are replaced ------------------------------------------------------------------- */

/* Keeps what an open file has. Takes fd over. */
static enum fg_status keep(struct fg_streamclone *clone, int fd, uint64_t size,
                           struct fg_error *error)
{
    struct fg_stream_whole *whole = &clone->whole[clone->whole_count++];
    *whole = (struct fg_stream_whole){.fd = fd, .bytes = FG_BUFFER_INIT(SMALL)};
    if (size > SMALL) {
        return FG_OK;
    }
    uint8_t *space;
    enum fg_status status = fg_buffer_reserve(&whole->bytes, (size_t)size, &space);
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "out of memory");
    }
    status = fg_file_read_at(fd, 0, space, (size_t)size, error);
    whole->bytes.size = (size_t)size;
    close(fd);
    whole->fd = -1;
    return status;
}

/* Adds a file that is kept as it is now, if it is there. */
static enum fg_status add_whole(struct fg_streamclone *clone, int folder, const char *path,
                                const char *name, bool cache, struct fg_error *error)
{
    int fd = -1;
    enum fg_status status = fg_file_open(folder, path, &fd, error);
    if (status == FG_ERR_NOT_FOUND) {
        return FG_OK;
    }
    struct stat found;
    if (status != FG_OK) {
        return status;
    }
    if (fstat(fd, &found) != 0 || found.st_size == 0) {
        close(fd);
        return FG_OK;
    }
    const struct fg_stream_file file = {
        .whole = (int16_t)clone->whole_count, .cache = cache, .size = (uint64_t)found.st_size};
    status = keep(clone, fd, file.size, error);
    return status == FG_OK ? add(clone, fg_bytes_from_string(name), &file, error) : status;
}

static enum fg_status add_wholes(struct fg_streamclone *clone, bool obsstore,
                                 struct fg_error *error)
{
    const struct fg_layout *layout = clone->layout;
    enum fg_status status = FG_OK;
    if (!clone->values.publishing) {
        status = add_whole(clone, layout->store, "phaseroots", "phaseroots", false, error);
    }
    if (status == FG_OK && obsstore) {
        status = add_whole(clone, layout->store, "obsstore", "obsstore", false, error);
    }
    for (size_t i = 0; i < sizeof caches / sizeof caches[0] && status == FG_OK; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "cache/%s", caches[i]);
        status = add_whole(clone, layout->source, path, caches[i], true, error);
    }
    return status;
}

/* -- the moment -------------------------------------------------------------------------------- */

/*
 * Roots of phases from secret on. Those of unknown nodes count too: what the file says of
 * changesets that the snapshot does not know yet is not to be guessed.
 */
static enum fg_status check_phases(const struct fg_layout *layout, struct fg_error *error)
{
    struct fg_buffer text = FG_BUFFER_INIT(FG_LINES_FILE_MAX);
    struct fg_holding holding = {.memory = layout->memory};
    enum fg_status status =
        fg_file_read_counted(layout->store, "phaseroots", &text, &holding, error);
    struct fg_bytes rest = fg_buffer_view(&text);
    struct fg_bytes line;
    status = status == FG_ERR_NOT_FOUND ? FG_OK : status;
    while (status == FG_OK && fg_line_next(&rest, &line)) {
        bool shown =
            line.size > 1 && (line.data[0] == '0' || line.data[0] == '1') && line.data[1] == ' ';
        if (!shown && fg_bytes_strip(line).size > 0) {
            status = fg_fail(error, FG_ERR_UNSUPPORTED, 0,
                             "the repository has secret changesets, which its files would show");
        }
    }
    fg_buffer_free(&text);
    fg_holding_set(&holding, 0);
    return status;
}

static enum fg_status note_ends(struct fg_streamclone *clone, struct fg_error *error)
{
    static const char *const names[] = {"00changelog.i", "00changelog.d", "00manifest.i",
                                        "00manifest.d"};
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < FG_STREAM_ENDS_MAX && status == FG_OK; i++) {
        int fd = -1;
        struct fg_stream_end *end = &clone->ends[clone->ends_count];
        struct stat found;
        status = fg_file_open(clone->layout->store, names[i], &fd, error);
        if (status == FG_ERR_NOT_FOUND) {
            status = FG_OK;
            continue;
        }
        if (status == FG_OK && fstat(fd, &found) != 0) {
            status = fg_fail(error, FG_ERR_IO, 0, "cannot look at %s", names[i]);
        }
        if (status == FG_OK) {
            end->name = names[i];
            end->file_size = (uint64_t)found.st_size;
            end->size =
                end->file_size < sizeof end->bytes ? (size_t)end->file_size : sizeof end->bytes;
            status = fg_file_read_at(fd, end->file_size - end->size, end->bytes, end->size, error);
            clone->ends_count++;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    return status;
}

enum fg_status fg_streamlist_take(struct fg_streamclone *clone, bool obsstore,
                                  struct fg_error *error)
{
    if (!clone->values.uncompressed) {
        return fg_fail(error, FG_ERR_UNSUPPORTED, 0,
                       "the configuration does not allow stream clones");
    }
    enum fg_status status = check_phases(clone->layout, error);
    if (status == FG_OK) {
        status = note_ends(clone, error);
    }
    if (status == FG_OK && clone->form == FG_STREAMCLONE_V2) {
        status = add_wholes(clone, obsstore, error);
    }
    return status == FG_OK ? fg_storefiles_walk(clone->layout, add_store_file, clone, error)
                           : status;
}
