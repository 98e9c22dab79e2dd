/*
 * CBOR. libcbor reads and writes single heads; what holds them together (nesting, counts, order)
 * is here, because cbor_load allocates what the input announces and sorts nothing.
 */
#include "framing/cbor.h"

#include "framing/utf8.h"

#include <cbor.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ITEMS = 16, LOOK_AT_ITEMS = 16 * 1024, HEAD_MAX = 9 };

void fg_cbor_clear(struct fg_cbor_value *value)
{
    if (value != NULL) {
        if (!value->lent) {
            free(value->items);
        }
        free(value->joined);
        *value = (struct fg_cbor_value){0};
    }
}

void fg_cbor_lend(struct fg_cbor_value *value, struct fg_cbor_item *items, uint32_t capacity)
{
    value->items = items;
    value->capacity = capacity;
    value->lent = true;
}

const char *fg_cbor_type_text(enum fg_cbor_type type)
{
    switch (type) {
    case FG_CBOR_UINT:
    case FG_CBOR_NEGATIVE:
        return "integer";
    case FG_CBOR_BYTES:
        return "byte string";
    case FG_CBOR_TEXT:
        return "text string";
    case FG_CBOR_ARRAY:
        return "list";
    case FG_CBOR_MAP:
        return "map";
    case FG_CBOR_TAG:
        return "tagged value";
    case FG_CBOR_FALSE:
    case FG_CBOR_TRUE:
        return "boolean";
    case FG_CBOR_NULL:
        return "null";
    case FG_CBOR_UNDEFINED:
        return "undefined";
    case FG_CBOR_SIMPLE:
        return "simple value";
    case FG_CBOR_FLOAT:
        return "float";
    }
    return "unknown";
}

/* -- decoding: one head ------------------------------------------------------------------------ */

/* What one call of cbor_stream_decode reported. */
enum head_kind { HEAD_ITEM, HEAD_INDEFINITE, HEAD_BREAK };

struct head {
    enum head_kind kind;
    struct fg_cbor_item item;
};

static void on_number(void *context, enum fg_cbor_type type, uint64_t number)
{
    struct head *head = context;
    *head = (struct head){HEAD_ITEM, {.type = type, .number = number}};
}

static void on_uint8(void *context, uint8_t number)
{
    on_number(context, FG_CBOR_UINT, number);
}

static void on_uint16(void *context, uint16_t number)
{
    on_number(context, FG_CBOR_UINT, number);
}

static void on_uint32(void *context, uint32_t number)
{
    on_number(context, FG_CBOR_UINT, number);
}

static void on_uint64(void *context, uint64_t number)
{
    on_number(context, FG_CBOR_UINT, number);
}

static void on_negint8(void *context, uint8_t number)
{
    on_number(context, FG_CBOR_NEGATIVE, number);
}

static void on_negint16(void *context, uint16_t number)
{
    on_number(context, FG_CBOR_NEGATIVE, number);
}

static void on_negint32(void *context, uint32_t number)
{
    on_number(context, FG_CBOR_NEGATIVE, number);
}

static void on_negint64(void *context, uint64_t number)
{
    on_number(context, FG_CBOR_NEGATIVE, number);
}

static void on_string(void *context, enum fg_cbor_type type, cbor_data data, size_t size)
{
    struct head *head = context;
    *head = (struct head){HEAD_ITEM, {.type = type, .string = {data, size}}};
}

static void on_byte_string(void *context, cbor_data data, size_t size)
{
    on_string(context, FG_CBOR_BYTES, data, size);
}

static void on_text(void *context, cbor_data data, size_t size)
{
    on_string(context, FG_CBOR_TEXT, data, size);
}

static void on_indefinite(void *context, enum fg_cbor_type type)
{
    struct head *head = context;
    *head = (struct head){HEAD_INDEFINITE, {.type = type}};
}

static void on_byte_string_start(void *context)
{
    on_indefinite(context, FG_CBOR_BYTES);
}

static void on_text_start(void *context)
{
    on_indefinite(context, FG_CBOR_TEXT);
}

static void on_indefinite_array(void *context)
{
    on_indefinite(context, FG_CBOR_ARRAY);
}

static void on_indefinite_map(void *context)
{
    on_indefinite(context, FG_CBOR_MAP);
}

/* libcbor 0.10 changed the type of counts from size_t to uint64_t; the callbacks follow it. */
#if CBOR_MAJOR_VERSION > 0 || CBOR_MINOR_VERSION >= 10
typedef uint64_t cbor_count;
#else
typedef size_t cbor_count;
#endif

static void on_array(void *context, cbor_count count)
{
    on_number(context, FG_CBOR_ARRAY, count);
}

static void on_map(void *context, cbor_count count)
{
    on_number(context, FG_CBOR_MAP, count);
}

static void on_tag(void *context, uint64_t tag)
{
    on_number(context, FG_CBOR_TAG, tag);
}

static void on_float(void *context, float real)
{
    struct head *head = context;
    *head = (struct head){HEAD_ITEM, {.type = FG_CBOR_FLOAT, .real = (double)real}};
}

static void on_double(void *context, double real)
{
    struct head *head = context;
    *head = (struct head){HEAD_ITEM, {.type = FG_CBOR_FLOAT, .real = real}};
}

static void on_undefined(void *context)
{
    on_number(context, FG_CBOR_UNDEFINED, 0);
}

static void on_null(void *context)
{
    on_number(context, FG_CBOR_NULL, 0);
}

static void on_boolean(void *context, bool value)
{
    on_number(context, value ? FG_CBOR_TRUE : FG_CBOR_FALSE, 0);
}

static void on_break(void *context)
{
    struct head *head = context;
    *head = (struct head){.kind = HEAD_BREAK};
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string = on_byte_string,
    .byte_string_start = on_byte_string_start,
    .string = on_text,
    .string_start = on_text_start,
    .array_start = on_array,
    .indef_array_start = on_indefinite_array,
    .map_start = on_map,
    .indef_map_start = on_indefinite_map,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_undefined,
    .null = on_null,
    .boolean = on_boolean,
    .indef_break = on_break,
};

/* -- decoding: the whole value ----------------------------------------------------------------- */

/* An array, map, tag or string in pieces that is still open. */
struct level {
    uint32_t index;     /* its item */
    bool indefinite;    /* it ends with a break */
    uint64_t remaining; /* items that are missing, where it is definite */
    uint64_t seen;      /* items so far */
};

struct decoder {
    struct fg_bytes input;
    size_t offset; /* of the head being decoded */
    const struct fg_limits *limits;
    struct fg_cbor_value *value;
    size_t joined_size;
    struct fg_error *error;
    bool whole; /* the input is one value, and nothing after it */
    uint32_t depth;
    struct level levels[FG_CBOR_DEPTH_MAX];
};

/*
 * Simple values have no callback in libcbor, and it takes the short form of a tag for malformed
 * where no meaning was registered for it. True if one of these was read.
 */
static bool read_simple_or_tag(const uint8_t *data, size_t size, struct head *ret_head,
                               size_t *ret_read)
{
    if (data[0] >= 0xe0 && data[0] <= 0xf3) {
        on_number(ret_head, FG_CBOR_SIMPLE, data[0] & 0x1f);
        *ret_read = 1;
        return true;
    }
    if (data[0] == 0xf8 && size >= 2 && data[1] >= 32) {
        on_number(ret_head, FG_CBOR_SIMPLE, data[1]);
        *ret_read = 2;
        return true;
    }
    if (data[0] >= 0xc0 && data[0] <= 0xd7) {
        on_number(ret_head, FG_CBOR_TAG, data[0] & 0x1f);
        *ret_read = 1;
        return true;
    }
    return false;
}

static enum fg_status read_head(struct decoder *decoder, struct head *ret_head, size_t *ret_read)
{
    size_t size = decoder->input.size - decoder->offset;
    if (size == 0) {
        return fg_fail(decoder->error, FG_ERR_TRUNCATED, decoder->offset,
                       "CBOR value ends too early");
    }
    const uint8_t *data = decoder->input.data + decoder->offset;
    if (read_simple_or_tag(data, size, ret_head, ret_read)) {
        return FG_OK;
    }
    struct cbor_decoder_result result = cbor_stream_decode(data, size, &callbacks, ret_head);
    if (result.status == CBOR_DECODER_NEDATA || (data[0] == 0xf8 && size < 2)) {
        return fg_fail(decoder->error, FG_ERR_TRUNCATED, decoder->offset,
                       "CBOR value ends too early");
    }
    if (result.status != CBOR_DECODER_FINISHED) {
        return fg_fail(decoder->error, FG_ERR_SYNTAX, decoder->offset, "malformed CBOR byte 0x%02x",
                       data[0]);
    }
    *ret_read = result.read;
    return FG_OK;
}

/* Makes room for items up to capacity, which is over what there is. */
static enum fg_status grow(struct decoder *decoder, uint32_t capacity)
{
    struct fg_cbor_value *value = decoder->value;
    struct fg_cbor_item *items =
        realloc(value->lent ? NULL : value->items, capacity * sizeof *items);
    if (items == NULL) {
        return fg_fail(decoder->error, FG_ERR_MEMORY, decoder->offset, "out of memory");
    }
    if (value->lent) {
        memcpy(items, value->items, value->count * sizeof *items);
        value->lent = false;
    }
    value->items = items;
    value->capacity = capacity;
    return FG_OK;
}

static enum fg_status refuse_items(struct decoder *decoder)
{
    return fg_fail_limit(decoder->error, FG_LIMIT_CBOR_ITEMS, decoder->offset,
                         "CBOR value over %u items", (unsigned)decoder->limits->cbor_items);
}

/*
 * True if the rest of the input has more items than there may be. A byte can be an item and take 32
 * in the table: this looks before megabytes are allocated for what is refused in the end.
 */
static bool has_too_many_items(const struct decoder *decoder)
{
    struct decoder ahead;
    ahead.input = decoder->input;
    ahead.offset = decoder->offset;
    ahead.error = NULL;
    uint64_t count = decoder->value->count;
    bool in_string = false; /* whose pieces are no items */
    struct head head;
    size_t read;
    while (count <= decoder->limits->cbor_items && ahead.offset < ahead.input.size &&
           read_head(&ahead, &head, &read) == FG_OK) {
        if (in_string || head.kind == HEAD_BREAK) {
            in_string = in_string && head.kind != HEAD_BREAK;
        } else {
            count++;
            in_string = head.kind == HEAD_INDEFINITE && head.item.type != FG_CBOR_ARRAY &&
                        head.item.type != FG_CBOR_MAP;
        }
        ahead.offset += read;
    }
    return count > decoder->limits->cbor_items;
}

static enum fg_status add_item(struct decoder *decoder, const struct fg_cbor_item *item)
{
    struct fg_cbor_value *value = decoder->value;
    if (value->count >= decoder->limits->cbor_items) {
        return refuse_items(decoder);
    }
    if (value->count == value->capacity) {
        /* Once, before the table has grown to half a megabyte; not where it cannot be. */
        if (value->capacity < LOOK_AT_ITEMS && 2 * value->capacity >= LOOK_AT_ITEMS &&
            decoder->whole && decoder->input.size > decoder->limits->cbor_items &&
            has_too_many_items(decoder)) {
            return refuse_items(decoder);
        }
        enum fg_status status =
            grow(decoder, value->capacity == 0 ? FIRST_ITEMS : value->capacity * 2);
        if (status != FG_OK) {
            return status;
        }
    }
    value->items[value->count] = *item;
    value->items[value->count].next = value->count + 1;
    value->count++;
    return FG_OK;
}

/* Opens a level for the item added last. */
static enum fg_status open_level(struct decoder *decoder, bool indefinite, uint64_t remaining)
{
    uint32_t limit = decoder->limits->cbor_depth;
    if (decoder->depth >= (limit < FG_CBOR_DEPTH_MAX ? limit : FG_CBOR_DEPTH_MAX)) {
        return fg_fail_limit(decoder->error, FG_LIMIT_CBOR_DEPTH, decoder->offset,
                             "CBOR value nested deeper than %u", (unsigned)decoder->depth);
    }
    decoder->levels[decoder->depth++] = (struct level){
        .index = decoder->value->count - 1,
        .indefinite = indefinite,
        .remaining = remaining,
    };
    return FG_OK;
}

/* A count that the rest of the input cannot hold is refused before anything is kept for it. */
static enum fg_status check_count(struct decoder *decoder, uint64_t count, unsigned each)
{
    size_t left = decoder->input.size - decoder->offset - 1;
    if (count > left / each) {
        return fg_fail(decoder->error, FG_ERR_TRUNCATED, decoder->offset,
                       "CBOR value announces %llu elements in %zu bytes", (unsigned long long)count,
                       left);
    }
    if (count * each > decoder->limits->cbor_items) {
        return refuse_items(decoder);
    }
    return FG_OK;
}

static enum fg_status open_container(struct decoder *decoder, const struct fg_cbor_item *item,
                                     bool indefinite)
{
    unsigned each = item->type == FG_CBOR_MAP ? 2 : 1;
    uint64_t remaining = item->type == FG_CBOR_TAG ? 1 : item->count * each;
    if (!indefinite && item->type != FG_CBOR_TAG) {
        enum fg_status status = check_count(decoder, item->count, each);
        if (status != FG_OK) {
            return status;
        }
    }
    enum fg_status status = add_item(decoder, item);
    if (status != FG_OK || (!indefinite && remaining == 0)) {
        return status;
    }
    return open_level(decoder, indefinite, remaining);
}

/* -- decoding: keys that stand twice ----------------------------------------------------------- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_strings(struct fg_bytes a, struct fg_bytes b)
{
    int order = compare_numbers(a.size, b.size);
    return order != 0 || a.size == 0 ? order : memcmp(a.data, b.data, a.size);
}

/* By their bits, with one NaN for all: they have the same canonical form. */
static int compare_reals(double a, double b)
{
    a = isnan(a) ? NAN : a;
    b = isnan(b) ? NAN : b;
    return memcmp(&a, &b, sizeof a);
}

/* Compares what the items at a and b are, whatever their encoding. */
static int compare_item(const struct fg_cbor_item *a, const struct fg_cbor_item *b)
{
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    switch (a->type) {
    case FG_CBOR_BYTES:
    case FG_CBOR_TEXT:
        return compare_strings(a->string, b->string);
    case FG_CBOR_FLOAT:
        return compare_reals(a->real, b->real);
    default:
        return compare_numbers(a->number, b->number);
    }
}

/* A total order on keys; items inside a key follow it in the table, so no recursion is needed. */
static int compare_keys(const struct fg_cbor_item *items, uint32_t a, uint32_t b)
{
    uint32_t size_a = items[a].next - a;
    uint32_t size_b = items[b].next - b;
    for (uint32_t i = 0; i < size_a && i < size_b; i++) {
        int order = compare_item(&items[a + i], &items[b + i]);
        if (order != 0) {
            return order;
        }
    }
    return compare_numbers(size_a, size_b);
}

struct key_ref {
    const struct fg_cbor_item *items;
    uint32_t index;
};

static int compare_key_refs(const void *a, const void *b)
{
    const struct key_ref *left = a;
    const struct key_ref *right = b;
    return compare_keys(left->items, left->index, right->index);
}

static enum fg_status refuse_duplicate(struct decoder *decoder)
{
    return fg_fail(decoder->error, FG_ERR_SYNTAX, decoder->offset,
                   "CBOR map has the same key twice");
}

/* The keys are not in order: sort references to them and compare neighbours. */
static enum fg_status check_unordered_keys(struct decoder *decoder, uint32_t map)
{
    const struct fg_cbor_item *items = decoder->value->items;
    size_t count = (size_t)items[map].count;
    struct key_ref *keys = malloc(count * sizeof *keys);
    if (keys == NULL) {
        return fg_fail(decoder->error, FG_ERR_MEMORY, decoder->offset, "out of memory");
    }
    uint32_t index = map + 1;
    for (size_t i = 0; i < count; i++) {
        keys[i] = (struct key_ref){items, index};
        index = items[items[index].next].next;
    }
    qsort(keys, count, sizeof *keys, compare_key_refs);
    bool duplicate = false;
    for (size_t i = 1; i < count && !duplicate; i++) {
        duplicate = compare_key_refs(&keys[i - 1], &keys[i]) == 0;
    }
    free(keys);
    return duplicate ? refuse_duplicate(decoder) : FG_OK;
}

/*
 * A map may be said in several orders, so two that are equal do not compare as equal; nobody has
 * one for a key.
 */
static bool has_map_in_key(const struct fg_cbor_item *items, uint32_t map)
{
    uint32_t key = map + 1;
    for (uint64_t pair = 0; pair < items[map].count; pair++) {
        uint32_t value = items[key].next;
        for (uint32_t i = key; i < value; i++) {
            if (items[i].type == FG_CBOR_MAP) {
                return true;
            }
        }
        key = items[value].next;
    }
    return false;
}

/* Canonical maps of byte strings have ascending keys: then one pass shows that all differ. */
static enum fg_status check_keys(struct decoder *decoder, uint32_t map)
{
    const struct fg_cbor_item *items = decoder->value->items;
    uint32_t previous = map + 1;
    for (uint64_t pair = 1; pair < items[map].count; pair++) {
        uint32_t key = items[items[previous].next].next;
        int order = compare_keys(items, previous, key);
        if (order == 0) {
            return refuse_duplicate(decoder);
        }
        if (order > 0) {
            return check_unordered_keys(decoder, map);
        }
        previous = key;
    }
    return FG_OK;
}

/* -- decoding: closing levels ------------------------------------------------------------------ */

/* The container of the innermost level has all its items. */
static enum fg_status close_level(struct decoder *decoder)
{
    struct level *level = &decoder->levels[--decoder->depth];
    struct fg_cbor_item *item = &decoder->value->items[level->index];
    item->next = decoder->value->count;
    if (item->type == FG_CBOR_ARRAY) {
        item->count = level->seen;
    } else if (item->type == FG_CBOR_MAP) {
        item->count = level->seen / 2;
        if (has_map_in_key(decoder->value->items, level->index)) {
            return fg_fail(decoder->error, FG_ERR_SYNTAX, decoder->offset,
                           "CBOR map has a map in a key");
        }
        return check_keys(decoder, level->index);
    }
    return FG_OK;
}

/* Counts a complete item in its container, and the container in its own, as far as they are full.
 */
static inline enum fg_status item_complete(struct decoder *decoder)
{
    while (decoder->depth > 0) {
        struct level *level = &decoder->levels[decoder->depth - 1];
        level->seen++;
        if (level->indefinite || --level->remaining > 0) {
            return FG_OK;
        }
        enum fg_status status = close_level(decoder);
        if (status != FG_OK) {
            return status;
        }
    }
    return FG_OK;
}

static bool is_string(enum fg_cbor_type type)
{
    return type == FG_CBOR_BYTES || type == FG_CBOR_TEXT;
}

/* The string in pieces that is open, or NULL. */
static struct fg_cbor_item *open_string(struct decoder *decoder)
{
    if (decoder->depth == 0) {
        return NULL;
    }
    struct fg_cbor_item *item = &decoder->value->items[decoder->levels[decoder->depth - 1].index];
    return is_string(item->type) ? item : NULL;
}

/* The pieces of all strings together are smaller than the input, so one allocation holds them. */
static enum fg_status start_joined_string(struct decoder *decoder, struct fg_cbor_item *item)
{
    if (decoder->value->joined == NULL) {
        decoder->value->joined_capacity = decoder->input.size;
        decoder->value->joined = malloc(decoder->input.size);
        if (decoder->value->joined == NULL) {
            return fg_fail(decoder->error, FG_ERR_MEMORY, decoder->offset, "out of memory");
        }
    }
    item->string = (struct fg_bytes){decoder->value->joined + decoder->joined_size, 0};
    enum fg_status status = add_item(decoder, item);
    return status == FG_OK ? open_level(decoder, true, 0) : status;
}

static enum fg_status add_string_piece(struct decoder *decoder, struct fg_cbor_item *string,
                                       const struct head *head)
{
    if (head->kind != HEAD_ITEM || head->item.type != string->type) {
        return fg_fail(decoder->error, FG_ERR_SYNTAX, decoder->offset,
                       "CBOR string has a piece of another type");
    }
    size_t size = head->item.string.size;
    if (size > 0) {
        memcpy(decoder->value->joined + decoder->joined_size, head->item.string.data, size);
    }
    decoder->joined_size += size;
    string->string.size += size;
    return FG_OK;
}

static enum fg_status handle_break(struct decoder *decoder)
{
    struct level *level = decoder->depth > 0 ? &decoder->levels[decoder->depth - 1] : NULL;
    if (level == NULL || !level->indefinite) {
        return fg_fail(decoder->error, FG_ERR_SYNTAX, decoder->offset, "stray CBOR break");
    }
    if (decoder->value->items[level->index].type == FG_CBOR_MAP && level->seen % 2 != 0) {
        return fg_fail(decoder->error, FG_ERR_SYNTAX, decoder->offset, "CBOR map ends after a key");
    }
    enum fg_status status = close_level(decoder);
    return status == FG_OK ? item_complete(decoder) : status;
}

static enum fg_status handle_item(struct decoder *decoder, struct head *head)
{
    struct fg_cbor_item *item = &head->item;
    bool indefinite = head->kind == HEAD_INDEFINITE;
    if (item->type == FG_CBOR_ARRAY || item->type == FG_CBOR_MAP || item->type == FG_CBOR_TAG) {
        uint32_t depth = decoder->depth;
        enum fg_status status = open_container(decoder, item, indefinite);
        /* An empty container opens no level: it is complete. */
        return status == FG_OK && decoder->depth == depth ? item_complete(decoder) : status;
    }
    if (indefinite) {
        return start_joined_string(decoder, item);
    }
    enum fg_status status = add_item(decoder, item);
    return status == FG_OK ? item_complete(decoder) : status;
}

static enum fg_status handle_head(struct decoder *decoder, struct head *head)
{
    if (head->kind == HEAD_ITEM && head->item.type == FG_CBOR_TEXT &&
        !fg_utf8_valid(head->item.string)) {
        return fg_fail(decoder->error, FG_ERR_SYNTAX, decoder->offset, "CBOR text is not UTF-8");
    }
    if (head->kind == HEAD_BREAK) {
        return handle_break(decoder);
    }
    struct fg_cbor_item *string = open_string(decoder);
    return string != NULL ? add_string_piece(decoder, string, head) : handle_item(decoder, head);
}

/*
 * The item at the start of data if its head is one byte and it is a number, a byte string, or a
 * list or map that is not empty: what requests are made of. How many bytes of input it takes, with
 * its string; 0 if it is anything else or might be wrong, which is left to the general way.
 */
static size_t read_short_item(const struct decoder *decoder, struct fg_cbor_item *ret_item)
{
    enum { UINT = 0, BYTES = 2, ARRAY = 4, MAP = 5, LONG = 24 };
    const uint8_t *data = decoder->input.data + decoder->offset;
    size_t left = decoder->input.size - decoder->offset - 1;
    size_t number = data[0] & 0x1f;
    if (number >= LONG) {
        return 0;
    }
    switch (data[0] >> 5) {
    case UINT:
        ret_item->type = FG_CBOR_UINT;
        ret_item->number = number;
        return 1;
    case BYTES:
        ret_item->type = FG_CBOR_BYTES;
        ret_item->string = (struct fg_bytes){data + 1, number};
        return number <= left ? 1 + number : 0;
    case ARRAY:
        ret_item->type = FG_CBOR_ARRAY;
        ret_item->count = number;
        return number > 0 && number <= left && number <= decoder->limits->cbor_items;
    case MAP:
        ret_item->type = FG_CBOR_MAP;
        ret_item->count = number;
        return number > 0 && 2 * number <= left && 2 * number <= decoder->limits->cbor_items;
    default:
        return 0;
    }
}

/*
 * Takes short items as far as there is room for them. They are written where they belong, without
 * the callbacks of libcbor and what those fill in: a fifth of the instructions. The general way
 * goes on with whatever comes then, and makes room.
 */
static enum fg_status take_short_items(struct decoder *decoder)
{
    struct fg_cbor_value *value = decoder->value;
    uint32_t room = value->capacity < decoder->limits->cbor_items ? value->capacity
                                                                  : decoder->limits->cbor_items;
    if (open_string(decoder) != NULL) {
        return FG_OK;
    }
    while (value->count < room && decoder->offset < decoder->input.size) {
        struct fg_cbor_item *item = &value->items[value->count];
        size_t size = read_short_item(decoder, item);
        if (size == 0) {
            return FG_OK;
        }
        value->count++;
        item->next = value->count;
        enum fg_status status = FG_OK;
        if (item->type == FG_CBOR_ARRAY || item->type == FG_CBOR_MAP) {
            status = open_level(decoder, false,
                                item->type == FG_CBOR_MAP ? 2 * item->count : item->count);
        } else {
            status = item_complete(decoder);
        }
        if (status != FG_OK) {
            return status;
        }
        decoder->offset += size;
        if (decoder->depth == 0) {
            return FG_OK;
        }
    }
    return FG_OK;
}

static enum fg_status decode(struct decoder *decoder)
{
    do {
        enum fg_status status = take_short_items(decoder);
        if (status != FG_OK || (decoder->depth == 0 && decoder->value->count > 0)) {
            return status;
        }
        struct head head;
        size_t read;
        status = read_head(decoder, &head, &read);
        if (status == FG_OK) {
            status = handle_head(decoder, &head);
        }
        if (status != FG_OK) {
            return status;
        }
        decoder->offset += read;
    } while (decoder->depth > 0);
    return FG_OK;
}

/* whole: a value is all that the input is to be. */
static enum fg_status decode_one(struct fg_bytes *input, bool whole, const struct fg_limits *limits,
                                 struct fg_cbor_value *value, struct fg_error *error)
{
    /* Not initialised as a whole: the levels are 6 KiB of which most values use one or two. */
    struct decoder decoder;
    decoder.input = *input;
    decoder.offset = 0;
    decoder.limits = limits;
    decoder.value = value;
    decoder.joined_size = 0;
    decoder.error = error;
    decoder.whole = whole;
    decoder.depth = 0;
    value->count = 0;
    free(value->joined);
    value->joined = NULL;
    enum fg_status status = decode(&decoder);
    if (status != FG_OK) {
        value->count = 0;
        return status;
    }
    input->data += decoder.offset;
    input->size -= decoder.offset;
    return FG_OK;
}

enum fg_status fg_cbor_decode(struct fg_bytes input, const struct fg_limits *limits,
                              struct fg_cbor_value *value, struct fg_error *error)
{
    struct fg_bytes rest = input;
    enum fg_status status = decode_one(&rest, true, limits, value, error);
    if (status == FG_OK && rest.size > 0) {
        value->count = 0;
        return fg_fail(error, FG_ERR_SYNTAX, input.size - rest.size,
                       "%zu bytes after the CBOR value", rest.size);
    }
    return status;
}

enum fg_status fg_cbor_decode_first(struct fg_bytes *input, const struct fg_limits *limits,
                                    struct fg_cbor_value *value, struct fg_error *error)
{
    return decode_one(input, false, limits, value, error);
}

uint64_t fg_cbor_held_bytes(const struct fg_cbor_value *value)
{
    uint64_t items = value->lent ? 0 : value->capacity * (uint64_t)sizeof *value->items;
    return items + (value->joined != NULL ? value->joined_capacity : 0);
}

uint32_t fg_cbor_map_find(const struct fg_cbor_value *value, uint32_t map, const char *key)
{
    const struct fg_cbor_item *items = value->items;
    struct fg_bytes wanted = fg_bytes_from_string(key);
    if (items[map].type != FG_CBOR_MAP) {
        return 0;
    }
    uint32_t index = map + 1;
    for (uint64_t pair = 0; pair < items[map].count; pair++) {
        uint32_t found = items[index].next;
        if (items[index].type == FG_CBOR_BYTES && fg_bytes_equal(items[index].string, wanted)) {
            return found;
        }
        index = items[found].next;
    }
    return 0;
}

bool fg_cbor_is_canonical(struct fg_bytes input, const struct fg_limits *limits)
{
    struct fg_cbor_value value = {0};
    struct fg_buffer buffer = FG_BUFFER_INIT(input.size);
    bool canonical = fg_cbor_decode(input, limits, &value, NULL) == FG_OK &&
                     fg_cbor_put_item(&buffer, &value, 0) == FG_OK &&
                     fg_bytes_equal(fg_buffer_view(&buffer), input);
    fg_buffer_free(&buffer);
    fg_cbor_clear(&value);
    return canonical;
}

/* -- encoding ---------------------------------------------------------------------------------- */

typedef size_t (*encode_number)(uint64_t number, unsigned char *buffer, size_t size);

static enum fg_status put_number(struct fg_buffer *buffer, encode_number encode, uint64_t number)
{
    unsigned char head[HEAD_MAX];
    size_t size = encode(number, head, sizeof head);
    return fg_buffer_append(buffer, head, size);
}

/* The head of a string, and room for its bytes. */
static enum fg_status put_space(struct fg_buffer *buffer, encode_number encode, size_t size,
                                uint8_t **ret_space)
{
    unsigned char head[HEAD_MAX];
    size_t head_size = encode(size, head, sizeof head);
    uint8_t *space = NULL;
    if (size > SIZE_MAX - head_size) {
        fg_buffer_fail(buffer, FG_ERR_LIMIT);
        return FG_ERR_LIMIT;
    }
    enum fg_status status = fg_buffer_reserve(buffer, head_size + size, &space);
    if (status == FG_OK) {
        memcpy(space, head, head_size);
        buffer->size += head_size + size;
        *ret_space = space + head_size;
    }
    return status;
}

static enum fg_status put_string(struct fg_buffer *buffer, encode_number encode, const void *data,
                                 size_t size)
{
    uint8_t *space = NULL;
    enum fg_status status = put_space(buffer, encode, size, &space);
    if (status == FG_OK && size > 0) {
        memcpy(space, data, size);
    }
    return status;
}

enum fg_status fg_cbor_put_uint(struct fg_buffer *buffer, uint64_t value)
{
    return put_number(buffer, cbor_encode_uint, value);
}

enum fg_status fg_cbor_put_negative(struct fg_buffer *buffer, uint64_t value)
{
    return put_number(buffer, cbor_encode_negint, value);
}

enum fg_status fg_cbor_put_bytes(struct fg_buffer *buffer, const void *data, size_t size)
{
    return put_string(buffer, cbor_encode_bytestring_start, data, size);
}

enum fg_status fg_cbor_put_space(struct fg_buffer *buffer, size_t size, uint8_t **ret_space)
{
    return put_space(buffer, cbor_encode_bytestring_start, size, ret_space);
}

enum fg_status fg_cbor_put_bytestring(struct fg_buffer *buffer, const char *string)
{
    return fg_cbor_put_bytes(buffer, string, strlen(string));
}

enum fg_status fg_cbor_put_text(struct fg_buffer *buffer, const void *data, size_t size)
{
    return put_string(buffer, cbor_encode_string_start, data, size);
}

enum fg_status fg_cbor_put_bool(struct fg_buffer *buffer, bool value)
{
    return fg_buffer_append_byte(buffer, value ? 0xf5 : 0xf4);
}

enum fg_status fg_cbor_put_null(struct fg_buffer *buffer)
{
    return fg_buffer_append_byte(buffer, 0xf6);
}

enum fg_status fg_cbor_put_array(struct fg_buffer *buffer, uint64_t count)
{
    return put_number(buffer, cbor_encode_array_start, count);
}

/* Puts a head in front of what was put since start. */
static enum fg_status insert_head(struct fg_buffer *buffer, size_t start, encode_number encode,
                                  uint64_t count)
{
    unsigned char head[HEAD_MAX];
    size_t head_size = encode(count, head, sizeof head);
    uint8_t *space;
    enum fg_status status = fg_buffer_reserve(buffer, head_size, &space);
    if (status != FG_OK) {
        return status;
    }
    memmove(buffer->data + start + head_size, buffer->data + start, buffer->size - start);
    memcpy(buffer->data + start, head, head_size);
    buffer->size += head_size;
    return FG_OK;
}

enum fg_status fg_cbor_wrap_array(struct fg_buffer *buffer, size_t start, uint64_t count)
{
    return insert_head(buffer, start, cbor_encode_array_start, count);
}

enum fg_status fg_cbor_put_tag(struct fg_buffer *buffer, uint64_t tag)
{
    return put_number(buffer, cbor_encode_tag, tag);
}

/*
 * The half-precision form of a float, if it has the very same value. libcbor's encoder rounds and
 * does not say so.
 */
static bool exact_half(float real, uint16_t *ret_half)
{
    uint32_t bits;
    memcpy(&bits, &real, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    int exponent = (int)(bits >> 23 & 0xff) - 127;
    uint32_t mantissa = bits & 0x7fffff;
    if ((bits & 0x7fffffff) == 0) {
        *ret_half = sign;
        return true;
    }
    if (exponent == 128) {
        *ret_half = (uint16_t)(sign | 0x7c00); /* infinity; NaN was dealt with before */
        return true;
    }
    if (exponent >= -14 && exponent <= 15 && (mantissa & 0x1fff) == 0) {
        *ret_half = (uint16_t)(sign | (uint16_t)((exponent + 15) << 10) | mantissa >> 13);
        return true;
    }
    if (exponent >= -24 && exponent < -14) {
        /* Subnormal: the leading one becomes explicit and moves right. */
        unsigned shift = (unsigned)(-1 - exponent);
        uint32_t full = mantissa | 0x800000;
        if ((full & ((1u << shift) - 1)) == 0) {
            *ret_half = (uint16_t)(sign | full >> shift);
            return true;
        }
    }
    return false;
}

enum fg_status fg_cbor_put_float(struct fg_buffer *buffer, double value)
{
    uint16_t half = 0x7e00;
    if (isnan(value) || ((double)(float)value == value && exact_half((float)value, &half))) {
        uint8_t bytes[3] = {0xf9, (uint8_t)(half >> 8), (uint8_t)(half & 0xff)};
        return fg_buffer_append(buffer, bytes, sizeof bytes);
    }
    unsigned char bytes[HEAD_MAX];
    size_t size = (double)(float)value == value
                      ? cbor_encode_single((float)value, bytes, sizeof bytes)
                      : cbor_encode_double(value, bytes, sizeof bytes);
    return fg_buffer_append(buffer, bytes, size);
}

/* -- encoding maps ----------------------------------------------------------------------------- */

size_t fg_cbor_encoded_size(struct fg_bytes bytes)
{
    uint64_t items = 1;
    size_t offset = 0;
    while (items > 0) {
        if (offset >= bytes.size) {
            return 0;
        }
        uint8_t major = bytes.data[offset] >> 5;
        uint8_t low = bytes.data[offset] & 0x1f;
        size_t extra = low < 24 ? 0 : (size_t)1 << (low - 24);
        if (low > 27 || bytes.size - offset - 1 < extra) {
            return 0;
        }
        uint64_t argument = low < 24 ? low : 0;
        for (size_t i = 0; i < extra; i++) {
            argument = argument << 8 | bytes.data[offset + 1 + i];
        }
        offset += 1 + extra;
        items--;
        if (major == 2 || major == 3) {
            if (argument > bytes.size - offset) {
                return 0;
            }
            offset += (size_t)argument;
        } else if (major == 4 || major == 5 || major == 6) {
            items += major == 4 ? argument : major == 5 ? argument * 2 : 1;
        }
    }
    return offset;
}

struct pair {
    const uint8_t *key; /* the encoded key; its value follows */
    size_t key_size;
    size_t size;  /* of both */
    size_t order; /* in which it was put */
};

/* Canonical order of keys: shorter first, then bytewise. */
static int compare_encoded_keys(const struct pair *a, const struct pair *b)
{
    int order = compare_numbers(a->key_size, b->key_size);
    return order != 0 ? order : memcmp(a->key, b->key, a->key_size);
}

static int compare_pairs(const void *a, const void *b)
{
    int order = compare_encoded_keys(a, b);
    return order != 0
               ? order
               : compare_numbers(((const struct pair *)a)->order, ((const struct pair *)b)->order);
}

/* Takes one pair off the front of *rest. False if it is not whole. */
static bool next_pair(struct fg_bytes *rest, struct pair *ret_pair)
{
    size_t key_size = fg_cbor_encoded_size(*rest);
    struct fg_bytes after_key = {rest->data + key_size, rest->size - key_size};
    size_t value_size = key_size == 0 ? 0 : fg_cbor_encoded_size(after_key);
    if (value_size == 0) {
        return false;
    }
    *ret_pair =
        (struct pair){.key = rest->data, .key_size = key_size, .size = key_size + value_size};
    rest->data += ret_pair->size;
    rest->size -= ret_pair->size;
    return true;
}

/* Counts the pairs and finds out whether they are in order already, as most are. */
static bool survey_pairs(struct fg_bytes rest, size_t *ret_count, bool *ret_ascending)
{
    struct pair previous = {0};
    size_t count = 0;
    bool ascending = true;
    while (rest.size > 0) {
        struct pair pair;
        if (!next_pair(&rest, &pair)) {
            return false;
        }
        if (count > 0 && compare_encoded_keys(&previous, &pair) >= 0) {
            ascending = false;
        }
        previous = pair;
        count++;
    }
    *ret_count = count;
    *ret_ascending = ascending;
    return true;
}

/* Of pairs with the same key, keeps the one put last. Returns how many are left. */
static size_t keep_last(struct pair *pairs, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || compare_encoded_keys(&pairs[i], &pairs[i + 1]) != 0) {
            pairs[kept++] = pairs[i];
        }
    }
    return kept;
}

static void write_pairs(const struct pair *pairs, size_t count, uint8_t *bytes, size_t *ret_size)
{
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(bytes + offset, pairs[i].key, pairs[i].size);
        offset += pairs[i].size;
    }
    *ret_size = offset;
}

/* Puts the pairs of a map in order; *count may become smaller. */
static enum fg_status sort_pairs(struct fg_buffer *buffer, size_t start, bool last_wins,
                                 size_t *count)
{
    struct fg_bytes region = {buffer->data + start, buffer->size - start};
    struct pair *pairs = malloc(*count * sizeof *pairs);
    uint8_t *sorted = malloc(region.size);
    enum fg_status status = pairs == NULL || sorted == NULL ? FG_ERR_MEMORY : FG_OK;
    if (status == FG_OK) {
        struct fg_bytes rest = region;
        for (size_t i = 0; i < *count; i++) {
            next_pair(&rest, &pairs[i]);
            pairs[i].order = i;
        }
        qsort(pairs, *count, sizeof *pairs, compare_pairs);
        size_t kept = keep_last(pairs, *count);
        if (kept < *count && !last_wins) {
            status = FG_ERR_SYNTAX;
        } else {
            size_t size;
            write_pairs(pairs, kept, sorted, &size);
            memcpy(buffer->data + start, sorted, size);
            buffer->size = start + size;
            *count = kept;
        }
    }
    free(pairs);
    free(sorted);
    return status;
}

void fg_cbor_map_begin(const struct fg_buffer *buffer, struct fg_cbor_map *ret_map)
{
    ret_map->start = buffer->size;
}

enum fg_status fg_cbor_map_end(struct fg_buffer *buffer, const struct fg_cbor_map *map,
                               bool last_wins)
{
    size_t start = map->start;
    size_t count = 0;
    bool ascending = true;
    if (fg_buffer_status(buffer) == FG_OK && buffer->size > start) {
        struct fg_bytes region = {buffer->data + start, buffer->size - start};
        if (!survey_pairs(region, &count, &ascending)) {
            return fg_buffer_fail(buffer, FG_ERR_STATE);
        }
    }
    if (!ascending) {
        fg_buffer_fail(buffer, sort_pairs(buffer, start, last_wins, &count));
    }
    return insert_head(buffer, start, cbor_encode_map_start, count);
}

/* -- encoding decoded items -------------------------------------------------------------------- */

static enum fg_status put_scalar(struct fg_buffer *buffer, const struct fg_cbor_item *item)
{
    switch (item->type) {
    case FG_CBOR_UINT:
        return fg_cbor_put_uint(buffer, item->number);
    case FG_CBOR_NEGATIVE:
        return fg_cbor_put_negative(buffer, item->number);
    case FG_CBOR_BYTES:
        return fg_cbor_put_bytes(buffer, item->string.data, item->string.size);
    case FG_CBOR_TEXT:
        return fg_cbor_put_text(buffer, item->string.data, item->string.size);
    case FG_CBOR_FLOAT:
        return fg_cbor_put_float(buffer, item->real);
    case FG_CBOR_SIMPLE: {
        unsigned char head[HEAD_MAX];
        size_t size = cbor_encode_ctrl((uint8_t)item->number, head, sizeof head);
        return fg_buffer_append(buffer, head, size);
    }
    case FG_CBOR_UNDEFINED:
        return fg_buffer_append_byte(buffer, 0xf7);
    case FG_CBOR_NULL:
        return fg_cbor_put_null(buffer);
    default:
        return fg_cbor_put_bool(buffer, item->type == FG_CBOR_TRUE);
    }
}

/* Recursion is bounded by the depth that decoding allowed. */
static enum fg_status put_children(struct fg_buffer *buffer, const struct fg_cbor_value *value,
                                   uint32_t index)
{
    uint32_t end = value->items[index].next;
    for (uint32_t child = index + 1; child < end; child = value->items[child].next) {
        fg_cbor_put_item(buffer, value, child);
    }
    return fg_buffer_status(buffer);
}

enum fg_status fg_cbor_put_item(struct fg_buffer *buffer, const struct fg_cbor_value *value,
                                uint32_t index)
{
    const struct fg_cbor_item *item = &value->items[index];
    struct fg_cbor_map map;
    switch (item->type) {
    case FG_CBOR_MAP:
        fg_cbor_map_begin(buffer, &map);
        put_children(buffer, value, index);
        return fg_cbor_map_end(buffer, &map, false);
    case FG_CBOR_ARRAY:
        fg_cbor_put_array(buffer, item->count);
        return put_children(buffer, value, index);
    case FG_CBOR_TAG:
        fg_cbor_put_tag(buffer, item->number);
        return put_children(buffer, value, index);
    default:
        return put_scalar(buffer, item);
    }
}
