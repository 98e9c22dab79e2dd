/* Chunks piece by piece: a block of what is stored is read, and unpacked as far as it goes. */
#include "handlers/repo/revstream.h"

#include "handlers/patience.h"

enum { BLOCK_SIZE = 64 * 1024 };

/* The next block of what is stored. FG_END: there is none. */
static enum fg_status read_block(struct fg_revstream *stream, struct fg_error *error)
{
    struct fg_buffer *block = &stream->reader->chunk;
    uint8_t *space;
    size_t size = 0;
    fg_buffer_reset(block);
    block->ceiling = block->ceiling > BLOCK_SIZE ? block->ceiling : BLOCK_SIZE;
    enum fg_status status = fg_buffer_reserve(block, BLOCK_SIZE, &space);
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "no memory to read %s", fg_revlog_name(stream->revlog));
    }
    status = fg_revlog_packed(stream->revlog, stream->rev, stream->packed, space, BLOCK_SIZE, &size,
                              error);
    if (status == FG_OK) {
        stream->packed += size;
        stream->input = (struct fg_bytes){space, size};
    }
    return status;
}

enum fg_status fg_revstream_open(struct fg_revstream *stream, const struct fg_revlog *revlog,
                                 struct fg_revlog_reader *reader, uint32_t rev,
                                 struct fg_error *error)
{
    *stream = (struct fg_revstream){.revlog = revlog,
                                    .reader = reader,
                                    .rev = rev,
                                    .left = fg_revlog_unpacked_max(revlog, rev)};
    enum fg_status status = read_block(stream, error);
    return fg_failed(status)
               ? status
               : fg_chunk_stream_begin(&stream->chunk, &reader->decoder, &stream->input, error);
}

/* Some bytes, or none if the unpacker wants more input. FG_END: that is not there, or not needed.
 */
static enum fg_status step(struct fg_revstream *stream, uint8_t *buffer, size_t capacity,
                           size_t *ret_size, struct fg_error *error)
{
    if (stream->chunk.ended) {
        return FG_END;
    }
    enum fg_status status =
        fg_chunk_stream_step(&stream->chunk, &stream->input, buffer, capacity, ret_size, error);
    if (status != FG_OK || *ret_size > 0 || stream->chunk.ended || stream->input.size > 0) {
        return status;
    }
    status = read_block(stream, error);
    if (status == FG_END && stream->chunk.kind != FG_CHUNK_RAW) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "a chunk of %s is cut short",
                       fg_revlog_name(stream->revlog));
    }
    return status;
}

enum fg_status fg_revstream_read(struct fg_revstream *stream, uint8_t *buffer, size_t capacity,
                                 size_t *ret_size, struct fg_error *error)
{
    size_t size = 0;
    enum fg_status status = fg_patience_check(error);
    while (status == FG_OK && size == 0) {
        status = step(stream, buffer, capacity, &size, error);
    }
    if (status != FG_OK) {
        return status;
    }
    if (size > stream->left) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "a chunk of %s unpacks to more than it should",
                       fg_revlog_name(stream->revlog));
    }
    stream->left -= size;
    *ret_size = size;
    return FG_OK;
}

enum fg_status fg_revstream_measure(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                    uint32_t rev, uint64_t *ret_size, struct fg_error *error)
{
    uint8_t scratch[BLOCK_SIZE / 4];
    struct fg_revstream stream;
    uint64_t total = 0;
    enum fg_status status = fg_revstream_open(&stream, revlog, reader, rev, error);
    while (status == FG_OK) {
        size_t size = 0;
        status = fg_revstream_read(&stream, scratch, sizeof scratch, &size, error);
        total += size;
    }
    if (status != FG_END) {
        return status;
    }
    *ret_size = total;
    return FG_OK;
}
