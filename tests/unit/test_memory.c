/* The sum of memory, its ceiling, and what one holder may ask for. */
#include "tests/support/support.h"

#include "handlers/memory.h"

enum { CEILING = 1000 };

static void the_sum_follows_its_holders(void **state)
{
    (void)state;
    struct fg_memory memory;
    fg_memory_init(&memory, CEILING);
    struct fg_holding one = {.memory = &memory};
    struct fg_holding other = {.memory = &memory};
    fg_holding_set(&one, 600);
    fg_holding_set(&other, 400);
    assert_int_equal(fg_memory_bytes(&memory), 1000);
    assert_false(fg_memory_is_short(&memory));
    fg_holding_set(&other, 401);
    assert_true(fg_memory_is_short(&memory));
    fg_holding_set(&one, 0);
    assert_int_equal(fg_memory_bytes(&memory), 401);
    fg_holding_set(&other, 0);
    assert_int_equal(fg_memory_bytes(&memory), 0);
}

static void who_asks_is_refused_above_twice_the_ceiling(void **state)
{
    (void)state;
    struct fg_memory memory;
    struct fg_error error = {.message = ""};
    fg_memory_init(&memory, CEILING);
    struct fg_holding one = {.memory = &memory};
    assert_int_equal(fg_holding_ask(&one, 2 * CEILING, &error), FG_OK);
    assert_int_equal(fg_holding_ask(&one, 2 * CEILING + 1, &error), FG_ERR_LIMIT);
    assert_non_null(strstr(error.message, "too much memory"));
    assert_int_equal(fg_memory_bytes(&memory), 2 * CEILING);
    assert_int_equal(atomic_load(&memory.refusals), 1);
    /* Others may take it there; to become smaller is always allowed. */
    struct fg_holding other = {.memory = &memory};
    fg_holding_set(&other, 500);
    assert_true(fg_memory_is_spent(&memory));
    assert_int_equal(fg_holding_ask(&one, 2 * CEILING - 1, NULL), FG_OK);
    assert_int_equal(fg_memory_bytes(&memory), 2 * CEILING + 499);
}

static void without_a_sum_nothing_is_counted(void **state)
{
    (void)state;
    struct fg_holding nowhere = {.memory = NULL};
    fg_holding_set(&nowhere, 5);
    assert_int_equal(fg_holding_ask(&nowhere, UINT64_MAX, NULL), FG_OK);
    assert_int_equal(nowhere.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_follows_its_holders),
        cmocka_unit_test(who_asks_is_refused_above_twice_the_ceiling),
        cmocka_unit_test(without_a_sum_nothing_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
