/* How long a thread may take: the deadline, giving it anew, and the stop. */
#include "handlers/patience.h"

#include "tests/support/support.h"

#include <time.h>

static void wait_seconds(time_t seconds)
{
    const struct timespec time = {.tv_sec = seconds, .tv_nsec = 50000000};
    nanosleep(&time, NULL);
}

static void test_a_thread_that_was_given_nothing(void **state)
{
    (void)state;
    assert_int_equal(fg_patience_check(NULL), FG_OK);
    fg_patience_renew();
    assert_int_equal(fg_patience_check(NULL), FG_OK);
    assert_false(fg_patience_end());
}

static void test_the_time_is_over(void **state)
{
    (void)state;
    struct fg_error error;
    fg_patience_begin(1);
    assert_int_equal(fg_patience_check(&error), FG_OK);
    wait_seconds(1);
    assert_int_equal(fg_patience_check(&error), FG_ERR_LIMIT);
    assert_string_equal(error.message, "this took longer than 1 seconds");
    fg_patience_renew();
    assert_int_equal(fg_patience_check(&error), FG_OK);
    /* Something was given up, though what came later was in time. */
    assert_true(fg_patience_end());
    assert_int_equal(fg_patience_check(&error), FG_OK);
    assert_false(fg_patience_end());
}

static void test_the_end_of_the_program(void **state)
{
    (void)state;
    struct fg_error error;
    fg_patience_begin(100);
    fg_patience_stop();
    assert_int_equal(fg_patience_check(&error), FG_ERR_LIMIT);
    assert_string_equal(error.message, "the server stops");
    /* Which is no fault of what was given up. */
    assert_false(fg_patience_end());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thread_that_was_given_nothing),
        cmocka_unit_test(test_the_time_is_over),
        cmocka_unit_test(test_the_end_of_the_program), /* the last: nothing goes on after it */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
