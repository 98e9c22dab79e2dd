/*
 * The admin listener: the state, the page that shows it, metrics and events, and tools for frames.
 * What it answers is described in www/schema/.
 */
#ifndef FRAMEGATE_GATEWAY_ADMIN_H
#define FRAMEGATE_GATEWAY_ADMIN_H

#include "gateway/public.h"

struct fg_admin;

/*
 * Serves at a listening socket, which it takes over, also on failure. public must outlive it.
 * FG_ERR_MEMORY, FG_ERR_IO.
 */
enum fg_status fg_admin_start(struct fg_gateway *gateway, struct fg_public *public,
                              int listen_socket, struct fg_admin **ret_admin,
                              struct fg_error *error);

/* Cuts off peers past their deadline. To be called a few times a second. */
void fg_admin_tick(struct fg_admin *admin);

/* Takes NULL. */
void fg_admin_stop(struct fg_admin *admin);

#endif
