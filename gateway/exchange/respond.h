/*
 * Frames on their way out: a queue of frame generators, emptied into whatever buffers the
 * connection offers, as many whole frames into each as fit, and a part of one rather than leave
 * half of it empty. Knows nothing of HTTP.
 */
#ifndef FRAMEGATE_GATEWAY_RESPOND_H
#define FRAMEGATE_GATEWAY_RESPOND_H

#include "framing/framegen.h"

#include <stdbool.h>

/*
 * Bytes in which a whole answer is looked for before anything is sent: it then goes out in one
 * piece with its length. Most answers to metadata commands are below.
 */
enum { FG_RESPOND_SMALL = 2048 };

enum { FG_RESPOND_FIRST = 2 }; /* generators that need no allocation: all that most replies have */

struct fg_respond {
    struct fg_framegen **queue; /* first, or owned if it is longer; what is in it is owned */
    size_t count;
    size_t capacity;
    size_t current;
    uint8_t *staging; /* owned: a frame that did not fit where it should have gone */
    size_t staging_capacity;
    const uint8_t *ready; /* bytes that were made and not taken */
    size_t ready_size;
    enum fg_status ended; /* FG_OK: not yet; FG_END, or a failure */
    uint64_t frames;      /* made so far */
    uint64_t bytes;       /* taken so far */
    /* Called with each frame, whole, when it is made; NULL: nobody wants to know. */
    void (*made)(void *context, struct fg_bytes frame);
    void *made_context;
    struct fg_framegen *first[FG_RESPOND_FIRST];
    uint8_t small[FG_RESPOND_SMALL];
};

/* No allocation, cannot fail. */
void fg_respond_init(struct fg_respond *respond);

/* Frees what is left. Takes NULL or a zeroed object. */
void fg_respond_clear(struct fg_respond *respond);

/* Puts a generator at the end of the queue; it is taken over, also on failure. FG_ERR_MEMORY. */
enum fg_status fg_respond_add(struct fg_respond *respond, struct fg_framegen *framegen);

/*
 * Makes the first frames, as many as fit in FG_RESPOND_SMALL. True if these are all: then
 * *ret_answer is the whole answer, borrowed until fg_respond_clear, and counts as taken. Called
 * at most once, before fg_respond_take.
 */
bool fg_respond_whole(struct fg_respond *respond, struct fg_bytes *ret_answer);

/*
 * Fills buffer at least by half, or with all there is. FG_OK: 1 <= *ret_size <= capacity. FG_END:
 * everything was taken. FG_PENDING: the source that comes next has nothing now. A failure (of a
 * source, or FG_ERR_MEMORY) is for good; what was taken is cut short.
 */
enum fg_status fg_respond_take(struct fg_respond *respond, uint8_t *buffer, size_t capacity,
                               size_t *ret_size);

#endif
