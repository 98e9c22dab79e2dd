/*
 * POST /send: a request to the gateway's own public listener, over its socket like any client's,
 * and its answer as JSON. No other host can be reached by it.
 */
#ifndef FRAMEGATE_GATEWAY_ADMINSEND_H
#define FRAMEGATE_GATEWAY_ADMINSEND_H

#include "gateway/gateway.h"

struct fg_admin_request {
    const char *path;          /* and query */
    const char *authorization; /* value of Authorization; NULL: none */
    struct fg_bytes body;      /* frames */
    const atomic_bool *stop;   /* ends it early once it is set */
};

/* True if this can be a path: a slash and printable ASCII without blanks and '#'. */
bool fg_admin_is_path(const char *path);

/*
 * Sends it and waits for the answer, for up to half a minute. *ret_document is for free().
 * FG_ERR_IO: there was no answer, error says why. FG_ERR_MEMORY.
 */
enum fg_status fg_admin_exchange(struct fg_gateway *gateway, const struct fg_admin_request *request,
                                 char **ret_document, struct fg_error *error);

#endif
