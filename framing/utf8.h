/* UTF-8: checking, repairing, cutting. */
#ifndef FRAMEGATE_FRAMING_UTF8_H
#define FRAMEGATE_FRAMING_UTF8_H

#include "framing/attributes.h"
#include "framing/buffer.h"

#include <stdbool.h>

FG_BEGIN_DECLARATIONS

/* True if the bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
bool fg_utf8_valid(struct fg_bytes text);

/*
 * The length of the well-formed character at the start (1 to 4), or 0 if there is none; then
 * *ret_ill_formed (at least 1) is the size of the maximal ill-formed part. text is not empty.
 */
size_t fg_utf8_character(struct fg_bytes text, size_t *ret_ill_formed);

/* Appends text with each maximal ill-formed part replaced by U+FFFD. */
enum fg_status fg_utf8_append_repaired(struct fg_buffer *buffer, struct fg_bytes text);

/* The largest size <= limit at which text can be cut without splitting a character. */
size_t fg_utf8_cut(struct fg_bytes text, size_t limit);

/* Appends a code point (below 0x110000, no surrogate) as UTF-8. */
enum fg_status fg_utf8_append_code_point(struct fg_buffer *buffer, uint32_t code_point);

FG_END_DECLARATIONS

#endif
