/* Bundles of version 2: the headers lie ready, the payloads are cut into chunks as they are read.
 */
#include "handlers/bundle/bundle2.h"

#include "handlers/repo/endian.h"

#include <stdlib.h>
#include <string.h>

enum {
    LENGTH_SIZE = 4,
    /* Readers with less room are served from memory, so that chunks do not get tiny. */
    ROOM_MIN = 4096,
    HEADER_LIMIT = 64 * 1024,
};

struct part {
    struct fg_buffer header; /* with its length before it */
    struct fg_source payload;
};

struct fg_bundle {
    struct part parts[FG_BUNDLE_PARTS_MAX];
    size_t count;
    size_t part;              /* the one being read; count: the end mark is next */
    bool in_payload;          /* its header was given */
    bool ended;               /* the end mark was given */
    struct fg_buffer pending; /* what is given next, before anything is made */
    size_t taken;             /* bytes of pending that were given */
    struct fg_holding holding;
    struct fg_error error; /* why a payload failed */
};

enum fg_status fg_bundle_new(struct fg_memory *memory, struct fg_bundle **ret_bundle)
{
    struct fg_bundle *bundle = calloc(1, sizeof *bundle);
    if (bundle == NULL) {
        return FG_ERR_MEMORY;
    }
    bundle->holding.memory = memory;
    fg_buffer_init(&bundle->pending, HEADER_LIMIT + ROOM_MIN);
    /* The magic, and no parameters of the whole stream. */
    static const uint8_t start[] = {'H', 'G', '2', '0', 0, 0, 0, 0};
    enum fg_status status = fg_buffer_append(&bundle->pending, start, sizeof start);
    if (status != FG_OK) {
        free(bundle);
        return status;
    }
    *ret_bundle = bundle;
    return FG_OK;
}

void fg_bundle_free(struct fg_bundle *bundle)
{
    if (bundle == NULL) {
        return;
    }
    for (size_t i = 0; i < bundle->count; i++) {
        fg_buffer_free(&bundle->parts[i].header);
        fg_source_destroy(&bundle->parts[i].payload);
    }
    fg_buffer_free(&bundle->pending);
    fg_holding_set(&bundle->holding, 0);
    free(bundle);
}

/* -- adding ----------------------------------------------------------------------------------- */

/* A size that has one byte. */
static void put_size(struct fg_buffer *buffer, size_t size)
{
    fg_buffer_append_byte(buffer, (uint8_t)size);
    if (size > UINT8_MAX) {
        fg_buffer_fail(buffer, FG_ERR_LIMIT);
    }
}

static void put_be32(struct fg_buffer *buffer, size_t number)
{
    uint8_t bytes[4];
    fg_write_be32(bytes, (uint32_t)number);
    fg_buffer_append(buffer, bytes, sizeof bytes);
}

static void put_params(struct fg_buffer *buffer, const struct fg_bundle_param *params, size_t count)
{
    size_t mandatory = 0;
    while (mandatory < count && params[mandatory].mandatory) {
        mandatory++;
    }
    put_size(buffer, mandatory);
    put_size(buffer, count - mandatory);
    for (size_t i = 0; i < count; i++) {
        put_size(buffer, strlen(params[i].key));
        put_size(buffer, params[i].value.size);
    }
    for (size_t i = 0; i < count; i++) {
        fg_buffer_append_string(buffer, params[i].key);
        fg_buffer_append(buffer, params[i].value.data, params[i].value.size);
    }
}

/* A part's header, with its length before it. FG_ERR_LIMIT, FG_ERR_MEMORY. */
static enum fg_status put_header(struct fg_buffer *buffer, const char *type, size_t id,
                                 const struct fg_bundle_param *params, size_t count)
{
    size_t start = buffer->size;
    put_be32(buffer, 0);
    put_size(buffer, strlen(type));
    fg_buffer_append_string(buffer, type);
    put_be32(buffer, id);
    put_params(buffer, params, count);
    if (fg_buffer_status(buffer) == FG_OK) {
        fg_write_be32(buffer->data + start, (uint32_t)(buffer->size - start - LENGTH_SIZE));
    }
    return fg_buffer_status(buffer);
}

enum fg_status fg_bundle_add(struct fg_bundle *bundle, const char *type,
                             const struct fg_bundle_param *params, size_t params_count,
                             struct fg_source *payload, struct fg_error *error)
{
    if (bundle->count == FG_BUNDLE_PARTS_MAX) {
        fg_source_destroy(payload);
        return fg_fail(error, FG_ERR_LIMIT, 0, "the bundle has too many parts");
    }
    struct part *part = &bundle->parts[bundle->count];
    *part = (struct part){.header = FG_BUFFER_INIT(HEADER_LIMIT)};
    enum fg_status status = put_header(&part->header, type, bundle->count, params, params_count);
    if (status != FG_OK) {
        fg_fail(error, status, 0, "the part %s of the bundle cannot be made", type);
    } else if (payload->read == NULL) {
        status = fg_holding_ask(&bundle->holding, bundle->holding.bytes + payload->size, error);
    }
    if (status != FG_OK) {
        fg_buffer_free(&part->header);
        fg_source_destroy(payload);
        return status;
    }
    part->payload = *payload;
    *payload = fg_source_empty();
    bundle->count++;
    return FG_OK;
}

bool fg_bundle_is_small(const struct fg_bundle *bundle, uint64_t bytes)
{
    for (size_t i = 0; i < bundle->count; i++) {
        const struct fg_source *payload = &bundle->parts[i].payload;
        if (payload->read != NULL || payload->size > bytes) {
            return false;
        }
        bytes -= payload->size;
    }
    return true;
}

/* -- reading ---------------------------------------------------------------------------------- */

/* A chunk of the present payload; the last one is empty. */
static enum fg_status read_chunk(struct fg_bundle *bundle, uint8_t *buffer, size_t capacity,
                                 size_t *ret_size)
{
    struct part *part = &bundle->parts[bundle->part];
    size_t size = 0;
    size_t room = capacity - LENGTH_SIZE < INT32_MAX ? capacity - LENGTH_SIZE : INT32_MAX;
    enum fg_status status = fg_source_read(&part->payload, buffer + LENGTH_SIZE, room, &size);
    if (status == FG_END) {
        fg_source_destroy(&part->payload);
        bundle->part++;
        bundle->in_payload = false;
        size = 0;
        status = FG_OK;
    }
    if (status == FG_OK) {
        fg_write_be32(buffer, (uint32_t)size);
        *ret_size = size + LENGTH_SIZE;
    }
    return status;
}

/* Puts the next header, or the end mark, into pending. */
static enum fg_status next_header(struct fg_bundle *bundle)
{
    static const uint8_t end[LENGTH_SIZE];
    if (bundle->ended) {
        return FG_END;
    }
    fg_buffer_reset(&bundle->pending);
    bundle->taken = 0;
    if (bundle->part == bundle->count) {
        bundle->ended = true;
        return fg_buffer_append(&bundle->pending, end, sizeof end);
    }
    bundle->in_payload = true;
    const struct fg_buffer *header = &bundle->parts[bundle->part].header;
    return fg_buffer_append(&bundle->pending, header->data, header->size);
}

/*
 * A payload cannot be read to its end: in its midst stands another part, which says why, and which
 * readers take notice of at once. With it the stream ends: hg says nothing of a part that came
 * before a connection that breaks.
 */
static enum fg_status interrupt(struct fg_bundle *bundle, enum fg_status failure)
{
    enum { INTERRUPT = -1 };
    const struct fg_source *payload = &bundle->parts[bundle->part].payload;
    fg_source_explain(payload, failure, &bundle->error);
    const struct fg_bundle_param param = {"message", fg_bytes_from_string(bundle->error.message),
                                          true};
    bundle->ended = true;
    bundle->in_payload = false;
    bundle->taken = 0;
    fg_buffer_reset(&bundle->pending);
    put_be32(&bundle->pending, (uint32_t)INTERRUPT);
    put_header(&bundle->pending, "error:abort", 0, &param, 1);
    put_be32(&bundle->pending, 0); /* its payload is empty */
    put_be32(&bundle->pending, 0); /* the payload that is given up ends */
    put_be32(&bundle->pending, 0); /* and the stream */
    return fg_buffer_status(&bundle->pending) == FG_OK ? FG_OK : failure;
}

/* For a reader with little room: makes a chunk in memory. */
static enum fg_status pend_chunk(struct fg_bundle *bundle)
{
    uint8_t *space;
    fg_buffer_reset(&bundle->pending);
    bundle->taken = 0;
    enum fg_status status = fg_buffer_reserve(&bundle->pending, ROOM_MIN, &space);
    return status == FG_OK ? read_chunk(bundle, space, ROOM_MIN, &bundle->pending.size) : status;
}

static enum fg_status read_bundle(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct fg_bundle *bundle = context;
    size_t given = 0;
    enum fg_status status = FG_OK;
    while (given < capacity && status == FG_OK) {
        size_t left = bundle->pending.size - bundle->taken;
        size_t room = capacity - given;
        size_t size = left < room ? left : room;
        if (left > 0) {
            memcpy(buffer + given, bundle->pending.data + bundle->taken, size);
            bundle->taken += size;
        } else if (!bundle->in_payload) {
            status = next_header(bundle);
        } else if (room >= ROOM_MIN) {
            status = read_chunk(bundle, buffer + given, room, &size);
        } else if (given > 0) {
            break;
        } else {
            status = pend_chunk(bundle);
        }
        if (fg_failed(status) && bundle->in_payload) {
            size = 0;
            status = interrupt(bundle, status);
        }
        given += status == FG_OK ? size : 0;
    }
    if (given > 0 && !fg_failed(status)) {
        status = FG_OK;
    }
    if (status == FG_OK) {
        *ret_size = given;
    }
    return status;
}

static void destroy(void *context)
{
    fg_bundle_free(context);
}

struct fg_source fg_bundle_source(struct fg_bundle *bundle)
{
    return (struct fg_source){.read = read_bundle,
                              .destroy = destroy,
                              .context = bundle,
                              .error = &bundle->error,
                              .size = FG_SIZE_UNKNOWN};
}
