/*
 * Human strings: one frame as one line that a person can read and write,
 *
 *     <request-id> <stream-id> <stream-flags> <type> <flags> <payload>
 *
 * Ids are decimal. Type and flags are names or decimal numbers, flags joined by '|'. The payload
 * is "cbor:" and a Python literal, or bytes with Python's escapes. The literal is parsed by
 * framing/literal.h; nothing is evaluated.
 */
#ifndef FRAMEGATE_FRAMING_HUMANSTRING_H
#define FRAMEGATE_FRAMING_HUMANSTRING_H

#include "framing/attributes.h"
#include "framing/frame.h"

FG_BEGIN_DECLARATIONS

/*
 * Appends the frame that the line says. The line has no line break at its end. FG_ERR_SYNTAX: error
 * names the field, what it is and what was expected, error->offset is its place in the line.
 * FG_ERR_LIMIT: the payload exceeds FG_FRAME_LENGTH_MAX or the buffer its ceiling. FG_ERR_MEMORY.
 * On failure the buffer is as it was. (Seed: makeframefromhumanstring, without its eval.)
 */
FG_MUST_CHECK enum fg_status fg_humanstring_encode(struct fg_bytes line, struct fg_buffer *buffer,
                                                   struct fg_error *error);

/*
 * Appends the human string of a frame, without a line break; it is printable ASCII, and
 * fg_humanstring_encode turns it back into the same bytes. The payload is shown as "cbor:…" where
 * it is canonical CBOR that a literal can say, else with escapes. FG_ERR_MEMORY, FG_ERR_LIMIT from
 * the buffer, which is then as it was.
 */
FG_MUST_CHECK enum fg_status fg_humanstring_decode(const struct fg_frame *frame,
                                                   struct fg_buffer *buffer);

/* Appends only the payload field of a human string. Errors as fg_humanstring_decode. */
enum fg_status fg_humanstring_append_payload(struct fg_buffer *buffer, struct fg_bytes payload);

FG_END_DECLARATIONS

#endif
