/*
 * The admin listener: a second libmicrohttpd daemon with one thread of its own, so that whoever
 * looks takes nothing from those who are served. Owns the table of its resources, the checks that
 * come before them, and the life of a request.
 */
#include "gateway/admin/admin.h"

#include "gateway/admin/adminaccess.h"
#include "gateway/admin/adminanswer.h"
#include "gateway/admin/adminevents.h"
#include "gateway/admin/adminpost.h"
#include "gateway/admin/adminsend.h"
#include "gateway/admin/assets.h"
#include "gateway/admin/exchangejson.h"
#include "gateway/admin/metrics.h"
#include "gateway/admin/vocabulary.h"
#include "gateway/endings.h"
#include "gateway/tls.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 64,
    IDLE_SECONDS = 75,
    SENDERS = 2,       /* threads that wait for the public listener */
    SENDERS_QUEUE = 8, /* requests that wait for one of them */
    METRICS_MAX = 1024 * 1024,
    TEXT_MAX = 16 * 1024,
    ARGUMENTS_MAX = 16, /* of a query; each takes memory that the head needs */
    ENCODE_FACTOR = 4,  /* frames are no larger than that many times their human strings */
};

struct fg_admin {
    struct fg_gateway *gateway;
    struct fg_public *public;
    _Atomic(struct MHD_Daemon *) daemon; /* its threads run, and ask, before it is known here */
    struct fg_connections connections;   /* with deadlines, as those of the public listener */
    struct fg_config limits;             /* of them; the others of the gateway are not for here */
    struct fg_endings endings;           /* hears of answers of the library's that are malformed */
    struct fg_events *events;
    struct fg_workers *senders;
    atomic_bool stopping;
};

struct resource;

/* One request, from its head to the end of its answer. */
struct request {
    struct fg_admin *admin;
    struct MHD_Connection *transport;
    const struct resource *resource;
    const char *url; /* borrowed from the library */
    bool over;       /* more body came than may */
    struct fg_buffer body;
    bool sent;                     /* POST /send: what is below is its result */
    struct fg_admin_request order; /* what is sent */
    enum fg_status status;
    char *document;
    struct fg_error error;
};

struct resource {
    const char *path; /* ends in a slash: all that begin with it, but not the path itself */
    bool post;        /* else GET and HEAD */
    bool open;        /* to everyone, from everywhere */
    enum MHD_Result (*answer)(struct request *request);
};

/* -- what there is to get ---------------------------------------------------------------------- */

static void describe_listening(void *context, struct fg_listening *ret_listening)
{
    const struct fg_admin *admin = context;
    struct MHD_Daemon *daemon = atomic_load(&admin->daemon);
    const union MHD_DaemonInfo *info =
        daemon != NULL ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS) : NULL;
    *ret_listening = (struct fg_listening){
        .connections = fg_connections_count(fg_public_connections(admin->public)),
        .admin_connections = info != NULL ? info->num_connections : 0,
        .admin_connections_max = CONNECTIONS_MAX,
    };
}

static enum MHD_Result answer_state(struct request *request)
{
    struct fg_listening listening;
    describe_listening(request->admin, &listening);
    return fg_admin_send_json(request->transport, MHD_HTTP_OK,
                              fg_state_json(request->admin->gateway, &listening));
}

static enum MHD_Result answer_exchange(struct request *request)
{
    const char *digits = request->url + strlen(request->resource->path);
    char *end = NULL;
    char *text = NULL;
    unsigned long long id = strtoull(digits, &end, 10);
    enum fg_status status = FG_ERR_NOT_FOUND;
    if (digits[0] >= '1' && digits[0] <= '9' && *end == '\0') {
        status = fg_exchange_document(request->admin->gateway, id, &text);
    }
    return status == FG_ERR_NOT_FOUND
               ? fg_admin_send_text(request->transport, MHD_HTTP_NOT_FOUND,
                                    "there is no such exchange, or it is too long ago\n")
               : fg_admin_send_json(request->transport, MHD_HTTP_OK, text);
}

/* NULL if memory was short. */
static struct fg_connection *connection_of(struct MHD_Connection *transport)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(transport, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

/* Of a peer that trickles, the library sees no end. No deadline is 0. */
static void set_deadline(struct MHD_Connection *transport, uint64_t seconds, enum fg_bound bound)
{
    struct fg_connection *connection = connection_of(transport);
    if (connection != NULL) {
        (void)fg_connection_set_deadline(connection, fg_tick_microseconds(), seconds, bound);
    }
}

static enum MHD_Result answer_events(struct request *request)
{
    set_deadline(request->transport, 0, FG_BOUND_UNCOUNTED);
    return fg_events_answer(request->admin->events, request->transport);
}

static enum MHD_Result answer_metrics(struct request *request)
{
    struct fg_listening listening;
    struct fg_buffer text = FG_BUFFER_INIT(METRICS_MAX);
    describe_listening(request->admin, &listening);
    if (fg_metrics_append(request->admin->gateway, &listening, &text) != FG_OK) {
        fg_buffer_free(&text);
        return fg_admin_send_json(request->transport, 0, NULL);
    }
    const size_t size = text.size;
    const struct fg_admin_answer answer = {.status = MHD_HTTP_OK,
                                           .type = FG_TYPE_METRICS,
                                           .body = {fg_buffer_detach(&text), size},
                                           .owned = true};
    return fg_admin_send(request->transport, &answer);
}

static enum MHD_Result answer_health(struct request *request)
{
    return fg_admin_send_text(request->transport, MHD_HTTP_OK, "ok\n");
}

/* Everyone may ask whether it is ready; why it is not is for those who may see the state too. */
static enum MHD_Result answer_unreadable(struct request *request)
{
    struct fg_gateway *gateway = request->admin->gateway;
    struct fg_error error = {.message = "unknown"};
    (void)fg_repository_failure(gateway->repository, &error);
    bool may_look = fg_admin_host_is_ours(gateway, request->transport) &&
                    fg_admin_admits(gateway, request->transport);
    struct fg_buffer text = FG_BUFFER_INIT(TEXT_MAX);
    enum fg_status status =
        may_look
            ? fg_buffer_append_format(&text, "not ready: the repository %s cannot be read: %s\n",
                                      fg_repository_path(gateway->repository), error.message)
            : fg_buffer_append_string(&text, "not ready: the repository cannot be read\n");
    if (status != FG_OK) {
        fg_buffer_free(&text);
        return fg_admin_send_json(request->transport, 0, NULL);
    }
    const size_t size = text.size;
    const struct fg_admin_answer answer = {.status = MHD_HTTP_SERVICE_UNAVAILABLE,
                                           .type = FG_TYPE_TEXT,
                                           .body = {fg_buffer_detach(&text), size},
                                           .owned = true};
    return fg_admin_send(request->transport, &answer);
}

/*
 * True if a file is damaged that every bundle needs. What is wrong with another file concerns those
 * alone who need it, and is no reason to send all others away.
 */
static bool is_damaged(struct fg_repository *repository)
{
    struct fg_damage damages[FG_DAMAGES_MAX];
    size_t count = fg_repository_damages(repository, damages);
    bool damaged = false;
    for (size_t i = 0; i < count; i++) {
        damaged = damaged || strncmp(damages[i].file, "00", 2) == 0;
    }
    return damaged;
}

static enum MHD_Result answer_readiness(struct request *request)
{
    struct fg_gateway *gateway = request->admin->gateway;
    struct fg_snapshot *snapshot = NULL;
    if (atomic_load(&gateway->draining)) {
        return fg_admin_send_text(request->transport, MHD_HTTP_SERVICE_UNAVAILABLE,
                                  "not ready: it was told to stop\n");
    }
    if (fg_repository_snapshot(gateway->repository, &snapshot, NULL) != FG_OK) {
        return answer_unreadable(request);
    }
    fg_snapshot_unref(snapshot);
    if (is_damaged(gateway->repository)) {
        return fg_admin_send_text(request->transport, MHD_HTTP_SERVICE_UNAVAILABLE,
                                  "not ready: the changelog or the manifest is damaged\n");
    }
    return fg_admin_send_text(request->transport, MHD_HTTP_OK, "ready\n");
}

static enum MHD_Result answer_vocabulary(struct request *request)
{
    return fg_admin_send_json(request->transport, MHD_HTTP_OK,
                              fg_vocabulary_json(&request->admin->gateway->config));
}

static const char *field(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->transport, MHD_HEADER_KIND, name);
}

static enum MHD_Result answer_file(struct request *request)
{
    struct fg_asset asset;
    if (fg_asset_find(request->url, &asset) != FG_OK) {
        return fg_admin_send_text(request->transport, MHD_HTTP_NOT_FOUND, "not found\n");
    }
    const char *known = field(request, MHD_HTTP_HEADER_IF_NONE_MATCH);
    const char *accepted = field(request, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    struct fg_admin_answer answer = {
        .status = MHD_HTTP_OK, .type = asset.type, .etag = asset.etag, .body = asset.plain};
    if (known != NULL && strstr(known, asset.etag) != NULL) {
        answer.status = MHD_HTTP_NOT_MODIFIED;
        answer.body = (struct fg_bytes){(const uint8_t *)"", 0};
    } else if (accepted != NULL && strstr(accepted, "gzip") != NULL &&
               strstr(accepted, "gzip;q=0") == NULL) {
        answer.body = asset.gzip;
        answer.encoding = "gzip";
    }
    return fg_admin_send(request->transport, &answer);
}

/* -- what there is to post --------------------------------------------------------------------- */

static enum MHD_Result answer_decode(struct request *request)
{
    unsigned status = MHD_HTTP_OK;
    char *text = fg_admin_decode(fg_buffer_view(&request->body), &status);
    return fg_admin_send_json(request->transport, status, text);
}

/* Makes frames of the body's human strings. Returns false once it has answered in *ret_result. */
static bool encode(struct request *request, struct fg_buffer *frames, enum MHD_Result *ret_result)
{
    char *document = NULL;
    enum fg_status status = fg_admin_encode(fg_buffer_view(&request->body), frames, &document);
    if (status != FG_OK) {
        fg_buffer_free(frames);
        *ret_result = fg_admin_send_json(request->transport, MHD_HTTP_BAD_REQUEST, document);
    }
    return status == FG_OK;
}

static size_t frames_max(const struct request *request)
{
    return ENCODE_FACTOR * (size_t)request->admin->gateway->config.admin_body_bytes;
}

static enum MHD_Result answer_encode(struct request *request)
{
    struct fg_buffer frames = FG_BUFFER_INIT(frames_max(request));
    enum MHD_Result result = MHD_NO;
    if (!encode(request, &frames, &result)) {
        return result;
    }
    const size_t size = frames.size;
    const struct fg_admin_answer answer = {.status = MHD_HTTP_OK,
                                           .type = FG_MEDIA_TYPE,
                                           .body = {fg_buffer_detach(&frames), size},
                                           .owned = true};
    return fg_admin_send(request->transport, &answer);
}

/* On a thread of its own; the connection sleeps. */
static void send_order(void *context)
{
    struct request *request = context;
    request->status = fg_admin_exchange(request->admin->gateway, &request->order,
                                        &request->document, &request->error);
    MHD_resume_connection(request->transport);
}

static enum MHD_Result begin_sending(struct request *request)
{
    const char *path =
        MHD_lookup_connection_value(request->transport, MHD_GET_ARGUMENT_KIND, "path");
    const char *type = field(request, MHD_HTTP_HEADER_CONTENT_TYPE);
    if (path == NULL || !fg_admin_is_path(path)) {
        return fg_admin_send_json(
            request->transport, MHD_HTTP_BAD_REQUEST,
            fg_admin_error("path: expected a path such as /api/" FG_API_NAME "/ro/heads"));
    }
    if (type != NULL && strncmp(type, "text/plain", strlen("text/plain")) == 0) {
        struct fg_buffer frames = FG_BUFFER_INIT(frames_max(request));
        enum MHD_Result result = MHD_NO;
        if (!encode(request, &frames, &result)) {
            return result;
        }
        fg_buffer_free(&request->body);
        request->body = frames;
    }
    request->order =
        (struct fg_admin_request){.path = path,
                                  .authorization = field(request, "X-Framegate-Authorization"),
                                  .body = fg_buffer_view(&request->body),
                                  .stop = &request->admin->stopping};
    request->sent = true;
    MHD_suspend_connection(request->transport);
    if (fg_workers_submit(request->admin->senders, send_order, request) != FG_OK) {
        request->status =
            fg_fail(&request->error, FG_ERR_LIMIT, 0, "too many requests are being sent");
        MHD_resume_connection(request->transport);
    }
    return MHD_YES;
}

static enum MHD_Result answer_send(struct request *request)
{
    if (!request->sent) {
        return begin_sending(request);
    }
    if (request->status == FG_OK) {
        char *document = request->document;
        request->document = NULL;
        return fg_admin_send_json(request->transport, MHD_HTTP_OK, document);
    }
    if (request->status == FG_ERR_MEMORY) {
        return fg_admin_send_json(request->transport, 0, NULL);
    }
    struct fg_buffer text = FG_BUFFER_INIT(sizeof(request->error.message) + 1);
    if (fg_buffer_append_format(&text, "%s\n", request->error.message) != FG_OK) {
        return fg_admin_send_json(request->transport, 0, NULL);
    }
    const size_t size = text.size;
    const struct fg_admin_answer answer = {.status = request->status == FG_ERR_LIMIT
                                                         ? MHD_HTTP_SERVICE_UNAVAILABLE
                                                         : MHD_HTTP_BAD_GATEWAY,
                                           .type = FG_TYPE_TEXT,
                                           .body = {fg_buffer_detach(&text), size},
                                           .owned = true};
    return fg_admin_send(request->transport, &answer);
}

static const struct resource resources[] = {
    {"/healthz", false, true, answer_health},
    {"/readyz", false, true, answer_readiness},
    {"/state", false, false, answer_state},
    {"/state/exchanges/", false, false, answer_exchange},
    {"/events", false, false, answer_events},
    {"/metrics", false, false, answer_metrics},
    {"/vocabulary", false, false, answer_vocabulary},
    {"/decode", true, false, answer_decode},
    {"/encode", true, false, answer_encode},
    {"/send", true, false, answer_send},
};

static const struct resource files = {"/", false, false, answer_file};

static const struct resource *find_resource(const char *url)
{
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        const char *path = resources[i].path;
        const size_t size = strlen(path);
        bool prefix = path[size - 1] == '/';
        if (prefix ? strncmp(url, path, size) == 0 : strcmp(url, path) == 0) {
            return &resources[i];
        }
    }
    return &files;
}

/* -- requests ---------------------------------------------------------------------------------- */

static bool is_method_of(const struct resource *resource, const char *method)
{
    if (resource->post) {
        return strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    }
    return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static enum MHD_Result refuse_method(struct request *request)
{
    static const char of_post[] = "this resource is for POST\n";
    static const char of_get[] = "this resource is for GET and HEAD\n";
    const bool post = request->resource->post;
    const struct fg_admin_answer answer = {.status = MHD_HTTP_METHOD_NOT_ALLOWED,
                                           .type = FG_TYPE_TEXT,
                                           .allow = post ? "POST" : "GET, HEAD",
                                           .body = fg_bytes_from_string(post ? of_post : of_get)};
    return fg_admin_send(request->transport, &answer);
}

/* The status that keeps a request from what it asks for, and why; 0: nothing does. */
static unsigned refuse(const struct request *request, const char **ret_text)
{
    struct fg_gateway *gateway = request->admin->gateway;
    if (request->resource->open) {
        return 0;
    }
    if (!fg_admin_host_is_ours(gateway, request->transport)) {
        *ret_text = "the Host field names somebody else; use localhost or a loopback address\n";
        return MHD_HTTP_MISDIRECTED_REQUEST;
    }
    if (!fg_admin_admits(gateway, request->transport)) {
        *ret_text = "permission denied\n";
        return MHD_HTTP_UNAUTHORIZED;
    }
    if (request->resource->post && !fg_admin_is_same_origin(gateway, request->transport)) {
        *ret_text = "a page of another origin may not send this\n";
        return MHD_HTTP_FORBIDDEN;
    }
    return 0;
}

static enum MHD_Result refuse_body(struct request *request)
{
    fg_state_count_bound(request->admin->gateway->state, FG_BOUND_ADMIN_BODY);
    return fg_admin_send_text(request->transport, MHD_HTTP_CONTENT_TOO_LARGE,
                              "the body exceeds --max-admin-body\n");
}

static bool announces_too_much(const struct request *request)
{
    const char *length = field(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length != NULL &&
           strtoull(length, NULL, 10) > request->admin->gateway->config.admin_body_bytes;
}

/* The head is there. What is answered here closes the connection, so that no body is read. */
static enum MHD_Result take_head(struct request *request, const char *method)
{
    const char *text = NULL;
    if (!is_method_of(request->resource, method)) {
        return refuse_method(request);
    }
    if (!request->resource->post) {
        return MHD_YES;
    }
    unsigned status = refuse(request, &text);
    if (status != 0) {
        return fg_admin_send_text(request->transport, status, text);
    }
    return announces_too_much(request) ? refuse_body(request) : MHD_YES;
}

static enum MHD_Result answer(struct request *request)
{
    const char *text = NULL;
    unsigned status = request->resource->post ? 0 : refuse(request, &text);
    if (status != 0) {
        return fg_admin_send_text(request->transport, status, text);
    }
    return request->over ? refuse_body(request) : request->resource->answer(request);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *transport, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    (void)version;
    struct fg_admin *admin = context;
    struct request *request = *state;
    struct fg_connection *connection = connection_of(transport);
    if (connection == NULL || connection->refused != 0) {
        return MHD_NO;
    }
    connection->given = true;
    if (request == NULL) {
        request = calloc(1, sizeof(*request));
        if (request == NULL) {
            return MHD_NO;
        }
        *state = request;
        connection->owner = request;
        request->admin = admin;
        request->transport = transport;
        request->resource = find_resource(url);
        set_deadline(transport, admin->gateway->config.body_seconds_max, FG_BOUND_BODY_TIME_MAX);
        fg_buffer_init(&request->body, (size_t)admin->gateway->config.admin_body_bytes);
        return take_head(request, method);
    }
    request->url = url;
    if (*size == 0) {
        return answer(request);
    }
    if (request->resource->post && !request->over) {
        request->over = fg_buffer_append(&request->body, data, *size) != FG_OK;
    }
    *size = 0;
    return MHD_YES;
}

static void free_request(struct request *request)
{
    if (request != NULL) {
        fg_buffer_free(&request->body);
        free(request->document);
        free(request);
    }
}

static void on_completed(void *context, struct MHD_Connection *transport, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)code;
    const struct fg_admin *admin = context;
    struct fg_connection *connection = connection_of(transport);
    set_deadline(transport, admin->gateway->config.idle_seconds, FG_BOUND_IDLE_TIME);
    free_request(*state);
    *state = NULL;
    if (connection != NULL) {
        connection->given = false;
        connection->owner = NULL;
    }
}

/* The first line of a request. What this returns is what on_request gets. */
static void *on_target(void *context, const char *target, struct MHD_Connection *transport)
{
    (void)context;
    struct fg_connection *connection = connection_of(transport);
    unsigned arguments = 1;
    if (connection != NULL) {
        connection->target_end = target != NULL ? target + strlen(target) : NULL;
    }
    for (const char *at = target; at != NULL && (at = strchr(at, '&')) != NULL; at++) {
        arguments++;
    }
    if (arguments > ARGUMENTS_MAX) {
        fg_endings_hide_arguments(target);
    }
    return NULL;
}

static size_t on_unescape(void *context, struct MHD_Connection *transport, char *text)
{
    (void)context;
    fg_endings_see(connection_of(transport), text);
    return MHD_http_unescape(text);
}

static void on_connection(void *context, struct MHD_Connection *transport, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct fg_admin *admin = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct fg_connection *connection = *socket_context;
        if (connection != NULL) {
            free_request(connection->owner); /* the library gave it up, and did not say so */
        }
        fg_connections_close(&admin->connections, connection);
        *socket_context = NULL;
        return;
    }
    struct fg_address peer;
    fg_address_copy(
        MHD_get_connection_info(transport, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, &peer);
    *socket_context = fg_connections_open(
        &admin->connections,
        MHD_get_connection_info(transport, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, &peer,
        false, transport, NULL, false);
}

/* -- the daemon -------------------------------------------------------------------------------- */

static struct MHD_Daemon *start_daemon(struct fg_admin *admin, int listen_socket)
{
    const struct fg_config *config = &admin->gateway->config;
    struct MHD_OptionItem tls[FG_TLS_OPTIONS];
    unsigned tls_flags = fg_tls_options(config, fg_admin_has_tls(config), tls);
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | tls_flags, 0,
        NULL, NULL, on_request, admin, MHD_OPTION_EXTERNAL_LOGGER, fg_endings_hear, &admin->endings,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape,
        NULL, MHD_OPTION_ARRAY, tls, MHD_OPTION_LISTEN_SOCKET, listen_socket,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_SECONDS, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, admin, MHD_OPTION_NOTIFY_COMPLETED, on_completed, admin, MHD_OPTION_END);
}

enum fg_status fg_admin_start(struct fg_gateway *gateway, struct fg_public *public,
                              int listen_socket, struct fg_admin **ret_admin,
                              struct fg_error *error)
{
    struct fg_admin *admin = calloc(1, sizeof(*admin));
    if (admin == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(admin);
        close(listen_socket);
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    admin->gateway = gateway;
    admin->public = public;
    admin->limits.header_seconds = gateway->config.header_seconds;
    fg_connections_init(&admin->connections, &admin->limits, gateway->state);
    fg_endings_init(&admin->endings, &admin->connections, NULL);
    if (fg_workers_new(SENDERS, SENDERS_QUEUE, &admin->senders) != FG_OK ||
        fg_events_new(gateway, describe_listening, admin, &admin->events) != FG_OK) {
        close(listen_socket);
        fg_admin_stop(admin);
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory or of threads");
    }
    struct MHD_Daemon *daemon = start_daemon(admin, listen_socket);
    atomic_store(&admin->daemon, daemon);
    if (daemon == NULL) {
        close(listen_socket);
        fg_admin_stop(admin);
        return fg_fail(error, FG_ERR_IO, 0, "the HTTP library does not start");
    }
    *ret_admin = admin;
    return FG_OK;
}

void fg_admin_tick(struct fg_admin *admin)
{
    fg_connections_cut(&admin->connections);
}

void fg_admin_stop(struct fg_admin *admin)
{
    if (admin == NULL) {
        return;
    }
    /* First whatever a connection sleeps for: one that does while the library stops would abort
     * the process. */
    atomic_store(&admin->stopping, true);
    fg_workers_stop(admin->senders);
    fg_events_stop(admin->events);
    if (admin->daemon != NULL) {
        MHD_stop_daemon(admin->daemon);
    }
    fg_workers_free(admin->senders);
    fg_events_free(admin->events);
    fg_connections_clear(&admin->connections);
    free(admin);
    curl_global_cleanup();
}
