/*
 * Events and their listeners. Each listener has a buffer of what it has not taken yet. Its
 * connection is suspended while that is empty: a reader that gives nothing would be asked again at
 * once, for ever. The lock guards the list and the buffers.
 */
#include "gateway/admin/adminevents.h"

#include "gateway/admin/adminanswer.h"
#include "gateway/admin/exchangejson.h"
#include "gateway/tools/json.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    TICK_MICROSECONDS = 250 * 1000,
    TICKS_OF_DIGEST = 4,
    FINISHED_MAX = 16,          /* of each thread that serves, in a tick; more would scroll by */
    WAITING_MAX = 64 * 1024,    /* bytes; whoever is that far behind is dropped */
    TICK_MAX = WAITING_MAX / 2, /* bytes of events that one tick makes */
    SOCKET_BYTES = 32 * 1024,   /* that the system keeps of what was sent and not taken */
    BLOCK_SIZE = 16 * 1024,
};

struct listener {
    struct listener *next;
    struct listener **link;
    struct fg_events *events;
    struct MHD_Connection *transport;
    int socket;
    struct fg_buffer waiting;
    bool sleeps; /* suspended */
    bool dropped;
};

struct fg_events {
    struct fg_gateway *gateway;
    void (*listening)(void *context, struct fg_listening *ret_listening);
    void *context;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct listener *listeners;
    uint32_t count;
    bool fresh; /* somebody has begun to listen and wants a digest at once */
    bool first; /* and nobody did before: what ended until now is not told */
    bool stopping;
    /* For the thread alone: */
    uint64_t *marks; /* of fg_state_finished_since */
    struct fg_finished *finished;
};

/* -- making events ----------------------------------------------------------------------------- */

/* Takes json over. False if there is no room, or json is NULL: then there is no such event. */
static bool append_event(struct fg_buffer *out, const char *name, char *json)
{
    const struct fg_buffer_mark mark = fg_buffer_mark(out);
    enum fg_status status = FG_ERR_MEMORY;
    if (json != NULL) {
        fg_buffer_append_format(out, "event: %s\ndata: ", name);
        fg_buffer_append_string(out, json);
        status = fg_buffer_append_string(out, "\n\n");
    }
    free(json);
    return fg_buffer_keep_if(status, out, mark) == FG_OK;
}

/* Of the first count in events->finished those that failed, or the others. Returns how many. */
static size_t append_those(const struct fg_events *events, size_t count, bool failed,
                           struct fg_buffer *out)
{
    size_t appended = 0;
    for (size_t i = 0; i < count; i++) {
        if (fg_finished_failed(&events->finished[i]) == failed) {
            bool ok = true;
            json_t *document = fg_finished_json(&events->finished[i], &ok);
            appended += append_event(out, "finished", fg_json_finish(document, ok));
        }
    }
    return appended;
}

static void append_finished(struct fg_events *events, bool first, struct fg_buffer *out)
{
    uint64_t skipped = 0;
    if (first) {
        (void)fg_state_finished_since(events->gateway->state, events->marks, NULL, 0, &skipped);
        return;
    }
    size_t count = fg_state_finished_since(events->gateway->state, events->marks, events->finished,
                                           FINISHED_MAX, &skipped);
    /* Who looks for what is wrong must not miss it among what is well. */
    skipped +=
        count - append_those(events, count, true, out) - append_those(events, count, false, out);
    if (skipped > 0) {
        bool ok = true;
        json_t *document = json_object();
        fg_json_put_number(document, &ok, "exchanges", skipped);
        (void)append_event(out, "skipped", fg_json_finish(document, ok));
    }
}

static void append_digest(struct fg_events *events, struct fg_buffer *out)
{
    struct fg_listening listening;
    events->listening(events->context, &listening);
    (void)append_event(out, "digest", fg_digest_json(events->gateway, &listening));
}

/* -- giving them out --------------------------------------------------------------------------- */

static void wake(struct listener *listener)
{
    if (listener->sleeps) {
        listener->sleeps = false;
        MHD_resume_connection(listener->transport);
    }
}

/* With the lock held. */
static void give(struct fg_events *events, struct fg_bytes text)
{
    for (struct listener *listener = events->listeners; listener != NULL;
         listener = listener->next) {
        if (listener->dropped || text.size == 0) {
            continue;
        }
        if (fg_buffer_append(&listener->waiting, text.data, text.size) != FG_OK) {
            /* The library would wait for its socket until the timeout. */
            listener->dropped = true;
            shutdown(listener->socket, SHUT_RDWR);
        }
        wake(listener);
    }
}

/* Waits for the next tick, or for somebody to listen. True if there is something to be made. */
static bool wait_for_tick(struct fg_events *events, uint64_t *next)
{
    while (!events->stopping && events->listeners == NULL) {
        pthread_cond_wait(&events->changed, &events->lock);
        *next = fg_now_microseconds();
    }
    const struct timespec until = {(time_t)(*next / 1000000), (long)(*next % 1000000 * 1000)};
    while (!events->stopping && !events->fresh && fg_now_microseconds() < *next) {
        pthread_cond_timedwait(&events->changed, &events->lock, &until);
    }
    return !events->stopping;
}

static void *run(void *context)
{
    struct fg_events *events = context;
    struct fg_buffer out = FG_BUFFER_INIT(TICK_MAX);
    uint64_t next = fg_now_microseconds();
    unsigned ticks = 0;
    pthread_mutex_lock(&events->lock);
    while (wait_for_tick(events, &next)) {
        bool digest = events->fresh || ticks == 0;
        bool first = events->first;
        events->fresh = false;
        events->first = false;
        pthread_mutex_unlock(&events->lock);
        fg_buffer_reset(&out);
        if (digest) {
            append_digest(events, &out);
            ticks = TICKS_OF_DIGEST;
        }
        append_finished(events, first, &out);
        ticks--;
        next = fg_now_microseconds() + TICK_MICROSECONDS;
        pthread_mutex_lock(&events->lock);
        give(events, fg_buffer_view(&out));
    }
    pthread_mutex_unlock(&events->lock);
    fg_buffer_free(&out);
    return NULL;
}

/* -- listeners --------------------------------------------------------------------------------- */

/* The library wants bytes for a listener. */
static ssize_t on_read(void *context, uint64_t position, char *buffer, size_t capacity)
{
    (void)position;
    struct listener *listener = context;
    struct fg_events *events = listener->events;
    ssize_t result = 0;
    pthread_mutex_lock(&events->lock);
    struct fg_buffer *waiting = &listener->waiting;
    if (events->stopping || listener->dropped) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (waiting->size == 0) {
        listener->sleeps = true;
        MHD_suspend_connection(listener->transport);
    } else {
        size_t size = waiting->size < capacity ? waiting->size : capacity;
        memcpy(buffer, waiting->data, size);
        waiting->size -= size;
        memmove(waiting->data, waiting->data + size, waiting->size);
        result = (ssize_t)size;
    }
    pthread_mutex_unlock(&events->lock);
    return result;
}

/* The response is done with, before its socket is closed. */
static void on_free(void *context)
{
    struct listener *listener = context;
    struct fg_events *events = listener->events;
    pthread_mutex_lock(&events->lock);
    if (listener->link != NULL) {
        *listener->link = listener->next;
        if (listener->next != NULL) {
            listener->next->link = listener->link;
        }
        events->count--;
    }
    pthread_mutex_unlock(&events->lock);
    fg_buffer_free(&listener->waiting);
    free(listener);
}

/* False if there are too many. */
static bool enter(struct fg_events *events, struct listener *listener)
{
    pthread_mutex_lock(&events->lock);
    bool room = !events->stopping && events->count < events->gateway->config.listeners;
    if (room) {
        listener->next = events->listeners;
        listener->link = &events->listeners;
        if (listener->next != NULL) {
            listener->next->link = &listener->next;
        }
        events->listeners = listener;
        events->first = events->first || events->count == 0;
        events->fresh = true;
        events->count++;
        pthread_cond_signal(&events->changed);
    }
    pthread_mutex_unlock(&events->lock);
    return room;
}

enum MHD_Result fg_events_answer(struct fg_events *events, struct MHD_Connection *transport)
{
    static const struct fg_admin_answer answer = {.type = "text/event-stream"};
    static const char first[] = "retry: 1000\n\n"; /* how soon a browser comes back */
    struct listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return MHD_NO;
    }
    listener->events = events;
    listener->transport = transport;
    listener->socket =
        MHD_get_connection_info(transport, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    fg_buffer_init(&listener->waiting, WAITING_MAX);
    /* Else the system itself grows to megabytes before a slow listener shows. */
    const int bytes = SOCKET_BYTES;
    (void)setsockopt(listener->socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_read, listener, on_free);
    if (response == NULL) {
        free(listener);
        return MHD_NO;
    }
    enum MHD_Result result = MHD_NO;
    if (fg_buffer_append_string(&listener->waiting, first) == FG_OK &&
        fg_admin_add_fields(response, &answer)) {
        if (enter(events, listener)) {
            result = MHD_queue_response(transport, MHD_HTTP_OK, response);
        } else {
            fg_state_count_bound(events->gateway->state, FG_BOUND_LISTENERS);
            result = fg_admin_send_text(transport, MHD_HTTP_SERVICE_UNAVAILABLE,
                                        "too many listen to the events\n");
        }
    }
    MHD_destroy_response(response);
    return result;
}

/* -- beginning and end ------------------------------------------------------------------------- */

enum fg_status fg_events_new(struct fg_gateway *gateway,
                             void (*listening)(void *context, struct fg_listening *ret_listening),
                             void *context, struct fg_events **ret_events)
{
    struct fg_events *events = calloc(1, sizeof(*events));
    if (events == NULL) {
        return FG_ERR_MEMORY;
    }
    pthread_condattr_t attributes;
    events->gateway = gateway;
    events->listening = listening;
    events->context = context;
    pthread_mutex_init(&events->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&events->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    const size_t shards = fg_state_shards(gateway->state);
    events->marks = calloc(shards, sizeof(*events->marks));
    events->finished = calloc(shards * FINISHED_MAX, sizeof(*events->finished));
    events->started = events->marks != NULL && events->finished != NULL &&
                      pthread_create(&events->thread, NULL, run, events) == 0;
    if (!events->started) {
        fg_events_free(events);
        return FG_ERR_MEMORY;
    }
    *ret_events = events;
    return FG_OK;
}

void fg_events_stop(struct fg_events *events)
{
    if (events == NULL || !events->started) {
        return;
    }
    pthread_mutex_lock(&events->lock);
    events->stopping = true;
    pthread_cond_signal(&events->changed);
    for (struct listener *listener = events->listeners; listener != NULL;
         listener = listener->next) {
        wake(listener);
    }
    pthread_mutex_unlock(&events->lock);
    pthread_join(events->thread, NULL);
    events->started = false;
}

void fg_events_free(struct fg_events *events)
{
    if (events == NULL) {
        return;
    }
    fg_events_stop(events);
    pthread_cond_destroy(&events->changed);
    pthread_mutex_destroy(&events->lock);
    free(events->marks);
    free(events->finished);
    free(events);
}
