/*
 * What others see of an exchange: the view of one in flight, the record of a finished one, and its
 * line in the access log.
 */
#include "gateway/exchange_internal.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { LOG_LINE_SIZE = 768 };

/* The target as printable ASCII without quotes and backslashes, cut where it does not fit. */
static void format_target(const struct fg_exchange *exchange, char ret_text[FG_TARGET_SIZE])
{
    char *out = ret_text;
    const char *end = ret_text + FG_TARGET_SIZE - 4;
    size_t i = 0;
    for (; i < exchange->target_size && out + 4 < end; i++) {
        uint8_t byte = exchange->target[i];
        if (byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\') {
            *out++ = (char)byte;
        } else {
            out += snprintf(out, 5, "\\x%02x", byte);
        }
    }
    memcpy(out, i < exchange->target_size ? "..." : "", i < exchange->target_size ? 4 : 1);
}

/* "heads,known*998", "-" for none. */
static void format_commands(const struct fg_exchange *exchange, char ret_text[FG_NAMES_SIZE])
{
    size_t size = 0;
    if (exchange->ran_count == 1 && exchange->ran[0].count == 1 && exchange->ran_others == 0) {
        /* Nearly every request; without printf it is 400 instructions less. */
        size_t length = strlen(exchange->ran[0].spec->name);
        if (length < FG_NAMES_SIZE) {
            memcpy(ret_text, exchange->ran[0].spec->name, length + 1);
            return;
        }
    }
    for (size_t i = 0; i < exchange->ran_count && size < FG_NAMES_SIZE; i++) {
        const struct fg_ran *ran = &exchange->ran[i];
        size += (size_t)snprintf(ret_text + size, FG_NAMES_SIZE - size, "%s%s", i > 0 ? "," : "",
                                 ran->spec->name);
        if (ran->count > 1 && size < FG_NAMES_SIZE) {
            size += (size_t)snprintf(ret_text + size, FG_NAMES_SIZE - size, "*%llu",
                                     (unsigned long long)ran->count);
        }
    }
    if (exchange->ran_others > 0 && size < FG_NAMES_SIZE) {
        snprintf(ret_text + size, FG_NAMES_SIZE - size, "%s?*%llu", size > 0 ? "," : "",
                 (unsigned long long)exchange->ran_others);
    } else if (size == 0) {
        snprintf(ret_text, FG_NAMES_SIZE, "-");
    }
}

void fg_exchange_record(const struct fg_exchange *exchange, bool aborted,
                        struct fg_finished *ret_finished)
{
    *ret_finished = (struct fg_finished){
        .id = exchange->id,
        .start = exchange->wall_start,
        .microseconds = fg_now_microseconds() - exchange->start,
        .status = exchange->phase == FG_PHASE_RESPONDING ? exchange->status : 0,
        .aborted = aborted,
        .commands_count = exchange->commands,
        .frames_in = exchange->frames_in,
        .frames_out = exchange->respond.frames,
        .bytes_in = exchange->bytes_in,
        .bytes_out = exchange->bytes_out,
    };
    fg_address_format(&exchange->peer, ret_finished->peer);
    memcpy(ret_finished->method, exchange->method, sizeof(ret_finished->method));
    format_target(exchange, ret_finished->target);
    format_commands(exchange, ret_finished->commands);
    if (exchange->error.message[0] != '\0') {
        snprintf(ret_finished->message, sizeof(ret_finished->message), "%.150s",
                 exchange->error.message);
    }
}

void fg_exchange_log(struct fg_exchange *exchange, const struct fg_finished *finished)
{
    if (!fg_state_logs(exchange->gateway->state)) {
        return;
    }
    char date[40];
    char line[LOG_LINE_SIZE];
    struct tm local;
    gmtime_r(&finished->start.tv_sec, &local);
    strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S +0000", &local);
    int size = snprintf(
        line, sizeof(line),
        "%s - %s [%s] \"%s %s %s\" %03u %llu \"-\" \"%s\" id=%llu commands=%s "
        "frames=%llu/%llu bytes=%llu/%llu us=%llu%s\n",
        finished->peer, exchange->identity.user[0] != '\0' ? exchange->identity.user : "-", date,
        finished->method[0] != '\0' ? finished->method : "-", finished->target,
        exchange->version[0] != '\0' ? exchange->version : "-", finished->status,
        (unsigned long long)finished->bytes_out, exchange->agent[0] != '\0' ? exchange->agent : "-",
        (unsigned long long)finished->id, finished->commands,
        (unsigned long long)finished->frames_in, (unsigned long long)finished->frames_out,
        (unsigned long long)finished->bytes_in, (unsigned long long)finished->bytes_out,
        (unsigned long long)finished->microseconds, finished->aborted ? " aborted" : "");
    if (size > 0 && (size_t)size < sizeof(line)) {
        fg_shard_log(exchange->gateway->state, exchange->shard, line, (size_t)size);
    }
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

void fg_exchange_describe(const struct fg_in_flight *entry, void *ret_view)
{
    const struct fg_exchange *exchange =
        (const struct fg_exchange *)(const void *)((const char *)entry -
                                                   offsetof(struct fg_exchange, entry));
    struct fg_exchange_view *view = ret_view;
    *view = (struct fg_exchange_view){
        .id = exchange->id,
        .start = exchange->wall_start,
        .age_microseconds = fg_now_microseconds() - exchange->start,
        .phase = phase_name(exchange->phase),
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
    format_target(exchange, view->target);
    format_commands(exchange, view->commands);
    if (exchange->reactor != NULL) {
        view->reactor_state = fg_reactor_state(exchange->reactor);
        view->receiving_count =
            fg_reactor_receiving(exchange->reactor, view->receiving, FG_VIEW_IDS);
        view->active_count = fg_reactor_active(exchange->reactor, view->active, FG_VIEW_IDS);
        view->buffered_bytes = fg_reactor_buffered_bytes(exchange->reactor);
    }
}
