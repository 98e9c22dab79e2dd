/*
 * Access to the admin listener.
 */
#include "gateway/admin/adminaccess.h"

#include "gateway/reload.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool fg_admin_admits(struct fg_gateway *gateway, struct MHD_Connection *transport)
{
    struct fg_access *access = fg_gateway_access(gateway);
    bool admits =
        fg_access_admits_admin(access, MHD_lookup_connection_value(transport, MHD_HEADER_KIND,
                                                                   MHD_HTTP_HEADER_AUTHORIZATION));
    fg_access_unref(access);
    return admits;
}

static const char *field(struct MHD_Connection *transport, const char *name)
{
    return MHD_lookup_connection_value(transport, MHD_HEADER_KIND, name);
}

/* True if text is name, with or without a port after it. */
static bool is_host(const char *text, const char *name)
{
    const size_t size = strlen(name);
    return strncasecmp(text, name, size) == 0 && (text[size] == '\0' || text[size] == ':');
}

/* True for a loopback address, with or without a port. */
static bool is_loopback(const char *host)
{
    char text[FG_ADDRESS_TEXT_SIZE];
    const char *end = strrchr(host, ']');
    const bool has_port = strchr(end != NULL ? end : host, ':') != NULL;
    struct fg_address address;
    if ((size_t)snprintf(text, sizeof(text), "%s%s", host, has_port ? "" : ":80") >= sizeof(text)) {
        return false;
    }
    return fg_address_parse(text, &address, NULL) == FG_OK && fg_address_is_loopback(&address);
}

bool fg_admin_host_is_ours(struct fg_gateway *gateway, struct MHD_Connection *transport)
{
    const char *host = field(transport, MHD_HTTP_HEADER_HOST);
    return gateway->config.admin_token_file != NULL ||
           (host != NULL && (is_host(host, "localhost") || is_loopback(host)));
}

bool fg_admin_is_same_origin(struct fg_gateway *gateway, struct MHD_Connection *transport)
{
    const char *site = field(transport, "Sec-Fetch-Site");
    const char *origin = field(transport, MHD_HTTP_HEADER_ORIGIN);
    const char *host = field(transport, MHD_HTTP_HEADER_HOST);
    const char *scheme = fg_admin_has_tls(&gateway->config) ? "https://" : "http://";
    const size_t size = strlen(scheme);
    if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0) {
        return false;
    }
    return origin == NULL || (host != NULL && strncasecmp(origin, scheme, size) == 0 &&
                              strcasecmp(origin + size, host) == 0);
}

bool fg_admin_add_challenge(struct MHD_Response *response)
{
    /* One: many clients look at the first one only. */
    return MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                   "Basic realm=\"framegate admin\", charset=\"UTF-8\"") == MHD_YES;
}

bool fg_admin_has_tls(const struct fg_config *config)
{
    return config->tls_certificate != NULL && !fg_address_is_loopback(&config->admin_listen);
}
