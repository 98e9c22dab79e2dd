/*
 * The state as JSON. Built from a copy, so that no lock is held while it is put together.
 */
#ifndef FRAMEGATE_GATEWAY_STATEJSON_H
#define FRAMEGATE_GATEWAY_STATEJSON_H

#include "gateway/gateway.h"

/* What the listeners know; the rest is asked of the gateway. */
struct fg_listening {
    uint64_t connections;       /* open at the public listener */
    uint64_t admin_connections; /* and at the admin listener */
    uint64_t admin_connections_max;
};

/* As fg_state_look, with what the workers count; for fg_state_view_clear. FG_ERR_MEMORY. */
enum fg_status fg_gateway_look(struct fg_gateway *gateway, struct fg_state_view *ret_view);

/* The document of GET /state, for free(). NULL if memory is short. */
char *fg_state_json(struct fg_gateway *gateway, const struct fg_listening *listening);

/* The digest of GET /events, for free(). NULL if memory is short. */
char *fg_digest_json(struct fg_gateway *gateway, const struct fg_listening *listening);

/* The name that a frame type has in the state: its own, or its number, written to buffer. */
const char *fg_frame_type_key(uint8_t type, char buffer[8]);

#endif
