/* Percent encoding (RFC 3986), and that of forms. */
#ifndef FRAMEGATE_GATEWAY_PERCENT_H
#define FRAMEGATE_GATEWAY_PERCENT_H

#include "framing/buffer.h"

#include <stdbool.h>

/*
 * Undoes it into ret_data, which has room for capacity bytes; the result is never longer than text.
 * In a form a '+' is a blank. False if a '%' has no two digits, or if the room is not enough.
 */
bool fg_percent_decode(struct fg_bytes text, bool form, uint8_t *ret_data, size_t capacity,
                       size_t *ret_size);

#endif
