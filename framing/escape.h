/*
 * Python's backslash escapes, in both directions: in byte strings (also the payload of a human
 * string) and in text.
 */
#ifndef FRAMEGATE_FRAMING_ESCAPE_H
#define FRAMEGATE_FRAMING_ESCAPE_H

#include "framing/attributes.h"
#include "framing/buffer.h"

FG_BEGIN_DECLARATIONS

enum fg_escape_kind {
    FG_ESCAPE_BYTES, /* \xNN and octal escapes are bytes; \u is no escape */
    FG_ESCAPE_TEXT,  /* they are code points; \uNNNN and \UNNNNNNNN too; the result is UTF-8 */
};

/*
 * Appends what the escape at the start of text (a backslash) stands for; *ret_used is how many
 * bytes of text it takes. As in Python, a backslash before a character that makes no escape
 * stands for itself. FG_ERR_SYNTAX: a lone backslash at the end, \x, \u or \U without enough hex
 * digits, an octal escape over \377 in bytes, a code point that is none, or \N{…}. The error's
 * offset is 0. FG_ERR_LIMIT, FG_ERR_MEMORY from the buffer.
 */
FG_MUST_CHECK enum fg_status fg_escape_decode_one(struct fg_bytes text, enum fg_escape_kind kind,
                                                  struct fg_buffer *buffer, size_t *ret_used,
                                                  struct fg_error *error);

/*
 * Appends all of text with its escapes replaced (FG_ESCAPE_BYTES). Errors as above, with the
 * offset in text; on failure the buffer is as it was. (Seed: stringutil.unescapestr.)
 */
FG_MUST_CHECK enum fg_status fg_escape_decode(struct fg_bytes text, struct fg_buffer *buffer,
                                              struct fg_error *error);

/*
 * Appends bytes with escapes, so that the result is printable ASCII which decodes to the same.
 * The backslash and quote (a character, 0 for none) are escaped too. Errors of fg_buffer_append.
 */
enum fg_status fg_escape_encode(struct fg_bytes bytes, char quote, struct fg_buffer *buffer);

/*
 * The same for UTF-8 inside a text literal: other characters as \xNN, \uNNNN, \UNNNNNNNN.
 * FG_ERR_ARGUMENT if it is not well-formed.
 */
FG_MUST_CHECK enum fg_status fg_escape_encode_text(struct fg_bytes text, char quote,
                                                   struct fg_buffer *buffer);

FG_END_DECLARATIONS

#endif
