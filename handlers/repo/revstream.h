/*
 * What the chunk of a revision holds, unpacked piece by piece: memory does not follow its size.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_REVSTREAM_H
#define FRAMEGATE_HANDLERS_REPO_REVSTREAM_H

#include "handlers/repo/revlog.h"

struct fg_revstream {
    const struct fg_revlog *revlog;  /* borrowed */
    struct fg_revlog_reader *reader; /* borrowed; nobody else's until the end */
    uint32_t rev;
    uint64_t packed;       /* bytes of the chunk that were read */
    struct fg_bytes input; /* of them, in the reader: what is not unpacked yet */
    struct fg_chunk_stream chunk;
    uint64_t left; /* bytes that it may still give */
};

/*
 * Begins with the chunk of a revision, as fg_revlog_delta_parent says what is in it. There is
 * nothing to end. Errors of fg_revlog_packed and fg_chunk_stream_begin; FG_ERR_MEMORY.
 */
enum fg_status fg_revstream_open(struct fg_revstream *stream, const struct fg_revlog *revlog,
                                 struct fg_revlog_reader *reader, uint32_t rev,
                                 struct fg_error *error);

/*
 * Gives up to capacity (never 0) bytes. FG_OK: 1 <= *ret_size <= capacity; FG_END: all was given.
 * FG_ERR_CORRUPT: damaged, or more than fg_revlog_unpacked_max; errors of fg_revlog_packed;
 * FG_ERR_MEMORY.
 */
enum fg_status fg_revstream_read(struct fg_revstream *stream, uint8_t *buffer, size_t capacity,
                                 size_t *ret_size, struct fg_error *error);

/* How many bytes that would give: unpacks them all. Errors of both. */
enum fg_status fg_revstream_measure(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                    uint32_t rev, uint64_t *ret_size, struct fg_error *error);

#endif
