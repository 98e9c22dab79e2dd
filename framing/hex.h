/* Hexadecimal digits. */
#ifndef FRAMEGATE_FRAMING_HEX_H
#define FRAMEGATE_FRAMING_HEX_H

#include <stdint.h>

/* The value of a hexadecimal digit in either case; -1 if it is none. */
static inline int fg_hex_digit(uint8_t character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    character |= 0x20;
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

#endif
