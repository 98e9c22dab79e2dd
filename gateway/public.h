/*
 * The public listener: owns its connections, and moves bytes between the HTTP library and the
 * exchanges.
 */
#ifndef FRAMEGATE_GATEWAY_PUBLIC_H
#define FRAMEGATE_GATEWAY_PUBLIC_H

#include "gateway/connections.h"
#include "gateway/gateway.h"

struct fg_public;

/*
 * Serves what arrives at a listening socket, which it takes over, also on failure. FG_ERR_MEMORY,
 * FG_ERR_IO (the library did not start).
 */
enum fg_status fg_public_start(struct fg_gateway *gateway, int listen_socket,
                               struct fg_public **ret_public, struct fg_error *error);

/* Has each thread accept no more connections from when it next looks; what is open goes on. */
void fg_public_quiesce(struct fg_public *public);

/* Closes what is open and frees. No exchange may wait for a worker. Takes NULL. */
void fg_public_stop(struct fg_public *public);

/* The open connections. */
struct fg_connections *fg_public_connections(struct fg_public *public);

#endif
