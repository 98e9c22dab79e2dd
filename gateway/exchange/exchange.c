/*
 * An exchange's life: head, body, verdict, answer, end. Every public function takes the shard's
 * lock for as long as it works.
 */
#include "gateway/exchange/exchange_internal.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /*
     * What an exchange holds below this is not accounted: an atomic addition for each small
     * request would cost more than the bytes are worth.
     */
    ACCOUNT_FROM = 64 * 1024,
    RETRY_AFTER_SECONDS = 1,
};

/* -- beginning and end ------------------------------------------------------------------------ */

/*
 * Memory for an exchange with a target of this size. Blocks of this size are what the heap does
 * worst: taking one from it and giving it back is 1,000 instructions, a tenth of all that the
 * gateway does for a small request. So each shard keeps a few; its lock is held.
 */
static struct fg_exchange *allocate(struct fg_shard *shard, size_t target_size)
{
    if (target_size > FG_TARGET_ROOM) {
        return malloc(sizeof(struct fg_exchange) + target_size);
    }
    return shard->spare_count > 0 ? shard->spare[--shard->spare_count]
                                  : malloc(sizeof(struct fg_exchange) + FG_TARGET_ROOM);
}

static void release(struct fg_exchange *exchange)
{
    struct fg_shard *shard = exchange->shard;
    if (exchange->target_size <= FG_TARGET_ROOM && shard->spare_count < FG_SPARE_MAX) {
        shard->spare[shard->spare_count++] = exchange;
    } else {
        free(exchange);
    }
}

static void init(struct fg_exchange *exchange, struct fg_bytes target)
{
    memset(exchange, 0, offsetof(struct fg_exchange, ran));
    /* What is read of these before the head is complete. */
    exchange->route.kind = FG_ROUTE_TEXT;
    exchange->route.bound = FG_BOUND_UNCOUNTED;
    exchange->route.body_size = 0;
    exchange->route.argument_bytes = 0;
    exchange->route.spec = NULL;
    exchange->route.tells_hg = false;
    exchange->debug.reflect = NULL;
    fg_buffer_init(&exchange->debug.text, 0);
    exchange->error.message[0] = '\0';
    exchange->tried[0] = '\0';
    fg_respond_init(&exchange->respond);
    exchange->respond.made = fg_exchange_note_made;
    exchange->respond.made_context = exchange;
    exchange->target_size = target.size;
    if (target.size > 0) {
        memcpy(exchange->target, target.data, target.size);
    }
    exchange->start = fg_now_microseconds();
    exchange->now = exchange->start;
    /* People read it, for whom 4 ms are enough; the precise clock is 100 instructions. */
    clock_gettime(CLOCK_REALTIME_COARSE, &exchange->wall_start);
}

enum fg_status fg_exchange_new(struct fg_gateway *gateway, struct fg_bytes target,
                               const struct fg_address *peer, struct fg_exchange **ret_exchange)
{
    struct fg_shard *shard = fg_state_shard(gateway->state);
    pthread_mutex_lock(&shard->lock);
    /* The target's limit is checked with the head; until then the connection's memory bounds it. */
    struct fg_exchange *exchange = allocate(shard, target.size);
    if (exchange != NULL) {
        init(exchange, target);
        fg_frame_log_init(&exchange->log, gateway->config.frame_log,
                          (uint16_t)gateway->config.frame_log_payload,
                          gateway->config.frame_log_secrets);
        exchange->gateway = gateway;
        exchange->shard = shard;
        exchange->holding.memory = fg_state_memory(gateway->state);
        exchange->peer = *peer;
        size_t room = target.size > FG_TARGET_ROOM ? target.size : FG_TARGET_ROOM;
        exchange->id = fg_shard_enter(gateway->state, shard, &exchange->entry,
                                      sizeof(struct fg_exchange) + room);
    }
    pthread_mutex_unlock(&shard->lock);
    if (exchange == NULL) {
        return FG_ERR_MEMORY;
    }
    *ret_exchange = exchange;
    return FG_OK;
}

/*
 * Frees what the exchange owns, once or twice; the reactor goes after the generators that use its
 * stream.
 */
static void clear(struct fg_exchange *exchange)
{
    fg_respond_clear(&exchange->respond);
    fg_exchange_classic_clear(exchange);
    fg_command_free(exchange->slow);
    exchange->slow = NULL;
    fg_exchange_clear_data(exchange);
    fg_reactor_free(exchange->reactor);
    exchange->reactor = NULL;
    exchange->stream = NULL;
    fg_frame_reader_clear(&exchange->reader);
    fg_debugreflect_clear(&exchange->debug);
    fg_buffer_free(&exchange->body);
    fg_snapshot_unref(exchange->snapshot);
    exchange->snapshot = NULL;
}

/* Brings the gateway's sum up to date with what this exchange holds. */
static void account(struct fg_exchange *exchange, uint64_t held)
{
    if (held < ACCOUNT_FROM) {
        held = 0;
    }
    fg_holding_set(&exchange->holding, held);
}

static uint64_t held_bytes(const struct fg_exchange *exchange)
{
    uint64_t held =
        exchange->reply_bytes + exchange->debug.text.capacity + fg_exchange_classic_held(exchange);
    held += exchange->route.argument_bytes; /* the connection has them until the end */
    size_t frame = fg_frame_reader_held_bytes(&exchange->reader);
    if (frame >= ACCOUNT_FROM) {
        held += frame; /* larger ones than every peer may send were allowed */
    }
    if (exchange->reactor != NULL) {
        held += fg_reactor_held_bytes(exchange->reactor);
    }
    if (exchange->slow != NULL) {
        held += fg_command_held_bytes(exchange->slow);
    }
    return held;
}

void fg_exchange_end(struct fg_exchange *exchange, uint64_t now, enum fg_end end)
{
    if (exchange == NULL) {
        return;
    }
    if (exchange->login != NULL) {
        fg_exchange_check_login(exchange, true);
    }
    struct fg_shard *shard = exchange->shard;
    pthread_mutex_lock(&shard->lock);
    exchange->now = now;
    if (exchange->reactor != NULL) {
        shard->counters.streams_reopened += fg_reactor_streams_reopened(exchange->reactor);
    }
    /* Before it leaves, so that nothing in flight means nothing accounted; it is freed at once.
       What made its answer counts itself, and workers may have it for a moment more. */
    account(exchange, 0);
    struct fg_finished *finished = fg_shard_leave(
        shard, &exchange->entry, fg_exchange_final_status(exchange), end, &exchange->log);
    fg_exchange_record(exchange, end, finished);
    fg_exchange_log(exchange, finished);
    clear(exchange);
    release(exchange);
    pthread_mutex_unlock(&shard->lock);
}

/* -- the verdict ------------------------------------------------------------------------------ */

void fg_exchange_refuse(struct fg_exchange *exchange, uint16_t status, const char *message)
{
    if (exchange->status == 0) {
        exchange->status = status;
        fg_fail(&exchange->error, FG_OK, 0, "%s", message);
    }
}

void fg_exchange_protocol_error(struct fg_exchange *exchange, uint16_t requestid,
                                const char *message)
{
    if (exchange->status == 0) {
        fg_exchange_refuse(exchange, 400, message);
        exchange->protocol_error = true;
        exchange->error_requestid = requestid;
        exchange->shard->counters.protocol_errors++;
    }
}

void fg_exchange_answered(struct fg_exchange *exchange, uint16_t status, const char *message)
{
    pthread_mutex_lock(&exchange->shard->lock);
    exchange->status = status;
    exchange->phase = FG_PHASE_RESPONDING;
    fg_fail(&exchange->error, FG_OK, 0, "%s", message);
    pthread_mutex_unlock(&exchange->shard->lock);
}

bool fg_exchange_has_answer(const struct fg_exchange *exchange)
{
    return exchange->phase == FG_PHASE_RESPONDING;
}

bool fg_exchange_was_cut(const struct fg_exchange *exchange)
{
    return exchange->cut;
}

/* -- the head --------------------------------------------------------------------------------- */

/* text as printable ASCII without quotes, cut at what fits. */
static void copy_printable(struct fg_bytes text, char *ret_copy, size_t capacity)
{
    size_t size = text.size < capacity ? text.size : capacity - 1;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = text.data[i];
        bool plain = byte >= ' ' && byte < 0x7f && byte != '"';
        ret_copy[i] = (char)(plain ? byte : '?');
    }
    ret_copy[size] = '\0';
}

/* Makes what the body will be fed to. */
static enum fg_status prepare(struct fg_exchange *exchange, const struct fg_head *head)
{
    const struct fg_config *config = &exchange->gateway->config;
    switch (exchange->route.kind) {
    case FG_ROUTE_COMMANDS: {
        fg_frame_reader_init(&exchange->reader, &config->framing);
        const struct fg_reactor_options options = {.deferoutput = true,
                                                   .data_mode = FG_DATA_ASK,
                                                   .max_frame_size = config->frame_sent,
                                                   .limits = config->framing};
        enum fg_status status = fg_reactor_new(&options, &exchange->reactor);
        return status == FG_OK ? fg_reactor_makeoutputstream(exchange->reactor, &exchange->stream)
                               : status;
    }
    case FG_ROUTE_REFLECT:
        fg_frame_reader_init(&exchange->reader, &config->framing);
        return fg_debugreflect_init(&exchange->debug, &config->framing,
                                    (size_t)config->reply_bytes);
    case FG_ROUTE_HANDSHAKE:
        return fg_handshake_read(head, &exchange->handshake);
    case FG_ROUTE_CLASSIC:
        return fg_exchange_classic_prepare(exchange, head);
    case FG_ROUTE_TEXT:
    case FG_ROUTE_LOGIN:
        break;
    }
    return FG_OK;
}

enum fg_exchange_step fg_exchange_head(struct fg_exchange *exchange, struct fg_head *head)
{
    struct fg_gateway *gateway = exchange->gateway;
    head->target = (struct fg_bytes){exchange->target, exchange->target_size};
    head->memory_short = fg_memory_is_short(fg_state_memory(gateway->state));
    const struct fg_field *agent = fg_head_find(head, "user-agent");

    pthread_mutex_lock(&exchange->shard->lock);
    copy_printable(head->method, exchange->method, sizeof(exchange->method));
    copy_printable(head->version, exchange->version, sizeof(exchange->version));
    copy_printable(agent != NULL ? agent->value : (struct fg_bytes){NULL, 0}, exchange->agent,
                   sizeof(exchange->agent));
    if (fg_exchange_decide(exchange, head)) {
        pthread_mutex_unlock(&exchange->shard->lock);
        return FG_EXCHANGE_RUN_SLOW;
    }
    exchange->phase = FG_PHASE_BODY;
    fg_shard_count_bound(exchange->shard, exchange->route.bound);
    bool at_once = exchange->route.kind == FG_ROUTE_TEXT && exchange->route.at_once;
    enum fg_status status = prepare(exchange, head);
    if (status != FG_OK) {
        fg_exchange_refuse(exchange, 500, fg_status_text(status));
    }
    pthread_mutex_unlock(&exchange->shard->lock);
    return at_once ? FG_EXCHANGE_ANSWER : FG_EXCHANGE_GO_ON;
}

uint64_t fg_exchange_now(const struct fg_exchange *exchange)
{
    return exchange->now;
}

uint64_t fg_exchange_body_size(const struct fg_exchange *exchange)
{
    return exchange->route.body_size;
}

bool fg_exchange_takes_bundle(const struct fg_exchange *exchange)
{
    return exchange->route.spec != NULL && exchange->route.spec->taker != NULL;
}

bool fg_exchange_writes(const struct fg_exchange *exchange)
{
    const struct fg_command_spec *spec = exchange->ending != NULL
                                             ? fg_exchange_ending_spec(exchange)
                                         : exchange->slow != NULL ? exchange->slow_spec
                                                                  : NULL;
    return spec != NULL && spec->permission == FG_PERMISSION_PUSH;
}

/* -- the body --------------------------------------------------------------------------------- */

static bool takes_frames(const struct fg_exchange *exchange)
{
    return exchange->status == 0 &&
           (exchange->route.kind == FG_ROUTE_COMMANDS || exchange->route.kind == FG_ROUTE_REFLECT);
}

/* A request that is complete is looked at for secrets before the log shows it. */
static void judge(struct fg_exchange *exchange, const struct fg_frame *frame,
                  const struct fg_action *action)
{
    if (action->type == FG_ACTION_RUNCOMMAND || action->type == FG_ACTION_EXPECTDATA) {
        bool alone = frame->header.type != FG_FRAME_COMMAND_REQUEST ||
                     (frame->header.flags & FG_COMMAND_REQUEST_NEW) != 0;
        fg_frame_log_judge(&exchange->log, action->command, alone);
    }
}

static void take_frame(struct fg_exchange *exchange, const struct fg_frame *frame)
{
    exchange->frames_in++;
    exchange->shard->counters.frames_in++;
    exchange->shard->counters.frames_in_by_type[frame->header.type % FG_FRAME_TYPES]++;
    if (exchange->route.kind == FG_ROUTE_REFLECT) {
        fg_debugreflect_frame(&exchange->debug, frame);
        fg_exchange_note(exchange, FG_EVENT_FRAME_IN, frame, FG_FRAME_LOG_NONE, false);
        return;
    }
    struct fg_action action;
    uint8_t type = FG_FRAME_LOG_NONE;
    enum fg_status status = fg_reactor_onframerecv(exchange->reactor, frame, &action);
    if (status != FG_OK) {
        fg_exchange_refuse(exchange, 500, fg_status_text(status));
    } else {
        type = (uint8_t)action.type;
        judge(exchange, frame, &action);
        fg_exchange_act(exchange, &action);
    }
    fg_exchange_note(exchange, FG_EVENT_FRAME_IN, frame, type, exchange->status != 0);
}

/* Reads frames until the input is used up, the verdict is known, or a slow command is complete. */
static void take_frames(struct fg_exchange *exchange, struct fg_bytes *input)
{
    while (takes_frames(exchange) && !fg_exchange_waits(exchange)) {
        struct fg_frame frame;
        struct fg_error error;
        enum fg_status status =
            fg_frame_reader_next(&exchange->reader, input, &frame, NULL, &error);
        if (status == FG_OK) {
            take_frame(exchange, &frame);
        } else if (status == FG_NEED_MORE) {
            return;
        } else if (status == FG_ERR_LIMIT) {
            fg_shard_count_bound(exchange->shard, fg_exchange_bound_of(error.limit));
            fg_exchange_protocol_error(
                exchange, fg_frame_reader_header(&exchange->reader)->requestid, error.message);
            fg_exchange_note(exchange, FG_EVENT_INPUT_ERROR, NULL, FG_FRAME_LOG_NONE, true);
        } else {
            fg_exchange_refuse(exchange, 500, fg_status_text(status));
        }
    }
}

/*
 * Who was let in below the ceiling of memory may go over it, so that running work finishes; but the
 * sum has an end too. At twice the ceiling those that still grow are refused, and give back all.
 */
static void account_growth(struct fg_exchange *exchange)
{
    const struct fg_gateway *gateway = exchange->gateway;
    uint64_t before = exchange->holding.bytes;
    account(exchange, held_bytes(exchange));
    bool over = fg_memory_is_spent(fg_state_memory(gateway->state));
    if (!over || exchange->holding.bytes <= before || exchange->slow != NULL ||
        exchange->route.kind != FG_ROUTE_COMMANDS || exchange->status != 0) {
        return;
    }
    fg_shard_count_bound(exchange->shard, FG_BOUND_MEMORY);
    fg_exchange_refuse(exchange, 503, "the requests in progress hold too much, try again later");
    exchange->reply_bytes = 0;
    clear(exchange);
    account(exchange, 0);
}

enum fg_exchange_step fg_exchange_receive(struct fg_exchange *exchange, struct fg_bytes *input)
{
    pthread_mutex_lock(&exchange->shard->lock);
    size_t before = input->size;
    exchange->now = fg_now_microseconds();
    if (exchange->route.kind == FG_ROUTE_CLASSIC) {
        fg_exchange_classic_receive(exchange, *input);
    }
    take_frames(exchange, input);
    bool slow = fg_exchange_waits(exchange);
    if (!slow) {
        /* Whatever was not looked at is dropped. */
        input->data += input->size;
        input->size = 0;
    }
    exchange->bytes_in += before - input->size;
    exchange->shard->counters.bytes_in += before - input->size;
    account_growth(exchange);
    pthread_mutex_unlock(&exchange->shard->lock);
    return slow ? FG_EXCHANGE_RUN_SLOW : FG_EXCHANGE_GO_ON;
}

/* -- the answer ------------------------------------------------------------------------------- */

/* Puts a protocol-error frame at the end of the answer. */
static enum fg_status add_error_frame(struct fg_exchange *exchange, uint16_t requestid,
                                      const char *message)
{
    struct fg_framegen *framegen = NULL;
    enum fg_status status =
        fg_errorframe_new(exchange->stream, requestid, FG_ERROR_RESPONSE_PROTOCOL,
                          fg_bytes_from_string(message), &framegen);
    return status == FG_OK ? fg_respond_add(&exchange->respond, framegen) : status;
}

/* A frame for each request that was cut short by the end of the input. */
static enum fg_status add_incomplete(struct fg_exchange *exchange, const struct fg_action *action)
{
    enum fg_status status = FG_OK;
    for (size_t i = 0; status == FG_OK && i < action->incomplete_count; i++) {
        struct fg_error error;
        fg_fail(&error, FG_OK, 0, "the input ended before request %u was complete",
                action->incomplete[i]);
        fg_exchange_protocol_error(exchange, action->incomplete[i], error.message);
        status = add_error_frame(exchange, action->incomplete[i], error.message);
    }
    return status;
}

/* The responses that are ready, then what was wrong. */
static enum fg_status finish_commands(struct fg_exchange *exchange, uint8_t *ret_action)
{
    struct fg_error error;
    struct fg_frame_header cut = {.requestid = 0};
    if (exchange->status == 0 && fg_frame_reader_finish(&exchange->reader, &cut, &error) != FG_OK) {
        fg_exchange_protocol_error(exchange, cut.requestid, error.message);
    }
    if (exchange->status != 0 && !exchange->protocol_error) {
        return FG_OK; /* answered as text */
    }
    struct fg_action action;
    enum fg_status status = fg_reactor_oninputeof(exchange->reactor, &action);
    *ret_action = status == FG_OK ? (uint8_t)action.type : FG_FRAME_LOG_NONE;
    if (status == FG_OK && action.type == FG_ACTION_SENDFRAMES) {
        status = fg_respond_add(&exchange->respond, action.framegen);
    }
    if (status == FG_OK && exchange->protocol_error) {
        return add_error_frame(exchange, exchange->error_requestid, exchange->error.message);
    }
    return status == FG_OK ? add_incomplete(exchange, &action) : status;
}

static void finish_reflect(struct fg_exchange *exchange)
{
    struct fg_error error;
    enum fg_status framing = FG_ERR_LIMIT;
    if (exchange->status == 0) {
        framing = fg_frame_reader_finish(&exchange->reader, NULL, &error);
    } else {
        error = exchange->error;
    }
    exchange->status = fg_debugreflect_end(&exchange->debug, framing, &error);
}

/* It is the command capabilities, in whatever form it is asked for. */
static enum fg_status finish_handshake(struct fg_exchange *exchange)
{
    const struct fg_command_spec *spec = fg_registry_find(fg_bytes_from_string("capabilities"));
    fg_exchange_count_command(exchange, spec);
    fg_buffer_init(&exchange->body, (size_t)exchange->gateway->config.reply_bytes);
    enum fg_status status =
        fg_handshake_answer(&exchange->handshake, exchange->gateway, &exchange->body,
                            &exchange->handshake_type, &exchange->error);
    exchange->running.bytes_out = exchange->body.size;
    fg_exchange_count_run(exchange, spec, status == FG_OK ? NULL : exchange->error.message);
    return status;
}

/* Decides the verdict. True if a command must be run first. With the lock held. */
static bool finish(struct fg_exchange *exchange)
{
    enum fg_status status = FG_OK;
    const bool refused = exchange->status != 0;
    const bool frames =
        exchange->route.kind == FG_ROUTE_COMMANDS || exchange->route.kind == FG_ROUTE_REFLECT;
    uint8_t action = FG_FRAME_LOG_NONE;
    if (!frames || exchange->bytes_in == 0) {
        exchange->now = fg_now_microseconds(); /* else the last frame has come just now */
    }
    if (exchange->route.kind == FG_ROUTE_COMMANDS && exchange->reactor != NULL) {
        status = finish_commands(exchange, &action);
    } else if (exchange->route.kind == FG_ROUTE_REFLECT && exchange->debug.reflect != NULL) {
        finish_reflect(exchange);
    } else if (exchange->route.kind == FG_ROUTE_CLASSIC) {
        fg_exchange_classic_finish(exchange);
    } else if (exchange->route.kind == FG_ROUTE_HANDSHAKE && exchange->status == 0) {
        status = finish_handshake(exchange);
    }
    if (status != FG_OK) {
        exchange->status = 500;
        exchange->protocol_error = false;
        if (exchange->route.kind != FG_ROUTE_HANDSHAKE) {
            fg_fail(&exchange->error, FG_OK, 0, "%s", fg_status_text(status));
        }
    }
    bool slow = fg_exchange_waits(exchange);
    if (frames) {
        fg_exchange_note(exchange, FG_EVENT_INPUT_END, NULL, action,
                         !refused && exchange->error.message[0] != '\0');
    }
    account(exchange, held_bytes(exchange));
    return slow;
}

/* The answer's body where it is text or bytes that are there already. */
static struct fg_bytes text_answer(struct fg_exchange *exchange, struct fg_answer *answer)
{
    struct fg_route *route = &exchange->route;
    answer->content_type = "text/plain; charset=utf-8";
    if (route->kind == FG_ROUTE_TEXT && exchange->status == 0) {
        exchange->status = route->status;
        answer->allow = route->allow;
        answer->authenticate = route->authenticate;
        answer->retry_after =
            route->status == 503 || route->status == 429 ? RETRY_AFTER_SECONDS : 0;
        if (route->status >= 400) {
            fg_fail(&exchange->error, FG_OK, 0, "%.*s", (int)strcspn(route->message, "\n"),
                    route->message);
        }
        if (route->tells_hg) {
            exchange->status = 200;
            answer->content_type = FG_CLASSIC_ERROR_TYPE;
        }
        return fg_bytes_from_string(route->message);
    }
    if (route->kind == FG_ROUTE_REFLECT && exchange->debug.reflect != NULL) {
        return fg_buffer_view(&exchange->debug.text);
    }
    if (route->kind == FG_ROUTE_HANDSHAKE && exchange->status == 0) {
        exchange->status = 200;
        answer->content_type = exchange->handshake_type;
        return fg_buffer_view(&exchange->body);
    }
    answer->retry_after = exchange->status == 503 ? RETRY_AFTER_SECONDS : 0;
    /* The route's message is not used otherwise, and has room for any error with its line break. */
    snprintf(route->message, sizeof(route->message), "%s\n", exchange->error.message);
    return fg_bytes_from_string(route->message);
}

/* With the lock held. */
static void answer(struct fg_exchange *exchange, struct fg_answer *ret_answer)
{
    struct fg_answer found = {.whole = true};
    exchange->phase = FG_PHASE_RESPONDING;
    bool frames = exchange->route.kind == FG_ROUTE_COMMANDS &&
                  (exchange->status == 0 || exchange->protocol_error);
    if (frames) {
        found.content_type = FG_MEDIA_TYPE;
        found.whole = fg_respond_whole(&exchange->respond, &found.body);
        exchange->status = exchange->protocol_error ? 400 : 200;
        found.repeats = found.whole && !exchange->protocol_error;
    } else if (!fg_exchange_classic_answer(exchange, &found)) {
        found.body = text_answer(exchange, &found);
    }
    found.status = exchange->status;
    if (found.whole) {
        exchange->bytes_out += found.body.size;
        exchange->shard->counters.bytes_out += found.body.size;
    }
    exchange->shard->counters.frames_out += exchange->respond.frames;
    *ret_answer = found;
}

void fg_exchange_answer(struct fg_exchange *exchange, struct fg_answer *ret_answer)
{
    pthread_mutex_lock(&exchange->shard->lock);
    answer(exchange, ret_answer);
    pthread_mutex_unlock(&exchange->shard->lock);
}

enum fg_exchange_step fg_exchange_finish(struct fg_exchange *exchange, struct fg_answer *ret_answer)
{
    pthread_mutex_lock(&exchange->shard->lock);
    bool slow = finish(exchange);
    if (!slow) {
        answer(exchange, ret_answer);
    }
    pthread_mutex_unlock(&exchange->shard->lock);
    return slow ? FG_EXCHANGE_RUN_SLOW : FG_EXCHANGE_ANSWER;
}

enum fg_status fg_exchange_take(struct fg_exchange *exchange, uint8_t *buffer, size_t capacity,
                                size_t *ret_size)
{
    size_t size = 0;
    pthread_mutex_lock(&exchange->shard->lock);
    uint64_t frames = exchange->respond.frames;
    exchange->now = fg_now_microseconds();
    exchange->sleeps = false;
    enum fg_status status = exchange->classic != NULL
                                ? fg_exchange_classic_take(exchange, buffer, capacity, &size)
                                : fg_respond_take(&exchange->respond, buffer, capacity, &size);
    exchange->shard->counters.frames_out += exchange->respond.frames - frames;
    exchange->shard->counters.bytes_out += size;
    exchange->bytes_out += size;
    if (exchange->classic != NULL && exchange->unsized_count > 0) {
        /* No frames: all that goes out is of the one reply. */
        fg_exchange_count_unsized(exchange, exchange->unsized[0].requestid, size);
    }
    if (fg_failed(status)) {
        exchange->cut = true;
        fg_fail(&exchange->error, FG_OK, 0, "the response was cut: %s", fg_status_text(status));
    }
    pthread_mutex_unlock(&exchange->shard->lock);
    if (status == FG_OK) {
        *ret_size = size;
    }
    return status;
}

bool fg_exchange_wait(struct fg_exchange *exchange, void (*wake)(void *context), void *context)
{
    pthread_mutex_lock(&exchange->shard->lock);
    struct fg_wait wait = exchange->wait;
    exchange->sleeps = wait.arm != NULL;
    pthread_mutex_unlock(&exchange->shard->lock);
    return wait.arm != NULL && wait.arm(wait.context, wake, context);
}
