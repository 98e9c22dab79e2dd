/*
 * Commands within an exchange: who may run, running them, and handing their replies to the reactor.
 */
#include "gateway/exchange/exchange_internal.h"

#include "framing/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse_status(struct fg_exchange *exchange, enum fg_status status)
{
    if (status != FG_OK) {
        fg_exchange_refuse(exchange, 500, fg_status_text(status));
    }
}

/* -- replies ---------------------------------------------------------------------------------- */

static void fail_command(struct fg_exchange *exchange, uint16_t requestid, const char *message)
{
    struct fg_action action;
    refuse_status(exchange,
                  fg_reactor_onapplicationerror(exchange->reactor, exchange->stream, requestid,
                                                fg_bytes_from_string(message), &action));
}

/* True if the reply may wait for the end of the body; it is destroyed if not. */
static bool account_reply(struct fg_exchange *exchange, struct fg_reply *reply)
{
    if (reply->body.read != NULL) {
        return true; /* made while it is sent */
    }
    uint64_t limit = exchange->gateway->config.reply_bytes;
    uint64_t size = reply->body.size + reply->said.size;
    if (size > limit - exchange->reply_bytes) {
        fg_source_destroy(&reply->body);
        return false;
    }
    exchange->reply_bytes += size;
    return true;
}

/* What the reply counts for: now if its size is known, else while it is sent. */
static void note_size(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                      uint16_t requestid, const struct fg_reply *reply)
{
    if (reply->body.size != FG_SIZE_UNKNOWN) {
        exchange->running.bytes_out = reply->body.size;
    } else if (exchange->unsized_count < FG_RAN_MAX) {
        exchange->unsized[exchange->unsized_count++] = (struct fg_unsized){spec, requestid};
    }
}

void fg_exchange_count_unsized(struct fg_exchange *exchange, uint16_t requestid, uint64_t bytes)
{
    for (size_t i = 0; i < exchange->unsized_count; i++) {
        if (exchange->unsized[i].requestid == requestid) {
            fg_shard_count_bytes_out(exchange->shard, exchange->unsized[i].spec, bytes);
            return;
        }
    }
}

/*
 * A message for a client: where the repository is is not his to know. What is left out the operator
 * is told.
 */
static void hide_path(const struct fg_repository *repository, const struct fg_error *error,
                      struct fg_error *ret_shown)
{
    const char *path = fg_repository_path(repository);
    const char *found = path != NULL ? strstr(error->message, path) : NULL;
    if (found == NULL) {
        *ret_shown = *error;
        return;
    }
    fg_repository_tell(repository, "%s", error->message);
    fg_fail(ret_shown, FG_OK, 0, "%.*sREPOSITORY%s", (int)(found - error->message), error->message,
            found + strlen(path));
}

/* What hooks said, as frames of text before the reply. */
static enum fg_status say(struct fg_exchange *exchange, uint16_t requestid, struct fg_bytes text)
{
    enum fg_status status = FG_OK;
    while (text.size > 0 && status == FG_OK) {
        struct fg_action action;
        size_t size = fg_utf8_cut(text, FG_TEXT_OUTPUT_MAX);
        status = fg_reactor_ontextoutput(exchange->reactor, exchange->stream, requestid,
                                         (struct fg_bytes){text.data, size}, &action);
        text.data += size;
        text.size -= size;
    }
    return status;
}

/* Hands a reply, or (failure) why there is none, to the reactor. */
static void deliver_frames(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                           uint16_t requestid, const char *failure, struct fg_reply *reply)
{
    struct fg_error over;
    if (failure == NULL && !account_reply(exchange, reply)) {
        failure = over.message;
        fg_shard_count_bound(exchange->shard, FG_BOUND_REPLY);
        fg_fail(&over, FG_ERR_LIMIT, 0, "the replies exceed the limit of %llu bytes",
                (unsigned long long)exchange->gateway->config.reply_bytes);
    }
    if (failure == NULL && reply->slow_body && fg_exchange_pump(exchange, &reply->body) != FG_OK) {
        failure = fg_status_text(FG_ERR_MEMORY);
    }
    if (failure != NULL) {
        fail_command(exchange, requestid, failure);
    } else {
        struct fg_action action;
        enum fg_status status = say(exchange, requestid, fg_buffer_view(&reply->said));
        if (status == FG_OK) {
            status = fg_reactor_onbytesresponseready(exchange->reactor, exchange->stream, requestid,
                                                     reply->flags, &reply->body, &action);
        } else {
            fg_source_destroy(&reply->body);
        }
        refuse_status(exchange, status);
    }
    fg_exchange_count_run(exchange, spec, failure);
}

void fg_exchange_deliver(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                         uint16_t requestid, enum fg_status status, struct fg_reply *reply,
                         const struct fg_error *error)
{
    struct fg_error shown;
    const char *failure = NULL;
    if (status == FG_OK) {
        note_size(exchange, spec, requestid, reply);
    } else {
        hide_path(exchange->gateway->repository, error, &shown);
        failure = shown.message;
    }
    if (exchange->classic != NULL) {
        fg_exchange_classic_deliver(exchange, spec, failure, reply);
    } else {
        deliver_frames(exchange, spec, requestid, failure, reply);
    }
    if (status == FG_OK) {
        fg_buffer_free(&reply->said);
    }
}

void fg_exchange_count_run(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                           const char *failure)
{
    const bool failed = failure != NULL;
    struct fg_command_run run = exchange->running;
    exchange->now = fg_now_microseconds();
    run.failed = failed;
    if (failed && exchange->command_errors++ == 0) {
        snprintf(exchange->command_error, sizeof(exchange->command_error), "%s", failure);
    }
    run.bytes_out = failed ? 0 : run.bytes_out;
    run.microseconds = exchange->now - exchange->running.microseconds;
    fg_shard_count_command(exchange->shard, spec, &run);
}

enum fg_status fg_exchange_pump(struct fg_exchange *exchange, struct fg_source *source)
{
    return fg_pump_new(exchange->gateway->workers, fg_state_memory(exchange->gateway->state),
                       source, &exchange->wait, source);
}

/* -- running ---------------------------------------------------------------------------------- */

/* What a command that changes something is told of whoever sent it. */
static const struct fg_caller *describe_caller(struct fg_exchange *exchange)
{
    const struct fg_address *server = &exchange->gateway->public_address;
    fg_address_format_host(&exchange->peer, exchange->caller_address);
    fg_address_format_host(server, exchange->caller_server);
    exchange->caller = (struct fg_caller){
        .user = exchange->identity.login == FG_LOGIN_USER ? exchange->identity.user : NULL,
        .address = exchange->caller_address[0] != '\0' ? exchange->caller_address : NULL,
        .server = exchange->caller_server[0] != '\0' ? exchange->caller_server : NULL,
        .port = fg_address_port(server),
        .secure = exchange->secure};
    return &exchange->caller;
}

enum fg_status fg_exchange_call(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                const struct fg_command *command, struct fg_call *ret_call,
                                struct fg_error *error)
{
    struct fg_repository *repository = exchange->gateway->repository;
    error->message[0] = '\0';
    if (exchange->snapshot == NULL) {
        enum fg_status status =
            fg_repository_recent(repository, exchange->now, &exchange->snapshot, error);
        if (status == FG_PENDING) {
            status = fg_repository_snapshot(repository, &exchange->snapshot, error);
        }
        if (status != FG_OK) {
            return status;
        }
    }
    const bool pushes = spec->permission == FG_PERMISSION_PUSH;
    *ret_call = (struct fg_call){.command = command,
                                 .repository = repository,
                                 .snapshot = exchange->snapshot,
                                 .memory = fg_state_memory(exchange->gateway->state),
                                 .caller = pushes ? describe_caller(exchange) : NULL};
    return FG_OK;
}

/*
 * True if the command is to run on a worker. So is each for which the repository has to be read, as
 * that may take as long as its owner likes.
 */
static bool is_slow(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                    const struct fg_command *command)
{
    struct fg_call call;
    struct fg_error error;
    if (spec->slow && spec->quick == NULL) {
        return true;
    }
    if (exchange->snapshot == NULL &&
        fg_repository_recent(exchange->gateway->repository, exchange->now, &exchange->snapshot,
                             &error) == FG_PENDING) {
        return true;
    }
    return spec->slow && (fg_exchange_call(exchange, spec, command, &call, &error) != FG_OK ||
                          !spec->quick(&call));
}

enum fg_status fg_exchange_run(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                               const struct fg_command *command, struct fg_reply *ret_reply,
                               struct fg_error *error)
{
    struct fg_call call;
    enum fg_status status = fg_exchange_call(exchange, spec, command, &call, error);
    if (status == FG_OK) {
        bool shares = spec->shareable && spec->slow && (spec->own == NULL || !spec->own(&call));
        status = shares ? fg_exchange_share(exchange, spec, &call, ret_reply, error)
                        : spec->run(&call, ret_reply, error);
    }
    if (spec->permission == FG_PERMISSION_PUSH) {
        /* It may have changed the repository: the next command sees the new state. */
        fg_snapshot_unref(exchange->snapshot);
        exchange->snapshot = NULL;
    }
    if (status != FG_OK && error->message[0] == '\0') {
        fg_fail(error, status, 0, "%s", fg_status_text(status));
    }
    return status;
}

void fg_exchange_start(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                       uint16_t requestid, struct fg_command *command, enum fg_status status,
                       struct fg_error *error)
{
    struct fg_reply reply = {0};
    if (status == FG_OK && is_slow(exchange, spec, command)) {
        exchange->slow = command;
        exchange->slow_spec = spec;
        exchange->phase = FG_PHASE_RUNNING;
        return;
    }
    if (status == FG_OK) {
        status = fg_exchange_run(exchange, spec, command, &reply, error);
    }
    fg_exchange_deliver(exchange, spec, requestid, status, &reply, error);
    fg_command_free(command);
}

void fg_exchange_run_slow(struct fg_exchange *exchange)
{
    if (exchange->login != NULL) {
        fg_exchange_check_login(exchange, false);
        return;
    }
    if (exchange->ending != NULL) {
        fg_exchange_end_data(exchange);
        return;
    }
    struct fg_reply reply = {0};
    struct fg_error error;
    enum fg_status status =
        fg_exchange_run(exchange, exchange->slow_spec, exchange->slow, &reply, &error);

    pthread_mutex_lock(&exchange->shard->lock);
    if (status == FG_ERR_LIMIT && exchange->slow_spec->permission == FG_PERMISSION_PUSH) {
        fg_shard_count_bound(exchange->shard, FG_BOUND_COMMAND_TIME);
    }
    fg_exchange_deliver(exchange, exchange->slow_spec, exchange->slow->requestid, status, &reply,
                        &error);
    fg_command_free(exchange->slow);
    exchange->slow = NULL;
    exchange->phase = FG_PHASE_BODY;
    pthread_mutex_unlock(&exchange->shard->lock);
}

void fg_exchange_refuse_slow(struct fg_exchange *exchange)
{
    if (exchange->login != NULL) {
        fg_exchange_check_login(exchange, true);
        return;
    }
    pthread_mutex_lock(&exchange->shard->lock);
    fg_shard_count_bound(exchange->shard, FG_BOUND_WORKER_QUEUE);
    struct fg_error error;
    enum fg_status status =
        fg_fail(&error, FG_ERR_LIMIT, 0, "too many slow commands are waiting, try again later");
    if (exchange->ending != NULL) {
        fg_exchange_refuse_data(exchange, error.message);
        pthread_mutex_unlock(&exchange->shard->lock);
        return;
    }
    fg_exchange_deliver(exchange, exchange->slow_spec, exchange->slow->requestid, status, NULL,
                        &error);
    fg_command_free(exchange->slow);
    exchange->slow = NULL;
    exchange->phase = FG_PHASE_BODY;
    pthread_mutex_unlock(&exchange->shard->lock);
}

/* -- who may run ------------------------------------------------------------------------------ */

/*
 * Checks a command against the URL and its permission, as soon as its name is known. False: the
 * verdict is set and nothing more runs. *ret_spec is NULL for a name that the registry lacks.
 */
static bool admit(struct fg_exchange *exchange, const struct fg_command *command,
                  const struct fg_command_spec **ret_spec)
{
    const struct fg_route *route = &exchange->route;
    /* Nearly always the one that the URL names. */
    const struct fg_command_spec *spec =
        route->spec != NULL && fg_bytes_equal_string(command->name, route->spec->name)
            ? route->spec
            : fg_registry_find(command->name);
    if (spec != NULL && spec->debug && !exchange->gateway->config.debugreflect) {
        spec = NULL;
    }
    struct fg_error error;
    if (route->spec != NULL && spec != route->spec) {
        fg_fail(&error, FG_ERR_ARGUMENT, 0, "the URL names the command %s, the request %.*s",
                route->spec->name, command->name.size > 100 ? 100 : (int)command->name.size,
                command->name.size > 0 ? (const char *)command->name.data : "");
        fg_exchange_protocol_error(exchange, command->requestid, error.message);
        return false;
    }
    if (route->spec != NULL && exchange->commands > 0) {
        fg_fail(&error, FG_ERR_ARGUMENT, 0, "the URL allows one command %s only", spec->name);
        fg_exchange_protocol_error(exchange, command->requestid, error.message);
        return false;
    }
    if (spec != NULL && (spec->permission > route->permission ||
                         exchange->verdicts[spec->permission] != FG_VERDICT_ALLOWED)) {
        fg_fail(&error, FG_ERR_ARGUMENT, 0, "insufficient permissions to execute command: %s",
                spec->name);
        fg_exchange_refuse(exchange, 403, error.message);
        return false;
    }
    *ret_spec = spec;
    return true;
}

void fg_exchange_count_command(struct fg_exchange *exchange, const struct fg_command_spec *spec)
{
    exchange->running = (struct fg_command_run){.microseconds = exchange->now};
    exchange->commands++;
    for (size_t i = 0; spec != NULL && i < exchange->ran_count; i++) {
        if (exchange->ran[i].spec == spec) {
            exchange->ran[i].count++;
            return;
        }
    }
    if (spec != NULL && exchange->ran_count < FG_RAN_MAX) {
        exchange->ran[exchange->ran_count++] = (struct fg_ran){spec, 1};
    } else {
        exchange->ran_others++;
    }
}

enum fg_status fg_exchange_check(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                 const struct fg_command *command, struct fg_error *error)
{
    if (spec == NULL) {
        return fg_fail(error, FG_ERR_NOT_FOUND, 0, "unknown wire protocol command: %.*s",
                       command->name.size > 100 ? 100 : (int)command->name.size,
                       command->name.size > 0 ? (const char *)command->name.data : "");
    }
    if (command->data_over_limit) {
        fg_shard_count_bound(exchange->shard, FG_BOUND_DATA);
        return fg_fail(error, FG_ERR_LIMIT, 0, "the command data exceeds the limit of %llu bytes",
                       (unsigned long long)exchange->gateway->config.framing.data_bytes);
    }
    return fg_registry_check_arguments(spec, command, error);
}

/* Runs a complete command, or leaves it for a worker. Takes it over. */
static void run_command(struct fg_exchange *exchange, struct fg_command *command)
{
    const struct fg_command_spec *spec = NULL;
    if (!admit(exchange, command, &spec)) {
        fg_command_free(command);
        return;
    }
    fg_exchange_count_command(exchange, spec);
    exchange->running.bytes_in = fg_command_encoded(command).size + command->data_size;
    struct fg_error error;
    enum fg_status status = fg_exchange_check(exchange, spec, command, &error);
    fg_exchange_start(exchange, spec, command->requestid, command, status, &error);
}

/* Data is coming: only a command that takes it has it kept or is given it. */
static void expect_data(struct fg_exchange *exchange, const struct fg_action *action)
{
    const struct fg_command_spec *spec = NULL;
    if (!admit(exchange, action->command, &spec)) {
        return;
    }
    enum fg_data_mode mode = FG_DATA_DROP;
    enum fg_status status = FG_OK;
    if (spec != NULL && spec->taker != NULL) {
        mode = FG_DATA_DELIVER;
        status = fg_exchange_begin_data(exchange, spec, action->command);
    } else if (spec != NULL && spec->takes_data) {
        mode = FG_DATA_KEEP;
    }
    if (status == FG_OK) {
        status = fg_reactor_set_data_mode(exchange->reactor, action->requestid, mode);
    }
    refuse_status(exchange, status);
}

enum fg_bound fg_exchange_bound_of(enum fg_limit limit)
{
    switch (limit) {
    case FG_LIMIT_FRAME_PAYLOAD:
        return FG_BOUND_FRAME;
    case FG_LIMIT_EMPTY_FRAMES:
        return FG_BOUND_EMPTY_FRAMES;
    case FG_LIMIT_FRAME_OVERHEAD:
        return FG_BOUND_FRAME_OVERHEAD;
    case FG_LIMIT_REQUESTS_RECEIVING:
        return FG_BOUND_RECEIVING;
    case FG_LIMIT_REQUESTS_ACTIVE:
        return FG_BOUND_COMMANDS;
    case FG_LIMIT_REQUEST_BYTES:
        return FG_BOUND_REQUEST;
    case FG_LIMIT_DATA_BYTES:
        return FG_BOUND_DATA;
    case FG_LIMIT_CBOR_DEPTH:
        return FG_BOUND_CBOR_DEPTH;
    case FG_LIMIT_CBOR_ITEMS:
        return FG_BOUND_CBOR_ITEMS;
    case FG_LIMIT_NONE:
        break;
    }
    return FG_BOUND_UNCOUNTED;
}

void fg_exchange_act(struct fg_exchange *exchange, struct fg_action *action)
{
    switch (action->type) {
    case FG_ACTION_RUNCOMMAND:
        run_command(exchange, action->command);
        break;
    case FG_ACTION_EXPECTDATA:
        expect_data(exchange, action);
        break;
    case FG_ACTION_ERROR:
        fg_shard_count_bound(exchange->shard,
                             fg_exchange_bound_of(fg_reactor_limit_hit(exchange->reactor)));
        fg_exchange_protocol_error(exchange, action->requestid, action->message);
        break;
    case FG_ACTION_SENDFRAMES:
        /* Not before the end of input; kept all the same, so that nothing is lost. */
        refuse_status(exchange, fg_respond_add(&exchange->respond, action->framegen));
        break;
    case FG_ACTION_COMMANDDATA:
        fg_exchange_take_data(exchange, action);
        break;
    case FG_ACTION_WANTFRAME:
    case FG_ACTION_NOOP:
        break;
    }
}
