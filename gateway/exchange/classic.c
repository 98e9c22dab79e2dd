/* The text forms of the classic transport. */
#include "gateway/exchange/classic.h"

#include "framing/hex.h"
#include "gateway/exchange/percent.h"
#include "handlers/repo/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUOTE_MAX = 60 }; /* bytes of the peer's own words that a message repeats */

/* -- the commands ----------------------------------------------------------------------------- */

static const struct fg_classic_command commands[] = {
    {"batch", FG_CLASSIC_BATCH, true},
    {"branchmap", FG_CLASSIC_TEXT, true},
    {"clonebundles", FG_CLASSIC_BYTES, false},
    {"clonebundles_manifest", FG_CLASSIC_BYTES, false},
    {"debugbytes", FG_CLASSIC_STREAM, false},
    {"get_cached_bundle_inline", FG_CLASSIC_STREAM, false},
    {"getbundle", FG_CLASSIC_STREAM, false},
    {"heads", FG_CLASSIC_TEXT, true},
    {"hello", FG_CLASSIC_CAPABILITIES, false},
    {"known", FG_CLASSIC_TEXT, true},
    {"listkeys", FG_CLASSIC_TEXT, false},
    {"lookup", FG_CLASSIC_TEXT, false},
    {"protocaps", FG_CLASSIC_OK, false},
    {"pushkey", FG_CLASSIC_TEXT, false},
    {"stream_out", FG_CLASSIC_BYTES, false},
    {"unbundle", FG_CLASSIC_BYTES, false},
};

const struct fg_classic_command *fg_classic_find(struct fg_bytes name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (fg_bytes_equal_string(name, commands[i].name)) {
            return &commands[i];
        }
    }
    return NULL;
}

/* -- reading ---------------------------------------------------------------------------------- */

/* What comes before the delimiter or the end, which is taken off too. */
static struct fg_bytes until(struct fg_bytes *rest, char delimiter)
{
    struct fg_bytes found = *rest;
    const uint8_t *at = found.size > 0 ? memchr(found.data, delimiter, found.size) : NULL;
    if (at == NULL) {
        rest->size = 0;
        return found;
    }
    const uint8_t *end = found.data + found.size;
    found.size = (size_t)(at - found.data);
    *rest = (struct fg_bytes){at + 1, (size_t)(end - (at + 1))};
    return found;
}

/* text as printable ASCII, cut; for messages. */
static const char *quote(struct fg_bytes text, char ret_quoted[QUOTE_MAX + 4])
{
    size_t size = text.size < QUOTE_MAX ? text.size : QUOTE_MAX;
    for (size_t i = 0; i < size; i++) {
        bool plain = text.data[i] >= ' ' && text.data[i] < 0x7f;
        ret_quoted[i] = (char)(plain ? text.data[i] : '?');
    }
    snprintf(ret_quoted + size, 4, "%s", size < text.size ? "..." : "");
    return ret_quoted;
}

static bool decode_form(struct fg_bytes text, uint8_t *out, size_t *ret_size)
{
    return fg_percent_decode(text, true, out, text.size, ret_size);
}

static const char escapes[][2] = {{'c', ':'}, {'o', ','}, {'s', ';'}, {'e', '='}};

/* Undoes the escapes of a batch; what is none stays, as Mercurial leaves it. */
static bool decode_batch(struct fg_bytes text, uint8_t *out, size_t *ret_size)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        for (size_t e = 0; byte == ':' && i + 1 < text.size && e < sizeof(escapes) / 2; e++) {
            if (text.data[i + 1] == (uint8_t)escapes[e][0]) {
                byte = (uint8_t)escapes[e][1];
                i++;
                break;
            }
        }
        out[size++] = byte;
    }
    *ret_size = size;
    return true;
}

void fg_classic_arguments_clear(struct fg_classic_arguments *arguments)
{
    free(arguments->text);
    arguments->text = NULL;
    arguments->text_size = 0;
    arguments->count = 0;
}

typedef bool (*decoder)(struct fg_bytes text, uint8_t *out, size_t *ret_size);

/* Appends the decoded text at *at, moving it. */
static bool decode(decoder function, struct fg_bytes text, uint8_t **at, struct fg_bytes *ret_text)
{
    size_t size = 0;
    if (!function(text, *at, &size)) {
        return false;
    }
    *ret_text = (struct fg_bytes){*at, size};
    *at += size;
    return true;
}

/* "name=value", separated by delimiter, each part decoded by function. */
static enum fg_status read_pairs(struct fg_bytes text, char delimiter, bool lax, decoder function,
                                 struct fg_classic_arguments *ret_arguments, struct fg_error *error)
{
    char shown[QUOTE_MAX + 4];
    ret_arguments->count = 0;
    ret_arguments->text = malloc(text.size + 1);
    if (ret_arguments->text == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    ret_arguments->text_size = text.size + 1;
    uint8_t *at = ret_arguments->text;
    enum fg_status status = FG_OK;
    while (text.size > 0 && status == FG_OK) {
        struct fg_bytes value = until(&text, delimiter);
        if (value.size == 0) {
            continue;
        }
        struct fg_bytes pair = value;
        bool has_value = memchr(value.data, '=', value.size) != NULL;
        struct fg_bytes name = until(&value, '=');
        struct fg_classic_argument argument;
        if (!has_value && !lax) {
            status =
                fg_fail(error, FG_ERR_SYNTAX, 0, "argument '%s' has no value", quote(pair, shown));
        } else if (ret_arguments->count == FG_CLASSIC_ARGUMENTS_MAX) {
            status =
                fg_fail(error, FG_ERR_LIMIT, 0, "more than %d arguments", FG_CLASSIC_ARGUMENTS_MAX);
        } else if (!decode(function, name, &at, &argument.name) ||
                   !decode(function, value, &at, &argument.value)) {
            status = fg_fail(error, FG_ERR_SYNTAX, 0, "argument '%s' is badly encoded",
                             quote(pair, shown));
        } else {
            ret_arguments->items[ret_arguments->count++] = argument;
        }
    }
    if (status != FG_OK) {
        fg_classic_arguments_clear(ret_arguments);
    }
    return status;
}

enum fg_status fg_classic_read_form(struct fg_bytes text,
                                    struct fg_classic_arguments *ret_arguments,
                                    struct fg_error *error)
{
    return read_pairs(text, '&', true, decode_form, ret_arguments, error);
}

enum fg_status fg_classic_read_batch(struct fg_bytes *rest, struct fg_bytes *ret_name,
                                     struct fg_classic_arguments *ret_arguments,
                                     struct fg_error *error)
{
    char shown[QUOTE_MAX + 4];
    struct fg_bytes text = until(rest, ';');
    struct fg_bytes whole = text;
    struct fg_bytes name = until(&text, ' ');
    if (name.size == whole.size) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "batch: there is no blank after the command '%s'",
                       quote(whole, shown));
    }
    *ret_name = name;
    return read_pairs(text, ',', false, decode_batch, ret_arguments, error);
}

const struct fg_classic_argument *fg_classic_argument(const struct fg_classic_arguments *arguments,
                                                      const char *name)
{
    for (size_t i = 0; i < arguments->count; i++) {
        if (fg_bytes_equal_string(arguments->items[i].name, name)) {
            return &arguments->items[i];
        }
    }
    return NULL;
}

/* -- requests --------------------------------------------------------------------------------- */

static bool decode_node(struct fg_bytes text, uint8_t ret_node[FG_NODE_SIZE])
{
    if (text.size != 2 * (size_t)FG_NODE_SIZE) {
        return false;
    }
    for (size_t i = 0; i < FG_NODE_SIZE; i++) {
        int high = fg_hex_digit(text.data[2 * i]);
        int low = fg_hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        ret_node[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* What a push may have among its nodes: no check of heads, or of their digest, which follows. */
static const char *marker_of(struct fg_bytes word)
{
    return fg_bytes_equal_string(word, "666f726365")     ? "force"
           : fg_bytes_equal_string(word, "686173686564") ? "hashed"
                                                         : NULL;
}

static enum fg_status put_nodes(struct fg_bytes text, const char *name, struct fg_buffer *buffer,
                                struct fg_error *error)
{
    char shown[QUOTE_MAX + 4];
    size_t start = buffer->size;
    uint64_t count = 0;
    while (text.size > 0) {
        struct fg_bytes word = until(&text, ' ');
        uint8_t node[FG_NODE_SIZE];
        const char *marker = marker_of(word);
        if (marker == NULL && !decode_node(word, node)) {
            return fg_fail(error, FG_ERR_SYNTAX, 0, "argument '%s': '%s' is not a node in hex",
                           name, quote(word, shown));
        }
        if (marker != NULL) {
            fg_cbor_put_bytestring(buffer, marker);
        } else {
            fg_cbor_put_bytes(buffer, node, sizeof(node));
        }
        count++;
    }
    return fg_cbor_wrap_array(buffer, start, count);
}

static enum fg_status put_words(struct fg_bytes text, struct fg_buffer *buffer)
{
    size_t start = buffer->size;
    uint64_t count = 0;
    while (text.size > 0) {
        struct fg_bytes word = until(&text, ',');
        fg_cbor_put_bytes(buffer, word.data, word.size);
        count++;
    }
    return fg_cbor_wrap_array(buffer, start, count);
}

/* Lists are nodes, but for these. */
static bool is_words(const char *name)
{
    return strcmp(name, "bundlecaps") == 0 || strcmp(name, "listkeys") == 0;
}

static enum fg_status put_number(struct fg_bytes text, const char *name, struct fg_buffer *buffer,
                                 struct fg_error *error)
{
    enum { DIGITS_MAX = 18 };
    uint64_t number = 0;
    bool ok = text.size > 0 && text.size <= DIGITS_MAX;
    for (size_t i = 0; ok && i < text.size; i++) {
        ok = text.data[i] >= '0' && text.data[i] <= '9';
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    return ok ? fg_cbor_put_uint(buffer, number)
              : fg_fail(error, FG_ERR_SYNTAX, 0, "argument '%s' is not a number", name);
}

static enum fg_status put_value(const struct fg_argument_spec *spec, struct fg_bytes value,
                                struct fg_buffer *buffer, struct fg_error *error)
{
    switch (spec->type) {
    case FG_ARGUMENT_BOOL:
        return fg_cbor_put_bool(buffer, value.size > 0 && !fg_bytes_equal_string(value, "0"));
    case FG_ARGUMENT_LIST_OF_BYTES:
        return is_words(spec->name) ? put_words(value, buffer)
                                    : put_nodes(value, spec->name, buffer, error);
    case FG_ARGUMENT_INT:
        return put_number(value, spec->name, buffer, error);
    case FG_ARGUMENT_DICT:
        return fg_fail(error, FG_ERR_UNSUPPORTED, 0, "argument '%s' has no form as text",
                       spec->name);
    case FG_ARGUMENT_BYTES:
        break;
    }
    return fg_cbor_put_bytes(buffer, value.data, value.size);
}

enum fg_status fg_classic_put_request(const struct fg_command_spec *spec,
                                      const struct fg_classic_arguments *arguments,
                                      struct fg_buffer *buffer, struct fg_error *error)
{
    struct fg_cbor_map request;
    struct fg_cbor_map map;
    fg_cbor_map_begin(buffer, &request);
    fg_cbor_put_bytestring(buffer, "name");
    fg_cbor_put_bytestring(buffer, spec->name);
    fg_cbor_put_bytestring(buffer, "args");
    fg_cbor_map_begin(buffer, &map);
    for (const struct fg_argument_spec *known = spec->arguments; known->name != NULL; known++) {
        const struct fg_classic_argument *given = fg_classic_argument(arguments, known->name);
        if (given != NULL) {
            fg_cbor_put_bytestring(buffer, known->name);
            fg_buffer_fail(buffer, put_value(known, given->value, buffer, error));
        }
    }
    fg_cbor_map_end(buffer, &map, false);
    return fg_cbor_map_end(buffer, &request, false);
}

/* -- answers ---------------------------------------------------------------------------------- */

enum fg_status fg_classic_put_escaped(struct fg_buffer *buffer, struct fg_bytes text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.size; i++) {
        for (size_t e = 0; e < sizeof(escapes) / 2; e++) {
            if (text.data[i] == (uint8_t)escapes[e][1]) {
                const char pair[] = {':', escapes[e][0]};
                fg_buffer_append(buffer, text.data + start, i - start);
                fg_buffer_append(buffer, pair, sizeof(pair));
                start = i + 1;
            }
        }
    }
    return start < text.size ? fg_buffer_append(buffer, text.data + start, text.size - start)
                             : fg_buffer_status(buffer);
}

enum fg_status fg_classic_put_quoted(struct fg_buffer *buffer, struct fg_bytes text)
{
    static const char plain[] = "/_.-~";
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        uint8_t letter = byte | 0x20;
        bool safe = (letter >= 'a' && letter <= 'z') || (byte >= '0' && byte <= '9') ||
                    (byte != 0 && strchr(plain, byte) != NULL);
        if (safe) {
            fg_buffer_append_byte(buffer, byte);
        } else {
            fg_buffer_append_format(buffer, "%%%02X", byte);
        }
    }
    return fg_buffer_status(buffer);
}

static enum fg_status put_hex(struct fg_buffer *buffer, const struct fg_cbor_item *item)
{
    return item->type == FG_CBOR_BYTES ? fg_buffer_append_hex(buffer, item->string)
                                       : fg_buffer_fail(buffer, FG_ERR_CORRUPT);
}

/* The nodes of the list at index, with a blank between them. */
static enum fg_status put_node_list(struct fg_buffer *buffer, const struct fg_cbor_value *answer,
                                    uint32_t index)
{
    const struct fg_cbor_item *items = answer->items;
    if (items[index].type != FG_CBOR_ARRAY) {
        return fg_buffer_fail(buffer, FG_ERR_CORRUPT);
    }
    for (uint32_t i = index + 1; i < items[index].next; i = items[i].next) {
        if (i > index + 1) {
            fg_buffer_append_byte(buffer, ' ');
        }
        put_hex(buffer, &items[i]);
    }
    return fg_buffer_status(buffer);
}

static enum fg_status put_heads(const struct fg_cbor_value *answer, struct fg_buffer *buffer)
{
    put_node_list(buffer, answer, 0);
    return fg_buffer_append_byte(buffer, '\n');
}

static enum fg_status put_branchmap(const struct fg_cbor_value *answer, struct fg_buffer *buffer)
{
    const struct fg_cbor_item *items = answer->items;
    if (items[0].type != FG_CBOR_MAP) {
        return fg_buffer_fail(buffer, FG_ERR_CORRUPT);
    }
    for (uint32_t key = 1; key < items[0].next; key = items[items[key].next].next) {
        if (items[key].type != FG_CBOR_BYTES) {
            return fg_buffer_fail(buffer, FG_ERR_CORRUPT);
        }
        if (key > 1) {
            fg_buffer_append_byte(buffer, '\n');
        }
        fg_classic_put_quoted(buffer, items[key].string);
        fg_buffer_append_byte(buffer, ' ');
        put_node_list(buffer, answer, items[key].next);
    }
    return fg_buffer_status(buffer);
}

static int compare_keys(const void *one, const void *other)
{
    const struct fg_classic_argument *a = one;
    const struct fg_classic_argument *b = other;
    size_t size = a->name.size < b->name.size ? a->name.size : b->name.size;
    int order = size > 0 ? memcmp(a->name.data, b->name.data, size) : 0;
    return order != 0 ? order : (a->name.size > b->name.size) - (a->name.size < b->name.size);
}

static enum fg_status put_pairs(const struct fg_classic_argument *pairs, size_t count,
                                struct fg_buffer *buffer)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            fg_buffer_append_byte(buffer, '\n');
        }
        fg_buffer_append(buffer, pairs[i].name.data, pairs[i].name.size);
        fg_buffer_append_byte(buffer, '\t');
        fg_buffer_append(buffer, pairs[i].value.data, pairs[i].value.size);
    }
    return fg_buffer_status(buffer);
}

/* Sorted by their bytes; CBOR has the short ones first. */
static enum fg_status put_listkeys(const struct fg_cbor_value *answer, struct fg_buffer *buffer)
{
    const struct fg_cbor_item *items = answer->items;
    if (items[0].type != FG_CBOR_MAP) {
        return FG_ERR_CORRUPT;
    }
    size_t count = (size_t)items[0].count;
    struct fg_classic_argument *pairs = calloc(count + 1, sizeof(*pairs));
    if (pairs == NULL) {
        return FG_ERR_MEMORY;
    }
    enum fg_status status = FG_OK;
    uint32_t key = 1;
    for (size_t i = 0; i < count && status == FG_OK; i++) {
        uint32_t value = items[key].next;
        pairs[i] = (struct fg_classic_argument){items[key].string, items[value].string};
        bool bytes = items[key].type == FG_CBOR_BYTES && items[value].type == FG_CBOR_BYTES;
        status = bytes ? FG_OK : FG_ERR_CORRUPT;
        key = items[value].next;
    }
    if (status == FG_OK) {
        qsort(pairs, count, sizeof(*pairs), compare_keys);
        status = put_pairs(pairs, count, buffer);
    }
    free(pairs);
    return status;
}

static enum fg_status put_known(const struct fg_cbor_value *answer, struct fg_buffer *buffer)
{
    const struct fg_cbor_item *item = &answer->items[0];
    return item->type == FG_CBOR_BYTES
               ? fg_buffer_append(buffer, item->string.data, item->string.size)
               : FG_ERR_CORRUPT;
}

static enum fg_status put_lookup(const struct fg_cbor_value *answer, struct fg_buffer *buffer)
{
    fg_buffer_append_string(buffer, "1 ");
    put_hex(buffer, &answer->items[0]);
    return fg_buffer_append_byte(buffer, '\n');
}

static enum fg_status put_pushkey(const struct fg_cbor_value *answer, struct fg_buffer *buffer)
{
    enum fg_cbor_type type = answer->items[0].type;
    if (type != FG_CBOR_TRUE && type != FG_CBOR_FALSE) {
        return FG_ERR_CORRUPT;
    }
    return fg_buffer_append_string(buffer, type == FG_CBOR_TRUE ? "1\n" : "0\n");
}

enum fg_status fg_classic_put_answer(const char *name, const struct fg_cbor_value *answer,
                                     struct fg_buffer *buffer)
{
    static const struct {
        const char *name;
        enum fg_status (*put)(const struct fg_cbor_value *answer, struct fg_buffer *buffer);
    } forms[] = {
        {"branchmap", put_branchmap}, {"heads", put_heads},   {"known", put_known},
        {"listkeys", put_listkeys},   {"lookup", put_lookup}, {"pushkey", put_pushkey},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strcmp(name, forms[i].name) == 0) {
            return forms[i].put(answer, buffer);
        }
    }
    return FG_ERR_CORRUPT;
}

bool fg_classic_put_failure(const char *name, const char *message, struct fg_buffer *buffer)
{
    if (strcmp(name, "lookup") == 0) {
        return fg_buffer_append_format(buffer, "0 %s\n", message) == FG_OK;
    }
    if (strcmp(name, "pushkey") == 0) {
        return fg_buffer_append_format(buffer, "0\n%s\n", message) == FG_OK;
    }
    return false;
}

/* -- what the client understands -------------------------------------------------------------- */

/* True if word is one of the words of text, which delimiter separates. */
static bool has_word(struct fg_bytes text, char delimiter, const char *word)
{
    while (text.size > 0) {
        if (fg_bytes_equal_string(until(&text, delimiter), word)) {
            return true;
        }
    }
    return false;
}

const char *fg_classic_engine_name(enum fg_classic_engine engine)
{
    static const char *const names[] = {"zlib", "zstd", "zlib", "none"};
    return names[engine];
}

enum fg_classic_engine fg_classic_choose_engine(struct fg_bytes words, bool dense)
{
    static const char prefix[] = "comp=";
    struct fg_bytes engines = fg_bytes_from_string("zlib,none");
    struct fg_bytes rest = words;
    if (!has_word(words, ' ', "0.2")) {
        return FG_CLASSIC_ENGINE_LEGACY;
    }
    if (dense) {
        return FG_CLASSIC_ENGINE_NONE; /* every client of 0.2 takes that */
    }
    while (rest.size > 0) {
        struct fg_bytes word = until(&rest, ' ');
        size_t size = sizeof(prefix) - 1;
        if (word.size >= size && memcmp(word.data, prefix, size) == 0) {
            engines = (struct fg_bytes){word.data + size, word.size - size};
            break;
        }
    }
    for (int e = FG_CLASSIC_ENGINE_ZSTD; e <= FG_CLASSIC_ENGINE_NONE; e++) {
        if (has_word(engines, ',', fg_classic_engine_name((enum fg_classic_engine)e))) {
            return (enum fg_classic_engine)e;
        }
    }
    return FG_CLASSIC_ENGINE_LEGACY;
}
