/*
 * Exchanges as JSON, in flight and over, and the frame log of one.
 */
#ifndef FRAMEGATE_GATEWAY_EXCHANGEJSON_H
#define FRAMEGATE_GATEWAY_EXCHANGEJSON_H

#include "gateway/exchange/exchange.h"

#include <jansson.h>

/* These two keep a failure in *ok, as gateway/tools/json.h has it. */
json_t *fg_exchange_json(const struct fg_exchange_view *view, bool *ok);
json_t *fg_finished_json(const struct fg_finished *finished, bool *ok);

/*
 * The document of GET /state/exchanges/ID, for free(). FG_ERR_NOT_FOUND: not known, or not any
 * more. FG_ERR_MEMORY.
 */
enum fg_status fg_exchange_document(struct fg_gateway *gateway, uint64_t id, char **ret_text);

#endif
