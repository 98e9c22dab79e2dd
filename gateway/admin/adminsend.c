/*
 * A client of the public listener, made of libcurl.
 */
#include "gateway/admin/adminsend.h"

#include "gateway/admin/framejson.h"
#include "gateway/exchange/route.h"
#include "gateway/tools/json.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    REPLY_MAX = 1024 * 1024, /* bytes of an answer that are shown */
    FIELDS_MAX = 100,        /* header fields of an answer that are shown */
    TIME_MAX_SECONDS = 30,
    PATH_MAX_SIZE = 8 * 1024,
};

/* What came of it. */
struct reply {
    json_t *fields;
    bool ok; /* memory was enough for the fields */
    bool frames;
    bool cut;
    struct fg_buffer body;
    const atomic_bool *stop;
};

bool fg_admin_is_path(const char *path)
{
    size_t size = 0;
    for (; path[size] != '\0'; size++) {
        if (path[size] <= ' ' || path[size] > '~' || path[size] == '#' || size >= PATH_MAX_SIZE) {
            return false;
        }
    }
    return path[0] == '/';
}

/* -- what libcurl calls ------------------------------------------------------------------------ */

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
    (void)one;
    struct reply *reply = context;
    size_t room = REPLY_MAX - reply->body.size;
    size_t taken = size < room ? size : room;
    if (fg_buffer_append(&reply->body, data, taken) != FG_OK) {
        return 0;
    }
    reply->cut = taken < size;
    return taken; /* less than there is ends the transfer */
}

static void add_field(struct reply *reply, struct fg_bytes name, struct fg_bytes value)
{
    json_t *field = json_object();
    fg_json_put(field, &reply->ok, "name", fg_json_printable(name));
    fg_json_put(field, &reply->ok, "value", fg_json_printable(value));
    fg_json_add(reply->fields, &reply->ok, field);
}

static size_t on_field(char *line, size_t one, size_t size, void *context)
{
    (void)one;
    struct reply *reply = context;
    const char *colon = memchr(line, ':', size);
    if (colon != NULL && json_array_size(reply->fields) < FIELDS_MAX) {
        const char *value = colon + 1;
        const char *end = line + size;
        while (value < end && *value == ' ') {
            value++;
        }
        while (end > value && (end[-1] == '\r' || end[-1] == '\n')) {
            end--;
        }
        add_field(reply, (struct fg_bytes){(const uint8_t *)line, (size_t)(colon - line)},
                  (struct fg_bytes){(const uint8_t *)value, (size_t)(end - value)});
    }
    return size;
}

static int on_progress(void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    const struct reply *reply = context;
    return atomic_load(reply->stop) ? 1 : 0;
}

/* -- the request ------------------------------------------------------------------------------- */

/* Where the public listener can be reached from here: all addresses include loopback. */
static void format_own_address(const struct fg_gateway *gateway, char *ret_text)
{
    struct fg_address address = gateway->public_address;
    if (address.storage.ss_family == AF_INET) {
        struct sockaddr_in *four = (struct sockaddr_in *)&address.storage;
        if (four->sin_addr.s_addr == htonl(INADDR_ANY)) {
            four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        }
    } else {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address.storage;
        if (IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr)) {
            six->sin6_addr = in6addr_loopback;
        }
    }
    fg_address_format(&address, ret_text);
}

/* Appends a field to the list; false if memory is short. */
static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    struct fg_buffer line = FG_BUFFER_INIT(64 * 1024);
    bool ok = fg_buffer_append_format(&line, "%s: %s", name, value) == FG_OK &&
              fg_buffer_append_byte(&line, '\0') == FG_OK;
    struct curl_slist *longer = ok ? curl_slist_append(*list, (const char *)line.data) : NULL;
    fg_buffer_free(&line);
    if (longer != NULL) {
        *list = longer;
    }
    return longer != NULL;
}

static struct curl_slist *make_headers(const struct fg_admin_request *request)
{
    struct curl_slist *list = NULL;
    bool ok = add_header(&list, "Content-Type", FG_MEDIA_TYPE) &&
              add_header(&list, "Accept", FG_MEDIA_TYPE) && add_header(&list, "Expect", "") &&
              (request->authorization == NULL ||
               add_header(&list, "Authorization", request->authorization));
    if (!ok) {
        curl_slist_free_all(list);
        return NULL;
    }
    return list;
}

/* False if memory is short. url and headers must live as long as the transfer. */
static bool set_up(CURL *curl, const struct fg_admin_request *request, const char *url,
                   struct curl_slist *headers, struct reply *reply)
{
    const bool ok = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
                    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                    curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
                    curl_easy_setopt(curl, CURLOPT_USERAGENT, "framegate-admin") == CURLE_OK &&
                    /* Without these an empty body would be read from standard input. */
                    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                                     (curl_off_t)request->body.size) == CURLE_OK &&
                    curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                                     request->body.size > 0 ? (const char *)request->body.data
                                                            : "") == CURLE_OK;
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIME_MAX_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_field);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, reply);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, reply);
    /*
     * The certificate names the gateway as the world sees it, and may be one that only its clients
     * trust. This is a connection of the process with its own socket, which leaves the machine for
     * nobody to stand in between.
     */
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    return ok;
}

/* -- the answer -------------------------------------------------------------------------------- */

static void put_body(json_t *root, bool *ok, const struct reply *reply, bool frames)
{
    if (!frames) {
        fg_json_put(root, ok, "text", fg_json_repaired(fg_buffer_view(&reply->body)));
        fg_json_put(root, ok, "frames", json_null());
        fg_json_put(root, ok, "error", json_null());
        return;
    }
    bool malformed = false;
    json_t *document = fg_frames_json(fg_buffer_view(&reply->body), &malformed);
    fg_json_put(root, ok, "text", json_null());
    *ok = document != NULL && json_object_update(root, document) == 0 && *ok;
    json_decref(document);
}

/* Takes reply->fields over. */
static char *describe(CURL *curl, struct reply *reply, size_t sent)
{
    long status = 0;
    long port = 0;
    curl_off_t microseconds = 0;
    char *type = NULL;
    char *local = NULL;
    char peer[FG_ADDRESS_TEXT_SIZE] = "";
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &microseconds);
    (void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    (void)curl_easy_getinfo(curl, CURLINFO_LOCAL_PORT, &port);
    if (curl_easy_getinfo(curl, CURLINFO_LOCAL_IP, &local) == CURLE_OK && local != NULL) {
        const bool six = strchr(local, ':') != NULL;
        snprintf(peer, sizeof(peer), six ? "[%s]:%ld" : "%s:%ld", local, port);
    }
    bool ok = reply->ok;
    json_t *root = json_object();
    fg_json_put_number(root, &ok, "status", (uint64_t)status);
    fg_json_put_seconds(root, &ok, "seconds", (double)microseconds);
    fg_json_put_text(root, &ok, "local", peer);
    fg_json_put(root, &ok, "headers", reply->fields);
    fg_json_put_number(root, &ok, "sent_bytes", sent);
    fg_json_put_number(root, &ok, "received_bytes", reply->body.size);
    fg_json_put_bool(root, &ok, "cut", reply->cut);
    put_body(root, &ok, reply, type != NULL && strcmp(type, FG_MEDIA_TYPE) == 0);
    return fg_json_finish(root, ok);
}

static enum fg_status perform(CURL *curl, const struct fg_admin_request *request,
                              struct reply *reply, char **ret_document, struct fg_error *error)
{
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK && !reply->cut) {
        json_decref(reply->fields);
        return code == CURLE_OUT_OF_MEMORY
                   ? fg_fail(error, FG_ERR_MEMORY, 0, "out of memory")
                   : fg_fail(error, FG_ERR_IO, 0, "the public listener gave no answer: %s",
                             curl_easy_strerror(code));
    }
    char *document = describe(curl, reply, request->body.size);
    if (document == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    *ret_document = document;
    return FG_OK;
}

enum fg_status fg_admin_exchange(struct fg_gateway *gateway, const struct fg_admin_request *request,
                                 char **ret_document, struct fg_error *error)
{
    char own[FG_ADDRESS_TEXT_SIZE];
    format_own_address(gateway, own);
    struct fg_buffer url = FG_BUFFER_INIT(PATH_MAX_SIZE + FG_ADDRESS_TEXT_SIZE + 16);
    struct reply reply = {.fields = json_array(),
                          .ok = true,
                          .body = FG_BUFFER_INIT(REPLY_MAX),
                          .stop = request->stop};
    struct curl_slist *headers = make_headers(request);
    CURL *curl = curl_easy_init();
    enum fg_status status = FG_ERR_MEMORY;
    if (curl != NULL && headers != NULL && reply.fields != NULL &&
        fg_buffer_append_format(&url, "http%s://%s%s",
                                gateway->config.tls_certificate != NULL ? "s" : "", own,
                                request->path) == FG_OK &&
        fg_buffer_append_byte(&url, '\0') == FG_OK &&
        set_up(curl, request, (const char *)url.data, headers, &reply)) {
        status = perform(curl, request, &reply, ret_document, error);
    } else {
        json_decref(reply.fields);
        fg_fail(error, status, 0, "out of memory");
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    fg_buffer_free(&reply.body);
    fg_buffer_free(&url);
    return status;
}
