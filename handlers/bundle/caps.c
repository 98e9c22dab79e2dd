/* Parsing bundlecaps: "HG20", and "bundle2=" with percent-encoded lines. */
#include "handlers/bundle/caps.h"

#include "framing/hex.h"

void fg_bundle_caps_clear(struct fg_bundle_caps *caps)
{
    fg_buffer_free(&caps->text);
    *caps = (struct fg_bundle_caps){0};
}

static enum fg_status unquote(struct fg_bytes text, struct fg_buffer *buffer)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%' && text.size - i > 2) {
            int high = fg_hex_digit(text.data[i + 1]);
            int low = fg_hex_digit(text.data[i + 2]);
            if (high >= 0 && low >= 0) {
                byte = (uint8_t)(high << 4 | low);
                i += 2;
            }
        }
        enum fg_status status = fg_buffer_append_byte(buffer, byte);
        if (status != FG_OK) {
            return status;
        }
    }
    return fg_buffer_append_byte(buffer, '\n');
}

enum fg_status fg_bundle_caps_add(struct fg_bundle_caps *caps, struct fg_bytes value)
{
    static const char blob[] = "bundle2=";
    /* What comes in has the bounds of a request. */
    caps->text.ceiling = SIZE_MAX;
    caps->bundle2 = caps->bundle2 || fg_bytes_start_with(value, "HG2");
    if (!fg_bytes_start_with(value, blob)) {
        return FG_OK;
    }
    size_t skip = sizeof blob - 1;
    return unquote((struct fg_bytes){value.data + skip, value.size - skip}, &caps->text);
}

/* The text up to the next separator, which is skipped. False: nothing is left. */
static bool take_until(struct fg_bytes *text, uint8_t separator, struct fg_bytes *ret_item)
{
    if (text->size == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->data, separator, text->size);
    size_t size = end != NULL ? (size_t)(end - text->data) : text->size;
    size_t skip = end != NULL ? size + 1 : size;
    *ret_item = (struct fg_bytes){text->data, size};
    text->data += skip;
    text->size -= skip;
    return true;
}

bool fg_bundle_caps_find(const struct fg_bundle_caps *caps, const char *name,
                         struct fg_bytes *ret_values)
{
    struct fg_bytes rest = fg_buffer_view(&caps->text);
    struct fg_bytes line;
    while (take_until(&rest, '\n', &line)) {
        struct fg_bytes key = {NULL, 0};
        if (take_until(&line, '=', &key) && fg_bytes_equal_string(key, name)) {
            *ret_values = line;
            return true;
        }
    }
    return false;
}

bool fg_bundle_caps_has(const struct fg_bundle_caps *caps, const char *name, const char *value)
{
    struct fg_bytes values;
    struct fg_bytes item;
    if (!fg_bundle_caps_find(caps, name, &values)) {
        return false;
    }
    while (take_until(&values, ',', &item)) {
        if (fg_bytes_equal_string(item, value)) {
            return true;
        }
    }
    return false;
}
