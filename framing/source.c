/* Sources in memory; others are made by whoever owns their bytes. */
#include "framing/source.h"

#include <stdlib.h>
#include <string.h>

struct fg_source fg_source_empty(void)
{
    return (struct fg_source){.size = 0};
}

struct fg_source fg_source_from_bytes(struct fg_bytes bytes)
{
    return (struct fg_source){.size = bytes.size, .memory = bytes.data};
}

struct fg_source fg_source_from_buffer(struct fg_buffer *buffer)
{
    size_t size = buffer->size;
    uint8_t *data = fg_buffer_detach(buffer);
    return (struct fg_source){.size = size, .memory = data, .destroy = free, .context = data};
}

enum fg_status fg_source_read(struct fg_source *source, uint8_t *buffer, size_t capacity,
                              size_t *ret_size)
{
    if (source->read != NULL) {
        return source->read(source->context, buffer, capacity, ret_size);
    }
    if (source->size == 0) {
        return FG_END;
    }
    size_t size = source->size < capacity ? (size_t)source->size : capacity;
    memcpy(buffer, source->memory, size);
    source->memory += size;
    source->size -= size;
    *ret_size = size;
    return FG_OK;
}

bool fg_source_lacks(const struct fg_source *source)
{
    return source->error != NULL && source->error->message[0] != '\0';
}

void fg_source_explain(const struct fg_source *source, enum fg_status status,
                       struct fg_error *ret_error)
{
    if (fg_source_lacks(source)) {
        *ret_error = *source->error;
    } else {
        fg_fail(ret_error, status, 0, "%s", fg_status_text(status));
    }
}

enum fg_status fg_source_drain(struct fg_source *source, struct fg_buffer *buffer)
{
    enum { PIECE_SIZE = 4096 };
    if (source->read == NULL) {
        return fg_buffer_append(buffer, source->memory, (size_t)source->size);
    }
    enum fg_status status = FG_OK;
    while (status == FG_OK) {
        uint8_t *space;
        size_t size = 0;
        status = fg_buffer_reserve(buffer, PIECE_SIZE, &space);
        if (status == FG_OK) {
            status = fg_source_read(source, space, PIECE_SIZE, &size);
        }
        buffer->size += status == FG_OK ? size : 0;
    }
    return status == FG_END ? FG_OK : status == FG_PENDING ? FG_ERR_IO : status;
}

void fg_source_destroy(struct fg_source *source)
{
    if (source != NULL) {
        if (source->destroy != NULL) {
            source->destroy(source->context);
        }
        *source = fg_source_empty();
    }
}
