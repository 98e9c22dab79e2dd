/*
 * Networks such as 10.0.0.0/8, and who a request behind proxies really comes from.
 */
#ifndef FRAMEGATE_GATEWAY_NETWORK_H
#define FRAMEGATE_GATEWAY_NETWORK_H

#include "framing/buffer.h"
#include "gateway/config/address.h"

/* IPv4 is kept as IPv6 has it (::ffff:a.b.c.d), so that both spellings are one address. */
struct fg_network {
    uint8_t address[16];
    unsigned bits; /* that count, from the front */
};

/* "10.0.0.0/8", "::1", "2001:db8::/32"; no bits: one address. FG_ERR_ARGUMENT. */
enum fg_status fg_network_parse(const char *text, struct fg_network *ret_network,
                                struct fg_error *error);

/* False for an address that is none. */
bool fg_network_has(const struct fg_network *network, const struct fg_address *address);

/*
 * An address as X-Forwarded-For has it, in size bytes: with a port, if IPv6 in brackets, or
 * without; blanks around it. False if it is none.
 */
bool fg_network_parse_host(struct fg_bytes text, struct fg_address *ret_address);

#endif
