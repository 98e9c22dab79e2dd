/*
 * The bundle cache as the state shows it.
 */
#ifndef FRAMEGATE_GATEWAY_BUNDLEJSON_H
#define FRAMEGATE_GATEWAY_BUNDLEJSON_H

#include "gateway/gateway.h"

#include <jansson.h>

/* The object "bundles" of the state. *ok becomes false if memory is short. */
json_t *fg_bundles_json(struct fg_gateway *gateway, bool *ok);

#endif
