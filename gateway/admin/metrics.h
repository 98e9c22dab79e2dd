/*
 * GET /metrics: the state in Prometheus' text format, version 0.0.4.
 */
#ifndef FRAMEGATE_GATEWAY_METRICS_H
#define FRAMEGATE_GATEWAY_METRICS_H

#include "gateway/admin/statejson.h"

/* Appends all metrics. FG_ERR_MEMORY. */
enum fg_status fg_metrics_append(struct fg_gateway *gateway, const struct fg_listening *listening,
                                 struct fg_buffer *buffer);

#endif
