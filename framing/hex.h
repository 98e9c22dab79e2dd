/* Hexadecimal digits. */
#ifndef FRAMEGATE_FRAMING_HEX_H
#define FRAMEGATE_FRAMING_HEX_H

#include <stdint.h>

/* The value of a hexadecimal digit in either case; -1 if it is none. */
static inline int fg_hex_digit(uint8_t character)
{
    /* One more than the value, so that all other characters have zero. */
    static const uint8_t values[UINT8_MAX + 1] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
        ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    };
    return values[character] - 1;
}

#endif
