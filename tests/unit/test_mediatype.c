/* Accept and Content-Type. */
#include "gateway/exchange/mediatype.h"

#include "tests/support/support.h"

#define TYPE "application/x-y"

static bool admits(const char *first, const char *second)
{
    struct fg_accept accept = {0};
    fg_accept_take(&accept, fg_bytes_from_string(first), TYPE);
    if (second != NULL) {
        fg_accept_take(&accept, fg_bytes_from_string(second), TYPE);
    }
    return fg_accept_admits(&accept);
}

static void ranges_that_admit(void **state)
{
    (void)state;
    static const char *const values[] = {
        TYPE,
        "*/*",
        "application/*",
        "APPLICATION/X-Y",
        "text/html," TYPE,
        "text/html , \t" TYPE " ",
        TYPE ";q=0.001",
        TYPE "; q = 1.000",
        TYPE ";charset=utf-8;q=0.5",
        TYPE ";a=\"x,y;q=0\"",
        TYPE ";a=\"\\\",;q=0\"",
        "*/*;q=0, " TYPE,
        TYPE ";q=0.1, */*;q=0",
        "application/*;q=0.2, */*;q=0",
        TYPE ";q=0, " TYPE ";q=1",
        ",,," TYPE ",,",
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (!admits(values[i], NULL)) {
            fail_msg("not admitted: %s", values[i]);
        }
    }
}

static void ranges_that_do_not(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",
        "text/html",
        "application/x-yz",
        "application/x-",
        "application",
        "application/",
        "*",
        "*/x-y",
        "*/*;q=0",
        TYPE ";q=0",
        TYPE ";q=0.000",
        TYPE ";q=0, */*",
        "*/*, application/*;q=0",
        TYPE ";q=2",
        TYPE ";q=1.001",
        TYPE ";q=0.0001",
        TYPE ";q=-1",
        TYPE ";q=",
        TYPE ";q=.5",
        "\"" TYPE "\"",
        TYPE "\"",
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (admits(values[i], NULL)) {
            fail_msg("admitted: %s", values[i]);
        }
    }
}

static void several_fields_count_as_one_list(void **state)
{
    (void)state;
    assert_true(admits("text/html", TYPE));
    assert_true(admits(TYPE, "*/*;q=0"));
    assert_false(admits("*/*", TYPE ";q=0"));
    assert_false(admits(TYPE ";q=0", "*/*"));
}

static void content_type(void **state)
{
    (void)state;
    assert_true(fg_content_type_is(fg_bytes_from_string(TYPE), TYPE));
    assert_true(fg_content_type_is(fg_bytes_from_string(" Application/X-Y ; a=b"), TYPE));
    assert_true(fg_content_type_is(fg_bytes_from_string(TYPE ";a=\",\", " TYPE), TYPE));
    assert_false(fg_content_type_is(fg_bytes_from_string("text/html, " TYPE), TYPE));
    assert_false(fg_content_type_is(fg_bytes_from_string(TYPE "z"), TYPE));
    assert_false(fg_content_type_is(fg_bytes_from_string(TYPE ", text/html"), TYPE));
    assert_false(fg_content_type_is(fg_bytes_from_string("*/*"), TYPE));
    assert_false(fg_content_type_is(fg_bytes_from_string(""), TYPE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_that_admit),
        cmocka_unit_test(ranges_that_do_not),
        cmocka_unit_test(several_fields_count_as_one_list),
        cmocka_unit_test(content_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
