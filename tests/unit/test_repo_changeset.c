/* Parsing the texts of changesets. */
#include "tests/support/support.h"

#include "handlers/repo/changeset.h"

#define NODE "1234567890123456789012345678901234567890"

static struct fg_changeset changeset;

static enum fg_status parse(struct fg_bytes text)
{
    return fg_changeset_parse(text, &changeset, NULL);
}

static void the_branch_is_default_unless_it_is_named(void **state)
{
    (void)state;
    assert_int_equal(parse(BYTES(NODE "\nuser\n0 0\nfile\n\nmessage")), FG_OK);
    assert_bytes(fg_buffer_view(&changeset.branch), "default");
    assert_false(changeset.closes);
    assert_int_equal(changeset.manifest.bytes[0], 0x12);
    assert_int_equal(parse(BYTES(NODE "\nuser\n0 0 branch:stable\n\nmessage")), FG_OK);
    assert_bytes(fg_buffer_view(&changeset.branch), "stable");
    assert_int_equal(parse(BYTES("")), FG_OK);
    assert_bytes(fg_buffer_view(&changeset.branch), "default");
    assert_int_equal(parse(BYTES(NODE "\nuser\n0 0 a:b\0branch:x y\0close:1\n\nm")), FG_OK);
    assert_bytes(fg_buffer_view(&changeset.branch), "x y");
    assert_true(changeset.closes);
    assert_int_equal(parse(BYTES(NODE "\nuser\n0 0 branches:no\0closed:1\n\nm")), FG_OK);
    assert_bytes(fg_buffer_view(&changeset.branch), "default");
    assert_false(changeset.closes);
}

static void escapes_are_undone(void **state)
{
    (void)state;
    assert_int_equal(parse(BYTES(NODE "\nuser\n0 0 branch:a\\\\b\\nc\\0d\\re\\x\\\n\nm")), FG_OK);
    assert_bytes(fg_buffer_view(&changeset.branch), "a\\b\nc\0d\re\\x\\");
}

static void what_is_no_changeset_is_refused(void **state)
{
    (void)state;
    assert_int_equal(parse(BYTES("x")), FG_ERR_CORRUPT);
    assert_int_equal(parse(BYTES(NODE "\nuser\n0 0")), FG_ERR_CORRUPT);
    assert_int_equal(parse(BYTES("zz\nuser\n0 0\n\nm")), FG_ERR_CORRUPT);
}

static int clear(void **state)
{
    (void)state;
    fg_changeset_clear(&changeset);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_branch_is_default_unless_it_is_named),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(what_is_no_changeset_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, clear);
}
