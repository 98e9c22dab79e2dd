/* Buffers, views and errors. */
#include "tests/support/support.h"

static void a_buffer_grows_to_its_ceiling_and_not_beyond(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(fg_buffer_append_byte(&buffer, (uint8_t)i), FG_OK);
    }
    assert_true(buffer.capacity <= 1000);
    assert_int_equal(fg_buffer_append_byte(&buffer, 0), FG_ERR_LIMIT);
    assert_int_equal(buffer.size, 1000);
    assert_int_equal(buffer.data[999], 999 % 256);
    fg_buffer_free(&buffer);
}

static void a_failure_is_remembered(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(4);
    fg_buffer_append_string(&buffer, "ab");
    const struct fg_buffer_mark mark = fg_buffer_mark(&buffer);
    assert_int_equal(fg_buffer_append_string(&buffer, "cdefg"), FG_ERR_LIMIT);
    assert_int_equal(fg_buffer_append_byte(&buffer, 'c'), FG_ERR_LIMIT);
    assert_int_equal(fg_buffer_append_hex(&buffer, BYTES("")), FG_ERR_LIMIT);
    assert_int_equal(fg_buffer_append_format(&buffer, "%s", ""), FG_ERR_LIMIT);
    assert_int_equal(fg_buffer_fail(&buffer, FG_ERR_SYNTAX), FG_ERR_LIMIT);
    assert_bytes(fg_buffer_view(&buffer), "ab");

    /* What failed before the mark stays failed. */
    assert_int_equal(fg_buffer_keep_if(FG_ERR_IO, &buffer, fg_buffer_mark(&buffer)), FG_ERR_IO);
    assert_int_equal(fg_buffer_status(&buffer), FG_ERR_LIMIT);
    assert_int_equal(fg_buffer_keep_if(FG_OK, &buffer, mark), FG_OK);
    assert_int_equal(fg_buffer_status(&buffer), FG_ERR_LIMIT);

    assert_int_equal(fg_buffer_keep_if(FG_ERR_LIMIT, &buffer, mark), FG_ERR_LIMIT);
    assert_int_equal(fg_buffer_append_byte(&buffer, 'c'), FG_OK);
    assert_bytes(fg_buffer_view(&buffer), "abc");
    assert_int_equal(fg_buffer_fail(&buffer, FG_ERR_SYNTAX), FG_ERR_SYNTAX);
    fg_buffer_reset(&buffer);
    assert_int_equal(fg_buffer_status(&buffer), FG_OK);
    fg_buffer_free(&buffer);
}

static void sizes_that_would_overflow_are_refused(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(SIZE_MAX);
    uint8_t *space;
    assert_int_equal(fg_buffer_append_string(&buffer, "abc"), FG_OK);
    assert_int_equal(fg_buffer_reserve(&buffer, SIZE_MAX - 1, &space), FG_ERR_LIMIT);
    assert_int_equal(buffer.size, 3);
    fg_buffer_free(&buffer);
}

static void what_is_reserved_and_filled_is_kept(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(100);
    uint8_t *space;
    assert_int_equal(fg_buffer_reserve(&buffer, 100, &space), FG_OK);
    memset(space, 'x', 100);
    buffer.size += 100;
    fg_buffer_reset(&buffer);
    assert_int_equal(fg_buffer_append_format(&buffer, "%d-%s", 12, "ab"), FG_OK);
    assert_bytes(fg_buffer_view(&buffer), "12-ab");
    assert_int_equal(fg_buffer_append_format(&buffer, "%200d", 1), FG_ERR_LIMIT);
    assert_bytes(fg_buffer_view(&buffer), "12-ab");
    fg_buffer_free(&buffer);
}

static void a_detached_buffer_is_empty(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(100);
    assert_null(fg_buffer_detach(&buffer));
    assert_int_equal(fg_buffer_append_string(&buffer, "abc"), FG_OK);
    uint8_t *data = fg_buffer_detach(&buffer);
    assert_memory_equal(data, "abc", 3);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(buffer.ceiling, 100);
    free(data);
    fg_buffer_free(&buffer);
    fg_buffer_free(NULL);
}

static void bytes_become_a_string(void **state)
{
    (void)state;
    char *string = fg_bytes_to_string(BYTES("abc"));
    assert_string_equal(string, "abc");
    free(string);
    string = fg_bytes_to_string((struct fg_bytes){NULL, 0});
    assert_string_equal(string, "");
    free(string);
}

static void views_compare_by_content(void **state)
{
    (void)state;
    assert_true(fg_bytes_equal(BYTES("a\0b"), BYTES("a\0b")));
    assert_false(fg_bytes_equal(BYTES("a\0b"), BYTES("a\0c")));
    assert_false(fg_bytes_equal_string(BYTES("ab"), "abc"));
    assert_true(fg_bytes_equal((struct fg_bytes){NULL, 0}, BYTES("")));
}

static void an_error_is_one_line_cut_at_a_character(void **state)
{
    (void)state;
    struct fg_error error;
    assert_int_equal(fg_fail(&error, FG_ERR_SYNTAX, 7, "a\nb\x7f%d", 5), FG_ERR_SYNTAX);
    assert_string_equal(error.message, "a?b?5");
    assert_int_equal(error.offset, 7);

    char text[400];
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof error.message - 3, "\xe4\xb8\xad", 3);
    text[sizeof text - 1] = '\0';
    fg_fail(&error, FG_ERR_SYNTAX, 0, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 3);
    assert_int_equal(fg_fail(NULL, FG_ERR_IO, 0, "nobody reads this"), FG_ERR_IO);
}

static void bytes_are_appended_in_hexadecimal(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(9);
    assert_int_equal(fg_buffer_append_hex(&buffer, (struct fg_bytes){NULL, 0}), FG_OK);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(fg_buffer_append_hex(&buffer, BYTES("\x00\x9f\xa0\xff")), FG_OK);
    assert_bytes(fg_buffer_view(&buffer), "009fa0ff");
    assert_int_equal(fg_buffer_append_hex(&buffer, BYTES("x")), FG_ERR_LIMIT);
    assert_int_equal(buffer.size, 8);
    fg_buffer_free(&buffer);
}

static void every_status_has_a_text(void **state)
{
    (void)state;
    for (int status = FG_OK; status <= FG_ERR_UNSUPPORTED; status++) {
        assert_true(strlen(fg_status_text((enum fg_status)status)) > 0);
        assert_string_not_equal(fg_status_text((enum fg_status)status), "unknown status");
        assert_int_equal(fg_failed((enum fg_status)status) != 0, status >= FG_ERR_MEMORY);
    }
    assert_string_equal(fg_status_text((enum fg_status)99), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_to_its_ceiling_and_not_beyond),
        cmocka_unit_test(a_failure_is_remembered),
        cmocka_unit_test(sizes_that_would_overflow_are_refused),
        cmocka_unit_test(what_is_reserved_and_filled_is_kept),
        cmocka_unit_test(a_detached_buffer_is_empty),
        cmocka_unit_test(bytes_become_a_string),
        cmocka_unit_test(views_compare_by_content),
        cmocka_unit_test(an_error_is_one_line_cut_at_a_character),
        cmocka_unit_test(bytes_are_appended_in_hexadecimal),
        cmocka_unit_test(every_status_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
