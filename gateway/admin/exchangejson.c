/*
 * Exchanges as JSON. All of it is made from copies; the log of one exchange is formatted here, when
 * somebody looks.
 */
#include "gateway/admin/exchangejson.h"

#include "gateway/admin/framejson.h"
#include "gateway/tools/json.h"

static json_t *receiving_json(const struct fg_receiving_view *request, bool *ok)
{
    json_t *object = json_object();
    fg_json_put_number(object, ok, "requestid", request->requestid);
    fg_json_put_number(object, ok, "request_bytes", request->request_bytes);
    fg_json_put_number(object, ok, "data_bytes", request->data_bytes);
    fg_json_put_bool(object, ok, "requestdone", request->requestdone);
    fg_json_put_bool(object, ok, "expectingdata", request->expectingdata);
    return object;
}

static json_t *reactor_json(const struct fg_exchange_view *view, bool *ok)
{
    json_t *reactor = json_object();
    json_t *receiving = json_array();
    json_t *active = json_array();
    json_t *streams = json_array();
    for (size_t i = 0; i < view->receiving_count && i < FG_VIEW_IDS; i++) {
        fg_json_add(receiving, ok, receiving_json(&view->receiving[i], ok));
    }
    for (size_t i = 0; i < view->active_count && i < FG_VIEW_IDS; i++) {
        fg_json_add(active, ok, json_integer(view->active[i]));
    }
    for (size_t i = 0; i < view->streams_count && i < FG_VIEW_STREAMS; i++) {
        fg_json_add(streams, ok, json_integer(view->streams[i]));
    }
    fg_json_put_text(reactor, ok, "state", fg_reactor_state_name(view->reactor_state));
    fg_json_put(reactor, ok, "receiving", receiving);
    fg_json_put_number(reactor, ok, "receiving_count", view->receiving_count);
    fg_json_put(reactor, ok, "active", active);
    fg_json_put_number(reactor, ok, "active_count", view->active_count);
    fg_json_put(reactor, ok, "streams", streams);
    fg_json_put_number(reactor, ok, "buffered_bytes", view->buffered_bytes);
    return reactor;
}

json_t *fg_exchange_json(const struct fg_exchange_view *view, bool *ok)
{
    json_t *object = json_object();
    fg_json_put_number(object, ok, "id", view->id);
    fg_json_put_time(object, ok, "start", &view->start);
    fg_json_put_number(object, ok, "age_microseconds", view->age_microseconds);
    fg_json_put_text(object, ok, "peer", view->peer);
    fg_json_put_text(object, ok, "method", view->method);
    fg_json_put_text(object, ok, "target", view->target);
    fg_json_put_text(object, ok, "phase", view->phase);
    fg_json_put_text(object, ok, "waits_for", view->waits_for);
    fg_json_put_text(object, ok, "commands", view->commands);
    fg_json_put_number(object, ok, "commands_count", view->commands_count);
    fg_json_put_number(object, ok, "body_size", view->body_size);
    fg_json_put_number(object, ok, "frames_in", view->frames_in);
    fg_json_put_number(object, ok, "frames_out", view->frames_out);
    fg_json_put_number(object, ok, "bytes_in", view->bytes_in);
    fg_json_put_number(object, ok, "bytes_out", view->bytes_out);
    fg_json_put_number(object, ok, "reply_bytes", view->reply_bytes);
    fg_json_put(object, ok, "reactor", view->has_reactor ? reactor_json(view, ok) : json_null());
    return object;
}

json_t *fg_finished_json(const struct fg_finished *finished, bool *ok)
{
    struct fg_finished_text text;
    fg_finished_format(finished, &text);
    json_t *object = json_object();
    fg_json_put_number(object, ok, "id", finished->id);
    fg_json_put_time(object, ok, "start", &finished->start);
    fg_json_put_number(object, ok, "microseconds", finished->microseconds);
    fg_json_put_text(object, ok, "peer", text.peer);
    fg_json_put_text(object, ok, "method", finished->method);
    fg_json_put_text(object, ok, "target", text.target);
    fg_json_put_number(object, ok, "status", finished->status);
    fg_json_put_bool(object, ok, "aborted", finished->aborted);
    /* It may repeat bytes of the peer. */
    fg_json_put(object, ok, "message", fg_json_repaired(fg_bytes_from_string(finished->message)));
    fg_json_put_text(object, ok, "commands", text.commands);
    fg_json_put_number(object, ok, "commands_count", finished->commands_count);
    fg_json_put_number(object, ok, "command_errors", finished->command_errors);
    fg_json_put_number(object, ok, "frames_in", finished->frames_in);
    fg_json_put_number(object, ok, "frames_out", finished->frames_out);
    fg_json_put_number(object, ok, "bytes_in", finished->bytes_in);
    fg_json_put_number(object, ok, "bytes_out", finished->bytes_out);
    return object;
}

/* -- one exchange with its log ----------------------------------------------------------------- */

static const char *event_name(uint8_t event)
{
    switch (event) {
    case FG_EVENT_FRAME_IN:
        return "frame-in";
    case FG_EVENT_FRAME_OUT:
        return "frame-out";
    case FG_EVENT_INPUT_END:
        return "input-end";
    default:
        return "input-error";
    }
}

static json_t *entry_json(const struct fg_frame_log_entry *entry, struct fg_bytes payload,
                          struct fg_bytes message, uint32_t *budget, bool *ok)
{
    const struct fg_frame frame = {entry->header, payload.data};
    bool is_frame = entry->event == FG_EVENT_FRAME_IN || entry->event == FG_EVENT_FRAME_OUT;
    json_t *object = json_object();
    fg_json_put_number(object, ok, "number", entry->number);
    fg_json_put_number(object, ok, "at_microseconds", entry->at);
    fg_json_put_text(object, ok, "event", event_name(entry->event));
    fg_json_put(object, ok, "frame",
                is_frame ? fg_frame_json(&frame, (uint32_t)payload.size, budget) : json_null());
    fg_json_put_bool(object, ok, "payload_cut",
                     !entry->withheld && payload.size < entry->header.length);
    fg_json_put_bool(object, ok, "payload_withheld", entry->withheld);
    fg_json_put(object, ok, "action",
                entry->action == FG_FRAME_LOG_NONE
                    ? json_null()
                    : json_string(fg_action_name((enum fg_action_type)entry->action)));
    fg_json_put(object, ok, "state",
                entry->state == FG_FRAME_LOG_NONE
                    ? json_null()
                    : json_string(fg_reactor_state_name((enum fg_reactor_state)entry->state)));
    fg_json_put(object, ok, "message", message.size > 0 ? fg_json_repaired(message) : json_null());
    return object;
}

static json_t *log_json(const struct fg_frame_log *log, bool *ok)
{
    json_t *object = json_object();
    json_t *entries = json_array();
    struct fg_frame_log_entry entry;
    struct fg_bytes payload = {NULL, 0};
    struct fg_bytes message = {NULL, 0};
    uint32_t budget = FG_TREE_ITEMS_MAX;
    for (uint32_t at = 0; fg_frame_log_next(log, &at, &entry, &payload, &message) == FG_OK;) {
        fg_json_add(entries, ok, entry_json(&entry, payload, message, &budget, ok));
    }
    fg_json_put(object, ok, "entries", entries);
    fg_json_put_number(object, ok, "entries_count", log->count);
    fg_json_put_number(object, ok, "bytes_max", log->ceiling);
    fg_json_put_number(object, ok, "payload_max", log->payload_max);
    return object;
}

enum fg_status fg_exchange_document(struct fg_gateway *gateway, uint64_t id, char **ret_text)
{
    struct fg_exchange_view view;
    struct fg_state_found found;
    enum fg_status status =
        fg_state_find(gateway->state, id, fg_exchange_describe_with_log, &view, &found);
    if (status != FG_OK) {
        return status;
    }
    bool ok = true;
    json_t *root = json_object();
    fg_json_put_bool(root, &ok, "live", found.live);
    fg_json_put(root, &ok, "exchange", found.live ? fg_exchange_json(&view, &ok) : json_null());
    fg_json_put(root, &ok, "finished",
                found.live ? json_null() : fg_finished_json(&found.finished, &ok));
    fg_json_put(root, &ok, "log", log_json(&found.log, &ok));
    fg_frame_log_clear(&found.log);
    char *text = fg_json_finish(root, ok);
    if (text == NULL) {
        return FG_ERR_MEMORY;
    }
    *ret_text = text;
    return FG_OK;
}
