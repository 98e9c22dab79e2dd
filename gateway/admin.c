/*
 * The admin listener: a second libmicrohttpd daemon with one thread of its own, so that whoever
 * looks takes nothing from those who are served.
 */
#include "gateway/admin.h"

#include "gateway/adminaccess.h"
#include "gateway/statejson.h"
#include "gateway/tls.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, IDLE_SECONDS = 75 };

struct fg_admin {
    struct fg_gateway *gateway;
    struct fg_public *public;
    struct MHD_Daemon *daemon;
};

/* Takes text over if free_text is set. */
static enum MHD_Result answer(struct MHD_Connection *transport, unsigned status, const char *type,
                              const char *text, bool free_text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                        free_text ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        free(free_text ? (void *)(uintptr_t)text : NULL);
        return MHD_NO;
    }
    enum MHD_Result result = MHD_NO;
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
        (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES) &&
        (status != MHD_HTTP_UNAUTHORIZED || fg_admin_add_challenge(response))) {
        result = MHD_queue_response(transport, status, response);
    }
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_state(struct fg_admin *admin, struct MHD_Connection *transport)
{
    char *text =
        fg_state_json(admin->gateway, fg_connections_count(fg_public_connections(admin->public)));
    if (text == NULL) {
        return answer(transport, MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain", "out of memory\n",
                      false);
    }
    return answer(transport, MHD_HTTP_OK, "application/json", text, true);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *transport, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
    static int seen; /* its address says that this request was seen before */
    (void)version;
    (void)data;
    struct fg_admin *admin = context;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        /* In the first call, so that no body is read. */
        return answer(transport, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain",
                      "this resource is for GET and HEAD\n", false);
    }
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/healthz") == 0) {
        return answer(transport, MHD_HTTP_OK, "text/plain", "ok\n", false);
    }
    if (!fg_admin_admits(admin->gateway, transport)) {
        return answer(transport, MHD_HTTP_UNAUTHORIZED, "text/plain", "permission denied\n", false);
    }
    if (strcmp(url, "/state") == 0) {
        return answer_state(admin, transport);
    }
    return answer(transport, MHD_HTTP_NOT_FOUND, "text/plain", "not found\n", false);
}

enum fg_status fg_admin_start(struct fg_gateway *gateway, struct fg_public *public,
                              int listen_socket, struct fg_admin **ret_admin,
                              struct fg_error *error)
{
    struct fg_admin *admin = calloc(1, sizeof(*admin));
    if (admin == NULL) {
        close(listen_socket);
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    *admin = (struct fg_admin){.gateway = gateway, .public = public};
    struct MHD_OptionItem tls[FG_TLS_OPTIONS];
    unsigned tls_flags = fg_tls_options(&gateway->config, fg_admin_has_tls(&gateway->config), tls);
    admin->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | tls_flags, 0, NULL, NULL, on_request, admin,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_LISTEN_SOCKET, listen_socket, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (admin->daemon == NULL) {
        free(admin);
        close(listen_socket);
        return fg_fail(error, FG_ERR_IO, 0, "the HTTP library does not start");
    }
    *ret_admin = admin;
    return FG_OK;
}

void fg_admin_stop(struct fg_admin *admin)
{
    if (admin != NULL) {
        MHD_stop_daemon(admin->daemon);
        free(admin);
    }
}
