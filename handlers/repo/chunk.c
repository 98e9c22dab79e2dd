/* Unpacking chunks with zlib and zstd, and applying deltas. */
#include "handlers/repo/chunk.h"

#include "handlers/repo/endian.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum {
    ZSTD_WINDOW_LOG_ACCEPTED = 27, /* of a frame; Mercurial's own stay far below */
    PLAUSIBLE_SIZE = 64 * 1024,    /* bytes that a frame may take room for, whatever is expected */
    ASK_FROM = 64 * 1024,          /* bytes below which nobody is asked, since asking costs more */
};

/* Room in the buffer, which counts as held before it is taken. */
static enum fg_status take_room(const struct fg_chunk_decoder *decoder, struct fg_buffer *buffer,
                                size_t size, uint8_t **ret_space, struct fg_error *error)
{
    struct fg_holding *holding = decoder->holding;
    enum fg_status status = FG_OK;
    if (holding != NULL && size >= ASK_FROM && size > buffer->capacity - buffer->size) {
        status = fg_holding_ask(holding, holding->bytes + size, error);
    }
    if (status != FG_OK) {
        return status;
    }
    status = fg_buffer_reserve(buffer, size, ret_space);
    if (status == FG_ERR_LIMIT) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's chunk has more than %zu bytes",
                       buffer->ceiling);
    }
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "no memory for a revlog's chunk");
}

/* Room for the next piece of output: as much as expected, then doubling, never over the ceiling. */
static enum fg_status grow(const struct fg_chunk_decoder *decoder, struct fg_buffer *buffer,
                           size_t start, size_t expected, uint8_t **ret_space, size_t *ret_room,
                           struct fg_error *error)
{
    size_t written = buffer->size - start;
    size_t room = written < expected ? expected - written : written + 512;
    size_t left = buffer->ceiling - buffer->size;
    if (left == 0) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's chunk unpacks to more than %zu bytes",
                       buffer->ceiling);
    }
    *ret_room = room < left ? room : left;
    return take_room(decoder, buffer, *ret_room, ret_space, error);
}

/* -- piece by piece --------------------------------------------------------------------------- */

static enum fg_status begin_zlib(struct fg_chunk_decoder *decoder, struct fg_error *error)
{
    if (decoder->zlib == NULL) {
        z_stream *stream = calloc(1, sizeof *stream);
        if (stream == NULL || inflateInit(stream) != Z_OK) {
            free(stream);
            return fg_fail(error, FG_ERR_MEMORY, 0, "no memory to unpack zlib");
        }
        decoder->zlib = stream;
    }
    inflateReset(decoder->zlib);
    return FG_OK;
}

static enum fg_status begin_zstd(struct fg_chunk_decoder *decoder, struct fg_error *error)
{
    if (decoder->zstd == NULL) {
        decoder->zstd = ZSTD_createDCtx();
        if (decoder->zstd == NULL) {
            return fg_fail(error, FG_ERR_MEMORY, 0, "no memory to unpack zstd");
        }
        ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_ACCEPTED);
    }
    ZSTD_DCtx_reset(decoder->zstd, ZSTD_reset_session_only);
    return FG_OK;
}

enum fg_status fg_chunk_stream_begin(struct fg_chunk_stream *stream,
                                     struct fg_chunk_decoder *decoder, struct fg_bytes *input,
                                     struct fg_error *error)
{
    *stream = (struct fg_chunk_stream){.decoder = decoder, .kind = FG_CHUNK_RAW};
    if (input->size == 0) {
        stream->ended = true;
        return FG_OK;
    }
    switch (input->data[0]) {
    case '\0': /* the zero byte belongs to the data */
        return FG_OK;
    case 'u':
        input->data++;
        input->size--;
        return FG_OK;
    case 'x':
        stream->kind = FG_CHUNK_ZLIB;
        return begin_zlib(decoder, error);
    case 0x28:
        stream->kind = FG_CHUNK_ZSTD;
        return begin_zstd(decoder, error);
    default:
        return fg_fail(error, FG_ERR_UNSUPPORTED, 0, "a revlog's chunk is of unknown kind 0x%02x",
                       input->data[0]);
    }
}

static enum fg_status step_raw(struct fg_bytes *input, uint8_t *space, size_t room,
                               size_t *ret_size)
{
    size_t size = input->size < room ? input->size : room;
    if (size > 0) {
        memcpy(space, input->data, size);
        input->data += size;
        input->size -= size;
    }
    *ret_size = size;
    return FG_OK;
}

static enum fg_status step_zlib(struct fg_chunk_stream *stream, struct fg_bytes *input,
                                uint8_t *space, size_t room, size_t *ret_size,
                                struct fg_error *error)
{
    z_stream *zlib = stream->decoder->zlib;
    uInt in = input->size < UINT_MAX ? (uInt)input->size : UINT_MAX;
    uInt out = room < UINT_MAX ? (uInt)room : UINT_MAX;
    zlib->next_in = (z_const Bytef *)input->data;
    zlib->avail_in = in;
    zlib->next_out = space;
    zlib->avail_out = out;
    int result = inflate(zlib, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory to unpack zlib");
    }
    /* Z_BUF_ERROR: there was nothing to do. */
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's zlib chunk is damaged");
    }
    input->data += in - zlib->avail_in;
    input->size -= in - zlib->avail_in;
    *ret_size = out - zlib->avail_out;
    stream->ended = result == Z_STREAM_END;
    return FG_OK;
}

static enum fg_status step_zstd(struct fg_chunk_stream *stream, struct fg_bytes *input,
                                uint8_t *space, size_t room, size_t *ret_size,
                                struct fg_error *error)
{
    ZSTD_inBuffer in = {input->data, input->size, 0};
    ZSTD_outBuffer out = {space, room, 0};
    size_t left = ZSTD_decompressStream(stream->decoder->zstd, &out, &in);
    if (ZSTD_isError(left)) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's zstd chunk is damaged: %s",
                       ZSTD_getErrorName(left));
    }
    input->data += in.pos;
    input->size -= in.pos;
    *ret_size = out.pos;
    stream->ended = left == 0;
    return FG_OK;
}

enum fg_status fg_chunk_stream_step(struct fg_chunk_stream *stream, struct fg_bytes *input,
                                    uint8_t *space, size_t room, size_t *ret_size,
                                    struct fg_error *error)
{
    switch (stream->kind) {
    case FG_CHUNK_RAW:
        break;
    case FG_CHUNK_ZLIB:
        return step_zlib(stream, input, space, room, ret_size, error);
    case FG_CHUNK_ZSTD:
        return step_zstd(stream, input, space, room, ret_size, error);
    }
    return step_raw(input, space, room, ret_size);
}

/* -- at once ---------------------------------------------------------------------------------- */

static enum fg_status unpack_all(struct fg_chunk_stream *stream, struct fg_bytes input,
                                 size_t expected, struct fg_buffer *buffer, struct fg_error *error)
{
    size_t start = buffer->size;
    while (!stream->ended) {
        uint8_t *space = NULL;
        size_t room = 0;
        size_t size = 0;
        enum fg_status status =
            grow(stream->decoder, buffer, start, expected, &space, &room, error);
        if (status == FG_OK) {
            status = fg_chunk_stream_step(stream, &input, space, room, &size, error);
        }
        if (status != FG_OK) {
            return status;
        }
        buffer->size += size;
        if (!stream->ended && input.size == 0 && size < room) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's chunk is cut short");
        }
    }
    return FG_OK;
}

/*
 * In one go, where a zstd frame says how large it is and that is plausible. FG_END: it is not, and
 * nothing was done.
 */
static enum fg_status unpack_frame(struct fg_chunk_decoder *decoder, struct fg_bytes chunk,
                                   size_t expected, struct fg_buffer *buffer,
                                   struct fg_error *error)
{
    unsigned long long size = ZSTD_getFrameContentSize(chunk.data, chunk.size);
    if (size == ZSTD_CONTENTSIZE_ERROR) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's zstd chunk has no valid header");
    }
    size_t plausible = expected > PLAUSIBLE_SIZE ? expected : PLAUSIBLE_SIZE;
    if (size > plausible || size == 0 || size > buffer->ceiling - buffer->size) {
        return FG_END;
    }
    uint8_t *space;
    enum fg_status status = take_room(decoder, buffer, (size_t)size, &space, error);
    if (status != FG_OK) {
        return status;
    }
    size_t got = ZSTD_decompressDCtx(decoder->zstd, space, (size_t)size, chunk.data, chunk.size);
    if (ZSTD_isError(got)) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's zstd chunk is damaged: %s",
                       ZSTD_getErrorName(got));
    }
    buffer->size += got;
    return FG_OK;
}

void fg_chunk_decoder_clear(struct fg_chunk_decoder *decoder)
{
    ZSTD_freeDCtx(decoder->zstd);
    if (decoder->zlib != NULL) {
        inflateEnd(decoder->zlib);
        free(decoder->zlib);
    }
    *decoder = (struct fg_chunk_decoder){.holding = decoder->holding};
}

size_t fg_chunk_decoder_held_bytes(const struct fg_chunk_decoder *decoder)
{
    enum { INFLATE_BYTES = 48 * 1024 }; /* a window of 32 KiB and 7 KiB of state: zconf.h */
    return (decoder->zstd != NULL ? ZSTD_sizeof_DCtx(decoder->zstd) : 0) +
           (decoder->zlib != NULL ? INFLATE_BYTES : 0);
}

static enum fg_status decode_raw(const struct fg_chunk_decoder *decoder, struct fg_bytes data,
                                 struct fg_buffer *buffer, struct fg_error *error)
{
    uint8_t *space;
    enum fg_status status = take_room(decoder, buffer, data.size, &space, error);
    if (status == FG_OK && data.size > 0) {
        memcpy(space, data.data, data.size);
        buffer->size += data.size;
    }
    return status;
}

enum fg_status fg_chunk_decode(struct fg_chunk_decoder *decoder, struct fg_bytes chunk,
                               size_t expected, struct fg_buffer *buffer, struct fg_error *error)
{
    struct fg_chunk_stream stream;
    struct fg_bytes input = chunk;
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    enum fg_status status = fg_chunk_stream_begin(&stream, decoder, &input, error);
    if (status != FG_OK || stream.ended) {
        return status;
    }
    status = stream.kind == FG_CHUNK_RAW    ? decode_raw(decoder, input, buffer, error)
             : stream.kind == FG_CHUNK_ZSTD ? unpack_frame(decoder, chunk, expected, buffer, error)
                                            : FG_END;
    if (status == FG_END) {
        status = unpack_all(&stream, input, expected, buffer, error);
    }
    return fg_buffer_keep_if(status, buffer, mark);
}

/* -- deltas ----------------------------------------------------------------------------------- */

enum { HUNK_HEADER_SIZE = 12 };

/* Adds a piece, for which there is room. */
static void push(struct fg_patch *patch, const uint8_t *data, size_t size)
{
    if (size > 0) {
        patch->pieces[patch->count++] = (struct fg_bytes){data, size};
        patch->size += size;
    }
}

static enum fg_status make_room(struct fg_patch *patch, size_t capacity)
{
    struct fg_bytes *pieces = malloc((capacity > 0 ? capacity : 1) * sizeof *pieces);
    if (pieces == NULL) {
        return FG_ERR_MEMORY;
    }
    *patch = (struct fg_patch){pieces, 0, capacity, 0};
    return FG_OK;
}

/* Pieces that a patch has after a delta, at most: a hunk adds one, and cuts one in two. */
static size_t pieces_after(const struct fg_patch *patch, struct fg_bytes delta)
{
    size_t pieces = patch->count;
    while (delta.size >= HUNK_HEADER_SIZE) {
        size_t size = HUNK_HEADER_SIZE + (size_t)fg_read_be32(delta.data + 8);
        size = size < delta.size ? size : delta.size;
        delta.data += size;
        delta.size -= size;
        pieces += 2;
    }
    return pieces;
}

/* Where a delta has got to in the text that it changes. */
struct cursor {
    const struct fg_patch *text;
    size_t piece;  /* the piece that position is in */
    size_t within; /* bytes of that piece that lie before position */
    size_t position;
};

/* Moves on to position end, and copies (if result is not NULL) what lies on the way. */
static void advance(struct cursor *cursor, size_t end, struct fg_patch *result)
{
    while (cursor->position < end) {
        const struct fg_bytes *piece = &cursor->text->pieces[cursor->piece];
        size_t left = piece->size - cursor->within;
        size_t take = end - cursor->position < left ? end - cursor->position : left;
        if (result != NULL) {
            push(result, piece->data + cursor->within, take);
        }
        cursor->position += take;
        cursor->within += take;
        if (cursor->within == piece->size) {
            cursor->piece++;
            cursor->within = 0;
        }
    }
}

static enum fg_status apply_hunks(struct cursor *cursor, struct fg_bytes delta, size_t ceiling,
                                  struct fg_patch *result, struct fg_error *error)
{
    while (delta.size > 0) {
        if (delta.size < HUNK_HEADER_SIZE) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's delta is cut short");
        }
        size_t start = fg_read_be32(delta.data);
        size_t end = fg_read_be32(delta.data + 4);
        size_t size = fg_read_be32(delta.data + 8);
        delta.data += HUNK_HEADER_SIZE;
        delta.size -= HUNK_HEADER_SIZE;
        if (start > end || start < cursor->position || end > cursor->text->size ||
            size > delta.size) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's delta does not fit its base");
        }
        advance(cursor, start, result);
        push(result, delta.data, size);
        advance(cursor, end, NULL);
        if (result->size > ceiling) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "a text grows to more than %zu bytes",
                           ceiling);
        }
        delta.data += size;
        delta.size -= size;
    }
    advance(cursor, cursor->text->size, result);
    return result->size <= ceiling
               ? FG_OK
               : fg_fail(error, FG_ERR_CORRUPT, 0, "a text grows to more than %zu bytes", ceiling);
}

enum fg_status fg_patch_begin(struct fg_patch *patch, struct fg_bytes text)
{
    enum fg_status status = make_room(patch, 1);
    if (status == FG_OK) {
        push(patch, text.data, text.size);
    }
    return status;
}

void fg_patch_clear(struct fg_patch *patch)
{
    free(patch->pieces);
    *patch = (struct fg_patch){0};
}

enum fg_status fg_patch_apply(struct fg_patch *patch, struct fg_bytes delta, size_t ceiling,
                              struct fg_error *error)
{
    struct cursor cursor = {.text = patch};
    struct fg_patch result;
    if (make_room(&result, pieces_after(patch, delta)) != FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory to apply a delta");
    }
    enum fg_status status = apply_hunks(&cursor, delta, ceiling, &result, error);
    if (status != FG_OK) {
        fg_patch_clear(&result);
        return status;
    }
    fg_patch_clear(patch);
    *patch = result;
    return FG_OK;
}

size_t fg_patch_apply_bytes(const struct fg_patch *patch, struct fg_bytes delta)
{
    return pieces_after(patch, delta) * sizeof *patch->pieces;
}

enum fg_status fg_patch_finish(const struct fg_patch *patch, struct fg_buffer *buffer)
{
    uint8_t *space;
    enum fg_status status = fg_buffer_reserve(buffer, patch->size > 0 ? patch->size : 1, &space);
    if (status != FG_OK) {
        return status;
    }
    for (size_t i = 0; i < patch->count; i++) {
        memcpy(space, patch->pieces[i].data, patch->pieces[i].size);
        space += patch->pieces[i].size;
    }
    buffer->size += patch->size;
    return FG_OK;
}
