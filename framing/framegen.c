/* Frame generators: a chain of parts, from the front of which frames are cut. */
#include "framing/framegen.h"

#include "framing/cbor.h"
#include "framing/framegen_internal.h"
#include "framing/utf8.h"

#include <stdlib.h>
#include <string.h>

/* -- parts ------------------------------------------------------------------------------------- */

enum { PARTS_OF_BLOCK = 8 };

struct fg_part_block {
    struct fg_part_block *next;
    struct fg_part parts[PARTS_OF_BLOCK];
};

/* Fills an empty pool. */
static void pool_grow(struct fg_part_pool *pool)
{
    struct fg_part_block *block = malloc(sizeof *block);
    if (block == NULL) {
        return;
    }
    block->next = pool->blocks;
    pool->blocks = block;
    for (size_t i = 0; i < PARTS_OF_BLOCK; i++) {
        block->parts[i].next = pool->unused;
        pool->unused = &block->parts[i];
    }
}

/* Room for a part; NULL if memory is short. */
static struct fg_part *part_allocate(struct fg_part_pool *pool)
{
    if (pool == NULL) {
        return malloc(sizeof(struct fg_part));
    }
    if (pool->unused == NULL) {
        pool_grow(pool);
    }
    struct fg_part *part = pool->unused;
    if (part != NULL) {
        pool->unused = part->next;
    }
    return part;
}

void fg_part_pool_clear(struct fg_part_pool *pool)
{
    while (pool->blocks != NULL) {
        struct fg_part_block *next = pool->blocks->next;
        free(pool->blocks);
        pool->blocks = next;
    }
    pool->unused = NULL;
}

enum fg_status fg_part_new(struct fg_part_pool *pool, enum fg_part_kind kind,
                           struct fg_stream *stream, uint16_t requestid, uint8_t flags,
                           struct fg_source *source, uint32_t max_frame_size,
                           struct fg_part **ret_part)
{
    struct fg_part *part = part_allocate(pool);
    if (part == NULL) {
        fg_source_destroy(source);
        return FG_ERR_MEMORY;
    }
    *part = (struct fg_part){
        .pool = pool,
        .kind = kind,
        .requestid = requestid,
        .flags = flags,
        .max_frame_size = max_frame_size,
        .stream = stream,
        .source = *source,
        .remaining = source->size,
    };
    *source = fg_source_empty();
    *ret_part = part;
    return FG_OK;
}

enum fg_status fg_part_new_error(struct fg_stream *stream, uint16_t requestid, uint8_t flags,
                                 struct fg_bytes message, struct fg_part **ret_part)
{
    size_t size = fg_utf8_cut(message, FG_DEFAULT_MAX_FRAME_SIZE);
    struct fg_buffer copy = FG_BUFFER_INIT(size);
    enum fg_status status = fg_buffer_append(&copy, message.data, size);
    if (status != FG_OK) {
        return status;
    }
    struct fg_source source = fg_source_from_buffer(&copy);
    return fg_part_new(NULL, FG_PART_ERROR, stream, requestid, flags, &source,
                       FG_DEFAULT_MAX_FRAME_SIZE, ret_part);
}

static void part_free(struct fg_part *part)
{
    struct fg_part_pool *pool = part->pool;
    fg_source_destroy(&part->source);
    if (pool == NULL) {
        free(part);
    } else {
        part->next = pool->unused;
        pool->unused = part;
    }
}

void fg_part_free_all(struct fg_part *first)
{
    while (first != NULL) {
        struct fg_part *next = first->next;
        part_free(first);
        first = next;
    }
}

enum fg_status fg_framegen_new(struct fg_part *first, struct fg_framegen **ret_framegen)
{
    struct fg_framegen *framegen = malloc(sizeof *framegen);
    if (framegen == NULL) {
        return FG_ERR_MEMORY;
    }
    *framegen = (struct fg_framegen){.first = first};
    *ret_framegen = framegen;
    return FG_OK;
}

void fg_framegen_free(struct fg_framegen *framegen)
{
    if (framegen != NULL) {
        fg_part_free_all(framegen->first);
        if (!framegen->lent) {
            free(framegen);
        }
    }
}

uint16_t fg_framegen_requestid(const struct fg_framegen *framegen)
{
    return framegen->first != NULL ? framegen->first->requestid : 0;
}

size_t fg_framegen_frame_size_max(const struct fg_framegen *framegen)
{
    uint32_t max = 0;
    for (const struct fg_part *part = framegen->first; part != NULL; part = part->next) {
        max = part->max_frame_size > max ? part->max_frame_size : max;
    }
    return FG_FRAME_HEADER_SIZE + (size_t)max;
}

/* -- cutting frames ---------------------------------------------------------------------------- */

/*
 * Fills up to want bytes of payload. FG_OK: *ret_ended says whether the source has no more.
 * FG_PENDING: there was nothing at all.
 */
static enum fg_status fill(struct fg_part *part, uint8_t *payload, size_t want, size_t *ret_size,
                           bool *ret_ended)
{
    size_t filled = 0;
    enum fg_status status = FG_OK;
    while (filled < want && status == FG_OK) {
        size_t size = 0;
        status = fg_source_read(&part->source, payload + filled, want - filled, &size);
        if (status == FG_OK) {
            filled += size;
            part->remaining -= part->remaining == FG_SIZE_UNKNOWN ? 0 : size;
        }
    }
    if (fg_failed(status) || (status == FG_PENDING && filled == 0)) {
        return status;
    }
    if (status == FG_END && part->remaining != FG_SIZE_UNKNOWN && part->remaining > 0) {
        return FG_ERR_IO;
    }
    *ret_size = filled;
    *ret_ended = status == FG_END || part->remaining == 0;
    return FG_OK;
}

static uint8_t frame_type(const struct fg_part *part)
{
    switch (part->kind) {
    case FG_PART_COMMAND_REQUEST:
        return FG_FRAME_COMMAND_REQUEST;
    case FG_PART_COMMAND_DATA:
        return FG_FRAME_COMMAND_DATA;
    case FG_PART_RESPONSE:
        return FG_FRAME_BYTES_RESPONSE;
    case FG_PART_TEXT:
        return FG_FRAME_TEXT_OUTPUT;
    case FG_PART_ERROR:
        break;
    }
    return FG_FRAME_ERROR_RESPONSE;
}

static uint8_t frame_flags(const struct fg_part *part, bool last)
{
    unsigned flags = part->flags;
    switch (part->kind) {
    case FG_PART_COMMAND_REQUEST:
        flags |= part->begun ? FG_COMMAND_REQUEST_CONTINUATION : FG_COMMAND_REQUEST_NEW;
        flags |= last ? 0 : FG_COMMAND_REQUEST_MORE_FRAMES;
        break;
    case FG_PART_COMMAND_DATA:
        flags |= last ? FG_COMMAND_DATA_EOS : FG_COMMAND_DATA_CONTINUATION;
        break;
    case FG_PART_RESPONSE:
        flags |= last ? FG_BYTES_RESPONSE_EOS : FG_BYTES_RESPONSE_CONTINUATION;
        break;
    case FG_PART_ERROR:
    case FG_PART_TEXT:
        break;
    }
    return (uint8_t)flags;
}

/* Makes the part's next frame. *ret_last: it was the part's last one. */
static enum fg_status part_next(struct fg_part *part, uint8_t *buffer, size_t capacity,
                                size_t *ret_size, bool *ret_last)
{
    size_t want =
        part->remaining < part->max_frame_size ? (size_t)part->remaining : part->max_frame_size;
    if (capacity < FG_FRAME_HEADER_SIZE + want) {
        *ret_size = FG_FRAME_HEADER_SIZE + want;
        return FG_NEED_MORE;
    }
    size_t size;
    bool last;
    enum fg_status status = fill(part, buffer + FG_FRAME_HEADER_SIZE, want, &size, &last);
    if (status != FG_OK) {
        return status;
    }
    /* The data of a command always ends with a frame that is not full, if need be an empty one. */
    if (part->kind == FG_PART_COMMAND_DATA && size == part->max_frame_size) {
        last = false;
    }
    struct fg_frame_header header;
    status = fg_stream_make_header(part->stream, part->requestid, frame_type(part),
                                   frame_flags(part, last), (uint32_t)size, &header);
    if (status == FG_OK) {
        status = fg_frame_header_encode(&header, buffer);
    }
    if (status == FG_OK) {
        part->begun = true;
        *ret_size = FG_FRAME_HEADER_SIZE + size;
        *ret_last = last;
    }
    return status;
}

enum fg_status fg_framegen_next(struct fg_framegen *framegen, uint8_t *buffer, size_t capacity,
                                size_t *ret_size)
{
    struct fg_part *part = framegen->first;
    if (part == NULL) {
        return FG_END;
    }
    bool last = false;
    enum fg_status status = part_next(part, buffer, capacity, ret_size, &last);
    if (last || fg_failed(status)) {
        framegen->first = part->next;
        if (part->done != NULL) {
            part->done(part->done_context, part->requestid);
        }
        part_free(part);
    }
    return status;
}

/* -- making generators ------------------------------------------------------------------------- */

/* A generator for one or two parts, which it takes over also on failure. */
static enum fg_status generator_of(struct fg_part *first, struct fg_framegen **ret_framegen)
{
    enum fg_status status = fg_framegen_new(first, ret_framegen);
    if (status != FG_OK) {
        fg_part_free_all(first);
    }
    return status;
}

static bool valid_frame_size(uint32_t max_frame_size)
{
    return max_frame_size >= 1 && max_frame_size <= FG_FRAME_LENGTH_MAX;
}

/* The CBOR map of a command request. args is a map or nothing; an empty map is left out. */
static enum fg_status encode_request(struct fg_bytes name, struct fg_bytes args,
                                     struct fg_buffer *buffer)
{
    enum { EMPTY_MAP = 0xa0, MAJOR_TYPE_MAP = 5 };
    if (args.size > 0 &&
        (args.data[0] >> 5 != MAJOR_TYPE_MAP || fg_cbor_encoded_size(args) != args.size)) {
        return FG_ERR_ARGUMENT;
    }
    bool with_args = args.size > 0 && args.data[0] != EMPTY_MAP;
    struct fg_cbor_map map;
    fg_cbor_map_begin(buffer, &map);
    if (with_args) {
        fg_cbor_put_bytestring(buffer, "args");
        fg_buffer_append(buffer, args.data, args.size);
    }
    fg_cbor_put_bytestring(buffer, "name");
    fg_cbor_put_bytes(buffer, name.data, name.size);
    return fg_cbor_map_end(buffer, &map, false);
}

/* Adds the data behind the request's part, which is freed on failure. */
static enum fg_status add_data_part(struct fg_part *request, struct fg_source *data)
{
    enum fg_status status =
        fg_part_new(NULL, FG_PART_COMMAND_DATA, request->stream, request->requestid, 0, data,
                    FG_DEFAULT_MAX_FRAME_SIZE, &request->next);
    if (status != FG_OK) {
        fg_part_free_all(request);
    }
    return status;
}

enum fg_status fg_commandframes_new(struct fg_stream *stream, uint16_t requestid,
                                    struct fg_bytes name, struct fg_bytes args,
                                    struct fg_source *data, uint32_t max_frame_size,
                                    struct fg_framegen **ret_framegen)
{
    struct fg_buffer request = FG_BUFFER_INIT(UINT32_MAX);
    enum fg_status status = FG_ERR_ARGUMENT;
    if (valid_frame_size(max_frame_size)) {
        status = encode_request(name, args, &request);
    }
    struct fg_part *first;
    if (status == FG_OK) {
        struct fg_source source = fg_source_from_buffer(&request);
        status = fg_part_new(NULL, FG_PART_COMMAND_REQUEST, stream, requestid,
                             data != NULL ? FG_COMMAND_REQUEST_EXPECT_DATA : 0, &source,
                             max_frame_size, &first);
    }
    if (status == FG_OK && data != NULL) {
        status = add_data_part(first, data);
    }
    if (status == FG_OK) {
        return generator_of(first, ret_framegen);
    }
    fg_buffer_free(&request);
    fg_source_destroy(data);
    return status;
}

enum fg_status fg_bytesresponse_new(struct fg_stream *stream, uint16_t requestid, uint8_t flags,
                                    struct fg_source *source, uint32_t max_frame_size,
                                    struct fg_framegen **ret_framegen)
{
    if (!valid_frame_size(max_frame_size) || stream->streamid % 2 != 0 ||
        (flags & ~FG_BYTES_RESPONSE_CBOR) != 0) {
        fg_source_destroy(source);
        return FG_ERR_ARGUMENT;
    }
    struct fg_part *part;
    enum fg_status status = fg_part_new(NULL, FG_PART_RESPONSE, stream, requestid, flags, source,
                                        max_frame_size, &part);
    return status == FG_OK ? generator_of(part, ret_framegen) : status;
}

enum fg_status fg_errorframe_new(struct fg_stream *stream, uint16_t requestid, uint8_t flags,
                                 struct fg_bytes message, struct fg_framegen **ret_framegen)
{
    if (stream->streamid % 2 != 0 || flags > 15) {
        return FG_ERR_ARGUMENT;
    }
    struct fg_part *part;
    enum fg_status status = fg_part_new_error(stream, requestid, flags, message, &part);
    return status == FG_OK ? generator_of(part, ret_framegen) : status;
}
