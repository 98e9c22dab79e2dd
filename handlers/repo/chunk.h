/* The stored chunks of revlogs, and the deltas in them. */
#ifndef FRAMEGATE_HANDLERS_REPO_CHUNK_H
#define FRAMEGATE_HANDLERS_REPO_CHUNK_H

#include "framing/buffer.h"
#include "framing/status.h"
#include "handlers/memory.h"

#include <stdbool.h>

/*
 * The unpackers' own memory, kept from one chunk to the next since making it costs more than
 * unpacking a changeset. Zeroed: empty. Not thread-safe.
 */
struct fg_chunk_decoder {
    struct ZSTD_DCtx_s *zstd;
    struct z_stream_s *zlib;
    struct fg_holding *holding; /* borrowed: asked before much is unpacked; NULL: nobody is */
};

/* Frees what a decoder keeps. Takes a zeroed decoder. */
void fg_chunk_decoder_clear(struct fg_chunk_decoder *decoder);

/* Bytes of memory that a decoder keeps. */
size_t fg_chunk_decoder_held_bytes(const struct fg_chunk_decoder *decoder);

/*
 * Appends what a chunk holds: raw (empty, or starting with a zero byte, or after 'u'), zlib ('x')
 * or zstd ('\x28'). expected is how many bytes that will be if the caller knows, else 0; it is a
 * hint. FG_ERR_CORRUPT: damaged, or more than the buffer's ceiling (a bomb is not unpacked
 * further than that); FG_ERR_UNSUPPORTED: another kind of chunk; FG_ERR_LIMIT: the holding may not
 * grow; FG_ERR_MEMORY. On failure the buffer has the contents that it had.
 */
enum fg_status fg_chunk_decode(struct fg_chunk_decoder *decoder, struct fg_bytes chunk,
                               size_t expected, struct fg_buffer *buffer, struct fg_error *error);

enum fg_chunk_kind {
    FG_CHUNK_RAW,
    FG_CHUNK_ZLIB,
    FG_CHUNK_ZSTD,
};

/* A chunk that is unpacked piece by piece, so that memory does not follow its size. */
struct fg_chunk_stream {
    struct fg_chunk_decoder *decoder; /* borrowed; nobody else's until the end */
    enum fg_chunk_kind kind;
    bool ended; /* all was given; FG_CHUNK_RAW ends with its input and does not know */
};

/*
 * Begins with a chunk whose first bytes are the input (no bytes: the chunk is empty), and takes off
 * what is none of the data. FG_ERR_UNSUPPORTED: an unknown kind of chunk; FG_ERR_MEMORY.
 */
enum fg_status fg_chunk_stream_begin(struct fg_chunk_stream *stream,
                                     struct fg_chunk_decoder *decoder, struct fg_bytes *input,
                                     struct fg_error *error);

/*
 * Takes what it can off the input and gives up to room bytes; *ret_size 0 and no input left: it
 * waits for more. FG_ERR_CORRUPT: damaged; FG_ERR_MEMORY.
 */
enum fg_status fg_chunk_stream_step(struct fg_chunk_stream *stream, struct fg_bytes *input,
                                    uint8_t *space, size_t room, size_t *ret_size,
                                    struct fg_error *error);

/*
 * A text that is being rebuilt: pieces of the base and of deltas, in order, none of them copied
 * until fg_patch_finish. All bytes given to it must live until then.
 */
struct fg_patch {
    struct fg_bytes *pieces; /* owned */
    size_t count;
    size_t capacity;
    size_t size; /* bytes of the text at present */
};

/* Begins with a text. FG_ERR_MEMORY. *patch must be zeroed or cleared. */
enum fg_status fg_patch_begin(struct fg_patch *patch, struct fg_bytes text);

/* Frees the pieces. Takes a zeroed patch. */
void fg_patch_clear(struct fg_patch *patch);

/* Bytes of memory that applying a delta takes for the list of pieces, at most. */
size_t fg_patch_apply_bytes(const struct fg_patch *patch, struct fg_bytes delta);

/*
 * Applies a delta: hunks of three big-endian 32-bit numbers (start, end, length of the replacement)
 * and the replacement, ascending. FG_ERR_CORRUPT: not such a thing, or outside the text, or the
 * text would have more than ceiling bytes; FG_ERR_MEMORY. After a failure only fg_patch_clear may
 * be called.
 */
enum fg_status fg_patch_apply(struct fg_patch *patch, struct fg_bytes delta, size_t ceiling,
                              struct fg_error *error);

/* Appends the text. FG_ERR_LIMIT, FG_ERR_MEMORY. */
enum fg_status fg_patch_finish(const struct fg_patch *patch, struct fg_buffer *buffer);

#endif
