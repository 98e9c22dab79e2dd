/*
 * Where the bytes of a response or of command data come from: memory, or a function that produces
 * them as they are asked for, so that a response of any size costs the memory of one frame. Sources
 * are read by fg_source_read alone, which knows both kinds. A zeroed source has no bytes.
 */
#ifndef FRAMEGATE_FRAMING_SOURCE_H
#define FRAMEGATE_FRAMING_SOURCE_H

#include "framing/attributes.h"
#include "framing/buffer.h"
#include "framing/status.h"

#include <stdint.h>

FG_BEGIN_DECLARATIONS

/* The source does not know beforehand how many bytes it will give. */
#define FG_SIZE_UNKNOWN UINT64_MAX

struct fg_source {
    /* What fg_source_read calls; NULL for a source in memory, or without bytes. */
    enum fg_status (*read)(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size);

    /* Called once when the source is done with, also before its end. May be NULL. */
    void (*destroy)(void *context);

    void *context;
    uint64_t size; /* bytes it will give in all, exactly; or FG_SIZE_UNKNOWN; see memory */

    /*
     * What happened, once reading has failed; NULL: the status says all there is. Also at an end:
     * the bytes are whole in their form, and say themselves what they lack (fg_source_lacks). As
     * the context, it is the source's own.
     */
    const struct fg_error *error;

    /* A source in memory: read is NULL, and this is what is left of it, size bytes. */
    const uint8_t *memory;
};

/* A source without bytes. */
struct fg_source fg_source_empty(void);

/* Bytes that somebody else keeps alive until the source is destroyed. */
struct fg_source fg_source_from_bytes(struct fg_bytes bytes);

/* Takes over the buffer's contents (the buffer is empty afterwards) and frees them at the end. */
struct fg_source fg_source_from_buffer(struct fg_buffer *buffer);

/*
 * Gives up to capacity (never 0) bytes into buffer. FG_OK with 1 <= *ret_size <= capacity; FG_END
 * when all was given; FG_PENDING when there is nothing now (the owner of the source knows how the
 * consumer is woken); a failure otherwise, after which it is not called again.
 */
enum fg_status fg_source_read(struct fg_source *source, uint8_t *buffer, size_t capacity,
                              size_t *ret_size);

/* True if the source, which has ended, did not give all that it should have. */
bool fg_source_lacks(const struct fg_source *source);

/* After a failure, or such an end: what happened, in words. */
void fg_source_explain(const struct fg_source *source, enum fg_status status,
                       struct fg_error *ret_error);

/*
 * Appends all that the source gives to the buffer, and leaves the source to be destroyed. For
 * sources that do not wait: one that does is FG_ERR_IO. Errors of fg_buffer_append and of reading,
 * after which the buffer has a part.
 */
FG_MUST_CHECK enum fg_status fg_source_drain(struct fg_source *source, struct fg_buffer *buffer);

/* Calls destroy and empties the source. Takes NULL or a zeroed source. */
void fg_source_destroy(struct fg_source *source);

FG_END_DECLARATIONS

#endif
