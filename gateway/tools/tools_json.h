/*
 * A frame as JSON: the form of `framegate decode --json`.
 */
#ifndef FRAMEGATE_GATEWAY_TOOLS_JSON_H
#define FRAMEGATE_GATEWAY_TOOLS_JSON_H

#include "framing/frame.h"

#include <jansson.h>
#include <stddef.h>

/* One JSON object that says all of a frame; NULL if memory is short. */
json_t *fg_json_frame(const struct fg_frame *frame);

/* Appends the same as text. FG_ERR_MEMORY, FG_ERR_LIMIT. */
enum fg_status fg_json_append_frame(struct fg_buffer *buffer, const struct fg_frame *frame);

#endif
