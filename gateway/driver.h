/*
 * A thread that drives one daemon of the HTTP library, in place of the library's own: version
 * 0.9.75 takes what is ready in rounds of 128, and after a full round it sleeps until more is
 * ready, with all that it has taken in its hands.
 */
#ifndef FRAMEGATE_GATEWAY_DRIVER_H
#define FRAMEGATE_GATEWAY_DRIVER_H

#include "framing/status.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum fg_driver_order { FG_DRIVER_RUN, FG_DRIVER_QUIESCE, FG_DRIVER_STOP };

struct fg_driver {
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int wake;         /* readable once there is a new order, or a connection that goes on */
    atomic_int order; /* enum fg_driver_order */
    bool busy;        /* a request came to its end: the next ones have arrived, as a rule */
};

/*
 * Drives the daemon, which was started with MHD_USE_EPOLL and no thread of its own, until
 * fg_driver_stop; it stays the caller's. FG_ERR_MEMORY (also: no descriptor or thread to be had).
 */
enum fg_status fg_driver_start(struct fg_driver *driver, struct MHD_Daemon *daemon);

/*
 * Has a connection that was suspended go on: MHD_resume_connection alone does not wake the thread.
 * On any thread; from then on the connection is its own thread's.
 */
void fg_driver_resume(struct fg_driver *driver, struct MHD_Connection *connection);

/* Has the thread close the socket that the daemon listens at; connections go on. */
void fg_driver_quiesce(struct fg_driver *driver);

/* Waits until the thread has ended. From then on nothing happens in the daemon. */
void fg_driver_stop(struct fg_driver *driver);

#endif
