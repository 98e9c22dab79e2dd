/* CBOR: bounded decoding, canonical encoding. */
#include "tests/support/support.h"

#include "framing/cbor.h"

#include <math.h>

/* -- decoding --------------------------------------------------------------------------------- */

static void assert_decodes(struct fg_bytes input, enum fg_status expected, size_t offset)
{
    struct fg_cbor_value value = {0};
    struct fg_error error = {0};
    assert_int_equal(fg_cbor_decode(input, &default_limits, &value, &error), expected);
    if (expected != FG_OK) {
        assert_int_equal(error.offset, offset);
        assert_int_equal(value.count, 0);
        assert_true(error.message[0] != '\0');
    }
    fg_cbor_clear(&value);
}

static void a_value_is_a_flat_table(void **state)
{
    (void)state;
    struct fg_cbor_value value = {0};
    struct fg_bytes input = BYTES("\xa2\x44"
                                  "args\xa1\x41"
                                  "x\x83\x01\x20\xf5\x44"
                                  "name\x45"
                                  "heads");
    assert_int_equal(fg_cbor_decode(input, &default_limits, &value, NULL), FG_OK);
    assert_int_equal(value.count, 10);
    assert_int_equal(value.items[0].type, FG_CBOR_MAP);
    assert_int_equal(value.items[0].count, 2);
    assert_int_equal(value.items[0].next, 10);
    uint32_t args = fg_cbor_map_find(&value, 0, "args");
    assert_int_equal(args, 2);
    uint32_t list = fg_cbor_map_find(&value, args, "x");
    assert_int_equal(value.items[list].type, FG_CBOR_ARRAY);
    assert_int_equal(value.items[list].count, 3);
    assert_int_equal(value.items[list + 1].number, 1);
    assert_int_equal(value.items[list + 2].type, FG_CBOR_NEGATIVE);
    assert_int_equal(value.items[list + 3].type, FG_CBOR_TRUE);
    assert_bytes(value.items[fg_cbor_map_find(&value, 0, "name")].string, "heads");
    assert_int_equal(fg_cbor_map_find(&value, 0, "nam"), 0);
    assert_int_equal(fg_cbor_map_find(&value, list, "x"), 0);
    fg_cbor_clear(&value);
    fg_cbor_clear(NULL);
}

static void every_prefix_is_truncated(void **state)
{
    (void)state;
    struct fg_bytes input =
        BYTES("\xa5\x43"
              "abc\x19\x01\x00\x01\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a\x02\x9f"
              "\x5f\x41z\xff\xff\x03\xc2\x49\1\2\3\4\5\6\7\x08\x09\x04\xf8\x20");
    assert_decodes(input, FG_OK, 0);
    for (size_t size = 0; size < input.size; size++) {
        struct fg_cbor_value value = {0};
        /* A copy of the exact size, so that the sanitizer sees any read beyond it. */
        uint8_t *copy = malloc(size == 0 ? 1 : size);
        memcpy(copy, input.data, size);
        assert_int_equal(
            fg_cbor_decode((struct fg_bytes){copy, size}, &default_limits, &value, NULL),
            FG_ERR_TRUNCATED);
        fg_cbor_clear(&value);
        free(copy);
    }
}

static void malformed_input_is_refused_where_it_is(void **state)
{
    (void)state;
    assert_decodes(BYTES("\x01\x02"), FG_ERR_SYNTAX, 1); /* bytes behind the value */
    assert_decodes(BYTES("\xff"), FG_ERR_SYNTAX, 0);     /* stray breaks */
    assert_decodes(BYTES("\x82\x01\xff"), FG_ERR_SYNTAX, 2);
    assert_decodes(BYTES("\xa1\x01\xff"), FG_ERR_SYNTAX, 2);
    assert_decodes(BYTES("\xbf\x01\xff"), FG_ERR_SYNTAX, 2); /* a map of half a pair */
    assert_decodes(BYTES("\x1c"), FG_ERR_SYNTAX, 0);         /* reserved heads */
    assert_decodes(BYTES("\xf8\x18"), FG_ERR_SYNTAX, 0);
    assert_decodes(BYTES("\xfc"), FG_ERR_SYNTAX, 0);
    assert_decodes(BYTES("\x62\xc3\x28"), FG_ERR_SYNTAX, 0); /* text that is no UTF-8 */
    assert_decodes(BYTES("\x7f\x61\xc3\x61\xa9\xff"), FG_ERR_SYNTAX, 1);
    assert_decodes(BYTES("\x5f\x61z\xff"), FG_ERR_SYNTAX, 1); /* pieces of another type */
    assert_decodes(BYTES("\x5f\x5f\xff\xff"), FG_ERR_SYNTAX, 1);
}

static void a_key_that_stands_twice_is_refused(void **state)
{
    (void)state;
    assert_decodes(BYTES("\xa2\x41x\x01\x41x\x02"), FG_ERR_SYNTAX, 6);
    assert_decodes(BYTES("\xa2\x01\x01\x18\x01\x02"), FG_ERR_SYNTAX, 5); /* 1 in two encodings */
    assert_decodes(BYTES("\xa3\x42yy\x01\x41x\x02\x42yy\x03"), FG_ERR_SYNTAX, 11);
    assert_decodes(BYTES("\xbf\x82\x01\x02\x01\x00\x01\x82\x01\x02\x03\xff"), FG_ERR_SYNTAX, 11);
    assert_decodes(BYTES("\xa3\x41x\x01\x61x\x02\x42xx\x03"), FG_OK, 0);
    assert_decodes(BYTES("\xa3\x42yy\x01\x41x\x02\x41z\x03"), FG_OK, 0);
    assert_decodes(BYTES("\xa2\x81\x01\x01\x81\x02\x01"), FG_OK, 0);
    assert_decodes(BYTES("\xa2\xf9\x3c\x00\x01\xf9\x40\x00\x01"), FG_OK, 0);
}

/* A megabyte of items in a list without a count: known to be too many before room is made for them.
 */
static void too_many_items_are_refused_before_room_is_made(void **state)
{
    (void)state;
    enum { SIZE = 1u << 20 };
    struct fg_limits limits = FG_LIMITS_DEFAULT;
    uint8_t *bytes = test_malloc(SIZE);
    for (size_t items = limits.cbor_items - 2; items <= limits.cbor_items + 1; items++) {
        struct fg_cbor_value value = {0};
        struct fg_error error = {.limit = FG_LIMIT_NONE};
        /* The list, a string of 1,000 pieces that are no items, and numbers. */
        size_t size = 0;
        bytes[size++] = 0x9f;
        bytes[size++] = 0x5f;
        memset(bytes + size, 0x40, 1000);
        size += 1000;
        bytes[size++] = 0xff;
        memset(bytes + size, 0x01, items - 2);
        size += items - 2;
        bytes[size++] = 0xff;
        enum fg_status status =
            fg_cbor_decode((struct fg_bytes){bytes, size}, &limits, &value, &error);
        if (items <= limits.cbor_items) {
            assert_int_equal(status, FG_OK);
            assert_int_equal(value.count, items);
        } else {
            assert_int_equal(status, FG_ERR_LIMIT);
            assert_int_equal(error.limit, FG_LIMIT_CBOR_ITEMS);
            assert_true(fg_cbor_held_bytes(&value) >= 1);
            assert_true(fg_cbor_held_bytes(&value) <= 512 * 1024 + size);
        }
        fg_cbor_clear(&value);
    }
    test_free(bytes);
}

/* Maps in another order, and NaNs of other bits, would be equal keys that do not compare as equal.
 */
static void keys_that_do_not_compare_are_refused(void **state)
{
    (void)state;
    assert_decodes(BYTES("\xa2\xa2\x01\x02\x03\x04\x00\xa2\x03\x04\x01\x02\x00"), FG_ERR_SYNTAX,
                   12);
    assert_decodes(BYTES("\xa1\xa0\x00"), FG_ERR_SYNTAX, 2);
    assert_decodes(BYTES("\xa1\x81\xc1\xa0\x00"), FG_ERR_SYNTAX, 4);
    assert_decodes(BYTES("\xa1\x00\xa1\x01\xa0"), FG_OK, 0); /* as values they are welcome */
    assert_decodes(BYTES("\xa2\xf9\x7e\x00\x00\xf9\x7e\x01\x00"), FG_ERR_SYNTAX, 8);
    assert_decodes(BYTES("\xa2\xf9\x7e\x00\x00\xf9\x00\x01\x00"), FG_OK, 0);
}

/* Inputs of a few bytes that announce what would take gigabytes. */
static void announced_counts_are_checked_against_the_input(void **state)
{
    (void)state;
    assert_decodes(BYTES("\x9a\x10\x00\x00\x00"), FG_ERR_TRUNCATED, 0);
    assert_decodes(BYTES("\xba\x10\x00\x00\x00"), FG_ERR_TRUNCATED, 0);
    assert_decodes(BYTES("\xbb\xff\xff\xff\xff\xff\xff\xff\xff"), FG_ERR_TRUNCATED, 0);
    assert_decodes(BYTES("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"), FG_ERR_TRUNCATED, 0);
    assert_decodes(BYTES("\x5b\xff\xff\xff\xff\xff\xff\xff\xff"), FG_ERR_TRUNCATED, 0);
    assert_decodes(BYTES("\xa2\x01\x01\x02"), FG_ERR_TRUNCATED, 0); /* two pairs in 3 bytes */
}

static void nesting_is_limited(void **state)
{
    (void)state;
    uint8_t nested[300];
    struct fg_limits limits = default_limits;
    static const uint8_t openers[] = {0x81, 0x9f, 0xc6};
    for (size_t kind = 0; kind < sizeof openers; kind++) {
        for (uint32_t depth = 31; depth <= 33; depth++) {
            memset(nested, openers[kind], sizeof nested);
            nested[depth] = 0x01;
            memset(nested + depth + 1, 0xff, sizeof nested - depth - 1);
            size_t size = depth + 1 + (openers[kind] == 0x9f ? depth : 0);
            struct fg_cbor_value value = {0};
            assert_int_equal(fg_cbor_decode((struct fg_bytes){nested, size}, &limits, &value, NULL),
                             depth <= 32 ? FG_OK : FG_ERR_LIMIT);
            fg_cbor_clear(&value);
        }
    }
    /* A limit over what the decoder's stack holds is cut to it. */
    limits.cbor_depth = UINT32_MAX;
    memset(nested, 0x81, sizeof nested);
    nested[256] = 0x01;
    struct fg_cbor_value value = {0};
    assert_int_equal(fg_cbor_decode((struct fg_bytes){nested, 257}, &limits, &value, NULL), FG_OK);
    nested[256] = 0x81;
    nested[257] = 0x01;
    assert_int_equal(fg_cbor_decode((struct fg_bytes){nested, 258}, &limits, &value, NULL),
                     FG_ERR_LIMIT);
    fg_cbor_clear(&value);
}

static void the_number_of_items_is_limited(void **state)
{
    (void)state;
    struct fg_limits limits = default_limits;
    limits.cbor_items = 4;
    struct fg_cbor_value value = {0};
    assert_int_equal(fg_cbor_decode(BYTES("\x83\x01\x02\x03"), &limits, &value, NULL), FG_OK);
    assert_int_equal(fg_cbor_decode(BYTES("\x84\x01\x02\x03\x04"), &limits, &value, NULL),
                     FG_ERR_LIMIT);
    assert_int_equal(fg_cbor_decode(BYTES("\x9f\x01\x02\x03\xff"), &limits, &value, NULL), FG_OK);
    assert_int_equal(fg_cbor_decode(BYTES("\x9f\x01\x02\x03\x04\xff"), &limits, &value, NULL),
                     FG_ERR_LIMIT);
    /* An announced count over the limit costs no memory at all. */
    static uint8_t many[300000] = {0x9a, 0x00, 0x04, 0x93, 0xdb};
    struct fg_cbor_value untouched = {0};
    assert_int_equal(
        fg_cbor_decode((struct fg_bytes){many, sizeof many}, &default_limits, &untouched, NULL),
        FG_ERR_LIMIT);
    assert_null(untouched.items);
    fg_cbor_clear(&value);
}

static void strings_in_pieces_are_joined(void **state)
{
    (void)state;
    struct fg_cbor_value value = {0};
    struct fg_bytes input = BYTES("\x83\x5f\x42"
                                  "ab\x40\x41"
                                  "c\xff\x7f\x61z\xff\x5f\xff");
    assert_int_equal(fg_cbor_decode(input, &default_limits, &value, NULL), FG_OK);
    assert_int_equal(value.count, 4);
    assert_bytes(value.items[1].string, "abc");
    assert_bytes(value.items[2].string, "z");
    assert_bytes(value.items[3].string, "");
    /* The same table again, for another input. */
    assert_int_equal(fg_cbor_decode(BYTES("\x01"), &default_limits, &value, NULL), FG_OK);
    assert_int_equal(value.count, 1);
    fg_cbor_clear(&value);
}

static void the_first_of_several_items_can_be_decoded(void **state)
{
    (void)state;
    struct fg_cbor_value value = {0};
    struct fg_bytes input = BYTES("\x82\x01\x02\x41z");
    assert_int_equal(fg_cbor_decode_first(&input, &default_limits, &value, NULL), FG_OK);
    assert_int_equal(value.count, 3);
    assert_int_equal(fg_cbor_decode_first(&input, &default_limits, &value, NULL), FG_OK);
    assert_bytes(value.items[0].string, "z");
    assert_int_equal(input.size, 0);
    assert_int_equal(fg_cbor_decode_first(&input, &default_limits, &value, NULL), FG_ERR_TRUNCATED);
    fg_cbor_clear(&value);
}

static void every_type_has_a_name(void **state)
{
    (void)state;
    for (int type = FG_CBOR_UINT; type <= FG_CBOR_FLOAT; type++) {
        assert_string_not_equal(fg_cbor_type_text((enum fg_cbor_type)type), "unknown");
    }
    assert_string_equal(fg_cbor_type_text((enum fg_cbor_type)99), "unknown");
}

/* -- encoding --------------------------------------------------------------------------------- */

/* Decodes and encodes again. */
static void assert_canonical_form(struct fg_bytes input, struct fg_bytes expected)
{
    struct fg_cbor_value value = {0};
    struct fg_buffer buffer = FG_BUFFER_INIT(1000);
    assert_int_equal(fg_cbor_decode(input, &default_limits, &value, NULL), FG_OK);
    assert_int_equal(fg_cbor_put_item(&buffer, &value, 0), FG_OK);
    assert_int_equal(buffer.size, expected.size);
    assert_memory_equal(buffer.data, expected.data, expected.size);
    assert_int_equal(fg_cbor_is_canonical(input, &default_limits), fg_bytes_equal(input, expected));
    assert_true(fg_cbor_is_canonical(expected, &default_limits));
    fg_buffer_free(&buffer);
    fg_cbor_clear(&value);
}

static void room_for_a_byte_string_is_within_the_ceiling(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(27);
    uint8_t *space = NULL;
    const size_t too_many[] = {26, SIZE_MAX};
    for (size_t i = 0; i < sizeof too_many / sizeof too_many[0]; i++) {
        assert_int_equal(fg_cbor_put_space(&buffer, too_many[i], &space), FG_ERR_LIMIT);
        assert_int_equal(buffer.size, 0);
        assert_null(space);
        fg_buffer_reset(&buffer);
    }
    assert_int_equal(fg_cbor_put_space(&buffer, 25, &space), FG_OK);
    memcpy(space, "abcdefghijklmnopqrstuvwxy", 25);
    assert_bytes(fg_buffer_view(&buffer), "\x58\x19"
                                          "abcdefghijklmnopqrstuvwxy");
    fg_buffer_free(&buffer);
}

static void numbers_take_the_shortest_form(void **state)
{
    (void)state;
    assert_canonical_form(BYTES("\x1b\0\0\0\0\0\0\0\x17"), BYTES("\x17"));
    assert_canonical_form(BYTES("\x1a\0\0\0\x18"), BYTES("\x18\x18"));
    assert_canonical_form(BYTES("\x3b\0\0\0\0\0\1\0\0"), BYTES("\x3a\0\1\0\0"));
    assert_canonical_form(BYTES("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"),
                          BYTES("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"));
    assert_canonical_form(BYTES("\x19\x01\x00"), BYTES("\x19\x01\x00"));
    assert_canonical_form(BYTES("\x39\x01\x00"), BYTES("\x39\x01\x00"));
}

static void floats_take_the_shortest_form_that_is_exact(void **state)
{
    (void)state;
    assert_canonical_form(BYTES("\xfb\x3f\xf8\0\0\0\0\0\0"), BYTES("\xf9\x3e\x00")); /* 1.5 */
    assert_canonical_form(BYTES("\xfa\x3f\xc0\0\0"), BYTES("\xf9\x3e\x00"));
    assert_canonical_form(BYTES("\xfb\x80\0\0\0\0\0\0\0"), BYTES("\xf9\x80\x00")); /* -0.0 */
    assert_canonical_form(BYTES("\xfb\x7f\xf0\0\0\0\0\0\0"), BYTES("\xf9\x7c\x00"));
    assert_canonical_form(BYTES("\xfa\xff\x80\0\0"), BYTES("\xf9\xfc\x00"));
    assert_canonical_form(BYTES("\xfb\x7f\xf8\0\0\0\0\0\1"), BYTES("\xf9\x7e\x00")); /* NaN */
    assert_canonical_form(BYTES("\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a"),
                          BYTES("\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a")); /* 1.1 */
    assert_canonical_form(BYTES("\xfb\x40\xf8\x6a\0\0\0\0\0"), BYTES("\xfa\x47\xc3\x50\0"));
    assert_canonical_form(BYTES("\xfb\x40\xef\xfc\0\0\0\0\0"), BYTES("\xf9\x7b\xff"));   /* 65504 */
    assert_canonical_form(BYTES("\xfb\x40\xf0\0\0\0\0\0\0"), BYTES("\xfa\x47\x80\0\0")); /* 65536 */
    assert_canonical_form(BYTES("\xfb\x3e\x70\0\0\0\0\0\0"), BYTES("\xf9\0\1"));         /* 2^-24 */
    assert_canonical_form(BYTES("\xfb\x3e\x60\0\0\0\0\0\0"), BYTES("\xfa\x33\0\0\0"));   /* 2^-25 */
    assert_canonical_form(BYTES("\xfb\x3f\x0f\xf8\0\0\0\0\0"), BYTES("\xf9\x03\xff"));
}

static void every_half_float_stays_a_half_float(void **state)
{
    (void)state;
    for (unsigned half = 0; half <= 0xffff; half++) {
        uint8_t bytes[3] = {0xf9, (uint8_t)(half >> 8), (uint8_t)half};
        bool is_nan = (half & 0x7c00) == 0x7c00 && (half & 0x3ff) != 0;
        assert_int_equal(fg_cbor_is_canonical((struct fg_bytes){bytes, 3}, &default_limits),
                         !is_nan || half == 0x7e00);
    }
}

static void map_keys_are_sorted_by_length_then_bytewise(void **state)
{
    (void)state;
    assert_canonical_form(BYTES("\xa4\x61"
                                "a\1\x41"
                                "a\2\x0a\3\x20\4"),
                          BYTES("\xa4\x0a\3\x20\4\x41"
                                "a\2\x61"
                                "a\1"));
    assert_canonical_form(BYTES("\xbf\x42zz\x9f\x01\xff\x41z\x5f\x41q\xff\xff"),
                          BYTES("\xa2\x41z\x41q\x42zz\x81\x01"));
    assert_canonical_form(BYTES("\x83\xc2\x42\x01\x02\xf7\xf0"),
                          BYTES("\x83\xc2\x42\x01\x02\xf7\xf0"));
    assert_canonical_form(BYTES("\xf8\xff"), BYTES("\xf8\xff"));
    assert_canonical_form(BYTES("\x84\xf4\xf5\xf6\xa0"), BYTES("\x84\xf4\xf5\xf6\xa0"));
    assert_canonical_form(BYTES("\x7f\x61z\xff"), BYTES("\x61z"));
}

static void a_map_may_be_put_in_any_order(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(1000);
    struct fg_cbor_map outer;
    struct fg_cbor_map inner;
    fg_cbor_map_begin(&buffer, &outer);
    assert_int_equal(fg_cbor_put_bytestring(&buffer, "name"), FG_OK);
    fg_cbor_map_begin(&buffer, &inner);
    assert_int_equal(fg_cbor_put_bytestring(&buffer, "b"), FG_OK);
    assert_int_equal(fg_cbor_put_bool(&buffer, true), FG_OK);
    assert_int_equal(fg_cbor_put_bytestring(&buffer, "a"), FG_OK);
    assert_int_equal(fg_cbor_put_float(&buffer, 1.1), FG_OK);
    assert_int_equal(fg_cbor_map_end(&buffer, &inner, false), FG_OK);
    assert_int_equal(fg_cbor_put_uint(&buffer, 300), FG_OK);
    assert_int_equal(fg_cbor_put_array(&buffer, 1), FG_OK);
    assert_int_equal(fg_cbor_put_null(&buffer), FG_OK);
    assert_int_equal(fg_cbor_map_end(&buffer, &outer, false), FG_OK);
    assert_bytes(fg_buffer_view(&buffer), "\xa2\x19\x01\x2c\x81\xf6\x44"
                                          "name\xa2\x41"
                                          "a\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a\x41"
                                          "b\xf5");
    fg_buffer_free(&buffer);
}

static void put_pairs(struct fg_buffer *buffer, struct fg_cbor_map *map)
{
    fg_cbor_map_begin(buffer, map);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(fg_cbor_put_uint(buffer, 9 - i % 2), FG_OK);
        assert_int_equal(fg_cbor_put_uint(buffer, i), FG_OK);
    }
}

static void the_last_of_equal_keys_wins_only_where_asked(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(1000);
    struct fg_cbor_map map;
    put_pairs(&buffer, &map);
    assert_int_equal(fg_cbor_map_end(&buffer, &map, false), FG_ERR_SYNTAX);
    fg_buffer_reset(&buffer);
    put_pairs(&buffer, &map);
    assert_int_equal(fg_cbor_map_end(&buffer, &map, true), FG_OK);
    assert_bytes(fg_buffer_view(&buffer), "\xa2\x08\x01\x09\x02");
    fg_buffer_free(&buffer);
}

static void what_is_not_whole_pairs_makes_no_map(void **state)
{
    (void)state;
    static const struct fg_bytes contents[] = {
        {(const uint8_t *)"\x01", 1},     {(const uint8_t *)"\x01\x82\x01", 3},
        {(const uint8_t *)"\x42z", 2},    {(const uint8_t *)"\x01\x19\x01", 3},
        {(const uint8_t *)"\x01\x1f", 2}, {(const uint8_t *)"\x01\x01\x01", 3},
    };
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        struct fg_buffer buffer = FG_BUFFER_INIT(100);
        struct fg_cbor_map map;
        fg_cbor_map_begin(&buffer, &map);
        assert_int_equal(fg_buffer_append(&buffer, contents[i].data, contents[i].size), FG_OK);
        assert_int_equal(fg_cbor_map_end(&buffer, &map, false), FG_ERR_STATE);
        fg_buffer_free(&buffer);
    }
}

static void a_full_buffer_is_told_of(void **state)
{
    (void)state;
    struct fg_cbor_value value = {0};
    struct fg_bytes input = BYTES("\x82\xa2\x42zz\x43"
                                  "abc\x41y\x61q\xc2\x49\1\2\3\4\5\6\7\x08\x09");
    assert_int_equal(fg_cbor_decode(input, &default_limits, &value, NULL), FG_OK);
    for (size_t ceiling = 0; ceiling < input.size; ceiling++) {
        struct fg_buffer buffer = FG_BUFFER_INIT(ceiling);
        assert_int_equal(fg_cbor_put_item(&buffer, &value, 0), FG_ERR_LIMIT);
        assert_int_equal(fg_buffer_status(&buffer), FG_ERR_LIMIT);
        assert_true(buffer.size <= ceiling);
        fg_buffer_free(&buffer);
    }
    fg_cbor_clear(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_a_flat_table),
        cmocka_unit_test(every_prefix_is_truncated),
        cmocka_unit_test(malformed_input_is_refused_where_it_is),
        cmocka_unit_test(a_key_that_stands_twice_is_refused),
        cmocka_unit_test(keys_that_do_not_compare_are_refused),
        cmocka_unit_test(too_many_items_are_refused_before_room_is_made),
        cmocka_unit_test(announced_counts_are_checked_against_the_input),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(the_number_of_items_is_limited),
        cmocka_unit_test(strings_in_pieces_are_joined),
        cmocka_unit_test(the_first_of_several_items_can_be_decoded),
        cmocka_unit_test(every_type_has_a_name),
        cmocka_unit_test(room_for_a_byte_string_is_within_the_ceiling),
        cmocka_unit_test(numbers_take_the_shortest_form),
        cmocka_unit_test(floats_take_the_shortest_form_that_is_exact),
        cmocka_unit_test(every_half_float_stays_a_half_float),
        cmocka_unit_test(map_keys_are_sorted_by_length_then_bytewise),
        cmocka_unit_test(a_map_may_be_put_in_any_order),
        cmocka_unit_test(the_last_of_equal_keys_wins_only_where_asked),
        cmocka_unit_test(what_is_not_whole_pairs_makes_no_map),
        cmocka_unit_test(a_full_buffer_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
