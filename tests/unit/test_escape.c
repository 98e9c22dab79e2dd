/* Backslash escapes. */
#include "tests/support/support.h"

#include "framing/escape.h"

static void assert_decodes(struct fg_bytes text, struct fg_bytes expected)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(1000);
    assert_int_equal(fg_escape_decode(text, &buffer, NULL), FG_OK);
    assert_int_equal(buffer.size, expected.size);
    if (expected.size > 0) {
        assert_memory_equal(buffer.data, expected.data, expected.size);
    }
    fg_buffer_free(&buffer);
}

static void bytes_have_pythons_escapes(void **state)
{
    (void)state;
    assert_decodes(BYTES(""), BYTES(""));
    assert_decodes(BYTES("a\\a\\b\\f\\n\\r\\t\\v\\\\\\'\\\""), BYTES("a\a\b\f\n\r\t\v\\'\""));
    assert_decodes(BYTES("\\0\\12\\1234\\377\\08"), BYTES("\0\12\1234\377\0"
                                                          "8"));
    assert_decodes(BYTES("\\x00\\xFf\\xa1D"), BYTES("\0\xff\xa1"
                                                    "D"));
    assert_decodes(BYTES("a\\\nb"), BYTES("ab"));
    /* What is no escape stands for itself, also \u in bytes and a NUL. */
    assert_decodes(BYTES("\\q\\u1234\\N{x}\\8\\\0"), BYTES("\\q\\u1234\\N{x}\\8\\\0"));
}

static void assert_refused(struct fg_bytes text, size_t offset, const char *message)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(1000);
    struct fg_error error;
    assert_int_equal(fg_buffer_append_string(&buffer, "before"), FG_OK);
    assert_int_equal(fg_escape_decode(text, &buffer, &error), FG_ERR_SYNTAX);
    assert_int_equal(error.offset, offset);
    assert_string_equal(error.message, message);
    assert_bytes(fg_buffer_view(&buffer), "before");
    fg_buffer_free(&buffer);
}

static void broken_escapes_are_refused_where_they_are(void **state)
{
    (void)state;
    assert_refused(BYTES("ab\\x4"), 2, "escape \\x needs 2 hex digits");
    assert_refused(BYTES("\\n\\x4g"), 2, "escape \\x needs 2 hex digits");
    assert_refused(BYTES("a\\"), 1, "backslash at the end");
    assert_refused(BYTES("\\400"), 0, "octal escape over \\377 in bytes");
}

static void assert_text(struct fg_bytes text, enum fg_status status, const char *expected)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(1000);
    size_t used = 0;
    assert_int_equal(fg_escape_decode_one(text, FG_ESCAPE_TEXT, &buffer, &used, NULL), status);
    if (status == FG_OK) {
        assert_int_equal(used, text.size);
        assert_true(fg_bytes_equal_string(fg_buffer_view(&buffer), expected));
    }
    fg_buffer_free(&buffer);
}

static void text_has_code_points(void **state)
{
    (void)state;
    assert_text(BYTES("\\xe9"), FG_OK, "\xc3\xa9");
    assert_text(BYTES("\\400"), FG_OK, "\xc4\x80");
    assert_text(BYTES("\\u4e2d"), FG_OK, "\xe4\xb8\xad");
    assert_text(BYTES("\\U0001f600"), FG_OK, "\xf0\x9f\x98\x80");
    assert_text(BYTES("\\ud83d"), FG_ERR_SYNTAX, NULL);
    assert_text(BYTES("\\U00110000"), FG_ERR_SYNTAX, NULL);
    assert_text(BYTES("\\u4e2"), FG_ERR_SYNTAX, NULL);
    assert_text(BYTES("\\N{DASH}"), FG_ERR_SYNTAX, NULL);
}

static void all_bytes_survive_encoding(void **state)
{
    (void)state;
    uint8_t all[512];
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)(i < 256 ? i : 511 - i);
    }
    struct fg_buffer text = FG_BUFFER_INIT(10000);
    struct fg_buffer again = FG_BUFFER_INIT(10000);
    assert_int_equal(fg_escape_encode((struct fg_bytes){all, sizeof all}, '\'', &text), FG_OK);
    for (size_t i = 0; i < text.size; i++) {
        assert_true(text.data[i] >= 0x20 && text.data[i] <= 0x7e);
    }
    assert_int_equal(fg_escape_decode(fg_buffer_view(&text), &again, NULL), FG_OK);
    assert_int_equal(again.size, sizeof all);
    assert_memory_equal(again.data, all, sizeof all);
    fg_buffer_free(&text);
    fg_buffer_free(&again);
}

static void encoding_escapes_what_is_not_printable(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(100);
    assert_int_equal(fg_escape_encode(BYTES("a'\"\\\n\r\t\0\x7f\xff"), '\'', &buffer), FG_OK);
    assert_bytes(fg_buffer_view(&buffer), "a\\'\"\\\\\\n\\r\\t\\x00\\x7f\\xff");
    fg_buffer_reset(&buffer);
    assert_int_equal(fg_escape_encode(BYTES("'\""), 0, &buffer), FG_OK);
    assert_bytes(fg_buffer_view(&buffer), "'\"");
    fg_buffer_reset(&buffer);
    struct fg_bytes text = BYTES("a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80'");
    assert_int_equal(fg_escape_encode_text(text, '\'', &buffer), FG_OK);
    assert_bytes(fg_buffer_view(&buffer), "a\\xe9\\u4e2d\\U0001f600\\'");
    fg_buffer_reset(&buffer);
    assert_int_equal(fg_escape_encode_text(BYTES("a\xff"), '\'', &buffer), FG_ERR_ARGUMENT);
    assert_int_equal(buffer.size, 0);
    fg_buffer_free(&buffer);
    struct fg_buffer small = FG_BUFFER_INIT(5);
    assert_int_equal(fg_escape_encode(BYTES("abc\x01"), 0, &small), FG_ERR_LIMIT);
    assert_int_equal(fg_buffer_status(&small), FG_ERR_LIMIT);
    fg_buffer_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_pythons_escapes),
        cmocka_unit_test(broken_escapes_are_refused_where_they_are),
        cmocka_unit_test(text_has_code_points),
        cmocka_unit_test(all_bytes_survive_encoding),
        cmocka_unit_test(encoding_escapes_what_is_not_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
