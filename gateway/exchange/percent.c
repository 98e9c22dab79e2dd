/* Percent encoding. */
#include "gateway/exchange/percent.h"

#include "framing/hex.h"

bool fg_percent_decode(struct fg_bytes text, bool form, uint8_t *ret_data, size_t capacity,
                       size_t *ret_size)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%') {
            bool room = text.size - i > 2;
            int high = room ? fg_hex_digit(text.data[i + 1]) : -1;
            int low = room ? fg_hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (form && byte == '+') {
            byte = ' ';
        }
        if (size == capacity) {
            return false;
        }
        ret_data[size++] = byte;
    }
    *ret_size = size;
    return true;
}
