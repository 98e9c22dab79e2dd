/*
 * The state as JSON. Built from a copy, so that no lock is held while it is put together.
 */
#ifndef FRAMEGATE_GATEWAY_STATEJSON_H
#define FRAMEGATE_GATEWAY_STATEJSON_H

#include "gateway/gateway.h"

/*
 * The document of GET /state as a string that the caller frees with free(). connections: how many
 * are open. NULL if memory is short.
 */
char *fg_state_json(struct fg_gateway *gateway, uint64_t connections);

#endif
