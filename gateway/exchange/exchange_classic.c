/*
 * A request of the classic transport: collecting its arguments, running its command or batch with
 * the handlers that frames reach too, and putting their answers in the forms of version 1. The
 * texts themselves are made by classic.c.
 */
#include "gateway/exchange/exchange_internal.h"

#include "gateway/exchange/pump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REQUESTID = 1,        /* commands have an id; here it means nothing */
    ITEMS_MAX = 1u << 26, /* of a handler's own answer, which fits in memory already */
    ZLIB_LEVEL_DENSE = 0,
    /*
     * Of nodes that the client sent or got, in header fields and as text. What it sends next may be
     * these nodes again: a third of what any head has room for.
     */
    WIDENS_FROM = 8 * 1024,
};

struct fg_classic {
    const struct fg_classic_command *command;
    struct fg_buffer form; /* the arguments as they come: those of fields or body, then the query */
    uint64_t post_left;    /* bytes of the body that are arguments and have not come */
    bool posts;            /* the arguments come in the body */
    size_t fields_size;    /* bytes of arguments that came in fields */
    bool takes_data;       /* the rest of the body is for the command */
    struct fg_buffer words; /* of X-HgProto-N */
    bool ready;             /* arguments and batch are set */
    struct fg_classic_arguments arguments;
    struct fg_bytes batch; /* what is left of a batch; points into arguments */
    size_t answered;       /* commands of a batch */
    bool failed;           /* text is a message, not an answer */
    bool dense;            /* body is packed already */
    struct fg_buffer text; /* the answer, if it is text */
    struct fg_source body; /* the answer, if it is not */
    bool has_body;
    const char *type;
};

/* -- the head --------------------------------------------------------------------------------- */

/* How many bytes of the body are arguments. Refuses what cannot be. */
static void read_post_size(struct fg_exchange *exchange, const struct fg_head *head)
{
    enum { DIGITS_MAX = 18 };
    struct fg_classic *classic = exchange->classic;
    const struct fg_field *field = fg_head_find(head, "x-hgargs-post");
    uint64_t size = 0;
    bool ok = field == NULL || (field->value.size > 0 && field->value.size <= DIGITS_MAX);
    for (size_t i = 0; field != NULL && ok && i < field->value.size; i++) {
        uint8_t byte = field->value.data[i];
        ok = byte >= '0' && byte <= '9';
        size = size * 10 + (uint64_t)(byte - '0');
    }
    if (!ok || size > exchange->route.body_size) {
        fg_exchange_refuse(exchange, 400,
                           "X-HgArgs-Post is not a number of bytes that the body has");
    } else if (size > exchange->gateway->config.framing.request_bytes) {
        struct fg_error error;
        fg_shard_count_bound(exchange->shard, FG_BOUND_REQUEST);
        fg_fail(&error, FG_OK, 0, "the arguments exceed the limit of %zu bytes",
                exchange->gateway->config.framing.request_bytes);
        fg_exchange_refuse(exchange, 413, error.message);
    } else {
        classic->post_left = size;
        classic->posts = size > 0;
    }
}

enum fg_status fg_exchange_classic_prepare(struct fg_exchange *exchange, const struct fg_head *head)
{
    const struct fg_config *config = &exchange->gateway->config;
    struct fg_classic *classic = calloc(1, sizeof(*classic));
    if (classic == NULL) {
        return FG_ERR_MEMORY;
    }
    exchange->classic = classic;
    classic->command = exchange->route.classic;
    classic->type = FG_CLASSIC_TYPE;
    const struct fg_command_spec *spec = exchange->route.spec;
    classic->takes_data = spec != NULL && spec->taker != NULL;
    /* Beyond the arguments there are a sign and the query, which has its own limit. */
    fg_buffer_init(&classic->form, config->framing.request_bytes + (size_t)config->header_bytes +
                                       head->target.size);
    fg_buffer_init(&classic->words, SIZE_MAX / 2); /* the head has its limit */
    fg_buffer_init(&classic->text, (size_t)config->reply_bytes);
    read_post_size(exchange, head);
    enum fg_status status = fg_head_join(head, "x-hgproto", &classic->words);
    if (status == FG_OK && classic->post_left == 0) {
        status = fg_head_join(head, "x-hgarg", &classic->form);
    }
    classic->fields_size = classic->form.size;
    return status;
}

void fg_exchange_classic_clear(struct fg_exchange *exchange)
{
    struct fg_classic *classic = exchange->classic;
    if (classic != NULL) {
        fg_source_destroy(&classic->body);
        fg_classic_arguments_clear(&classic->arguments);
        fg_buffer_free(&classic->form);
        fg_buffer_free(&classic->words);
        fg_buffer_free(&classic->text);
        free(classic);
        exchange->classic = NULL;
    }
}

uint64_t fg_exchange_classic_held(const struct fg_exchange *exchange)
{
    const struct fg_classic *classic = exchange->classic;
    if (classic == NULL) {
        return 0;
    }
    uint64_t held = classic->form.capacity + classic->text.capacity + classic->arguments.text_size;
    /* What makes a body while it is read counts itself. */
    return classic->has_body && classic->body.read == NULL ? held + classic->body.size : held;
}

/* -- running ---------------------------------------------------------------------------------- */

/* The whole request fails, as clients of version 1 know it. */
static void fail(struct fg_exchange *exchange, const char *message)
{
    struct fg_classic *classic = exchange->classic;
    classic->failed = true;
    classic->batch.size = 0;
    classic->type = FG_CLASSIC_ERROR_TYPE;
    fg_source_destroy(&classic->body);
    classic->has_body = false;
    fg_buffer_reset(&classic->text);
    enum fg_status status = fg_buffer_append_format(&classic->text, "%s\n", message);
    if (status != FG_OK) {
        fg_exchange_refuse(exchange, 500, fg_status_text(status));
    }
}

/* A command with these arguments, checked. Owned by the caller. */
static enum fg_status make_command(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                   const struct fg_classic_arguments *arguments,
                                   struct fg_command **ret_command, struct fg_error *error)
{
    const struct fg_limits *limits = &exchange->gateway->config.framing;
    struct fg_buffer request = FG_BUFFER_INIT(2 * limits->request_bytes);
    error->message[0] = '\0';
    enum fg_status status = fg_classic_put_request(spec, arguments, &request, error);
    struct fg_command *command = NULL;
    if (status == FG_OK) {
        status =
            fg_command_from_request(limits, REQUESTID, fg_buffer_view(&request), &command, error);
    }
    fg_buffer_free(&request);
    if (status == FG_OK) {
        status = fg_exchange_check(exchange, spec, command, error);
    }
    if (status != FG_OK) {
        fg_command_free(command);
        if (error->message[0] == '\0') {
            fg_fail(error, status, 0, "%s: %s", spec->name, fg_status_text(status));
        }
        return status;
    }
    *ret_command = command;
    return FG_OK;
}

/* Runs a command or leaves it for a worker. Its arguments are cleared. */
static void run(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                struct fg_classic_arguments *arguments)
{
    struct fg_error error;
    struct fg_command *command = NULL;
    fg_exchange_count_command(exchange, spec);
    enum fg_status status = make_command(exchange, spec, arguments, &command, &error);
    fg_classic_arguments_clear(arguments);
    exchange->running.bytes_in = status == FG_OK ? fg_command_encoded(command).size : 0;
    fg_exchange_start(exchange, spec, REQUESTID, command, status, &error);
}

/* -- answers ---------------------------------------------------------------------------------- */

/* All that a source in memory has left. */
static struct fg_bytes memory_of(const struct fg_source *source)
{
    return (struct fg_bytes){source->memory, (size_t)source->size};
}

static enum fg_status put_text(const struct fg_command_spec *spec, const struct fg_reply *reply,
                               struct fg_buffer *text)
{
    if (reply->body.read != NULL || (reply->flags & FG_BYTES_RESPONSE_CBOR) == 0) {
        return FG_ERR_CORRUPT;
    }
    struct fg_limits limits = FG_LIMITS_NONE;
    limits.cbor_items = ITEMS_MAX;
    struct fg_cbor_value answer = {0};
    enum fg_status status = fg_cbor_decode(memory_of(&reply->body), &limits, &answer, NULL);
    if (status == FG_OK) {
        status = fg_classic_put_answer(spec->name, &answer, text);
    }
    if (status == FG_OK) {
        status = fg_buffer_append(text, reply->said.data, reply->said.size);
    }
    fg_cbor_clear(&answer);
    return status;
}

/* Puts the text that stands for what a command answered into the answer. */
static enum fg_status add_text(struct fg_exchange *exchange, struct fg_buffer *text)
{
    struct fg_classic *classic = exchange->classic;
    enum fg_status status = FG_OK;
    if (classic->command->form != FG_CLASSIC_BATCH) {
        return fg_buffer_append(&classic->text, text->data, text->size);
    }
    if (classic->answered++ > 0) {
        status = fg_buffer_append_byte(&classic->text, ';');
    }
    return status == FG_OK ? fg_classic_put_escaped(&classic->text, fg_buffer_view(text)) : status;
}

/* The reply's own bytes are the answer. The body is taken over. */
static enum fg_status set_body(struct fg_exchange *exchange, struct fg_reply *reply,
                               struct fg_error *error)
{
    struct fg_classic *classic = exchange->classic;
    bool streams = classic->command->form == FG_CLASSIC_STREAM;
    enum fg_classic_engine engine =
        exchange->shared ? exchange->shared_engine
                         : fg_classic_choose_engine(fg_buffer_view(&classic->words), reply->dense);
    enum fg_status status = FG_OK;
    if (streams && engine != FG_CLASSIC_ENGINE_LEGACY) {
        classic->type = FG_CLASSIC_TYPE_2;
    }
    if (streams && !exchange->shared) {
        status = fg_exchange_encode(exchange->gateway, engine, reply->dense, &reply->body, error);
        reply->slow_body = reply->slow_body || engine != FG_CLASSIC_ENGINE_NONE;
    }
    if (status == FG_OK && reply->slow_body) {
        status = fg_exchange_pump(exchange, &reply->body);
        if (status != FG_OK) {
            return fg_fail(error, status, 0, "%s", fg_status_text(status));
        }
    }
    if (status == FG_OK) {
        classic->body = reply->body;
        classic->has_body = true;
    }
    return status;
}

struct fg_bytes fg_exchange_classic_words(const struct fg_exchange *exchange)
{
    return fg_buffer_view(&exchange->classic->words);
}

static enum fg_status take_reply(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                 struct fg_reply *reply, struct fg_error *error)
{
    struct fg_classic *classic = exchange->classic;
    if (classic->command->form == FG_CLASSIC_BYTES || classic->command->form == FG_CLASSIC_STREAM) {
        return set_body(exchange, reply, error);
    }
    struct fg_buffer text = FG_BUFFER_INIT((size_t)exchange->gateway->config.reply_bytes);
    enum fg_status status = put_text(spec, reply, &text);
    if (status == FG_OK) {
        status = add_text(exchange, &text);
    }
    fg_buffer_free(&text);
    fg_source_destroy(&reply->body);
    if (status == FG_ERR_LIMIT) {
        fg_shard_count_bound(exchange->shard, FG_BOUND_REPLY);
    }
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "%s", fg_status_text(status));
}

/* A failure that the command's own answer can say. */
static bool answer_failure(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                           const char *message)
{
    struct fg_buffer text = FG_BUFFER_INIT(4096);
    bool said =
        fg_classic_put_failure(spec->name, message, &text) && add_text(exchange, &text) == FG_OK;
    fg_buffer_free(&text);
    return said;
}

void fg_exchange_classic_deliver(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                 const char *failure, struct fg_reply *reply)
{
    struct fg_error untaken;
    if (failure != NULL && !answer_failure(exchange, spec, failure)) {
        fail(exchange, failure);
    }
    if (failure == NULL && take_reply(exchange, spec, reply, &untaken) != FG_OK) {
        failure = untaken.message;
        fail(exchange, failure);
    }
    fg_exchange_count_run(exchange, spec, failure);
}

/* -- the body --------------------------------------------------------------------------------- */

/* The arguments are complete: reads them. On a failure the request has failed. */
static bool read_arguments(struct fg_exchange *exchange)
{
    struct fg_classic *classic = exchange->classic;
    struct fg_error error;
    struct fg_bytes query =
        fg_target_query((struct fg_bytes){exchange->target, exchange->target_size});
    /* What the client sent beside the target goes before what stands in it. */
    enum fg_status status = fg_buffer_append_byte(&classic->form, '&');
    if (status == FG_OK) {
        status = fg_buffer_append(&classic->form, query.data, query.size);
    }
    if (status == FG_OK) {
        status = fg_classic_read_form(fg_buffer_view(&classic->form), &classic->arguments, &error);
    } else {
        fg_fail(&error, status, 0, "%s", fg_status_text(status));
    }
    fg_buffer_free(&classic->form);
    classic->ready = true;
    if (status != FG_OK) {
        fail(exchange, error.message);
    }
    return status == FG_OK;
}

/* The arguments of a command that takes the rest of the body have come. */
static void begin_data(struct fg_exchange *exchange)
{
    const struct fg_command_spec *spec = exchange->route.spec;
    struct fg_error error;
    struct fg_command *command = NULL;
    if (!read_arguments(exchange)) {
        return;
    }
    enum fg_status status =
        make_command(exchange, spec, &exchange->classic->arguments, &command, &error);
    fg_classic_arguments_clear(&exchange->classic->arguments);
    if (status != FG_OK) {
        fg_exchange_count_command(exchange, spec);
        fg_exchange_classic_deliver(exchange, spec, error.message, NULL);
        return;
    }
    status = fg_exchange_begin_data(exchange, spec, command);
    if (status != FG_OK) {
        fg_exchange_refuse(exchange, 500, fg_status_text(status));
    }
    fg_command_free(command);
}

void fg_exchange_classic_receive(struct fg_exchange *exchange, struct fg_bytes input)
{
    struct fg_classic *classic = exchange->classic;
    if (classic == NULL || exchange->status != 0) {
        return;
    }
    size_t size = input.size < classic->post_left ? input.size : (size_t)classic->post_left;
    enum fg_status status = fg_buffer_append(&classic->form, input.data, size);
    if (status != FG_OK) {
        fg_exchange_refuse(exchange, 500, fg_status_text(status));
        return;
    }
    classic->post_left -= size;
    input.data += size;
    input.size -= size;
    if (classic->takes_data && classic->post_left == 0) {
        if (!classic->ready) {
            begin_data(exchange);
        }
        const struct fg_action piece = {.requestid = REQUESTID, .data = input};
        fg_exchange_take_data(exchange, &piece);
    }
}

/* -- the end ---------------------------------------------------------------------------------- */

/* What keeps a command from standing in a batch; true if nothing does. */
static bool admit(struct fg_exchange *exchange, struct fg_bytes name, struct fg_error *error)
{
    const struct fg_classic_command *command = fg_classic_find(name);
    const struct fg_command_spec *spec = fg_registry_find(name);
    if (command == NULL || spec == NULL || command->form != FG_CLASSIC_TEXT) {
        int size = name.size > 60 ? 60 : (int)name.size;
        fg_fail(error, FG_ERR_NOT_FOUND, 0, "batch: there is no command '%.*s' for it", size,
                (const char *)name.data);
        return false;
    }
    struct fg_head head = {.user = exchange->identity.user};
    memcpy(head.verdicts, exchange->verdicts, sizeof(head.verdicts));
    if (!fg_route_permit_classic(&exchange->gateway->config, &head, spec->permission,
                                 &exchange->route)) {
        fg_exchange_count_unknown(exchange);
        return false; /* the route says the rest */
    }
    return spec->permission != FG_PERMISSION_PUSH || fg_route_permit_classic_push(&exchange->route);
}

/* Looks the whole batch through before any of it runs. */
static void start_batch(struct fg_exchange *exchange)
{
    struct fg_classic *classic = exchange->classic;
    struct fg_error error = {.message = ""}; /* the route may say the rest */
    const struct fg_classic_argument *commands = fg_classic_argument(&classic->arguments, "cmds");
    if (commands == NULL) {
        fail(exchange, "batch: argument 'cmds' is missing");
        return;
    }
    uint32_t limit = exchange->gateway->config.framing.requests_active;
    uint32_t count = 0;
    struct fg_bytes rest = commands->value;
    while (rest.size > 0) {
        struct fg_bytes name;
        struct fg_classic_arguments arguments;
        enum fg_status status = fg_classic_read_batch(&rest, &name, &arguments, &error);
        if (status == FG_OK) {
            fg_classic_arguments_clear(&arguments);
            status = admit(exchange, name, &error) ? FG_OK : FG_ERR_NOT_FOUND;
        }
        if (status == FG_OK && ++count > limit) {
            fg_shard_count_bound(exchange->shard, FG_BOUND_COMMANDS);
            status = fg_fail(&error, FG_ERR_LIMIT, 0, "batch: more than %u commands", limit);
        }
        if (status != FG_OK) {
            fail(exchange, error.message);
            return;
        }
    }
    classic->batch = commands->value;
}

/* hello: the tokens of the handshake, as a line. */
static void say_hello(struct fg_exchange *exchange)
{
    struct fg_error error = {.message = ""};
    struct fg_buffer *text = &exchange->classic->text;
    enum fg_status status = fg_buffer_append_string(text, "capabilities: ");
    if (status == FG_OK) {
        status = fg_handshake_put_tokens(exchange->gateway, text, &error);
    }
    if (status == FG_OK) {
        status = fg_buffer_append_byte(text, '\n');
    }
    if (status != FG_OK) {
        fail(exchange, error.message[0] != '\0' ? error.message : fg_status_text(status));
    }
}

/* What is done once, when the body has ended. */
static void start(struct fg_exchange *exchange)
{
    struct fg_classic *classic = exchange->classic;
    if (!read_arguments(exchange)) {
        return;
    }
    switch (classic->command->form) {
    case FG_CLASSIC_BATCH:
        start_batch(exchange);
        break;
    case FG_CLASSIC_CAPABILITIES:
        say_hello(exchange);
        break;
    case FG_CLASSIC_OK:
        if (fg_buffer_append_string(&classic->text, "OK") != FG_OK) {
            fail(exchange, "out of memory");
        }
        break;
    case FG_CLASSIC_TEXT:
    case FG_CLASSIC_BYTES:
    case FG_CLASSIC_STREAM:
        run(exchange, exchange->route.spec, &classic->arguments);
        break;
    }
}

/* The data of a command that takes it has ended, or there was none. */
static void end_data(struct fg_exchange *exchange)
{
    struct fg_classic *classic = exchange->classic;
    if (!classic->ready) {
        begin_data(exchange);
    }
    const struct fg_action end = {.requestid = REQUESTID, .data_eos = true};
    fg_exchange_take_data(exchange, &end);
}

static void run_next_of_batch(struct fg_exchange *exchange)
{
    struct fg_classic *classic = exchange->classic;
    struct fg_bytes name;
    struct fg_classic_arguments arguments;
    struct fg_error error;
    if (fg_classic_read_batch(&classic->batch, &name, &arguments, &error) != FG_OK) {
        fail(exchange, error.message); /* memory: the syntax was looked at */
        return;
    }
    run(exchange, fg_registry_find(name), &arguments);
}

void fg_exchange_classic_finish(struct fg_exchange *exchange)
{
    struct fg_classic *classic = exchange->classic;
    if (classic == NULL || exchange->status != 0) {
        return;
    }
    if (classic->takes_data) {
        end_data(exchange);
    } else if (!classic->ready) {
        start(exchange);
    }
    while (!fg_exchange_waits(exchange) && exchange->route.kind == FG_ROUTE_CLASSIC &&
           classic->batch.size > 0) {
        run_next_of_batch(exchange);
    }
    if (classic->batch.size == 0) {
        /* While the answer is sent nobody needs them. */
        fg_classic_arguments_clear(&classic->arguments);
    }
}

bool fg_exchange_classic_answer(struct fg_exchange *exchange, struct fg_answer *answer)
{
    struct fg_classic *classic = exchange->classic;
    if (classic == NULL || exchange->status != 0 || exchange->route.kind != FG_ROUTE_CLASSIC) {
        return false;
    }
    exchange->status = 200;
    answer->content_type = classic->type;
    answer->body = fg_buffer_view(&classic->text);
    answer->widens = classic->command->tells_nodes && !classic->posts &&
                     classic->fields_size + classic->text.size >= WIDENS_FROM;
    if (classic->failed) {
        fg_fail(&exchange->error, FG_OK, 0, "%.*s", (int)classic->text.size - 1,
                (const char *)classic->text.data);
    }
    if (classic->has_body) {
        answer->whole = classic->body.read == NULL;
        answer->body = memory_of(&classic->body);
    }
    return true;
}

enum fg_status fg_exchange_classic_take(struct fg_exchange *exchange, uint8_t *buffer,
                                        size_t capacity, size_t *ret_size)
{
    return fg_source_read(&exchange->classic->body, buffer, capacity, ret_size);
}
