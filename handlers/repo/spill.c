/* Spills: what is appended is gathered in blocks, and written where no name leads to it. */
#include "handlers/repo/spill.h"

#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/mapping.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_SIZE = 64 * 1024 };

struct fg_spill {
    int fd;
    uint64_t written; /* bytes in the file */
    struct fg_mapping *mapping;
    size_t block_size;
    uint8_t block[BLOCK_SIZE]; /* behind what is written */
};

/* Bytes that all of them have on disk. */
static atomic_uint_fast64_t spilled;

enum fg_status fg_spill_new(struct fg_spill **ret_spill, struct fg_error *error)
{
    struct fg_spill *spill = malloc(sizeof *spill);
    if (spill == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    /* Not all of it: the block is written before it is read. */
    memset(spill, 0, offsetof(struct fg_spill, block));
    enum fg_status status =
        fg_file_unnamed("there is no temporary file for a large text", &spill->fd, error);
    if (status != FG_OK) {
        free(spill);
        return status;
    }
    *ret_spill = spill;
    return FG_OK;
}

void fg_spill_free(struct fg_spill *spill)
{
    if (spill == NULL) {
        return;
    }
    fg_mapping_free(spill->mapping);
    close(spill->fd);
    atomic_fetch_sub(&spilled, spill->written);
    free(spill);
}

uint64_t fg_spill_size(const struct fg_spill *spill)
{
    return spill->written + spill->block_size;
}

/* Writes the block. */
static enum fg_status flush(struct fg_spill *spill, struct fg_error *error)
{
    size_t size = spill->block_size;
    if (size == 0) {
        return FG_OK;
    }
    if (atomic_fetch_add(&spilled, size) + size > FG_SPILL_MAX) {
        atomic_fetch_sub(&spilled, size);
        return fg_fail(error, FG_ERR_LIMIT, 0,
                       "large texts take more than %llu bytes of temporary files, try again later",
                       FG_SPILL_MAX);
    }
    size_t done = 0;
    while (done < size) {
        ssize_t wrote =
            pwrite(spill->fd, spill->block + done, size - done, (off_t)(spill->written + done));
        if (wrote < 0 && errno != EINTR) {
            atomic_fetch_sub(&spilled, size);
            return fg_fail(error, FG_ERR_IO, 0, "a temporary file cannot be written: %s",
                           strerror(errno));
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    spill->written += size;
    spill->block_size = 0;
    return FG_OK;
}

enum fg_status fg_spill_append(struct fg_spill *spill, struct fg_bytes bytes,
                               struct fg_error *error)
{
    while (bytes.size > 0) {
        if (spill->block_size == BLOCK_SIZE) {
            enum fg_status status = flush(spill, error);
            if (status != FG_OK) {
                return status;
            }
        }
        size_t room = BLOCK_SIZE - spill->block_size;
        size_t size = bytes.size < room ? bytes.size : room;
        memcpy(spill->block + spill->block_size, bytes.data, size);
        spill->block_size += size;
        bytes.data += size;
        bytes.size -= size;
    }
    return FG_OK;
}

enum fg_status fg_spill_map(struct fg_spill *spill, struct fg_bytes *ret_bytes,
                            struct fg_error *error)
{
    enum fg_status status = flush(spill, error);
    if (status == FG_OK && spill->written > 0 && spill->mapping == NULL) {
        status = fg_mapping_new(spill->fd, (size_t)spill->written, &spill->mapping, error);
    }
    if (status == FG_OK) {
        *ret_bytes =
            spill->mapping != NULL ? fg_mapping_bytes(spill->mapping) : (struct fg_bytes){NULL, 0};
    }
    return status;
}

void fg_spill_forget(struct fg_spill *spill)
{
    if (spill != NULL && spill->mapping != NULL) {
        fg_mapping_forget(spill->mapping);
    }
}

enum fg_status fg_spill_read(struct fg_spill *spill, uint64_t offset, uint8_t *buffer,
                             size_t capacity, size_t *ret_size, struct fg_error *error)
{
    enum fg_status status = flush(spill, error);
    uint64_t left = spill->written - offset;
    size_t size = left < capacity ? (size_t)left : capacity;
    if (status == FG_OK) {
        status = fg_file_read_at(spill->fd, offset, buffer, size, error);
    }
    if (status == FG_OK) {
        *ret_size = size;
    }
    return status;
}
