/*
 * GET /state: one function for each object of the document. All text in it is printable ASCII by
 * the time it comes here, so that jansson takes every string.
 */
#include "gateway/statejson.h"

#include "gateway/exchange.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* json_object_set_new takes NULL values for errors; this keeps the first error. */
static void put(json_t *object, bool *ok, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        *ok = false;
    }
}

static void put_number(json_t *object, bool *ok, const char *key, uint64_t number)
{
    put(object, ok, key, json_integer((json_int_t)number));
}

static void put_text(json_t *object, bool *ok, const char *key, const char *text)
{
    put(object, ok, key, json_string(text));
}

static void append(json_t *array, bool *ok, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        *ok = false;
    }
}

/* Seconds since 1970 with milliseconds. */
static json_t *wall_time(const struct timespec *time)
{
    const long milliseconds = time->tv_nsec / 1000000;
    return json_real((double)time->tv_sec + (double)milliseconds / 1000.0);
}

static json_t *status_json(const struct fg_counters *counters, bool *ok)
{
    json_t *object = json_object();
    for (unsigned status = 0; status < FG_STATUS_MAX; status++) {
        if (counters->status[status] > 0) {
            char key[8];
            snprintf(key, sizeof(key), "%u", status);
            put_number(object, ok, key, counters->status[status]);
        }
    }
    return object;
}

static json_t *totals_json(const struct fg_counters *counters, bool *ok)
{
    json_t *object = json_object();
    put_number(object, ok, "requests", counters->requests);
    put_number(object, ok, "aborted", counters->aborted);
    put_number(object, ok, "commands", counters->commands);
    put_number(object, ok, "command_errors", counters->command_errors);
    put_number(object, ok, "protocol_errors", counters->protocol_errors);
    put_number(object, ok, "streams_reopened", counters->streams_reopened);
    put_number(object, ok, "frames_in", counters->frames_in);
    put_number(object, ok, "frames_out", counters->frames_out);
    put_number(object, ok, "bytes_in", counters->bytes_in);
    put_number(object, ok, "bytes_out", counters->bytes_out);
    put(object, ok, "status", status_json(counters, ok));
    return object;
}

static json_t *commands_json(const struct fg_state_view *view, bool *ok)
{
    size_t count = 0;
    const struct fg_command_spec *const *all = fg_registry_all(&count);
    json_t *object = json_object();
    for (size_t i = 0; i < count && i < view->commands_count; i++) {
        json_t *command = json_object();
        put_number(command, ok, "runs", view->commands[i].runs);
        put_number(command, ok, "errors", view->commands[i].errors);
        put(object, ok, all[i]->name, command);
    }
    return object;
}

/* Every bound with its value and how often it was reached; null where the library enforces it. */
static json_t *limits_json(const struct fg_config *config, const struct fg_counters *counters,
                           bool *ok)
{
    size_t count = 0;
    const struct fg_setting *settings = fg_config_settings(&count);
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        const struct fg_setting *setting = &settings[i];
        if (setting->reached == NULL || setting->type == FG_SETTING_CHOICE) {
            continue;
        }
        json_t *limit = json_object();
        put_number(limit, ok, "value", fg_config_number(config, setting));
        put(limit, ok, "hits",
            setting->bound < FG_BOUND_COUNT
                ? json_integer((json_int_t)counters->bounds[setting->bound])
                : json_null());
        put(object, ok, setting->key, limit);
    }
    return object;
}

static json_t *reactor_json(const struct fg_exchange_view *view, bool *ok)
{
    json_t *reactor = json_object();
    json_t *receiving = json_array();
    json_t *active = json_array();
    put_text(reactor, ok, "state", fg_reactor_state_name(view->reactor_state));
    for (size_t i = 0; i < view->receiving_count && i < FG_VIEW_IDS; i++) {
        const struct fg_receiving_view *request = &view->receiving[i];
        json_t *object = json_object();
        put_number(object, ok, "requestid", request->requestid);
        put_number(object, ok, "request_bytes", request->request_bytes);
        put_number(object, ok, "data_bytes", request->data_bytes);
        put(object, ok, "requestdone", json_boolean(request->requestdone));
        put(object, ok, "expectingdata", json_boolean(request->expectingdata));
        append(receiving, ok, object);
    }
    for (size_t i = 0; i < view->active_count && i < FG_VIEW_IDS; i++) {
        append(active, ok, json_integer(view->active[i]));
    }
    put(reactor, ok, "receiving", receiving);
    put_number(reactor, ok, "receiving_count", view->receiving_count);
    put(reactor, ok, "active", active);
    put_number(reactor, ok, "active_count", view->active_count);
    put_number(reactor, ok, "buffered_bytes", view->buffered_bytes);
    return reactor;
}

static json_t *in_flight_json(const struct fg_exchange_view *view, bool *ok)
{
    json_t *object = json_object();
    put_number(object, ok, "id", view->id);
    put(object, ok, "start", wall_time(&view->start));
    put_number(object, ok, "age_microseconds", view->age_microseconds);
    put_text(object, ok, "peer", view->peer);
    put_text(object, ok, "method", view->method);
    put_text(object, ok, "target", view->target);
    put_text(object, ok, "phase", view->phase);
    put_text(object, ok, "commands", view->commands);
    put_number(object, ok, "commands_count", view->commands_count);
    put_number(object, ok, "body_size", view->body_size);
    put_number(object, ok, "frames_in", view->frames_in);
    put_number(object, ok, "frames_out", view->frames_out);
    put_number(object, ok, "bytes_in", view->bytes_in);
    put_number(object, ok, "bytes_out", view->bytes_out);
    put_number(object, ok, "reply_bytes", view->reply_bytes);
    put(object, ok, "reactor", view->has_reactor ? reactor_json(view, ok) : json_null());
    return object;
}

static json_t *finished_json(const struct fg_finished *finished, bool *ok)
{
    struct fg_finished_text text;
    fg_finished_format(finished, &text);
    json_t *object = json_object();
    put_number(object, ok, "id", finished->id);
    put(object, ok, "start", wall_time(&finished->start));
    put_number(object, ok, "microseconds", finished->microseconds);
    put_text(object, ok, "peer", text.peer);
    put_text(object, ok, "method", finished->method);
    put_text(object, ok, "target", text.target);
    put_number(object, ok, "status", finished->status);
    put(object, ok, "aborted", json_boolean(finished->aborted));
    put_text(object, ok, "message", finished->message);
    put_text(object, ok, "commands", text.commands);
    put_number(object, ok, "commands_count", finished->commands_count);
    put_number(object, ok, "frames_in", finished->frames_in);
    put_number(object, ok, "frames_out", finished->frames_out);
    put_number(object, ok, "bytes_in", finished->bytes_in);
    put_number(object, ok, "bytes_out", finished->bytes_out);
    return object;
}

static json_t *document(struct fg_gateway *gateway, const struct fg_state_view *view,
                        uint64_t connections, bool *ok)
{
    json_t *root = json_object();
    json_t *exchanges = json_array();
    json_t *finished = json_array();
    const struct fg_exchange_view *in_flight = view->in_flight;
    for (size_t i = 0; i < view->in_flight_count; i++) {
        append(exchanges, ok, in_flight_json(&in_flight[i], ok));
    }
    for (size_t i = 0; i < view->finished_count; i++) {
        append(finished, ok, finished_json(&view->finished[i], ok));
    }
    put_text(root, ok, "version", FRAMEGATE_VERSION);
    put(root, ok, "uptime_seconds", json_real((double)view->uptime_microseconds / 1e6));
    put(root, ok, "draining", json_boolean(atomic_load(&gateway->draining)));
    put_number(root, ok, "connections", connections);
    put_number(root, ok, "memory_bytes", view->memory_bytes);
    put_number(root, ok, "worker_queue", fg_workers_waiting(gateway->workers));
    put(root, ok, "totals", totals_json(&view->counters, ok));
    put(root, ok, "commands", commands_json(view, ok));
    put(root, ok, "limits", limits_json(&gateway->config, &view->counters, ok));
    put(root, ok, "exchanges", exchanges);
    put(root, ok, "finished", finished);
    return root;
}

char *fg_state_json(struct fg_gateway *gateway, uint64_t connections)
{
    struct fg_state_view view;
    if (fg_state_look(gateway->state, sizeof(struct fg_exchange_view), fg_exchange_describe,
                      &view) != FG_OK) {
        return NULL;
    }
    bool ok = true;
    json_t *root = document(gateway, &view, connections, &ok);
    char *text = ok ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(root);
    fg_state_view_clear(&view);
    return text;
}
