/*
 * Access to the admin listener.
 */
#include "gateway/adminaccess.h"

#include "gateway/reload.h"

bool fg_admin_admits(struct fg_gateway *gateway, struct MHD_Connection *transport)
{
    struct fg_access *access = fg_gateway_access(gateway);
    bool admits =
        fg_access_admits_admin(access, MHD_lookup_connection_value(transport, MHD_HEADER_KIND,
                                                                   MHD_HTTP_HEADER_AUTHORIZATION));
    fg_access_unref(access);
    return admits;
}

bool fg_admin_add_challenge(struct MHD_Response *response)
{
    return MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                   "Basic realm=\"framegate admin\", charset=\"UTF-8\"") ==
               MHD_YES &&
           MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                   "Bearer realm=\"framegate admin\"") == MHD_YES;
}

bool fg_admin_has_tls(const struct fg_config *config)
{
    return config->tls_certificate != NULL && !fg_address_is_loopback(&config->admin_listen);
}
