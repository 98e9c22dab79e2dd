/*
 * What others see of an exchange: the view of one in flight, the record of a finished one, and its
 * line in the access log.
 */
#include "gateway/exchange/exchange_internal.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { LOG_LINE_SIZE = 1280 }; /* more than all its parts can have */

/*
 * A target as printable ASCII without quotes and backslashes, cut where it does not fit. size is
 * that of all of it; target has at least as much as fits.
 */
static void format_target(const uint8_t *target, size_t size, char ret_text[FG_TARGET_SIZE])
{
    char *out = ret_text;
    const char *end = ret_text + FG_TARGET_SIZE - 4;
    size_t i = 0;
    for (; i < size && out + 4 < end; i++) {
        uint8_t byte = target[i];
        if (byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\') {
            *out++ = (char)byte;
        } else {
            out += snprintf(out, 5, "\\x%02x", byte);
        }
    }
    memcpy(out, i < size ? "..." : "", i < size ? 4 : 1);
}

/* "heads,known*998", "-" for none. */
static void format_commands(const struct fg_ran *ran, size_t ran_count, uint64_t ran_others,
                            char ret_text[FG_NAMES_SIZE])
{
    size_t size = 0;
    for (size_t i = 0; i < ran_count && size < FG_NAMES_SIZE; i++) {
        size += (size_t)snprintf(ret_text + size, FG_NAMES_SIZE - size, "%s%s", i > 0 ? "," : "",
                                 ran[i].spec->name);
        if (ran[i].count > 1 && size < FG_NAMES_SIZE) {
            size += (size_t)snprintf(ret_text + size, FG_NAMES_SIZE - size, "*%llu",
                                     (unsigned long long)ran[i].count);
        }
    }
    if (ran_others > 0 && size < FG_NAMES_SIZE) {
        snprintf(ret_text + size, FG_NAMES_SIZE - size, "%s?*%llu", size > 0 ? "," : "",
                 (unsigned long long)ran_others);
    } else if (size == 0) {
        snprintf(ret_text, FG_NAMES_SIZE, "-");
    }
}

void fg_finished_format(const struct fg_finished *finished, struct fg_finished_text *ret_text)
{
    fg_address_format(&finished->peer, ret_text->peer);
    format_target(finished->target, finished->target_size, ret_text->target);
    format_commands(finished->ran, finished->ran_count, finished->ran_others, ret_text->commands);
}

/*
 * Of which kind its failure is, if it is one. To reach the bounds of logins or of memory, which is
 * asked for before any right is, takes no right either.
 */
static enum fg_failure failure_of(const struct fg_exchange *exchange)
{
    uint16_t status = fg_exchange_final_status(exchange);
    /* What has no head yet has this kind of route, too. */
    bool turned_away = exchange->route.kind == FG_ROUTE_TEXT || status == 403;
    bool bound =
        exchange->route.bound == FG_BOUND_LOGINS || exchange->route.bound == FG_BOUND_MEMORY;
    return turned_away && (status < 500 || bound) ? FG_FAILURE_TURNED_AWAY : FG_FAILURE_WITHIN;
}

void fg_exchange_record(const struct fg_exchange *exchange, enum fg_end end,
                        struct fg_finished *ret_finished)
{
    ret_finished->id = exchange->id;
    ret_finished->start = exchange->wall_start;
    ret_finished->end = exchange->now;
    ret_finished->microseconds = exchange->now - exchange->start;
    ret_finished->peer = exchange->peer;
    memcpy(ret_finished->method, exchange->method, sizeof(ret_finished->method));
    ret_finished->target_size = exchange->target_size;
    memcpy(ret_finished->target, exchange->target,
           exchange->target_size < FG_TARGET_SIZE ? exchange->target_size : FG_TARGET_SIZE);
    memcpy(ret_finished->ran, exchange->ran, exchange->ran_count * sizeof(exchange->ran[0]));
    ret_finished->ran_count = exchange->ran_count;
    ret_finished->ran_others = exchange->ran_others;
    const char *message = exchange->error.message[0] != '\0' ? exchange->error.message
                          : exchange->command_errors > 0     ? exchange->command_error
                                                             : fg_end_text(end);
    snprintf(ret_finished->message, sizeof(ret_finished->message), "%.150s", message);
    ret_finished->status = fg_exchange_final_status(exchange);
    ret_finished->aborted = end != FG_END_ANSWERED;
    ret_finished->ending = end;
    ret_finished->failure = failure_of(exchange);
    ret_finished->commands_count = exchange->commands;
    ret_finished->command_errors = exchange->command_errors;
    ret_finished->frames_in = exchange->frames_in;
    ret_finished->frames_out = exchange->respond.frames;
    ret_finished->bytes_in = exchange->bytes_in;
    ret_finished->bytes_out = exchange->bytes_out;
}

/*
 * An address and its port, in place. IPv4 has one spelling, however it came, so that what reads the
 * log counts one peer as one.
 */
static void split_peer(char *peer, const char **ret_host, const char **ret_port)
{
    static const char mapped[] = "::ffff:";
    char *colon = strrchr(peer, ':');
    *ret_host = peer;
    *ret_port = "-";
    if (colon == NULL) {
        return;
    }
    *colon = '\0';
    *ret_port = strcmp(colon + 1, "0") != 0 ? colon + 1 : "-";
    if (peer[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        *ret_host = peer + 1;
    }
    if (strncmp(*ret_host, mapped, sizeof(mapped) - 1) == 0 && strchr(*ret_host, '.') != NULL) {
        *ret_host += sizeof(mapped) - 1;
    }
}

/* Who it is, or at 401 and 403 who it was said to be. */
static const char *user_of(const struct fg_exchange *exchange, const struct fg_finished *finished)
{
    if (exchange->identity.user[0] != '\0') {
        return exchange->identity.user;
    }
    bool refused = finished->status == 401 || finished->status == 403;
    return refused && exchange->tried[0] != '\0' ? exchange->tried : "-";
}

void fg_exchange_log(struct fg_exchange *exchange, const struct fg_finished *finished)
{
    if (!fg_state_logs(exchange->gateway->state)) {
        return;
    }
    struct fg_finished_text text;
    char date[40];
    char line[LOG_LINE_SIZE];
    struct tm local;
    const char *host;
    const char *port;
    fg_finished_format(finished, &text);
    split_peer(text.peer, &host, &port);
    gmtime_r(&finished->start.tv_sec, &local);
    strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S +0000", &local);
    int size = snprintf(
        line, sizeof(line),
        "%s - %s [%s] \"%s %s %s\" %03u %llu \"-\" \"%s\" id=%llu commands=%s "
        "frames=%llu/%llu bytes=%llu/%llu us=%llu port=%s%s%s%s\n",
        host, user_of(exchange, finished), date,
        finished->method[0] != '\0' ? finished->method : "-",
        text.target[0] != '\0' ? text.target : "-",
        exchange->version[0] != '\0' ? exchange->version : "-", finished->status,
        (unsigned long long)finished->bytes_out, exchange->agent[0] != '\0' ? exchange->agent : "-",
        (unsigned long long)finished->id, text.commands, (unsigned long long)finished->frames_in,
        (unsigned long long)finished->frames_out, (unsigned long long)finished->bytes_in,
        (unsigned long long)finished->bytes_out, (unsigned long long)finished->microseconds, port,
        exchange->route.tells_hg ? " denied" : "", finished->aborted ? " aborted=" : "",
        finished->aborted ? fg_end_name(finished->ending) : "");
    if (size > 0 && (size_t)size < sizeof(line)) {
        fg_shard_log(exchange->gateway->state, exchange->shard, line, (size_t)size);
    }
}

void fg_exchange_note(struct fg_exchange *exchange, enum fg_frame_event event,
                      const struct fg_frame *frame, uint8_t action, bool refused)
{
    struct fg_frame_log_entry entry = {.at = exchange->now - exchange->start,
                                       .event = (uint8_t)event,
                                       .action = action,
                                       .state = FG_FRAME_LOG_NONE};
    if (frame != NULL) {
        entry.header = frame->header;
    }
    if (exchange->reactor != NULL) {
        entry.state = (uint8_t)fg_reactor_state(exchange->reactor);
    }
    fg_frame_log_add(&exchange->log, &entry, frame != NULL ? frame->payload : NULL,
                     refused ? exchange->error.message : NULL);
}

void fg_exchange_note_made(void *context, struct fg_bytes frame)
{
    struct fg_exchange *exchange = context;
    struct fg_frame made = {.payload = frame.data + FG_FRAME_HEADER_SIZE};
    fg_frame_header_decode(frame.data, &made.header);
    exchange->shard->counters.frames_out_by_type[made.header.type % FG_FRAME_TYPES]++;
    if (made.header.type == FG_FRAME_BYTES_RESPONSE) {
        fg_exchange_count_unsized(exchange, made.header.requestid, made.header.length);
    }
    fg_exchange_note(exchange, FG_EVENT_FRAME_OUT, &made, FG_FRAME_LOG_NONE, false);
}

static const char *phase_name(enum fg_exchange_phase phase)
{
    switch (phase) {
    case FG_PHASE_HEAD:
        return "head";
    case FG_PHASE_BODY:
        return "body";
    case FG_PHASE_RUNNING:
        return "running";
    case FG_PHASE_RESPONDING:
        break;
    }
    return "responding";
}

/* What has to happen for the exchange to go on. */
static const char *waits_for(const struct fg_exchange *exchange)
{
    if (exchange->login != NULL) {
        return "password";
    }
    switch (exchange->phase) {
    case FG_PHASE_HEAD:
        return "head";
    case FG_PHASE_BODY:
        return "body";
    case FG_PHASE_RUNNING:
        return "worker";
    case FG_PHASE_RESPONDING:
        break;
    }
    return exchange->sleeps ? "worker" : "peer";
}

static const struct fg_exchange *exchange_of(const struct fg_in_flight *entry)
{
    return (const struct fg_exchange *)(const void *)((const char *)entry -
                                                      offsetof(struct fg_exchange, entry));
}

void fg_exchange_describe(const struct fg_in_flight *entry, void *ret_view)
{
    const struct fg_exchange *exchange = exchange_of(entry);
    struct fg_exchange_view *view = ret_view;
    *view = (struct fg_exchange_view){
        .id = exchange->id,
        .start = exchange->wall_start,
        .age_microseconds = fg_now_microseconds() - exchange->start,
        .phase = phase_name(exchange->phase),
        .waits_for = waits_for(exchange),
        .has_reactor = exchange->reactor != NULL,
        .reply_bytes = exchange->reply_bytes,
        .body_size = exchange->route.body_size,
        .commands_count = exchange->commands,
        .frames_in = exchange->frames_in,
        .frames_out = exchange->respond.frames,
        .bytes_in = exchange->bytes_in,
        .bytes_out = exchange->bytes_out,
    };
    fg_address_format(&exchange->peer, view->peer);
    memcpy(view->method, exchange->method, sizeof(view->method));
    format_target(exchange->target, exchange->target_size, view->target);
    format_commands(exchange->ran, exchange->ran_count, exchange->ran_others, view->commands);
    if (exchange->reactor != NULL) {
        view->reactor_state = fg_reactor_state(exchange->reactor);
        view->receiving_count =
            fg_reactor_receiving(exchange->reactor, view->receiving, FG_VIEW_IDS);
        view->active_count = fg_reactor_active(exchange->reactor, view->active, FG_VIEW_IDS);
        view->streams_count =
            fg_reactor_incoming_streams(exchange->reactor, view->streams, FG_VIEW_STREAMS);
        view->buffered_bytes = fg_reactor_buffered_bytes(exchange->reactor);
    }
}

const struct fg_frame_log *fg_exchange_describe_with_log(const struct fg_in_flight *entry,
                                                         void *ret_view)
{
    fg_exchange_describe(entry, ret_view);
    return &exchange_of(entry)->log;
}
