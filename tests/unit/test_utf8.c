/* UTF-8. */
#include "tests/support/support.h"

#include "framing/utf8.h"

static void well_formed_text_is_told_from_other_bytes(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "abc",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "caf\xc3\xa9 \xe4\xb8\xad"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x9f\x80",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "a\xe4\xb8"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(fg_utf8_valid(fg_bytes_from_string(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(fg_utf8_valid(fg_bytes_from_string(bad[i])));
    }
}

/* The cases of the Unicode standard's table 3-8 and what Python makes of them. */
static void each_maximal_ill_formed_part_becomes_one_replacement(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *repaired;
    } cases[] = {
        {"bad\xff\xfeutf", "bad\xef\xbf\xbd\xef\xbf\xbdutf"},
        {"a\xf1\x80\x80\xe1\x80\xc2"
         "b\x80"
         "c",
         "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
         "b\xef\xbf\xbd"
         "c"},
        {"\xe4\xb8", "\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc3\xa9", "\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fg_buffer buffer = FG_BUFFER_INIT(100);
        assert_int_equal(fg_utf8_append_repaired(&buffer, fg_bytes_from_string(cases[i].text)),
                         FG_OK);
        assert_true(fg_bytes_equal_string(fg_buffer_view(&buffer), cases[i].repaired));
        fg_buffer_free(&buffer);
    }
    struct fg_buffer small = FG_BUFFER_INIT(4);
    assert_int_equal(fg_utf8_append_repaired(&small, BYTES("ab\xff")), FG_ERR_LIMIT);
    assert_int_equal(fg_buffer_status(&small), FG_ERR_LIMIT);
    fg_buffer_free(&small);
}

static void a_cut_never_splits_a_character(void **state)
{
    (void)state;
    struct fg_bytes text = BYTES("a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80z");
    static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t limit = 0; limit < sizeof cuts / sizeof cuts[0]; limit++) {
        assert_int_equal(fg_utf8_cut(text, limit), cuts[limit]);
    }
    /* What is no UTF-8 is cut where it comes. */
    assert_int_equal(fg_utf8_cut(BYTES("\x80\x80\x80\x80\x80"), 4), 4);
}

static void code_points_are_written_in_all_four_lengths(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(100);
    static const uint32_t points[] = {0x41, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff};
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        assert_int_equal(fg_utf8_append_code_point(&buffer, points[i]), FG_OK);
    }
    assert_bytes(fg_buffer_view(&buffer), "\x41\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"
                                          "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
    fg_buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_text_is_told_from_other_bytes),
        cmocka_unit_test(each_maximal_ill_formed_part_becomes_one_replacement),
        cmocka_unit_test(a_cut_never_splits_a_character),
        cmocka_unit_test(code_points_are_written_in_all_four_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
