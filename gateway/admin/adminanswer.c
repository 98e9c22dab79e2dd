/*
 * Making responses of the HTTP library.
 */
#include "gateway/admin/adminanswer.h"

#include "gateway/admin/adminaccess.h"

#include <stdlib.h>

struct field {
    const char *name;
    const char *value;
};

/* What a browser may do with any answer: with the page what it needs, and nothing with others. */
static const struct field fixed_fields[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
     "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
     "require-trusted-types-for 'script'; trusted-types 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
    return value == NULL || MHD_add_response_header(response, name, value) == MHD_YES;
}

bool fg_admin_add_fields(struct MHD_Response *response, const struct fg_admin_answer *answer)
{
    bool ok = true;
    for (size_t i = 0; i < sizeof(fixed_fields) / sizeof(fixed_fields[0]); i++) {
        ok = ok && add(response, fixed_fields[i].name, fixed_fields[i].value);
    }
    return ok && add(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type) &&
           add(response, MHD_HTTP_HEADER_ALLOW, answer->allow) &&
           add(response, MHD_HTTP_HEADER_ETAG, answer->etag) &&
           add(response, MHD_HTTP_HEADER_CONTENT_ENCODING, answer->encoding) &&
           add(response, MHD_HTTP_HEADER_VARY, answer->etag != NULL ? "Accept-Encoding" : NULL) &&
           add(response, MHD_HTTP_HEADER_CACHE_CONTROL,
               answer->etag != NULL ? "no-cache" : "no-store") &&
           (!answer->challenge || fg_admin_add_challenge(response));
}

enum MHD_Result fg_admin_send(struct MHD_Connection *transport,
                              const struct fg_admin_answer *answer)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body.size, (void *)(uintptr_t)answer->body.data,
        answer->owned ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        free(answer->owned ? (void *)(uintptr_t)answer->body.data : NULL);
        return MHD_NO;
    }
    enum MHD_Result result = MHD_NO;
    if (fg_admin_add_fields(response, answer)) {
        result = MHD_queue_response(transport, answer->status, response);
    }
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result fg_admin_send_text(struct MHD_Connection *transport, unsigned status,
                                   const char *text)
{
    const struct fg_admin_answer answer = {.status = status,
                                           .type = FG_TYPE_TEXT,
                                           .body = fg_bytes_from_string(text),
                                           .challenge = status == MHD_HTTP_UNAUTHORIZED};
    return fg_admin_send(transport, &answer);
}

enum MHD_Result fg_admin_send_json(struct MHD_Connection *transport, unsigned status, char *text)
{
    if (text == NULL) {
        return fg_admin_send_text(transport, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
    }
    const struct fg_admin_answer answer = {
        .status = status, .type = FG_TYPE_JSON, .body = fg_bytes_from_string(text), .owned = true};
    return fg_admin_send(transport, &answer);
}
