/*
 * How requests and connections of the public listener end: with an answer of ours, with one that
 * the HTTP library gives by itself, or with none. Whatever ends, and for whatever reason, is
 * counted with its status or its reason, logged, and shown. Also keeps the library from giving
 * answers that are malformed.
 */
#ifndef FRAMEGATE_GATEWAY_ENDINGS_H
#define FRAMEGATE_GATEWAY_ENDINGS_H

#include "gateway/connections.h"
#include "gateway/state/state.h"

#include <microhttpd.h>
#include <stdarg.h>

/* What one thread of the library has refused. For that thread alone. */
struct fg_endings {
    struct fg_connections *connections;
    struct fg_driver *driver; /* of the thread */
    /* Answers of the library's to what was no request yet, on connections not closed yet. */
    uint32_t refused_count;
    uint32_t refused[FG_STATUS_MAX]; /* by status */
};

/* No allocation. driver as in the thread's connections. */
void fg_endings_init(struct fg_endings *endings, struct fg_connections *connections,
                     struct fg_driver *driver);

/* A connection was opened; the list has it. */
void fg_endings_open(struct fg_connection *connection);

/*
 * The library's logger (MHD_OPTION_EXTERNAL_LOGGER); context is the struct fg_endings. Of all that
 * the library says it hears one thing: that the library is about to answer by itself. Where the
 * answer would be malformed, it is given here instead, and the library's is cut off.
 */
void fg_endings_hear(void *context, const char *format, va_list arguments);

/*
 * Cuts the arguments off a target that the library has just shown. They are of no use here, and the
 * library would take memory that the head needs for a record of each; where there is none left, it
 * would answer twice.
 */
void fg_endings_hide_arguments(const char *target);

/*
 * The library has shown a part of the target, or of what it takes for its arguments. Behind the
 * target's end, where it was hidden or cut by a NUL, there are none: the request is refused, before
 * the library has no memory for a record of one more; then it would neither answer nor go on, and
 * its thread would spin.
 */
void fg_endings_see(struct fg_connection *connection, const char *text);

/* The library has completed the request on a connection: ends its exchange, if there is one. */
void fg_endings_complete(struct fg_endings *endings, struct fg_connection *connection,
                         enum MHD_RequestTerminationCode code);

/*
 * The connection is about to be closed: ends its exchange if the library never completed it, and
 * records what came on it if that never became a request. NULL: memory was short when it came.
 */
void fg_endings_close(struct fg_endings *endings, struct fg_gateway *gateway,
                      struct fg_connection *connection);

#endif
