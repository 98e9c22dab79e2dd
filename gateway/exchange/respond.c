/*
 * Emptying frame generators into buffers. A frame goes straight to where it is wanted; only one for
 * which a buffer would be left half empty is made in the staging buffer and handed over in parts.
 */
#include "gateway/exchange/respond.h"

#include <stdlib.h>
#include <string.h>

void fg_respond_init(struct fg_respond *respond)
{
    /* Without `small`, which is only read where it was written. */
    memset(respond, 0, offsetof(struct fg_respond, small));
}

void fg_respond_clear(struct fg_respond *respond)
{
    if (respond == NULL) {
        return;
    }
    for (size_t i = respond->current; i < respond->count; i++) {
        fg_framegen_free(respond->queue[i]);
    }
    if (respond->queue != respond->first) {
        free(respond->queue);
    }
    free(respond->staging);
    fg_respond_init(respond);
}

static enum fg_status grow(struct fg_respond *respond)
{
    if (respond->capacity == 0) {
        respond->queue = respond->first;
        respond->capacity = FG_RESPOND_FIRST;
        return FG_OK;
    }
    bool first = respond->queue == respond->first;
    size_t capacity = 2 * respond->capacity;
    struct fg_framegen **queue =
        realloc(first ? NULL : respond->queue, capacity * sizeof(struct fg_framegen *));
    if (queue == NULL) {
        return FG_ERR_MEMORY;
    }
    if (first) {
        memcpy(queue, respond->first, sizeof(respond->first));
    }
    respond->queue = queue;
    respond->capacity = capacity;
    return FG_OK;
}

enum fg_status fg_respond_add(struct fg_respond *respond, struct fg_framegen *framegen)
{
    if (respond->count == respond->capacity && grow(respond) != FG_OK) {
        fg_framegen_free(framegen);
        return FG_ERR_MEMORY;
    }
    respond->queue[respond->count++] = framegen;
    return FG_OK;
}

/* The next frame of all generators; as fg_framegen_next, FG_END after the last one of all. */
static enum fg_status next_frame(struct fg_respond *respond, uint8_t *buffer, size_t capacity,
                                 size_t *ret_size)
{
    while (respond->current < respond->count) {
        struct fg_framegen *framegen = respond->queue[respond->current];
        enum fg_status status = fg_framegen_next(framegen, buffer, capacity, ret_size);
        if (status == FG_OK) {
            respond->frames++;
            if (respond->made != NULL) {
                respond->made(respond->made_context, (struct fg_bytes){buffer, *ret_size});
            }
        }
        if (status != FG_END) {
            return status;
        }
        fg_framegen_free(framegen);
        respond->current++;
    }
    return FG_END;
}

/* Frames into buffer while they fit. FG_NEED_MORE: the next one does not. */
static enum fg_status fill(struct fg_respond *respond, uint8_t *buffer, size_t capacity,
                           size_t *size)
{
    enum fg_status status = FG_OK;
    while (status == FG_OK) {
        size_t made = 0;
        status = next_frame(respond, buffer + *size, capacity - *size, &made);
        if (status == FG_OK) {
            *size += made;
        }
    }
    return status;
}

/* Makes the next frame in the staging buffer. */
static enum fg_status stage(struct fg_respond *respond)
{
    size_t needed = fg_framegen_frame_size_max(respond->queue[respond->current]);
    if (needed > respond->staging_capacity) {
        free(respond->staging);
        respond->staging_capacity = 0;
        respond->staging = malloc(needed);
        if (respond->staging == NULL) {
            return FG_ERR_MEMORY;
        }
        respond->staging_capacity = needed;
    }
    size_t size = 0;
    enum fg_status status = next_frame(respond, respond->staging, respond->staging_capacity, &size);
    if (status == FG_OK) {
        respond->ready = respond->staging;
        respond->ready_size = size;
    }
    return status;
}

/* What was made already goes first. */
static size_t take_ready(struct fg_respond *respond, uint8_t *buffer, size_t capacity)
{
    size_t size = respond->ready_size < capacity ? respond->ready_size : capacity;
    if (size > 0) {
        memcpy(buffer, respond->ready, size);
        respond->ready += size;
        respond->ready_size -= size;
    }
    return size;
}

bool fg_respond_whole(struct fg_respond *respond, struct fg_bytes *ret_answer)
{
    size_t size = 0;
    enum fg_status status = fill(respond, respond->small, sizeof(respond->small), &size);
    if (status != FG_NEED_MORE && status != FG_PENDING) {
        respond->ended = status;
    }
    if (status == FG_END) {
        respond->bytes += size;
        *ret_answer = (struct fg_bytes){respond->small, size};
        return true;
    }
    respond->ready = respond->small;
    respond->ready_size = size;
    return false;
}

enum fg_status fg_respond_take(struct fg_respond *respond, uint8_t *buffer, size_t capacity,
                               size_t *ret_size)
{
    size_t size = take_ready(respond, buffer, capacity);
    while (respond->ended == FG_OK && respond->ready_size == 0 && size < capacity) {
        enum fg_status status = fill(respond, buffer, capacity, &size);
        /* A copy costs less than a send of half a buffer. */
        if (status == FG_NEED_MORE && size <= capacity / 2) {
            status = stage(respond);
            size += status == FG_OK ? take_ready(respond, buffer + size, capacity - size) : 0;
        }
        if (status == FG_PENDING && size == 0) {
            return FG_PENDING;
        }
        if (status == FG_NEED_MORE || status == FG_PENDING) {
            break;
        }
        if (status != FG_OK) {
            respond->ended = status;
        }
    }
    if (size == 0) {
        return respond->ended;
    }
    respond->bytes += size;
    *ret_size = size;
    return FG_OK;
}
