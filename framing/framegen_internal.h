/*
 * What the reactor and the frame generators share: the parts that a generator is made of. Each
 * part is one command request or one response.
 */
#ifndef FRAMEGATE_FRAMING_FRAMEGEN_INTERNAL_H
#define FRAMEGATE_FRAMING_FRAMEGEN_INTERNAL_H

#include "framing/framegen.h"

#pragma GCC visibility push(hidden)

enum fg_part_kind {
    FG_PART_COMMAND_REQUEST,
    FG_PART_COMMAND_DATA,
    FG_PART_RESPONSE,
    FG_PART_ERROR,
    FG_PART_TEXT /* one frame */
};

struct fg_part {
    struct fg_part *next;
    struct fg_part_pool *pool; /* where it goes in the end; NULL: to the heap */
    enum fg_part_kind kind;
    uint16_t requestid;
    uint8_t flags; /* set on every frame of the part */
    bool begun;    /* a frame was made */
    uint32_t max_frame_size;
    struct fg_stream *stream;                        /* borrowed */
    struct fg_source source;                         /* owned */
    uint64_t remaining;                              /* bytes still to come; FG_SIZE_UNKNOWN */
    void (*done)(void *context, uint16_t requestid); /* called after the last frame; or NULL */
    void *done_context;
};

struct fg_framegen {
    struct fg_part *first; /* owned; NULL after the end */
    bool lent;             /* its memory is somebody else's */
};

/*
 * Parts that were used and can be used again. A body of many commands has a part for each, all at
 * once: taking them from the heap one by one was a sixth of the work for a command. Most bodies
 * have one command, and get by with the first part.
 */
struct fg_part_pool {
    struct fg_part *unused;
    struct fg_part_block *blocks; /* owned */
    struct fg_part first;
};

/* Makes the first part one to be used; the pool stays where it is from then on. */
static inline void fg_part_pool_init(struct fg_part_pool *pool)
{
    pool->blocks = NULL;
    pool->first.next = NULL;
    pool->unused = &pool->first;
}

/* Frees the pool's memory. All its parts must have been freed. */
void fg_part_pool_clear(struct fg_part_pool *pool);

/*
 * A part, from the pool (which outlives it) or, if that is NULL, the heap; source is taken over,
 * also on failure (FG_ERR_MEMORY).
 */
FG_MUST_CHECK enum fg_status fg_part_new(struct fg_part_pool *pool, enum fg_part_kind kind,
                                         struct fg_stream *stream, uint16_t requestid,
                                         uint8_t flags, struct fg_source *source,
                                         uint32_t max_frame_size, struct fg_part **ret_part);

/* A part for an error response: the message is copied and cut at a character. FG_ERR_MEMORY. */
FG_MUST_CHECK enum fg_status fg_part_new_error(struct fg_stream *stream, uint16_t requestid,
                                               uint8_t flags, struct fg_bytes message,
                                               struct fg_part **ret_part);

/* Frees a chain of parts without calling done. Takes NULL. */
void fg_part_free_all(struct fg_part *first);

/* A generator for a chain of parts, taken over on success only. FG_ERR_MEMORY. */
FG_MUST_CHECK enum fg_status fg_framegen_new(struct fg_part *first,
                                             struct fg_framegen **ret_framegen);

#pragma GCC visibility pop

#endif
