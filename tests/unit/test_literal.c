/* Python literals to CBOR and back. */
#include "tests/support/support.h"

#include "framing/literal.h"

#include <locale.h>

static enum fg_status encode(const char *text, struct fg_buffer *buffer, struct fg_error *error)
{
    return fg_literal_encode(fg_bytes_from_string(text), &default_limits, buffer, error);
}

#define assert_encodes(text, expected)                                                             \
    do {                                                                                           \
        struct fg_buffer encoded = FG_BUFFER_INIT(10000);                                          \
        struct fg_error encode_error = {0};                                                        \
        if (encode(text, &encoded, &encode_error) != FG_OK) {                                      \
            fail_msg("%s: %s", text, encode_error.message);                                        \
        }                                                                                          \
        assert_bytes(fg_buffer_view(&encoded), expected);                                          \
        fg_buffer_free(&encoded);                                                                  \
    } while (0)

static void constants_and_containers_encode(void **state)
{
    (void)state;
    assert_encodes("None", "\xf6");
    assert_encodes(" True ", "\xf5");
    assert_encodes("[False,\t[], (), {}]", "\x84\xf4\x80\x80\xa0");
    assert_encodes("(1)", "\x01");
    assert_encodes("(1,)", "\x81\x01");
    assert_encodes("(1, 2,)", "\x82\x01\x02");
    assert_encodes("[1, 2, ]", "\x82\x01\x02");
    assert_encodes("{b'b': 1, b'a': [2],}", "\xa2\x41"
                                            "a\x81\x02\x41"
                                            "b\x01");
    assert_encodes("{(1, b'x'): 1, (): 2}", "\xa2\x80\x02\x82\x01\x41x\x01");
    assert_encodes("{1: 1, 2: 2, 1: 3}", "\xa2\x01\x03\x02\x02");
}

static void integers_of_any_size_encode(void **state)
{
    (void)state;
    assert_encodes("0", "\x00");
    assert_encodes("-0", "\x00");
    assert_encodes("00", "\x00");
    assert_encodes("+23", "\x17");
    assert_encodes("- 1", "\x20");
    assert_encodes("1_000", "\x19\x03\xe8");
    assert_encodes("0xFF", "\x18\xff");
    assert_encodes("0o17", "\x0f");
    assert_encodes("0B101", "\x05");
    assert_encodes("0x_ff", "\x18\xff");
    assert_encodes("18446744073709551615", "\x1b\xff\xff\xff\xff\xff\xff\xff\xff");
    assert_encodes("18446744073709551616", "\xc2\x49\1\0\0\0\0\0\0\0\0");
    assert_encodes("-18446744073709551616", "\x3b\xff\xff\xff\xff\xff\xff\xff\xff");
    assert_encodes("-18446744073709551617", "\xc3\x49\1\0\0\0\0\0\0\0\0");
    assert_encodes("340282366920938463463374607431768211455",
                   "\xc2\x50\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
}

static void floats_encode_whatever_the_locale(void **state)
{
    (void)state;
    assert_encodes("1.5", "\xf9\x3e\x00");
    assert_encodes("-1.5e0", "\xf9\xbe\x00");
    assert_encodes(".5", "\xf9\x38\x00");
    assert_encodes("1.", "\xf9\x3c\x00");
    assert_encodes("1_0.5E-1_0", "\xfb\x3e\x12\x09\xf2\xe6\xf5\x94\x83");
    assert_encodes("1e999", "\xf9\x7c\x00");
    assert_encodes("-0.0", "\xf9\x80\x00");
    assert_encodes("1.1", "\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a");
}

static void strings_encode(void **state)
{
    (void)state;
    assert_encodes("'foo'", "\x63"
                            "foo");
    assert_encodes("u\"f'o\"", "\x63"
                               "f'o");
    assert_encodes("b'f\\x00\\''", "\x43"
                                   "f\0'");
    assert_encodes("B\"\\n\"", "\x41\n");
    assert_encodes("'\\u4e2d\\q'", "\x65\xe4\xb8\xad\\q");
    assert_encodes("'\xc3\xa9'", "\x62\xc3\xa9");
    assert_encodes("''", "\x60");
}

static void assert_refused(const char *text, size_t offset, const char *message)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(100);
    struct fg_error error = {0};
    assert_int_equal(fg_buffer_append_string(&buffer, "before"), FG_OK);
    if (!fg_failed(encode(text, &buffer, &error))) {
        fail_msg("%s was accepted", text);
    }
    assert_string_equal(error.message, message);
    assert_int_equal(error.offset, offset);
    assert_bytes(fg_buffer_view(&buffer), "before");
    fg_buffer_free(&buffer);
}

static void what_is_no_literal_is_refused_with_its_place(void **state)
{
    (void)state;
    static const char any[] =
        "expected a literal (None, True, False, a number, string, list, tuple or dict), ";
    char message[200];
    snprintf(message, sizeof message, "%sbut the literal ends", any);
    assert_refused("", 0, message);
    assert_refused("[1,2, ", 6, message);
    snprintf(message, sizeof message, "%sfound __import__('", any);
    assert_refused("__import__('os')", 0, message);
    snprintf(message, sizeof message, "%sfound Nones", any);
    assert_refused("Nones", 0, message);
    snprintf(message, sizeof message, "%sfound \\xff", any);
    assert_refused("\xff", 0, message);
    assert_refused("1 2", 2, "expected the end of the literal, found 2");
    assert_refused("[1 2]", 3, "expected ',' or ']', found 2]");
    assert_refused("(1 2)", 3, "expected ',' or ')', found 2)");
    assert_refused("{1: 2 3}", 6, "expected ',' or '}', found 3}");
    assert_refused("{b'a'", 5, "expected ':', but the literal ends");
    assert_refused("{[1]: 2}", 1, "expected a dict key that is not a list, found [1]: 2}");
    assert_refused("{([],): 2}", 2, "expected a dict key that is not a list, found [],): 2}");
    assert_refused("{{}: 2}", 1, "expected a dict key that is not a dict, found {}: 2}");
    assert_refused("'abc", 4, "expected the closing quote, but the literal ends");
    assert_refused("'a\nb'", 2, "expected the closing quote, found \\nb'");
    assert_refused("b'\xc3\xa9'", 2,
                   "expected ASCII or an escape in a byte string, "
                   "found \\xc3\\xa9'");
    assert_refused("'\xff'", 1, "text is not UTF-8");
    assert_refused("['\\x4']", 2, "escape \\x needs 2 hex digits");
    assert_refused("'\\ud800'", 1, "U+D800 is not a character");
}

static void what_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"01",  "1__0",  "1_",   "_1",   "0x",  "0xg", "0b2",  "1e",
                                      "1.e", "1e+",   "1.5j", "12a",  "--1", "-",   "+'a'", "1.2.3",
                                      ".",   "-None", "0_",   "1._5", "b",   "u"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fg_buffer buffer = FG_BUFFER_INIT(100);
        struct fg_error error = {0};
        assert_int_equal(encode(bad[i], &buffer, &error), FG_ERR_SYNTAX);
        assert_true(error.message[0] != '\0');
        fg_buffer_free(&buffer);
    }
}

static void numbers_have_a_limit_of_digits(void **state)
{
    (void)state;
    char text[4400];
    struct fg_buffer buffer = FG_BUFFER_INIT(10000);
    struct fg_error error;
    memset(text, '9', sizeof text);
    text[4299] = '\0';
    assert_int_equal(encode(text, &buffer, &error), FG_OK);
    text[4299] = '9';
    text[4300] = '\0';
    assert_int_equal(encode(text, &buffer, &error), FG_ERR_SYNTAX);
    assert_non_null(strstr(error.message, "a number of at most 4299 digits"));
    fg_buffer_free(&buffer);
}

static void nesting_and_the_buffer_have_limits(void **state)
{
    (void)state;
    char text[100];
    for (size_t depth = 31; depth <= 33; depth++) {
        struct fg_buffer buffer = FG_BUFFER_INIT(100);
        struct fg_error error;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        assert_int_equal(encode(text, &buffer, &error), depth <= 32 ? FG_OK : FG_ERR_LIMIT);
        fg_buffer_free(&buffer);
    }
    for (size_t ceiling = 0; ceiling < 14; ceiling++) {
        struct fg_buffer buffer = FG_BUFFER_INIT(ceiling);
        struct fg_error error;
        assert_int_equal(encode("[b'ab', 1.5, {'k': (300,)}]", &buffer, &error), FG_ERR_LIMIT);
        assert_string_equal(error.message, "limit reached");
        assert_int_equal(buffer.size, 0);
        fg_buffer_free(&buffer);
    }
}

/* -- decoding --------------------------------------------------------------------------------- */

static void assert_decodes(struct fg_bytes encoded, const char *expected)
{
    struct fg_cbor_value value = {0};
    struct fg_buffer text = FG_BUFFER_INIT(10000);
    struct fg_buffer again = FG_BUFFER_INIT(10000);
    assert_int_equal(fg_cbor_decode(encoded, &default_limits, &value, NULL), FG_OK);
    enum fg_status status = fg_literal_decode(&value, 0, &text);
    if (expected == NULL) {
        assert_int_equal(status, FG_ERR_UNSUPPORTED);
        assert_int_equal(text.size, 0);
    } else {
        assert_int_equal(status, FG_OK);
        assert_int_equal(fg_buffer_append_byte(&text, 0), FG_OK);
        assert_string_equal((const char *)text.data, expected);
        assert_int_equal(encode(expected, &again, NULL), FG_OK);
        assert_true(fg_bytes_equal(fg_buffer_view(&again), encoded));
    }
    fg_buffer_free(&text);
    fg_buffer_free(&again);
    fg_cbor_clear(&value);
}

static void values_decode_to_literals_that_encode_to_the_same(void **state)
{
    (void)state;
    assert_decodes(BYTES("\xf6"), "None");
    assert_decodes(BYTES("\x83\xf5\xf4\x80"), "[True, False, []]");
    assert_decodes(BYTES("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615");
    assert_decodes(BYTES("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"), "-18446744073709551616");
    assert_decodes(BYTES("\x38\x63"), "-100");
    assert_decodes(BYTES("\xc2\x49\1\0\0\0\0\0\0\0\xff"), "0x0100000000000000ff");
    assert_decodes(BYTES("\xc3\x49\1\0\0\0\0\0\0\0\xfe"), "-0x0100000000000000ff");
    assert_decodes(BYTES("\x43"
                         "a\0'"),
                   "b'a\\x00\\''");
    assert_decodes(BYTES("\x65\xc3\xa9\xe4\xb8\xad"), "u'\\xe9\\u4e2d'");
    assert_decodes(BYTES("\xf9\x3c\x00"), "1.0");
    assert_decodes(BYTES("\xfb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.1");
    assert_decodes(BYTES("\xfb\x44\xb5\x2d\x02\xc7\xe1\x4a\xf6"), "1e+23");
    assert_decodes(BYTES("\xf9\x7c\x00"), "1e999");
    assert_decodes(BYTES("\xf9\xfc\x00"), "-1e999");
    assert_decodes(BYTES("\xf9\x80\x00"), "-0.0");
    assert_decodes(BYTES("\xa2\x41"
                         "a\x81\x01\x82\x01\x81\x02\x03"),
                   "{b'a': [1], (1, (2,)): 3}");
}

static void what_no_literal_can_say_is_told(void **state)
{
    (void)state;
    assert_decodes(BYTES("\xf7"), NULL);
    assert_decodes(BYTES("\xf0"), NULL);
    assert_decodes(BYTES("\xf9\x7e\x00"), NULL);
    assert_decodes(BYTES("\xc1\x01"), NULL);
    assert_decodes(BYTES("\xc2\x41\x01"), NULL);
    assert_decodes(BYTES("\xc2\x49\0\1\0\0\0\0\0\0\0"), NULL);
    assert_decodes(BYTES("\xc2\x61\x01"), NULL);
    assert_decodes(BYTES("\xc3\x49\1\0\0\0\0\0\0\0\xff"), NULL);
    assert_decodes(BYTES("\x82\x01\xf7"), NULL);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
    (void)state;
    struct fg_cbor_value value = {0};
    struct fg_bytes encoded = BYTES("\xa2\x41"
                                    "a\x82\xf5\x20\x81\x63"
                                    "abc\xc2\x49\1\0\0\0\0\0\0\0\0");
    assert_int_equal(fg_cbor_decode(encoded, &default_limits, &value, NULL), FG_OK);
    struct fg_buffer whole = FG_BUFFER_INIT(1000);
    assert_int_equal(fg_literal_decode(&value, 0, &whole), FG_OK);
    for (size_t ceiling = 0; ceiling < whole.size; ceiling++) {
        struct fg_buffer buffer = FG_BUFFER_INIT(ceiling);
        assert_int_equal(fg_literal_decode(&value, 0, &buffer), FG_ERR_LIMIT);
        assert_int_equal(buffer.size, 0);
        fg_buffer_free(&buffer);
    }
    fg_buffer_free(&whole);
    fg_cbor_clear(&value);
}

/* Where the system has a locale that writes a comma, it must not matter. */
static int use_a_comma_locale(void **state)
{
    (void)state;
    setlocale(LC_ALL, "de_DE.UTF-8");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_and_containers_encode),
        cmocka_unit_test(integers_of_any_size_encode),
        cmocka_unit_test(floats_encode_whatever_the_locale),
        cmocka_unit_test(strings_encode),
        cmocka_unit_test(what_is_no_literal_is_refused_with_its_place),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(numbers_have_a_limit_of_digits),
        cmocka_unit_test(nesting_and_the_buffer_have_limits),
        cmocka_unit_test(values_decode_to_literals_that_encode_to_the_same),
        cmocka_unit_test(what_no_literal_can_say_is_told),
        cmocka_unit_test(a_full_buffer_is_left_as_it_was),
    };
    return cmocka_run_group_tests(tests, use_a_comma_locale, NULL);
}
