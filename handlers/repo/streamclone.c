/*
 * A stream clone: finding the moment, and sending. Files are opened one at a time, so any number of
 * them costs one descriptor. What was read is given on only after a look at the file has shown that
 * it still is what the list says.
 */
#include "handlers/repo/streamclone_internal.h"

#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/lock.h"
#include "handlers/repo/notices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCK_WAIT_MS = 10000, /* for somebody else's transaction to end */
    QUIET_TRIES = 100,    /* without a lock of our own, RETRY_MS apart */
    RETRY_MS = 20,
    HEADER_MAX = 70 << 10, /* a name, numbers */
    VARINT_BITS = 7,
};

/* Requirements without which the files cannot be read. */
static const struct {
    const char *name;
    enum fg_requirement bit;
} stream_requirements[] = {
    {"bookmarksinstore", FG_REQUIREMENT_BOOKMARKSINSTORE},
    {"exp-archived-phase", FG_REQUIREMENT_ARCHIVED_PHASE},
    {"generaldelta", FG_REQUIREMENT_GENERALDELTA},
    {"internal-phase", FG_REQUIREMENT_INTERNAL_PHASE},
    {"internal-phase-2", FG_REQUIREMENT_INTERNAL_PHASE_2},
    {"revlog-compression-zstd", FG_REQUIREMENT_REVLOG_COMPRESSION_ZSTD},
    {"revlogv1", FG_REQUIREMENT_REVLOGV1},
    {"sparserevlog", FG_REQUIREMENT_SPARSEREVLOG},
};

bool fg_streamclone_allowed(const struct fg_snapshot *snapshot)
{
    if (!fg_snapshot_values(snapshot)->uncompressed) {
        return false;
    }
    for (size_t i = 0; i < snapshot->phase_roots.count; i++) {
        if (snapshot->phase_roots.items[i].phase >= FG_PHASE_SECRET) {
            return false;
        }
    }
    return true;
}

enum fg_status fg_streamclone_requirements(const struct fg_snapshot *snapshot,
                                           struct fg_buffer *buffer)
{
    enum fg_status status = FG_OK;
    const char *comma = "";
    for (size_t i = 0; i < sizeof stream_requirements / sizeof stream_requirements[0]; i++) {
        if (status == FG_OK &&
            (snapshot->layout->requirements & (unsigned)stream_requirements[i].bit) != 0) {
            status = fg_buffer_append_format(buffer, "%s%s", comma, stream_requirements[i].name);
            comma = ",";
        }
    }
    return status;
}

uint64_t fg_streamclone_files(const struct fg_streamclone *clone)
{
    return clone->files_count;
}

uint64_t fg_streamclone_bytes(const struct fg_streamclone *clone)
{
    return clone->bytes;
}

static uint64_t held_bytes(const struct fg_streamclone *clone)
{
    uint64_t held = clone->names.capacity + clone->files_capacity * sizeof clone->files[0];
    for (size_t i = 0; i < clone->whole_count; i++) {
        held += clone->whole[i].bytes.capacity;
    }
    return held;
}

/* -- finding the moment ------------------------------------------------------------------------ */

/* The folder's stamp, which every lock and every journal changes. */
static bool store_stamp(const struct fg_layout *layout, struct fg_file_stamp *ret_stamp)
{
    return fg_file_stamp(layout->store, ".", ret_stamp, NULL) == FG_OK && ret_stamp->exists;
}

/* Without a lock: a list counts if nobody had the lock while it was taken. */
static enum fg_status take_quietly(struct fg_streamclone *clone, bool obsstore,
                                   struct fg_error *error)
{
    for (int i = 0; i < QUIET_TRIES; i++) {
        struct fg_file_stamp before;
        struct fg_file_stamp after;
        bool transaction;
        bool quiet =
            store_stamp(clone->layout, &before) && !fg_layout_locked(clone->layout, &transaction);
        if (quiet) {
            enum fg_status status = fg_streamlist_take(clone, obsstore, error);
            if (!fg_layout_locked(clone->layout, &transaction) &&
                store_stamp(clone->layout, &after) && fg_file_stamp_equal(&before, &after)) {
                return status;
            }
            fg_streamlist_clear(clone);
        }
        struct timespec pause = {.tv_nsec = (long)RETRY_MS * 1000000};
        nanosleep(&pause, NULL);
    }
    return fg_fail(error, FG_ERR_STATE, 0, "the repository does not stop changing");
}

static enum fg_status take_list(struct fg_streamclone *clone, bool obsstore, struct fg_error *error)
{
    enum fg_status status = fg_lock_take(clone->layout, LOCK_WAIT_MS, error);
    if (status == FG_ERR_UNSUPPORTED) {
        status = take_quietly(clone, obsstore, error);
    } else if (status == FG_OK) {
        status = fg_streamlist_take(clone, obsstore, error);
        fg_lock_release(clone->layout);
    }
    if (status == FG_OK) {
        fg_streamlist_sort(clone);
    }
    return status;
}

enum fg_status fg_streamclone_new(const struct fg_snapshot *snapshot, enum fg_streamclone_form form,
                                  bool obsstore, struct fg_memory *memory,
                                  struct fg_streamclone **ret_clone, struct fg_error *error)
{
    struct fg_streamclone *clone = calloc(1, sizeof *clone);
    if (clone == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    clone->layout = fg_layout_ref(snapshot->layout);
    clone->values = *fg_snapshot_values(snapshot);
    clone->form = form;
    clone->fd = -1;
    fg_buffer_init(&clone->names, FG_FNCACHE_MAX + HEADER_MAX);
    fg_buffer_init(&clone->header, HEADER_MAX);
    fg_storefile_finder_init(&clone->finder);
    clone->holding.memory = memory;
    enum fg_status status = take_list(clone, obsstore, error);
    if (status == FG_OK) {
        status = fg_holding_ask(&clone->holding, held_bytes(clone), error);
    }
    if (status != FG_OK) {
        fg_streamclone_free(clone);
        return status;
    }
    *ret_clone = clone;
    return FG_OK;
}

static void close_present(struct fg_streamclone *clone)
{
    if (clone->fd >= 0) {
        close(clone->fd);
        clone->fd = -1;
    }
}

void fg_streamclone_free(struct fg_streamclone *clone)
{
    if (clone == NULL) {
        return;
    }
    close_present(clone);
    fg_streamlist_clear(clone);
    fg_buffer_free(&clone->header);
    fg_storefile_finder_clear(&clone->finder);
    fg_layout_unref(clone->layout);
    fg_holding_set(&clone->holding, 0);
    free(clone);
}

/* -- is it still what it was? ------------------------------------------------------------------ */

/* True if a file of the changelog or the manifest still has at that place what it had. */
static bool end_holds(const struct fg_streamclone *clone, const struct fg_stream_end *end)
{
    uint8_t now[FG_STREAM_END_SIZE];
    int fd;
    if (fg_file_open(clone->layout->store, end->name, &fd, NULL) != FG_OK) {
        return false;
    }
    bool same = fg_file_read_at(fd, end->file_size - end->size, now, end->size, NULL) == FG_OK &&
                memcmp(now, end->bytes, end->size) == 0;
    close(fd);
    return same;
}

static bool history_holds(const struct fg_streamclone *clone)
{
    for (size_t i = 0; i < clone->ends_count; i++) {
        if (!end_holds(clone, &clone->ends[i])) {
            return false;
        }
    }
    return true;
}

/*
 * True if the present file has what it had, as far as the list goes. Called after reading, so that
 * it covers what was read.
 */
static bool present_holds(const struct fg_streamclone *clone, const struct fg_stream_file *file)
{
    struct stat now;
    if (fstat(clone->fd, &now) != 0 || now.st_ino != file->inode ||
        (uint64_t)now.st_size < file->size) {
        return false;
    }
    return fg_stream_changed(&now) == file->changed || history_holds(clone);
}

/* -- sending ----------------------------------------------------------------------------------- */

static enum fg_status put_varint(struct fg_buffer *buffer, uint64_t number)
{
    const uint64_t mask = (1 << VARINT_BITS) - 1;
    enum fg_status status = FG_OK;
    while (status == FG_OK && number > mask) {
        status = fg_buffer_append_byte(buffer, (uint8_t)((number & mask) | (mask + 1)));
        number >>= VARINT_BITS;
    }
    return status == FG_OK ? fg_buffer_append_byte(buffer, (uint8_t)number) : status;
}

/* What stands before a file's bytes. */
static enum fg_status put_header(struct fg_streamclone *clone, const struct fg_stream_file *file)
{
    struct fg_buffer *header = &clone->header;
    struct fg_bytes name = fg_stream_name(clone, file);
    fg_buffer_reset(header);
    clone->header_sent = 0;
    if (clone->form == FG_STREAMCLONE_V1) {
        enum fg_status status = fg_buffer_append(header, name.data, name.size);
        if (status == FG_OK) {
            status = fg_buffer_append_byte(header, '\0');
        }
        return status == FG_OK
                   ? fg_buffer_append_format(header, "%llu\n", (unsigned long long)file->size)
                   : status;
    }
    enum fg_status status = fg_storefile_plain(name, &clone->finder.plain);
    if (status == FG_OK) {
        name = fg_buffer_view(&clone->finder.plain);
        status = fg_buffer_append_byte(header, file->cache ? 'c' : 's');
    }
    if (status == FG_OK) {
        status = put_varint(header, name.size);
    }
    if (status == FG_OK) {
        status = put_varint(header, file->size);
    }
    return status == FG_OK ? fg_buffer_append(header, name.data, name.size) : status;
}

static enum fg_status open_next(struct fg_streamclone *clone)
{
    const struct fg_stream_file *file = &clone->files[clone->next];
    enum fg_status status = put_header(clone, file);
    if (status == FG_OK && file->whole < 0) {
        const char *path;
        status =
            fg_storefile_find(&clone->finder, clone->layout, fg_stream_name(clone, file), &path);
        if (status == FG_OK) {
            status = fg_file_open(clone->layout->store, path, &clone->fd, &clone->error);
        }
    }
    clone->next++;
    clone->offset = 0;
    clone->left = file->size;
    return status;
}

/* The end of the present file. */
static void end_present(struct fg_streamclone *clone, const struct fg_stream_file *file)
{
    close_present(clone);
    if (file->whole >= 0) {
        struct fg_stream_whole *whole = &clone->whole[file->whole];
        fg_buffer_free(&whole->bytes);
        if (whole->fd >= 0) {
            close(whole->fd);
            whole->fd = -1;
        }
    }
}

/* Reads on in the present file. */
static enum fg_status read_present(struct fg_streamclone *clone, uint8_t *buffer, size_t size)
{
    const struct fg_stream_file *file = &clone->files[clone->next - 1];
    enum fg_status status = FG_OK;
    if (file->whole < 0) {
        status = fg_file_read_at(clone->fd, clone->offset, buffer, size, &clone->error);
        if (status == FG_OK && !present_holds(clone, file)) {
            status = fg_fail(&clone->error, FG_ERR_IO, 0,
                             "a file of the store was changed while it was sent");
        }
    } else if (clone->whole[file->whole].fd >= 0) {
        status = fg_file_read_at(clone->whole[file->whole].fd, clone->offset, buffer, size,
                                 &clone->error);
    } else {
        memcpy(buffer, clone->whole[file->whole].bytes.data + clone->offset, size);
    }
    clone->offset += size;
    clone->left -= size;
    if (status == FG_OK && clone->left == 0) {
        end_present(clone, file);
    }
    return status;
}

/* Some bytes, or FG_END. */
static enum fg_status read_some(struct fg_streamclone *clone, uint8_t *buffer, size_t capacity,
                                size_t *ret_size)
{
    size_t pending = clone->header.size - clone->header_sent;
    if (pending > 0) {
        *ret_size = pending < capacity ? pending : capacity;
        memcpy(buffer, clone->header.data + clone->header_sent, *ret_size);
        clone->header_sent += *ret_size;
        return FG_OK;
    }
    if (clone->left > 0) {
        *ret_size = clone->left < capacity ? (size_t)clone->left : capacity;
        return read_present(clone, buffer, *ret_size);
    }
    *ret_size = 0;
    if (clone->next < clone->files_count) {
        return open_next(clone);
    }
    if (!clone->checked && !history_holds(clone)) {
        return fg_fail(&clone->error, FG_ERR_IO, 0,
                       "the history was changed while its files were sent");
    }
    clone->checked = true;
    return FG_END;
}

/* Tells of a file that could not be read, though the repository was not rewritten. */
static void tell_damage(struct fg_streamclone *clone, enum fg_status status)
{
    const struct fg_layout *layout = clone->layout;
    if (!fg_is_damage(status) || clone->next == 0 || !history_holds(clone)) {
        return;
    }
    struct fg_bytes name = fg_stream_name(clone, &clone->files[clone->next - 1]);
    char text[512];
    (void)snprintf(text, sizeof text, "%.*s cannot be sent: %s",
                   (int)(name.size < 400 ? name.size : 400), (const char *)name.data,
                   fg_status_text(status));
    fg_notices_damage(layout->notices, layout->store, "", text);
}

static enum fg_status read_clone(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct fg_streamclone *clone = context;
    size_t filled = 0;
    while (filled < capacity && clone->failed == FG_OK) {
        size_t size = 0;
        enum fg_status status = read_some(clone, buffer + filled, capacity - filled, &size);
        if (status == FG_OK) {
            filled += size;
        } else {
            clone->failed = status;
            tell_damage(clone, status);
        }
    }
    if (filled == 0) {
        return clone->failed;
    }
    *ret_size = filled;
    return FG_OK;
}

/* Bytes that the source will give. */
static uint64_t data_size(struct fg_streamclone *clone, size_t prefix_size)
{
    uint64_t size = prefix_size + clone->bytes;
    for (size_t i = 0; i < clone->files_count; i++) {
        if (put_header(clone, &clone->files[i]) != FG_OK) {
            return FG_SIZE_UNKNOWN;
        }
        size += clone->header.size;
    }
    return size;
}

static void destroy(void *context)
{
    fg_streamclone_free(context);
}

struct fg_source fg_streamclone_source(struct fg_streamclone *clone, struct fg_bytes prefix)
{
    struct fg_source source = {.read = read_clone,
                               .destroy = destroy,
                               .context = clone,
                               .error = &clone->error,
                               .size = data_size(clone, prefix.size)};
    fg_buffer_reset(&clone->header);
    clone->header_sent = 0;
    clone->failed = fg_buffer_append(&clone->header, prefix.data, prefix.size);
    return source;
}
