/*
 * HTTP responses of small replies, kept so that the same reply again is the same response. Clients
 * ask for the same things again and again (heads, bookmarks, branches); the library's making and
 * freeing of a response with its one header field is 1,700 instructions, an eighth of all that a
 * small request costs beyond the library's own work. They carry their own Date, and so are good for
 * a second: formatting it for each answer is what the library would do, at 800 instructions.
 */
#ifndef FRAMEGATE_GATEWAY_KEPT_H
#define FRAMEGATE_GATEWAY_KEPT_H

#include "framing/buffer.h"

#include <microhttpd.h>
#include <pthread.h>
#include <time.h>

enum { FG_KEPT_MAX = 4 }; /* responses that each thread keeps */

/* The responses of one thread. */
struct fg_kept {
    struct fg_kept *next;
    struct MHD_Response *responses[FG_KEPT_MAX]; /* each with a reference; NULL: none */
    time_t seconds[FG_KEPT_MAX];                 /* their dates */
    struct fg_bytes bodies[FG_KEPT_MAX];         /* what they send, in their memory */
    unsigned turn;                               /* the place that is taken next */
};

/* Those of all threads of a daemon. */
struct fg_kept_all {
    pthread_mutex_t lock;
    struct fg_kept *first;
};

/* No allocation. */
void fg_kept_init(struct fg_kept_all *all);

/* After the daemon and its threads have ended. */
void fg_kept_clear(struct fg_kept_all *all);

/*
 * A response that sends this body with this content type (always the same one): an older one if one
 * of the last few was the same. To be called on a thread of the daemon. Borrowed until the next
 * call on this thread; queueing it takes a reference. NULL if memory is short.
 */
struct MHD_Response *fg_kept_response(struct fg_kept_all *all, const char *content_type,
                                      struct fg_bytes body);

#endif
