/*
 * A thin layer over libcbor: decoding into a flat table with every bound checked before anything
 * is allocated, and canonical encoding (RFC 7049 section 3.9: shortest integers and floats, map
 * keys by encoded length, then bytewise). cbor_load is never used: it allocates what the input
 * merely announces.
 */
#ifndef FRAMEGATE_FRAMING_CBOR_H
#define FRAMEGATE_FRAMING_CBOR_H

#include "framing/attributes.h"
#include "framing/buffer.h"
#include "framing/limits.h"
#include "framing/status.h"

#include <stdbool.h>
#include <stdint.h>

FG_BEGIN_DECLARATIONS

enum fg_cbor_type {
    FG_CBOR_UINT,
    FG_CBOR_NEGATIVE,
    FG_CBOR_BYTES,
    FG_CBOR_TEXT,
    FG_CBOR_ARRAY,
    FG_CBOR_MAP,
    FG_CBOR_TAG,
    FG_CBOR_FALSE,
    FG_CBOR_TRUE,
    FG_CBOR_NULL,
    FG_CBOR_UNDEFINED,
    FG_CBOR_SIMPLE,
    FG_CBOR_FLOAT,
};

/* One item. The items inside an array, map or tag follow it at once, depth first. */
struct fg_cbor_item {
    enum fg_cbor_type type;
    uint32_t next; /* index of the first item after this one and all that is inside it */
    union {
        uint64_t number;        /* UINT: the value. NEGATIVE: -1 minus the value. TAG, SIMPLE */
        uint64_t count;         /* ARRAY: elements. MAP: pairs */
        double real;            /* FLOAT */
        struct fg_bytes string; /* BYTES, TEXT: borrowed from the input or owned by the value */
    };
};

/* A decoded value: items[0] is the root. */
struct fg_cbor_value {
    struct fg_cbor_item *items; /* owned, unless lent */
    uint32_t count;
    uint32_t capacity;
    bool lent;       /* items are those of fg_cbor_lend */
    uint8_t *joined; /* owned: strings that came in pieces, put together */
    size_t joined_capacity;
};

/* Frees what a value owns and empties it. Takes NULL or a zeroed value. */
void fg_cbor_clear(struct fg_cbor_value *value);

/* Bytes that a value has allocated. */
uint64_t fg_cbor_held_bytes(const struct fg_cbor_value *value);

/*
 * Gives an empty value room for its first items, which must live as long as the value; it takes
 * memory of its own when there are more. An allocation less for the small values that most are.
 */
void fg_cbor_lend(struct fg_cbor_value *value, struct fg_cbor_item *items, uint32_t capacity);

/*
 * Decodes exactly one item that takes up all of the input. *value must be zeroed or hold an
 * earlier result, whose allocation is reused. Strings are borrowed from the input, which must
 * live as long as the value is used.
 *
 * FG_ERR_TRUNCATED: the input ends inside the item. FG_ERR_SYNTAX: malformed, text that is not
 * UTF-8, a map with the same key twice or with a map in a key, or bytes after the item.
 * FG_ERR_LIMIT: limits->cbor_depth or cbor_items (announced or reached); error->limit says which.
 * FG_ERR_MEMORY. error->offset is the byte. On failure the value is empty.
 */
FG_MUST_CHECK enum fg_status fg_cbor_decode(struct fg_bytes input, const struct fg_limits *limits,
                                            struct fg_cbor_value *value, struct fg_error *error);

/*
 * As fg_cbor_decode, for the first of several items: *input is moved behind it, on success only.
 */
FG_MUST_CHECK enum fg_status fg_cbor_decode_first(struct fg_bytes *input,
                                                  const struct fg_limits *limits,
                                                  struct fg_cbor_value *value,
                                                  struct fg_error *error);

/*
 * The index of the value stored under a byte-string key of the map at index map. 0 if there is
 * none (0 is the root and never a map's value).
 */
uint32_t fg_cbor_map_find(const struct fg_cbor_value *value, uint32_t map, const char *key);

/* True if the input is one well-formed item in canonical form (and fits the limits). */
bool fg_cbor_is_canonical(struct fg_bytes input, const struct fg_limits *limits);

/* "byte string", "list", …: what a person calls the type. A static string. */
const char *fg_cbor_type_text(enum fg_cbor_type type);

/* -- encoding; every function appends to the buffer, with the errors of fg_buffer_append ------- */

enum fg_status fg_cbor_put_uint(struct fg_buffer *buffer, uint64_t value);
/* Encodes -1 - value. */
enum fg_status fg_cbor_put_negative(struct fg_buffer *buffer, uint64_t value);
enum fg_status fg_cbor_put_bytes(struct fg_buffer *buffer, const void *data, size_t size);
/*
 * A byte string of that size whose bytes the caller writes to *ret_space, before anything else
 * happens to the buffer.
 */
enum fg_status fg_cbor_put_space(struct fg_buffer *buffer, size_t size, uint8_t **ret_space);
/* A byte string with the string's bytes; names and messages travel as bytes, not text. */
enum fg_status fg_cbor_put_bytestring(struct fg_buffer *buffer, const char *string);
/* The caller has checked that data is UTF-8. */
enum fg_status fg_cbor_put_text(struct fg_buffer *buffer, const void *data, size_t size);
enum fg_status fg_cbor_put_bool(struct fg_buffer *buffer, bool value);
enum fg_status fg_cbor_put_null(struct fg_buffer *buffer);
/* In the shortest of the three widths that keeps the value; every NaN is f97e00. */
enum fg_status fg_cbor_put_float(struct fg_buffer *buffer, double value);
/* The head of an array; count items must follow. */
enum fg_status fg_cbor_put_array(struct fg_buffer *buffer, uint64_t count);
/*
 * Turns the count items that were put since buffer->size was start into an array, for callers that
 * learn the count last.
 */
enum fg_status fg_cbor_wrap_array(struct fg_buffer *buffer, size_t start, uint64_t count);
enum fg_status fg_cbor_put_tag(struct fg_buffer *buffer, uint64_t tag);

/*
 * A map whose pairs are put in any order: fg_cbor_map_begin, then each key and its value with the
 * functions above, then fg_cbor_map_end, which writes the head and sorts the pairs. Maps nest.
 * fg_cbor_map_end: FG_ERR_SYNTAX for the same key twice (unless last_wins, where the pair put
 * last is kept, as in a Python dict), FG_ERR_STATE if what was put is not pairs of whole items.
 */
struct fg_cbor_map {
    size_t start;
};
void fg_cbor_map_begin(const struct fg_buffer *buffer, struct fg_cbor_map *ret_map);
enum fg_status fg_cbor_map_end(struct fg_buffer *buffer, const struct fg_cbor_map *map,
                               bool last_wins);

/*
 * The size of the encoded item at the start of bytes, all inside it included; 0 if it is not
 * whole. For what the functions above wrote: indefinite lengths count as not whole, and text is
 * not checked.
 */
size_t fg_cbor_encoded_size(struct fg_bytes bytes);

/* The item at index and all inside it, in canonical form however it was encoded. */
enum fg_status fg_cbor_put_item(struct fg_buffer *buffer, const struct fg_cbor_value *value,
                                uint32_t index);

FG_END_DECLARATIONS

#endif
