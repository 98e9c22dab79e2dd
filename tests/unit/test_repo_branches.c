/* Branches: more of them than fit one pass, and their tips. */
#include "tests/support/support.h"

#include "handlers/repo/branches.h"

enum { BRANCHES = 200, COUNT = 3 * BRANCHES };

/*
 * Each branch has three changesets: one, a child of it on the next branch, and a child of that on
 * the branch again. So the first one has no child on its branch, and is no head all the same.
 */
static void branches_that_are_left_and_entered_again(void **state)
{
    (void)state;
    struct fg_parents parents[COUNT];
    uint32_t numbers[COUNT];
    char texts[BRANCHES][8];
    struct fg_branch_name names[BRANCHES];
    for (uint32_t i = 0; i < BRANCHES; i++) {
        snprintf(texts[i], sizeof texts[i], "b%03u", i);
        names[i] = (struct fg_branch_name){(uint8_t *)texts[i], 4};
        uint32_t first = 3 * i;
        parents[first] = (struct fg_parents){{FG_REV_NULL, FG_REV_NULL}};
        parents[first + 1] = (struct fg_parents){{(int32_t)first, FG_REV_NULL}};
        parents[first + 2] = (struct fg_parents){{(int32_t)first + 1, FG_REV_NULL}};
        numbers[first] = i;
        numbers[first + 1] = (i + 1) % BRANCHES;
        numbers[first + 2] = i | (i % 2 == 0 ? FG_BRANCH_CLOSES : 0);
    }
    struct fg_history history = {
        .parents = parents, .branches = numbers, .names = names, .names_count = BRANCHES};
    struct fg_view view = {0};
    assert_int_equal(fg_view_init(&view, &history, COUNT), FG_OK);
    assert_int_equal(fg_view_finish(&view), FG_OK);
    struct fg_branches *branches;
    assert_int_equal(fg_branches_find(&history, &view, &branches), FG_OK);
    assert_int_equal(branches->count, BRANCHES);
    for (uint32_t i = 0; i < BRANCHES; i++) {
        const struct fg_branch *branch =
            fg_branches_get(branches, (struct fg_bytes){(uint8_t *)texts[i], 4});
        uint32_t elsewhere = 3 * ((i + BRANCHES - 1) % BRANCHES) + 1;
        uint32_t last = 3 * i + 2;
        assert_non_null(branch);
        assert_int_equal(branch->heads_count, 2);
        assert_int_equal(branch->heads[0], elsewhere < last ? elsewhere : last);
        assert_int_equal(branch->heads[1], elsewhere < last ? last : elsewhere);
        /* The closed head is only the tip where there is no open one. */
        uint32_t highest = elsewhere < last ? last : elsewhere;
        assert_int_equal(branch->tip, i % 2 == 0 ? elsewhere : highest);
    }
    assert_null(fg_branches_get(branches, BYTES("b")));
    assert_null(fg_branches_get(branches, BYTES("b0000")));
    fg_branches_free(branches);
    fg_view_clear(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branches_that_are_left_and_entered_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
