/*
 * The subset of Python literals that human strings and --arg use, to and from CBOR: None, True,
 * False, integers of any size, floats, b'', '', u'', lists, tuples and dicts. A parser, not an
 * evaluator: names, calls and operators (but a sign) are errors.
 */
#ifndef FRAMEGATE_FRAMING_LITERAL_H
#define FRAMEGATE_FRAMING_LITERAL_H

#include "framing/attributes.h"
#include "framing/buffer.h"
#include "framing/cbor.h"
#include "framing/status.h"

FG_BEGIN_DECLARATIONS

/*
 * Appends the canonical CBOR of the literal that takes up all of text (blanks around it are
 * allowed). Strings without prefix are text, as in Python 3; lists and tuples both become arrays;
 * integers beyond 64 bits become bignum tags; where a dict has a key twice, the last one counts.
 * FG_ERR_SYNTAX: error says what was expected, error->offset is where. FG_ERR_LIMIT: nesting over
 * limits->cbor_depth, or the buffer's ceiling. FG_ERR_MEMORY. On failure the buffer is as it was.
 */
FG_MUST_CHECK enum fg_status fg_literal_encode(struct fg_bytes text, const struct fg_limits *limits,
                                               struct fg_buffer *buffer, struct fg_error *error);

/*
 * Appends the item at index as a literal in printable ASCII that encodes to the same value.
 * FG_ERR_UNSUPPORTED where no literal can say it (undefined, simple values, tags but bignums, NaN,
 * a map as a key). FG_ERR_LIMIT, FG_ERR_MEMORY from the buffer. On failure the buffer is as it was.
 */
FG_MUST_CHECK enum fg_status fg_literal_decode(const struct fg_cbor_value *value, uint32_t index,
                                               struct fg_buffer *buffer);

FG_END_DECLARATIONS

#endif
