/*
 * libmicrohttpd on one side, exchanges on the other. The library calls on_request first with the
 * head, then with each piece of the body, then once more. An answer given to the first call
 * closes the connection; so that is only for requests whose body must not be read.
 */
#include "gateway/public.h"

#include "gateway/driver.h"
#include "gateway/endings.h"
#include "gateway/exchange/kept.h"
#include "gateway/tls.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FIELDS_FEW = 128, /* there is room for so many without an allocation */
    BLOCK_SIZE = 64 * 1024,
};

struct thread {
    struct fg_public *public;
    struct fg_driver driver;
    struct fg_endings endings;
};

struct fg_public {
    struct fg_gateway *gateway;
    bool cuts_fields; /* the library takes a NUL for the end of a field */
    struct fg_connections connections;
    struct fg_kept_all kept;
    uint32_t threads_count;
    struct thread threads[];
};

/* -- connections ------------------------------------------------------------------------------ */

static struct fg_connection *connection_of(struct MHD_Connection *transport)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(transport, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static const struct fg_public *public_of(const struct fg_connection *connection)
{
    const struct thread *thread = connection->owner;
    return thread->public;
}

static void on_connection(void *context, struct MHD_Connection *transport, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct thread *thread = context;
    struct fg_public *public = thread->public;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        fg_endings_close(&thread->endings, public->gateway, *socket_context);
        fg_connections_close(&public->connections, *socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(transport, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct fg_address peer;
    fg_address_copy(info != NULL ? info->client_addr : NULL, &peer);
    info = MHD_get_connection_info(transport, MHD_CONNECTION_INFO_CONNECTION_FD);
    const int socket = info->connect_fd;
    info = MHD_get_connection_info(transport, MHD_CONNECTION_INFO_DAEMON);
    bool wide = info->daemon == thread->driver.daemons[FG_DRIVER_WIDE];
    bool is_proxy = fg_exchange_is_proxy(public->gateway, &peer);
    struct fg_connection *connection = fg_connections_open(
        &public->connections, socket, &peer, is_proxy, transport, &thread->driver, wide);
    if (connection != NULL) {
        connection->owner = thread;
        fg_endings_open(connection);
    }
    *socket_context = connection;
}

/* The first line of a request: what this returns is what on_request gets. */
static void *on_target(void *context, const char *target, struct MHD_Connection *transport)
{
    struct fg_public *public = context;
    struct fg_connection *connection = connection_of(transport);
    if (connection == NULL) {
        fg_endings_hide_arguments(target);
        return NULL;
    }
    connection->head_done = false;
    connection->asked = true;
    atomic_store_explicit(&connection->begun, true, memory_order_relaxed);
    connection->target_end = target != NULL ? target + strlen(target) : NULL;
    struct fg_bytes bytes = fg_bytes_from_string(target != NULL ? target : "");
    enum fg_status status =
        fg_exchange_new(public->gateway, bytes, &connection->peer, &connection->exchange);
    fg_endings_hide_arguments(target);
    if (status != FG_OK) {
        connection->exchange = NULL;
        connection->short_of_memory = true;
        return connection;
    }
    if (fg_connection_bound(connection) == FG_BOUND_IDLE_TIME) {
        fg_connection_set_deadline(connection, fg_exchange_now(connection->exchange),
                                   public->gateway->config.header_seconds, FG_BOUND_HEADER_TIME);
    }
    return connection;
}

/* The answer was sent, or the connection is lost. */
static void on_completed(void *context, struct MHD_Connection *transport, void **request,
                         enum MHD_RequestTerminationCode code)
{
    (void)transport;
    struct fg_public *public = context;
    struct fg_connection *connection = *request;
    if (connection != NULL) {
        if (code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED) {
            fg_state_count_bound(public->gateway->state, FG_BOUND_IDLE_TIME);
        }
        struct thread *thread = connection->owner;
        fg_endings_complete(&thread->endings, connection, code);
        fg_connections_leave(&public->connections, connection);
        connection->given = false;
        connection->driver->busy = true;
        atomic_store_explicit(&connection->begun, false, memory_order_relaxed);
        fg_connection_set_deadline(connection, fg_tick_microseconds(),
                                   public->gateway->config.idle_seconds, FG_BOUND_IDLE_TIME);
    }
}

/* Nothing is decoded here: a decoded NUL would end the path, and the length would be lost. */
static size_t on_unescape(void *context, struct MHD_Connection *transport, char *text)
{
    (void)context;
    fg_endings_see(connection_of(transport), text);
    return strlen(text);
}

/* -- answers ---------------------------------------------------------------------------------- */

/* There is something to send, or the end. */
static void wake_reader(void *context)
{
    struct fg_connection *connection = context;
    fg_driver_resume(connection->driver, connection->transport);
}

/*
 * The connection sleeps until its reply goes on: meanwhile nobody waits for the peer. It is asleep
 * before anybody can wake it, else the library would miss that.
 */
static ssize_t sleep_on(struct fg_connection *connection)
{
    fg_connection_set_deadline(connection, 0, 0, FG_BOUND_UNCOUNTED);
    MHD_suspend_connection(connection->transport);
    if (!fg_exchange_wait(connection->exchange, wake_reader, connection)) {
        wake_reader(connection);
    }
    return 0;
}

static ssize_t on_read(void *context, uint64_t position, char *buffer, size_t capacity)
{
    (void)position;
    struct fg_connection *connection = context;
    const struct fg_public *public = public_of(connection);
    size_t size = 0;
    /* The last block is gone: the next one has the whole time again. */
    fg_connection_set_deadline(connection, fg_tick_microseconds(),
                               public->gateway->config.reply_seconds, FG_BOUND_REPLY_TIME);
    switch (fg_exchange_take(connection->exchange, (uint8_t *)buffer, capacity, &size)) {
    case FG_OK:
        return (ssize_t)size;
    case FG_END:
        return MHD_CONTENT_READER_END_OF_STREAM;
    case FG_PENDING:
        return sleep_on(connection);
    default:
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
}

static bool add_fields(struct MHD_Response *response, const struct fg_answer *answer, bool closing)
{
    bool ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                      answer->content_type) == MHD_YES;
    if (ok && strncmp(answer->content_type, "text/", 5) == 0) {
        /* It repeats words of the peer: no browser is to guess another type. */
        ok = MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES;
    }
    if (ok && answer->allow != NULL) {
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow) == MHD_YES;
    }
    if (ok && answer->authenticate) {
        /* One for passwords and tokens, which may be given as passwords: many clients, git among
           them, look at the first one only. */
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                     "Basic realm=\"framegate\", charset=\"UTF-8\"") == MHD_YES;
    }
    if (ok && answer->retry_after > 0) {
        char seconds[16];
        snprintf(seconds, sizeof(seconds), "%u", answer->retry_after);
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds) == MHD_YES;
    }
    if (ok && closing) {
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
    }
    return ok;
}

static enum MHD_Result send_answer(struct fg_public *public, struct fg_connection *connection,
                                   struct MHD_Connection *transport, const struct fg_answer *answer)
{
    uint64_t blocks = 1 + (answer->whole ? answer->body.size / BLOCK_SIZE : 0);
    if (!fg_connection_set_deadline(connection, fg_exchange_now(connection->exchange),
                                    blocks * public->gateway->config.reply_seconds,
                                    FG_BOUND_REPLY_TIME)) {
        return MHD_NO; /* too late: the socket is shut down */
    }
    connection->short_of_memory = true; /* until there is a response */
    if (answer->widens) {
        fg_connections_expect_wide(&public->connections, &connection->peer);
    }
    /* The library would clear all the memory of a wide connection for the next request. */
    bool closing = atomic_load(&public->gateway->draining) || answer->widens || connection->wide;
    if (answer->repeats && !closing) {
        struct MHD_Response *kept =
            fg_kept_response(&public->kept, answer->content_type, answer->body);
        connection->short_of_memory = kept == NULL;
        return kept != NULL ? MHD_queue_response(transport, answer->status, kept) : MHD_NO;
    }
    /* The exchange outlives the response: the library completes the request before it frees it. */
    struct MHD_Response *response =
        answer->whole
            ? MHD_create_response_from_buffer(
                  answer->body.size, (void *)(uintptr_t)answer->body.data, MHD_RESPMEM_PERSISTENT)
            : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_read, connection,
                                                NULL);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_NO;
    if (add_fields(response, answer, closing)) {
        connection->short_of_memory = false;
        result = MHD_queue_response(transport, answer->status, response);
    }
    MHD_destroy_response(response);
    return result;
}

/* -- requests --------------------------------------------------------------------------------- */

struct collected {
    struct fg_field *fields;
    size_t count;
    size_t capacity;
};

static enum MHD_Result on_field(void *context, enum MHD_ValueKind kind, const char *name,
                                size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    struct collected *collected = context;
    if (collected->count == collected->capacity) {
        return MHD_NO;
    }
    collected->fields[collected->count++] =
        (struct fg_field){{(const uint8_t *)name, name_size}, {(const uint8_t *)value, value_size}};
    return MHD_YES;
}

/*
 * True if a field lies in the head as the library sees it: a name, a colon, blanks, the value, and
 * then the end of the line (or next, the name of the field after it; NULL after the last one). The
 * library puts a NUL in place of the colon and of the end of a line, and takes the first NUL in a
 * value for its end, so a NUL of the peer's hides what follows it. A folded value is a copy that
 * lies elsewhere.
 */
static bool is_whole(const struct fg_field *field, const uint8_t *next)
{
    const uint8_t *at = field->name.data + field->name.size + 1;
    while (at != field->value.data && (*at == ' ' || *at == '\t')) {
        at++;
    }
    if (at != field->value.data) {
        return false;
    }
    const uint8_t *end = field->value.data + field->value.size;
    return end[0] == '\0' &&
           (end + 1 == next || (end[1] == '\0' && (next == NULL || end + 2 == next)));
}

static bool are_whole(const struct fg_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_whole(&fields[i], i + 1 < count ? fields[i + 1].name.data : NULL)) {
            return false;
        }
    }
    return true;
}

/* The time that a body of this size has, from now on. */
static void give_body_time(struct fg_connection *connection)
{
    const struct fg_public *public = public_of(connection);
    const struct fg_config *config = &public->gateway->config;
    uint64_t body_size = fg_exchange_body_size(connection->exchange);
    uint64_t seconds = config->body_seconds + body_size / config->body_rate;
    bool bundle = fg_exchange_takes_bundle(connection->exchange);
    uint64_t most = bundle ? config->push_seconds : config->body_seconds_max;
    fg_connection_set_deadline(connection, fg_tick_microseconds(), seconds <= most ? seconds : most,
                               seconds <= most ? FG_BOUND_BODY_TIME
                               : bundle        ? FG_BOUND_PUSH_TIME
                                               : FG_BOUND_BODY_TIME_MAX);
}

/* The rest of the body has the time of a whole one: the command's own time is not the peer's. */
static void wake(struct fg_connection *connection)
{
    give_body_time(connection);
    /* From here on the connection is its own thread's again, and may go any moment. */
    fg_driver_resume(connection->driver, connection->transport);
}

static void run_slow(void *context)
{
    struct fg_connection *connection = context;
    fg_exchange_run_slow(connection->exchange);
    wake(connection);
}

/* The connection sleeps while a worker runs its command; MHD_NO if it is too late for that. */
static enum MHD_Result offload(struct fg_public *public, struct fg_connection *connection,
                               struct MHD_Connection *transport)
{
    if (!fg_connection_set_deadline(connection, 0, 0, FG_BOUND_UNCOUNTED)) {
        return MHD_NO;
    }
    MHD_suspend_connection(transport);
    struct fg_workers *workers = fg_exchange_writes(connection->exchange)
                                     ? public->gateway->push_workers
                                     : public->gateway->workers;
    if (fg_workers_submit(workers, run_slow, connection) != FG_OK) {
        fg_exchange_refuse_slow(connection->exchange);
        wake(connection);
    }
    return MHD_YES;
}

/* Looks at the head, for whose fields there is room. */
static enum MHD_Result take_fields(struct fg_public *public, struct fg_connection *connection,
                                   struct MHD_Connection *transport, const char *method,
                                   const char *version, struct fg_field *fields, size_t count)
{
    const struct fg_config *config = &public->gateway->config;
    struct collected collected = {.fields = fields, .capacity = count};
    (void)MHD_get_connection_values_n(transport, MHD_HEADER_KIND, on_field, &collected);
    /*
     * The library ends the target with a NUL where the version starts; if the first NUL is
     * elsewhere, the peer sent one.
     */
    struct fg_head head = {.method = fg_bytes_from_string(method),
                           .version = fg_bytes_from_string(version),
                           .target_cut = connection->target_end == NULL ||
                                         connection->target_end + 1 != version,
                           .fields_cut = public->cuts_fields && !are_whole(fields, collected.count),
                           .fields = fields,
                           .fields_count = collected.count,
                           .fields_together = public->cuts_fields,
                           .secure = config->tls_certificate != NULL};
    struct fg_address client;
    head.crowded = fg_exchange_find_client(connection->exchange, &head, &client) &&
                   !fg_connections_enter(&public->connections, connection, &client);
    enum fg_exchange_step step = fg_exchange_head(connection->exchange, &head);
    if (step == FG_EXCHANGE_RUN_SLOW) {
        /* The library calls again for the head once the connection goes on. */
        return offload(public, connection, transport);
    }
    connection->head_done = true;
    if (step == FG_EXCHANGE_ANSWER) {
        struct fg_answer answer;
        fg_exchange_answer(connection->exchange, &answer);
        return send_answer(public, connection, transport, &answer);
    }
    give_body_time(connection);
    return MHD_YES;
}

static enum MHD_Result take_head(struct fg_public *public, struct fg_connection *connection,
                                 struct MHD_Connection *transport, const char *method,
                                 const char *version)
{
    struct fg_field few[FIELDS_FEW];
    /* Bounded by the connection's memory, in which they lie. */
    int count = MHD_get_connection_values_n(transport, MHD_HEADER_KIND, NULL, NULL);
    if (count <= FIELDS_FEW) {
        return take_fields(public, connection, transport, method, version, few, FIELDS_FEW);
    }
    struct fg_field *fields = malloc((size_t)count * sizeof(*fields));
    if (fields == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result =
        take_fields(public, connection, transport, method, version, fields, (size_t)count);
    free(fields);
    return result;
}

static enum MHD_Result take_body(struct fg_public *public, struct fg_connection *connection,
                                 struct MHD_Connection *transport, const char *data, size_t *size)
{
    struct fg_bytes input = {(const uint8_t *)data, *size};
    enum fg_exchange_step step = fg_exchange_receive(connection->exchange, &input);
    *size = input.size;
    return step == FG_EXCHANGE_RUN_SLOW ? offload(public, connection, transport) : MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *transport, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
    (void)url;
    struct fg_public *public = context;
    struct fg_connection *connection = *request;
    if (connection == NULL || connection->exchange == NULL || connection->refused != 0) {
        return MHD_NO; /* memory was short, or it is answered: the library closes the connection */
    }
    connection->given = true;
    if (!connection->head_done) {
        return take_head(public, connection, transport, method, version);
    }
    if (*size > 0) {
        return take_body(public, connection, transport, data, size);
    }
    struct fg_answer answer;
    if (fg_exchange_finish(connection->exchange, &answer) == FG_EXCHANGE_RUN_SLOW) {
        offload(public, connection, transport);
        return MHD_YES;
    }
    return send_answer(public, connection, transport, &answer);
}

/* -- the daemon ------------------------------------------------------------------------------- */

/* Version 0.9.77 began to refuse a NUL in the head, and lays the fields out in another way. */
static bool library_cuts_fields(void)
{
    static const char series[] = "0.9.";
    const char *version = MHD_get_version();
    return strncmp(version, series, sizeof(series) - 1) == 0 &&
           strtoul(version + sizeof(series) - 1, NULL, 10) < 77;
}

/*
 * Memory for the largest head: arguments up to their limit in fields of a kilobyte, for each of
 * which the library needs a little, and what every head has.
 */
static size_t wide_memory(const struct fg_config *config)
{
    size_t arguments = config->framing.request_bytes;
    return arguments + arguments / 8 + (size_t)config->connection_memory;
}

static struct MHD_Daemon *start_daemon(struct thread *thread, size_t memory)
{
    struct fg_public *public = thread->public;
    const struct fg_config *config = &public->gateway->config;
    struct MHD_OptionItem tls_options[FG_TLS_OPTIONS];
    unsigned tls_flags = fg_tls_options(config, config->tls_certificate != NULL, tls_options);
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            tls_flags,
        0, NULL, NULL, on_request, public, MHD_OPTION_EXTERNAL_LOGGER, fg_endings_hear,
        &thread->endings, MHD_OPTION_ARRAY, tls_options, MHD_OPTION_CONNECTION_LIMIT,
        thread->driver.connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory,
        /* Silence within a request; between requests the watchdog is earlier, and counts it. */
        MHD_OPTION_CONNECTION_TIMEOUT, config->idle_seconds + 1, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection, thread,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, public, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        public, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, MHD_OPTION_END);
}

static enum fg_driver_room choose(void *context, const struct sockaddr *peer)
{
    struct thread *thread = context;
    struct fg_address host;
    fg_address_copy(peer, &host);
    return fg_connections_wants_wide(&thread->public->connections, &host) ? FG_DRIVER_WIDE
                                                                          : FG_DRIVER_NARROW;
}

static void stop_daemons(struct thread *thread)
{
    for (int i = 0; i < FG_DRIVER_ROOMS; i++) {
        if (thread->driver.daemons[i] != NULL) {
            MHD_stop_daemon(thread->driver.daemons[i]);
        }
    }
}

/* One more thread, with a share of the connections. It listens at a copy of the socket. */
static bool start_thread(struct fg_public *public, int listen_socket)
{
    const struct fg_config *config = &public->gateway->config;
    uint32_t connections = config->connections / config->threads +
                           (public->threads_count < config->connections % config->threads);
    struct thread *thread = &public->threads[public->threads_count];
    struct fg_driver *driver = &thread->driver;
    thread->public = public;
    fg_endings_init(&thread->endings, &public->connections, driver);
    driver->connections_max = connections;
    driver->choose = choose;
    driver->context = thread;
    driver->daemons[FG_DRIVER_NARROW] = start_daemon(thread, (size_t)config->connection_memory);
    driver->daemons[FG_DRIVER_WIDE] = start_daemon(thread, wide_memory(config));
    bool ok = driver->daemons[FG_DRIVER_NARROW] != NULL && driver->daemons[FG_DRIVER_WIDE] != NULL;
    driver->listen_socket = ok ? fcntl(listen_socket, F_DUPFD_CLOEXEC, 0) : -1;
    if (driver->listen_socket < 0 || fg_driver_start(driver) != FG_OK) {
        stop_daemons(thread);
        return false;
    }
    public->threads_count++;
    return true;
}

enum fg_status fg_public_start(struct fg_gateway *gateway, int listen_socket,
                               struct fg_public **ret_public, struct fg_error *error)
{
    uint32_t threads = gateway->config.threads;
    struct fg_public *public = calloc(1, sizeof(*public) + threads * sizeof(public->threads[0]));
    if (public == NULL) {
        close(listen_socket);
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    public->gateway = gateway;
    public->cuts_fields = library_cuts_fields();
    fg_connections_init(&public->connections, &gateway->config, gateway->state);
    fg_kept_init(&public->kept);
    bool ok = true;
    while (ok && public->threads_count < threads) {
        ok = start_thread(public, listen_socket);
    }
    close(listen_socket);
    if (!ok) {
        fg_public_stop(public);
        return fg_fail(error, FG_ERR_IO, 0, "the HTTP library does not start");
    }
    *ret_public = public;
    return FG_OK;
}

void fg_public_quiesce(struct fg_public *public)
{
    for (uint32_t i = 0; i < public->threads_count; i++) {
        fg_driver_quiesce(&public->threads[i].driver);
    }
}

void fg_public_stop(struct fg_public *public)
{
    if (public == NULL) {
        return;
    }
    for (uint32_t i = 0; i < public->threads_count; i++) {
        fg_driver_stop(&public->threads[i].driver);
        stop_daemons(&public->threads[i]);
    }
    fg_connections_clear(&public->connections);
    fg_kept_clear(&public->kept);
    free(public);
}

struct fg_connections *fg_public_connections(struct fg_public *public)
{
    return &public->connections;
}
