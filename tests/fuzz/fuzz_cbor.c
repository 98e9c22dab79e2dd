/*
 * CBOR: what decodes has a canonical form, which decodes to an equal table and is its own
 * canonical form; memory follows the input's size, not what it announces.
 */
#include "tests/fuzz/fuzz.h"

#include "framing/cbor.h"
#include "framing/response.h"

static const struct fg_limits limits = FG_LIMITS_DEFAULT;

static void check_table(const struct fg_cbor_value *value, size_t input_size)
{
    HOLDS(value->count > 0 && value->count <= limits.cbor_items);
    HOLDS(value->count <= input_size);
    HOLDS(value->items[0].next == value->count);
    for (uint32_t i = 0; i < value->count; i++) {
        const struct fg_cbor_item *item = &value->items[i];
        HOLDS(item->next > i && item->next <= value->count);
        HOLDS((item->type != FG_CBOR_BYTES && item->type != FG_CBOR_TEXT) ||
              item->string.size <= input_size);
    }
}

static void check_canonical_form(const struct fg_cbor_value *value)
{
    struct fg_buffer form = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_cbor_value again = {0};
    HOLDS(fg_cbor_put_item(&form, value, 0) == FG_OK);
    HOLDS(fg_cbor_encoded_size(fg_buffer_view(&form)) == form.size);
    HOLDS(fg_cbor_decode(fg_buffer_view(&form), &limits, &again, NULL) == FG_OK);
    HOLDS(again.count == value->count);
    HOLDS(fg_cbor_is_canonical(fg_buffer_view(&form), &limits));
    fg_cbor_clear(&again);
    fg_buffer_free(&form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_bytes input = {data, size};
    struct fg_cbor_value value = {0};
    struct fg_error error = {0};
    if (fg_cbor_decode(input, &limits, &value, &error) == FG_OK) {
        check_table(&value, size);
        check_canonical_form(&value);
    } else {
        HOLDS(error.message[0] != '\0' && error.offset <= size);
        HOLDS(value.count == 0);
        HOLDS(value.capacity <= 2 * size + 16);
    }
    struct fg_buffer text = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_progress progress;
    HOLDS(fg_textoutput_render(input, &limits, &text, NULL) != FG_NEED_MORE);
    HOLDS(fg_progress_parse(input, &limits, &progress, NULL) != FG_NEED_MORE);
    fg_buffer_free(&text);
    fg_cbor_clear(&value);
    return 0;
}
