/*
 * Who may look at the admin listener: at a loopback address everyone, unless there is an
 * --admin-token-file; with one, whoever has a token of it, as Bearer or as the password of Basic,
 * which browsers ask for.
 */
#ifndef FRAMEGATE_GATEWAY_ADMINACCESS_H
#define FRAMEGATE_GATEWAY_ADMINACCESS_H

#include "gateway/gateway.h"

#include <microhttpd.h>

/* True if this request may see what there is. */
bool fg_admin_admits(struct fg_gateway *gateway, struct MHD_Connection *transport);

/* Adds to a 401 what is asked for. False if memory is short. */
bool fg_admin_add_challenge(struct MHD_Response *response);

/* True if the listener speaks TLS: where others could read the token on its way, if we can. */
bool fg_admin_has_tls(const struct fg_config *config);

#endif
