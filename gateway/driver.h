/*
 * A thread that accepts connections and drives daemons of the HTTP library, in place of the
 * library's own: version 0.9.75 takes what is ready in rounds of 128, and after a full round it
 * sleeps until more is ready, with all that it has taken in its hands. And a daemon has the same
 * memory for each of its connections: with two of them a connection can be given to the one whose
 * memory it needs.
 */
#ifndef FRAMEGATE_GATEWAY_DRIVER_H
#define FRAMEGATE_GATEWAY_DRIVER_H

#include "framing/status.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum fg_driver_order { FG_DRIVER_RUN, FG_DRIVER_QUIESCE, FG_DRIVER_STOP };

/* Memory for a connection: what nearly all do with, and what a head of megabytes takes. */
enum fg_driver_room { FG_DRIVER_NARROW, FG_DRIVER_WIDE, FG_DRIVER_ROOMS };

struct fg_driver {
    struct MHD_Daemon *daemons[FG_DRIVER_ROOMS];
    pthread_t thread;
    int listen_socket; /* of the thread; -1 once it is closed */
    uint32_t connections_max;
    /* On the thread: which daemon gets a new connection. */
    enum fg_driver_room (*choose)(void *context, const struct sockaddr *peer);
    void *context;
    int wake;         /* readable once there is a new order, or a connection that goes on */
    atomic_int order; /* enum fg_driver_order */
    bool busy;        /* a request came to its end: the next ones have arrived, as a rule */
};

/*
 * Drives driver->daemons, which were started with MHD_USE_EPOLL, without a thread and without a
 * socket to listen at, until fg_driver_stop; they stay the caller's. The caller has set them,
 * listen_socket (not blocking; the driver's from now on, also on failure), connections_max, choose
 * and context. FG_ERR_MEMORY (also: no descriptor or thread to be had).
 */
enum fg_status fg_driver_start(struct fg_driver *driver);

/*
 * Has a connection that was suspended go on: MHD_resume_connection alone does not wake the thread.
 * On any thread; from then on the connection is its own thread's.
 */
void fg_driver_resume(struct fg_driver *driver, struct MHD_Connection *connection);

/* Has the thread close the socket that it listens at; connections go on. */
void fg_driver_quiesce(struct fg_driver *driver);

/* Waits until the thread has ended. From then on nothing happens in the daemons. */
void fg_driver_stop(struct fg_driver *driver);

#endif
