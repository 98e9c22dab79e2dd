/* UTF-8 by table 3-7 of the Unicode standard: which second bytes each first byte allows. */
#include "framing/utf8.h"

struct lead {
    size_t length;      /* of the character; 0: no character starts with this byte */
    uint8_t second_min; /* range of the second byte; later ones are 0x80 to 0xbf */
    uint8_t second_max;
};

static struct lead lead_of(uint8_t byte)
{
    if (byte < 0x80) {
        return (struct lead){1, 0, 0};
    }
    if (byte < 0xc2 || byte > 0xf4) {
        return (struct lead){0, 0, 0};
    }
    if (byte < 0xe0) {
        return (struct lead){2, 0x80, 0xbf};
    }
    if (byte < 0xf0) {
        /* No overlong forms (e0 80), no surrogates (ed a0). */
        return (struct lead){3, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf};
    }
    /* No overlong forms (f0 80), nothing over U+10FFFF (f4 90). */
    return (struct lead){4, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf};
}

size_t fg_utf8_character(struct fg_bytes text, size_t *ret_ill_formed)
{
    struct lead lead = lead_of(text.data[0]);
    if (lead.length <= 1) {
        *ret_ill_formed = 1;
        return lead.length;
    }
    uint8_t min = lead.second_min;
    uint8_t max = lead.second_max;
    for (size_t i = 1; i < lead.length; i++) {
        if (i >= text.size || text.data[i] < min || text.data[i] > max) {
            *ret_ill_formed = i;
            return 0;
        }
        min = 0x80;
        max = 0xbf;
    }
    return lead.length;
}

bool fg_utf8_valid(struct fg_bytes text)
{
    while (text.size > 0) {
        size_t ill_formed;
        size_t length = fg_utf8_character(text, &ill_formed);
        if (length == 0) {
            return false;
        }
        text.data += length;
        text.size -= length;
    }
    return true;
}

enum fg_status fg_utf8_append_repaired(struct fg_buffer *buffer, struct fg_bytes text)
{
    while (text.size > 0) {
        size_t skip;
        size_t length = fg_utf8_character(text, &skip);
        if (length > 0) {
            skip = length;
            fg_buffer_append(buffer, text.data, length);
        } else {
            fg_utf8_append_code_point(buffer, 0xfffd);
        }
        text.data += skip;
        text.size -= skip;
    }
    return fg_buffer_status(buffer);
}

size_t fg_utf8_cut(struct fg_bytes text, size_t limit)
{
    if (limit > text.size) {
        return text.size;
    }
    /* A character that the cut would split starts at most three bytes before it. */
    for (size_t back = 1; back <= 3 && back <= limit; back++) {
        size_t length = lead_of(text.data[limit - back]).length;
        if (length > 1) {
            return length > back ? limit - back : limit;
        }
        if (length == 1) {
            break;
        }
    }
    return limit;
}

enum fg_status fg_utf8_append_code_point(struct fg_buffer *buffer, uint32_t code_point)
{
    uint8_t bytes[4];
    size_t size;
    if (code_point < 0x80) {
        bytes[0] = (uint8_t)code_point;
        size = 1;
    } else if (code_point < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | code_point >> 6);
        size = 2;
    } else if (code_point < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | code_point >> 12);
        size = 3;
    } else {
        bytes[0] = (uint8_t)(0xf0 | code_point >> 18);
        size = 4;
    }
    for (size_t i = 1; i < size; i++) {
        bytes[i] = (uint8_t)(0x80 | (code_point >> 6 * (size - 1 - i) & 0x3f));
    }
    return fg_buffer_append(buffer, bytes, size);
}
