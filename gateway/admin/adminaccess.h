/*
 * Who may look at the admin listener: at a loopback address everyone, unless there is an
 * --admin-token-file; with one, whoever has a token of it, as Bearer or as the password of Basic,
 * which browsers ask for. And from where: a page of somebody else's in the same browser is neither
 * to read nor to do anything.
 */
#ifndef FRAMEGATE_GATEWAY_ADMINACCESS_H
#define FRAMEGATE_GATEWAY_ADMINACCESS_H

#include "gateway/gateway.h"

#include <microhttpd.h>

/* True if this request may see what there is. */
bool fg_admin_admits(struct fg_gateway *gateway, struct MHD_Connection *transport);

/*
 * True if the request names this listener as its host. Without an --admin-token-file only loopback
 * addresses and localhost do: a name that somebody else has made to mean 127.0.0.1 (DNS rebinding)
 * would otherwise make this listener part of that somebody's site. With one it does not matter,
 * since a browser gives credentials to the site alone that they were typed in for.
 */
bool fg_admin_host_is_ours(struct fg_gateway *gateway, struct MHD_Connection *transport);

/* True if no page of another origin sent this: by Sec-Fetch-Site and Origin, where they are there.
 */
bool fg_admin_is_same_origin(struct fg_gateway *gateway, struct MHD_Connection *transport);

/* Adds to a 401 what is asked for. False if memory is short. */
bool fg_admin_add_challenge(struct MHD_Response *response);

/* True if the listener speaks TLS: where others could read the token on its way, if we can. */
bool fg_admin_has_tls(const struct fg_config *config);

#endif
