/*
 * Network addresses: what --listen says, sockets that listen there, and peers as text.
 */
#ifndef FRAMEGATE_GATEWAY_ADDRESS_H
#define FRAMEGATE_GATEWAY_ADDRESS_H

#include "framing/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Room for "[<IPv6 address>%<interface>]:<port>" and its NUL. */
enum { FG_ADDRESS_TEXT_SIZE = 80 };

struct fg_address {
    struct sockaddr_storage storage;
    socklen_t size; /* 0: none */
};

/*
 * Parses "127.0.0.1:8080" or "[::1]:0". The address is numeric and never left out: which interface
 * is meant is not for guessing. Port 0 asks the system for a free one. FG_ERR_ARGUMENT: error says
 * what was expected.
 */
enum fg_status fg_address_parse(const char *text, struct fg_address *ret_address,
                                struct fg_error *error);

/* "127.0.0.1:8080", "[::1]:8080". Writes to text, which has FG_ADDRESS_TEXT_SIZE bytes. */
void fg_address_format(const struct fg_address *address, char *text);

/* The host alone: "127.0.0.1", "::1". Writes to text, which has FG_ADDRESS_TEXT_SIZE bytes. */
void fg_address_format_host(const struct fg_address *address, char *text);

/* The port; 0 for none. */
uint16_t fg_address_port(const struct fg_address *address);

/* True if both are the same host, whatever their ports; never for none. */
bool fg_address_same_host(const struct fg_address *one, const struct fg_address *other);

/* A number that is the same for the same host. */
uint32_t fg_address_hash(const struct fg_address *address);

/* True for 127.0.0.0/8, ::1, and the former mapped into IPv6. */
bool fg_address_is_loopback(const struct fg_address *address);

/* Copies what a library gives; addresses of other families become none. */
void fg_address_copy(const struct sockaddr *from, struct fg_address *ret_address);

/*
 * A socket that is bound there, not blocking, closed on exec; the caller closes it. *ret_bound
 * (may be address itself) has the port that it got. FG_ERR_IO: error names the address.
 */
enum fg_status fg_address_bind(const struct fg_address *address, int *ret_socket,
                               struct fg_address *ret_bound, struct fg_error *error);

/* Accepts connections from now on. bound is for the message. FG_ERR_IO: error names it. */
enum fg_status fg_address_listen(int socket, const struct fg_address *bound,
                                 struct fg_error *error);

#endif
