/*
 * Python literals to CBOR by recursive descent, and back. Recursion is bounded by the depth limit.
 */
#define _GNU_SOURCE /* newlocale, uselocale */
#include "framing/literal.h"

#include "framing/escape.h"
#include "framing/utf8.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Digits of an integer or float literal. Python has the same bound, for the same reason: reading
 * decimal digits is quadratic.
 */
enum { DIGITS_MAX = 4300, BIGNUM_BYTES_MAX = DIGITS_MAX / 2 };

struct parser {
    struct fg_bytes text;
    size_t offset;
    const struct fg_limits *limits;
    struct fg_buffer *buffer;
    struct fg_error *error;
    uint32_t depth;
};

static enum fg_status parse_value(struct parser *parser, bool as_key);

/* -- reading characters ------------------------------------------------------------------------ */

/* The character at the offset, 0 at the end (a NUL in the text matches nothing either). */
static uint8_t peek(const struct parser *parser)
{
    return parser->offset < parser->text.size ? parser->text.data[parser->offset] : 0;
}

static void skip_blanks(struct parser *parser)
{
    while (peek(parser) != 0 && strchr(" \t\n\r\f", peek(parser)) != NULL) {
        parser->offset++;
    }
}

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c >= 0x80;
}

static enum fg_status expected(struct parser *parser, const char *what)
{
    if (parser->offset >= parser->text.size) {
        return fg_fail(parser->error, FG_ERR_SYNTAX, parser->offset,
                       "expected %s, but the literal ends", what);
    }
    struct fg_buffer found = FG_BUFFER_INIT(64);
    struct fg_bytes rest = {parser->text.data + parser->offset, parser->text.size - parser->offset};
    if (rest.size > 12) {
        rest.size = 12;
    }
    enum fg_status status = fg_escape_encode(rest, 0, &found);
    if (status == FG_OK) {
        status = fg_fail(parser->error, FG_ERR_SYNTAX, parser->offset, "expected %s, found %.*s",
                         what, (int)found.size, (const char *)found.data);
    }
    fg_buffer_free(&found);
    return status;
}

/* -- numbers ----------------------------------------------------------------------------------- */

/* The characters of a number without sign and underscores. */
struct number {
    char digits[DIGITS_MAX + 1];
    size_t size;
    unsigned base;
    bool is_float;
};

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 99;
}

/*
 * Takes digits of the base; an underscore may stand between two of them. False if there is none or
 * an underscore stands elsewhere.
 */
static bool take_digits(struct parser *parser, struct number *number)
{
    bool after_digit = false;
    bool any = false;
    for (;;) {
        uint8_t c = peek(parser);
        if (c == '_' && after_digit) {
            after_digit = false;
        } else if (digit_value((char)c) < number->base && number->size < DIGITS_MAX) {
            number->digits[number->size++] = (char)c;
            after_digit = true;
            any = true;
        } else {
            return any && after_digit;
        }
        parser->offset++;
    }
}

static void take_character(struct parser *parser, struct number *number)
{
    if (number->size < DIGITS_MAX) {
        number->digits[number->size++] = (char)peek(parser);
    }
    parser->offset++;
}

/* The part of a decimal number after its first digits: ".5", "e-3". */
static bool take_fraction(struct parser *parser, struct number *number, bool digits_before)
{
    bool valid = digits_before;
    if (peek(parser) == '.') {
        number->is_float = true;
        take_character(parser, number);
        if (digit_value((char)peek(parser)) < 10) {
            valid = take_digits(parser, number);
        }
    }
    if (valid && (peek(parser) | 0x20) == 'e') {
        number->is_float = true;
        take_character(parser, number);
        if (peek(parser) == '+' || peek(parser) == '-') {
            take_character(parser, number);
        }
        valid = take_digits(parser, number);
    }
    return valid;
}

static bool take_number(struct parser *parser, struct number *number)
{
    number->size = 0;
    number->base = 10;
    number->is_float = false;
    if (peek(parser) == '0' && parser->offset + 1 < parser->text.size) {
        uint8_t letter = parser->text.data[parser->offset + 1] | 0x20;
        number->base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    }
    bool valid;
    if (number->base != 10) {
        parser->offset += 2;
        if (peek(parser) == '_') {
            parser->offset++;
        }
        valid = take_digits(parser, number);
    } else {
        bool digits_before = peek(parser) != '.' && take_digits(parser, number);
        valid =
            (digits_before || peek(parser) == '.') && take_fraction(parser, number, digits_before);
    }
    return valid && number->size < DIGITS_MAX && !is_word(peek(parser)) && peek(parser) != '.';
}

/* As in Python: a decimal integer other than zero does not start with a zero. */
static bool has_leading_zero(const struct number *number)
{
    return number->base == 10 && !number->is_float && number->digits[0] == '0' &&
           strspn(number->digits, "0") < number->size;
}

/* strtod and printf follow the locale of the program; literals do not. */
static locale_t use_c_locale(locale_t *ret_c_locale)
{
    *ret_c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    return *ret_c_locale != (locale_t)0 ? uselocale(*ret_c_locale) : (locale_t)0;
}

static void leave_c_locale(locale_t c_locale, locale_t previous)
{
    if (c_locale != (locale_t)0) {
        uselocale(previous);
        freelocale(c_locale);
    }
}

static double read_float(const char *digits)
{
    locale_t c_locale;
    locale_t previous = use_c_locale(&c_locale);
    double value = strtod(digits, NULL);
    leave_c_locale(c_locale, previous);
    return value;
}

/* magnitude = magnitude * base + digit; the magnitude is big endian, its length grows to the left.
 */
static void multiply_add(uint8_t magnitude[BIGNUM_BYTES_MAX], size_t *size, unsigned base,
                         unsigned digit)
{
    unsigned carry = digit;
    for (size_t i = 0; i < *size; i++) {
        uint8_t *byte = &magnitude[BIGNUM_BYTES_MAX - 1 - i];
        carry += *byte * base;
        *byte = (uint8_t)(carry & 0xff);
        carry >>= 8;
    }
    if (carry > 0) {
        magnitude[BIGNUM_BYTES_MAX - 1 - (*size)++] = (uint8_t)carry;
    }
}

/* A negative integer n is stored as -1 - n, so its magnitude becomes one less. */
static void decrement(uint8_t magnitude[BIGNUM_BYTES_MAX], size_t *size)
{
    size_t i = BIGNUM_BYTES_MAX;
    while (magnitude[--i]-- == 0) {
    }
    if (magnitude[BIGNUM_BYTES_MAX - *size] == 0) {
        (*size)--;
    }
}

static enum fg_status put_integer(struct parser *parser, const struct number *number, bool negative)
{
    uint8_t magnitude[BIGNUM_BYTES_MAX];
    size_t size = 0;
    for (size_t i = 0; i < number->size; i++) {
        multiply_add(magnitude, &size, number->base, digit_value(number->digits[i]));
    }
    negative = negative && size > 0;
    if (negative) {
        decrement(magnitude, &size);
    }
    const uint8_t *first = magnitude + BIGNUM_BYTES_MAX - size;
    if (size <= sizeof(uint64_t)) {
        uint64_t value = 0;
        for (size_t i = 0; i < size; i++) {
            value = value << 8 | first[i];
        }
        return negative ? fg_cbor_put_negative(parser->buffer, value)
                        : fg_cbor_put_uint(parser->buffer, value);
    }
    enum fg_status status = fg_cbor_put_tag(parser->buffer, negative ? 3 : 2);
    return status == FG_OK ? fg_cbor_put_bytes(parser->buffer, first, size) : status;
}

static enum fg_status parse_number(struct parser *parser)
{
    bool negative = peek(parser) == '-';
    if (negative || peek(parser) == '+') {
        parser->offset++;
        skip_blanks(parser);
    }
    size_t start = parser->offset;
    struct number number;
    bool valid = take_number(parser, &number);
    number.digits[number.size] = '\0';
    if (!valid || has_leading_zero(&number)) {
        bool too_long = number.size >= DIGITS_MAX;
        parser->offset = start;
        return expected(parser, too_long ? "a number of at most 4299 digits" : "a number");
    }
    if (number.is_float) {
        double value = read_float(number.digits);
        return fg_cbor_put_float(parser->buffer, negative ? -value : value);
    }
    return put_integer(parser, &number, negative);
}

/* -- strings ----------------------------------------------------------------------------------- */

/* One piece of a string that needs no escape, or one escape. */
static enum fg_status parse_string_piece(struct parser *parser, enum fg_escape_kind kind,
                                         struct fg_buffer *content)
{
    struct fg_bytes rest = {parser->text.data + parser->offset, parser->text.size - parser->offset};
    size_t used = 1;
    enum fg_status status;
    if (rest.data[0] == '\\') {
        status = fg_escape_decode_one(rest, kind, content, &used, parser->error);
        if (status == FG_ERR_SYNTAX && parser->error != NULL) {
            parser->error->offset = parser->offset;
        }
    } else if (rest.data[0] == '\n' || rest.data[0] == '\r' || rest.data[0] == 0) {
        return expected(parser, "the closing quote");
    } else if (rest.data[0] >= 0x80 && kind == FG_ESCAPE_BYTES) {
        return expected(parser, "ASCII or an escape in a byte string");
    } else {
        status = fg_buffer_append_byte(content, rest.data[0]);
    }
    if (status == FG_OK) {
        parser->offset += used;
    }
    return status;
}

static enum fg_status parse_string_content(struct parser *parser, enum fg_escape_kind kind,
                                           struct fg_buffer *content)
{
    uint8_t quote = peek(parser);
    size_t start = ++parser->offset;
    while (peek(parser) != quote) {
        if (parser->offset >= parser->text.size) {
            return expected(parser, "the closing quote");
        }
        enum fg_status status = parse_string_piece(parser, kind, content);
        if (status != FG_OK) {
            return status;
        }
    }
    parser->offset++;
    if (kind == FG_ESCAPE_TEXT && !fg_utf8_valid(fg_buffer_view(content))) {
        return fg_fail(parser->error, FG_ERR_SYNTAX, start, "text is not UTF-8");
    }
    return FG_OK;
}

static enum fg_status parse_string(struct parser *parser)
{
    enum fg_escape_kind kind = FG_ESCAPE_TEXT;
    if (peek(parser) != '\'' && peek(parser) != '"') {
        kind = (peek(parser) | 0x20) == 'b' ? FG_ESCAPE_BYTES : FG_ESCAPE_TEXT;
        parser->offset++;
    }
    /* No escape stands for more bytes than it is long. */
    struct fg_buffer content = FG_BUFFER_INIT(parser->text.size);
    enum fg_status status = parse_string_content(parser, kind, &content);
    if (status == FG_OK) {
        status = kind == FG_ESCAPE_BYTES
                     ? fg_cbor_put_bytes(parser->buffer, content.data, content.size)
                     : fg_cbor_put_text(parser->buffer, content.data, content.size);
    }
    fg_buffer_free(&content);
    return status;
}

/* True if a string, with or without prefix, starts here. */
static bool at_string(const struct parser *parser)
{
    uint8_t c = peek(parser);
    if (c != 0 && strchr("bBuU", c) != NULL && parser->offset + 1 < parser->text.size) {
        c = parser->text.data[parser->offset + 1];
    }
    return c == '\'' || c == '"';
}

/* -- containers -------------------------------------------------------------------------------- */

static enum fg_status enter(struct parser *parser)
{
    if (parser->depth >= parser->limits->cbor_depth) {
        return fg_fail(parser->error, FG_ERR_LIMIT, parser->offset, "literal nested deeper than %u",
                       (unsigned)parser->limits->cbor_depth);
    }
    parser->depth++;
    parser->offset++;
    return FG_OK;
}

/*
 * After an element: FG_OK if another follows, FG_END behind the closing bracket. A comma before
 * the bracket is allowed.
 */
static enum fg_status next_element(struct parser *parser, uint8_t close, const char *what,
                                   bool *ret_comma)
{
    skip_blanks(parser);
    *ret_comma = peek(parser) == ',';
    if (*ret_comma) {
        parser->offset++;
        skip_blanks(parser);
    }
    if (peek(parser) == close) {
        parser->offset++;
        parser->depth--;
        return FG_END;
    }
    return *ret_comma ? FG_OK : expected(parser, what);
}

/* The elements of a list or tuple; *ret_single: one element without a comma, so no tuple at all. */
static enum fg_status parse_elements(struct parser *parser, uint8_t close, bool as_key,
                                     uint64_t *ret_count, bool *ret_single)
{
    uint64_t count = 0;
    bool comma = false;
    skip_blanks(parser);
    enum fg_status status = FG_OK;
    if (peek(parser) == close) {
        parser->offset++;
        parser->depth--;
        status = FG_END;
    }
    while (status == FG_OK) {
        status = parse_value(parser, as_key);
        if (status == FG_OK) {
            count++;
            bool had_comma = comma;
            status =
                next_element(parser, close, close == ']' ? "',' or ']'" : "',' or ')'", &comma);
            comma = comma || had_comma;
        }
    }
    *ret_count = count;
    *ret_single = count == 1 && !comma;
    return status == FG_END ? FG_OK : status;
}

static enum fg_status parse_sequence(struct parser *parser, bool as_key)
{
    bool is_list = peek(parser) == '[';
    if (is_list && as_key) {
        return expected(parser, "a dict key that is not a list");
    }
    size_t start = parser->buffer->size;
    uint64_t count = 0;
    bool single = false;
    enum fg_status status = enter(parser);
    if (status == FG_OK) {
        status = parse_elements(parser, is_list ? ']' : ')', as_key, &count, &single);
    }
    if (status == FG_OK && (is_list || !single)) {
        status = fg_cbor_wrap_array(parser->buffer, start, count);
    }
    return status;
}

static enum fg_status parse_pair(struct parser *parser)
{
    enum fg_status status = parse_value(parser, true);
    if (status != FG_OK) {
        return status;
    }
    skip_blanks(parser);
    if (peek(parser) != ':') {
        return expected(parser, "':'");
    }
    parser->offset++;
    return parse_value(parser, false);
}

static enum fg_status parse_dict(struct parser *parser, bool as_key)
{
    if (as_key) {
        return expected(parser, "a dict key that is not a dict");
    }
    struct fg_cbor_map map;
    fg_cbor_map_begin(parser->buffer, &map);
    enum fg_status status = enter(parser);
    skip_blanks(parser);
    if (status == FG_OK && peek(parser) == '}') {
        parser->offset++;
        parser->depth--;
        status = FG_END;
    }
    while (status == FG_OK) {
        status = parse_pair(parser);
        bool comma;
        if (status == FG_OK) {
            status = next_element(parser, '}', "',' or '}'", &comma);
        }
    }
    return status == FG_END ? fg_cbor_map_end(parser->buffer, &map, true) : status;
}

/* -- values ------------------------------------------------------------------------------------ */

static enum fg_status parse_constant(struct parser *parser)
{
    static const char any_literal[] =
        "a literal (None, True, False, a number, string, list, tuple or dict)";
    static const struct {
        const char *name;
        uint8_t encoded;
    } constants[] = {{"None", 0xf6}, {"True", 0xf5}, {"False", 0xf4}};
    size_t end = parser->offset;
    if (end == parser->text.size) {
        return expected(parser, any_literal);
    }
    while (end < parser->text.size && is_word(parser->text.data[end])) {
        end++;
    }
    struct fg_bytes word = {parser->text.data + parser->offset, end - parser->offset};
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        if (fg_bytes_equal_string(word, constants[i].name)) {
            parser->offset = end;
            return fg_buffer_append_byte(parser->buffer, constants[i].encoded);
        }
    }
    return expected(parser, any_literal);
}

static enum fg_status parse_value(struct parser *parser, bool as_key)
{
    skip_blanks(parser);
    uint8_t c = peek(parser);
    if (c == '[' || c == '(') {
        return parse_sequence(parser, as_key);
    }
    if (c == '{') {
        return parse_dict(parser, as_key);
    }
    if (at_string(parser)) {
        return parse_string(parser);
    }
    if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') {
        return parse_number(parser);
    }
    return parse_constant(parser);
}

enum fg_status fg_literal_encode(struct fg_bytes text, const struct fg_limits *limits,
                                 struct fg_buffer *buffer, struct fg_error *error)
{
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    struct fg_error detail = {0};
    struct parser parser = {.text = text, .limits = limits, .buffer = buffer, .error = &detail};
    enum fg_status status = parse_value(&parser, false);
    skip_blanks(&parser);
    if (status == FG_OK && parser.offset < text.size) {
        status = expected(&parser, "the end of the literal");
    }
    if (status == FG_OK) {
        return FG_OK;
    }
    status = fg_buffer_keep_if(status, buffer, mark);
    if (detail.message[0] == '\0') {
        /* The buffer refused: no part of the literal is to blame. */
        return fg_fail(error, status, parser.offset, "%s", fg_status_text(status));
    }
    if (error != NULL) {
        *error = detail;
    }
    return status;
}

/* -- CBOR to literals -------------------------------------------------------------------------- */

static enum fg_status print_item(const struct fg_cbor_value *value, uint32_t index, bool as_key,
                                 struct fg_buffer *buffer);

static enum fg_status print_float(double real, struct fg_buffer *buffer)
{
    if (isnan(real)) {
        return FG_ERR_UNSUPPORTED;
    }
    if (isinf(real)) {
        /* Too large for a double, so that reading it gives infinity, in Python too. */
        return fg_buffer_append_string(buffer, real < 0 ? "-1e999" : "1e999");
    }
    char text[40];
    locale_t c_locale;
    locale_t previous = use_c_locale(&c_locale);
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, real);
        if (strtod(text, NULL) == real) {
            break;
        }
    }
    leave_c_locale(c_locale, previous);
    /* Else it would be read as an integer. */
    const char *point = strpbrk(text, ".e") == NULL ? ".0" : "";
    return fg_buffer_append_format(buffer, "%s%s", text, point);
}

static enum fg_status print_negative(uint64_t number, struct fg_buffer *buffer)
{
    if (number == UINT64_MAX) {
        return fg_buffer_append_string(buffer, "-18446744073709551616");
    }
    unsigned long long magnitude = number + 1;
    return fg_buffer_append_format(buffer, "-%llu", magnitude);
}

static enum fg_status print_string(const struct fg_cbor_item *item, struct fg_buffer *buffer)
{
    bool bytes = item->type == FG_CBOR_BYTES;
    enum fg_status status = fg_buffer_append_string(buffer, bytes ? "b'" : "u'");
    if (status == FG_OK) {
        status = bytes ? fg_escape_encode(item->string, '\'', buffer)
                       : fg_escape_encode_text(item->string, '\'', buffer);
    }
    return status == FG_OK ? fg_buffer_append_byte(buffer, '\'') : status;
}

/* A bignum is printed in hex, which is exact and takes no long division. */
static enum fg_status print_tag(const struct fg_cbor_item *item, struct fg_buffer *buffer)
{
    const struct fg_cbor_item *content = item + 1;
    if ((item->number != 2 && item->number != 3) || content->type != FG_CBOR_BYTES ||
        content->string.size <= sizeof(uint64_t) || content->string.size > BIGNUM_BYTES_MAX - 10 ||
        content->string.data[0] == 0) {
        return FG_ERR_UNSUPPORTED;
    }
    struct fg_bytes bytes = content->string;
    size_t last = bytes.size - 1;
    /* -1 - n has to be printed as n: one more. Without a carry that is the last byte alone. */
    bool negative = item->number == 3;
    if (negative && bytes.data[last] == 0xff) {
        return FG_ERR_UNSUPPORTED;
    }
    enum fg_status status = fg_buffer_append_string(buffer, negative ? "-0x" : "0x");
    for (size_t i = 0; i < bytes.size && status == FG_OK; i++) {
        unsigned byte = bytes.data[i] + (negative && i == last ? 1u : 0u);
        status = fg_buffer_append_format(buffer, "%02x", byte);
    }
    return status;
}

static enum fg_status print_sequence(const struct fg_cbor_value *value, uint32_t index, bool as_key,
                                     struct fg_buffer *buffer)
{
    /* A list cannot be a dict's key, a tuple can. */
    enum fg_status status = fg_buffer_append_byte(buffer, as_key ? '(' : '[');
    uint32_t end = value->items[index].next;
    for (uint32_t child = index + 1; child < end && status == FG_OK;
         child = value->items[child].next) {
        if (child > index + 1) {
            status = fg_buffer_append_string(buffer, ", ");
        }
        if (status == FG_OK) {
            status = print_item(value, child, as_key, buffer);
        }
    }
    if (status == FG_OK && as_key && value->items[index].count == 1) {
        status = fg_buffer_append_byte(buffer, ',');
    }
    return status == FG_OK ? fg_buffer_append_byte(buffer, as_key ? ')' : ']') : status;
}

static enum fg_status print_map(const struct fg_cbor_value *value, uint32_t index,
                                struct fg_buffer *buffer)
{
    enum fg_status status = fg_buffer_append_byte(buffer, '{');
    uint32_t end = value->items[index].next;
    bool is_key = true;
    for (uint32_t child = index + 1; child < end && status == FG_OK;
         child = value->items[child].next) {
        if (child > index + 1) {
            status = fg_buffer_append_string(buffer, is_key ? ", " : ": ");
        }
        if (status == FG_OK) {
            status = print_item(value, child, is_key, buffer);
        }
        is_key = !is_key;
    }
    return status == FG_OK ? fg_buffer_append_byte(buffer, '}') : status;
}

static enum fg_status print_item(const struct fg_cbor_value *value, uint32_t index, bool as_key,
                                 struct fg_buffer *buffer)
{
    const struct fg_cbor_item *item = &value->items[index];
    switch (item->type) {
    case FG_CBOR_UINT:
        return fg_buffer_append_format(buffer, "%llu", (unsigned long long)item->number);
    case FG_CBOR_NEGATIVE:
        return print_negative(item->number, buffer);
    case FG_CBOR_BYTES:
    case FG_CBOR_TEXT:
        return print_string(item, buffer);
    case FG_CBOR_ARRAY:
        return print_sequence(value, index, as_key, buffer);
    case FG_CBOR_MAP:
        return as_key ? FG_ERR_UNSUPPORTED : print_map(value, index, buffer);
    case FG_CBOR_TAG:
        return print_tag(item, buffer);
    case FG_CBOR_FALSE:
        return fg_buffer_append_string(buffer, "False");
    case FG_CBOR_TRUE:
        return fg_buffer_append_string(buffer, "True");
    case FG_CBOR_NULL:
        return fg_buffer_append_string(buffer, "None");
    case FG_CBOR_FLOAT:
        return print_float(item->real, buffer);
    case FG_CBOR_UNDEFINED:
    case FG_CBOR_SIMPLE:
        break;
    }
    return FG_ERR_UNSUPPORTED;
}

enum fg_status fg_literal_decode(const struct fg_cbor_value *value, uint32_t index,
                                 struct fg_buffer *buffer)
{
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    return fg_buffer_keep_if(print_item(value, index, false, buffer), buffer, mark);
}
