/* Backslash escapes. */
#include "framing/escape.h"

#include "framing/hex.h"
#include "framing/utf8.h"

#include <string.h>

/* Reads exactly digits hex digits after the two characters of \x, \u or \U. */
static enum fg_status hex_escape(struct fg_bytes text, size_t digits, uint32_t *ret_value,
                                 struct fg_error *error)
{
    uint32_t value = 0;
    for (size_t i = 2; i < 2 + digits; i++) {
        int digit = i < text.size ? fg_hex_digit(text.data[i]) : -1;
        if (digit < 0) {
            return fg_fail(error, FG_ERR_SYNTAX, 0, "escape \\%c needs %zu hex digits",
                           text.data[1], digits);
        }
        value = value << 4 | (uint32_t)digit;
    }
    *ret_value = value;
    return FG_OK;
}

/* One to three octal digits after the backslash; returns how many. */
static size_t octal_escape(struct fg_bytes text, uint32_t *ret_value)
{
    uint32_t value = 0;
    size_t i = 1;
    while (i < text.size && i < 4 && text.data[i] >= '0' && text.data[i] <= '7') {
        value = value << 3 | (uint32_t)(text.data[i] - '0');
        i++;
    }
    *ret_value = value;
    return i - 1;
}

static enum fg_status append_value(uint32_t value, enum fg_escape_kind kind,
                                   struct fg_buffer *buffer, struct fg_error *error)
{
    if (kind == FG_ESCAPE_BYTES) {
        if (value > 0xff) {
            return fg_fail(error, FG_ERR_SYNTAX, 0, "octal escape over \\377 in bytes");
        }
        return fg_buffer_append_byte(buffer, (uint8_t)value);
    }
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "U+%04X is not a character", (unsigned)value);
    }
    return fg_utf8_append_code_point(buffer, value);
}

/* \xNN, and in text \uNNNN and \UNNNNNNNN: how many digits; 0 if it is none of them. */
static size_t hex_digits_of(uint8_t letter, enum fg_escape_kind kind)
{
    if (letter == 'x') {
        return 2;
    }
    if (kind == FG_ESCAPE_TEXT) {
        return letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    }
    return 0;
}

enum fg_status fg_escape_decode_one(struct fg_bytes text, enum fg_escape_kind kind,
                                    struct fg_buffer *buffer, size_t *ret_used,
                                    struct fg_error *error)
{
    static const char letters[] = "\\'\"abfnrtv";
    static const char meanings[] = "\\'\"\a\b\f\n\r\t\v";
    if (text.size < 2) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "backslash at the end");
    }
    uint8_t letter = text.data[1];
    uint32_t value;
    size_t digits = hex_digits_of(letter, kind);
    if (digits > 0) {
        *ret_used = 2 + digits;
        enum fg_status status = hex_escape(text, digits, &value, error);
        return status == FG_OK ? append_value(value, kind, buffer, error) : status;
    }
    digits = octal_escape(text, &value);
    if (digits > 0) {
        *ret_used = 1 + digits;
        return append_value(value, kind, buffer, error);
    }
    if (letter == 'N' && kind == FG_ESCAPE_TEXT) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "escape \\N is not supported; use \\u or \\U");
    }
    if (letter == '\n') {
        *ret_used = 2;
        return FG_OK;
    }
    const char *found = letter == 0 ? NULL : strchr(letters, letter);
    *ret_used = found != NULL ? 2 : 1;
    return fg_buffer_append_byte(buffer, found != NULL ? (uint8_t)meanings[found - letters] : '\\');
}

enum fg_status fg_escape_decode(struct fg_bytes text, struct fg_buffer *buffer,
                                struct fg_error *error)
{
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    size_t offset = 0;
    enum fg_status status = FG_OK;
    while (offset < text.size && status == FG_OK) {
        struct fg_bytes rest = {text.data + offset, text.size - offset};
        const uint8_t *escape = memchr(rest.data, '\\', rest.size);
        size_t used = escape == NULL ? rest.size : (size_t)(escape - rest.data);
        if (used > 0) {
            status = fg_buffer_append(buffer, rest.data, used);
        } else {
            status = fg_escape_decode_one(rest, FG_ESCAPE_BYTES, buffer, &used, error);
        }
        if (status != FG_OK) {
            break;
        }
        offset += used;
    }
    if (status != FG_OK && error != NULL) {
        error->offset = offset;
    }
    return fg_buffer_keep_if(status, buffer, mark);
}

/* A character below U+0100 as it is or escaped; wider ones only in text. */
static enum fg_status append_escaped(uint32_t value, char quote, struct fg_buffer *buffer)
{
    if (value == '\\' || (quote != 0 && value == (uint8_t)quote)) {
        return fg_buffer_append_format(buffer, "\\%c", (int)value);
    }
    if (value >= 0x20 && value < 0x7f) {
        return fg_buffer_append_byte(buffer, (uint8_t)value);
    }
    switch (value) {
    case '\n':
        return fg_buffer_append_string(buffer, "\\n");
    case '\r':
        return fg_buffer_append_string(buffer, "\\r");
    case '\t':
        return fg_buffer_append_string(buffer, "\\t");
    default:
        return fg_buffer_append_format(buffer,
                                       value < 0x100     ? "\\x%02x"
                                       : value < 0x10000 ? "\\u%04x"
                                                         : "\\U%08x",
                                       (unsigned)value);
    }
}

enum fg_status fg_escape_encode(struct fg_bytes bytes, char quote, struct fg_buffer *buffer)
{
    for (size_t i = 0; i < bytes.size && fg_buffer_status(buffer) == FG_OK; i++) {
        append_escaped(bytes.data[i], quote, buffer);
    }
    return fg_buffer_status(buffer);
}

/* The code point of the well-formed character of this length at the start of data. */
static uint32_t code_point(const uint8_t *data, size_t length)
{
    uint32_t value = length == 1 ? data[0] : data[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        value = value << 6 | (data[i] & 0x3fu);
    }
    return value;
}

enum fg_status fg_escape_encode_text(struct fg_bytes text, char quote, struct fg_buffer *buffer)
{
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    while (text.size > 0) {
        size_t ill_formed;
        size_t length = fg_utf8_character(text, &ill_formed);
        enum fg_status status = length == 0
                                    ? FG_ERR_ARGUMENT
                                    : append_escaped(code_point(text.data, length), quote, buffer);
        if (status != FG_OK) {
            return fg_buffer_keep_if(status, buffer, mark);
        }
        text.data += length;
        text.size -= length;
    }
    return FG_OK;
}
