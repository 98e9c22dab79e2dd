/*
 * GET /events: server-sent events for whoever watches. One thread makes them, a few times a second
 * and only while somebody listens; a listener that has nothing to read sleeps.
 */
#ifndef FRAMEGATE_GATEWAY_ADMINEVENTS_H
#define FRAMEGATE_GATEWAY_ADMINEVENTS_H

#include "gateway/admin/statejson.h"

#include <microhttpd.h>

struct fg_events;

/*
 * listening fills in what the listeners know; it is called on the thread of the events.
 * FG_ERR_MEMORY (also: no thread to be had).
 */
enum fg_status fg_events_new(struct fg_gateway *gateway,
                             void (*listening)(void *context, struct fg_listening *ret_listening),
                             void *context, struct fg_events **ret_events);

/* Ends the thread and wakes all listeners, which then end. No new ones after this. Takes NULL. */
void fg_events_stop(struct fg_events *events);

/* Frees it, when the HTTP library has stopped. Takes NULL. */
void fg_events_free(struct fg_events *events);

/* Answers a request with the stream of events, or 503 if too many listen. */
enum MHD_Result fg_events_answer(struct fg_events *events, struct MHD_Connection *transport);

#endif
