/* Notices: each damaged file is told once, and no more are remembered than there is room for. */
#include "tests/support/support.h"

#include "handlers/repo/notices.h"

#include <fcntl.h>

static unsigned told;
static char last[1024];

static void listen(const char *line)
{
    told++;
    snprintf(last, sizeof last, "%s", line);
}

static struct fg_notices *make(void)
{
    struct fg_notices *notices = fg_notices_new("/where/it/is");
    assert_non_null(notices);
    fg_notices_set_listener(notices, listen);
    told = 0;
    return notices;
}

static void a_file_is_told_once(void **state)
{
    (void)state;
    struct fg_notices *notices = make();
    struct fg_damage found[FG_DAMAGES_MAX];
    fg_notices_damage(notices, AT_FDCWD, "/dev/null", "first\nreason");
    fg_notices_damage(notices, AT_FDCWD, "/dev/null", "second reason");
    assert_int_equal(told, 1);
    assert_string_equal(last, "the repository /where/it/is is damaged: /dev/null: first?reason");
    /* Of no file in particular, the reason tells one from the other. */
    fg_notices_damage(notices, AT_FDCWD, "", "one");
    fg_notices_damage(notices, AT_FDCWD, "", "two");
    fg_notices_damage(notices, AT_FDCWD, "", "one");
    assert_int_equal(told, 3);
    assert_int_equal(fg_notices_damages(notices, found), 3);
    assert_string_equal(found[0].file, "/dev/null");
    assert_string_equal(found[2].reason, "two");
    fg_notices_look_again(notices, AT_FDCWD, false);
    assert_int_equal(fg_notices_damages(notices, found), 3);
    fg_notices_look_again(notices, AT_FDCWD, true);
    assert_int_equal(fg_notices_damages(notices, found), 1);
    fg_notices_unref(notices);
}

static void what_is_remembered_has_an_end(void **state)
{
    (void)state;
    struct fg_notices *notices = make();
    struct fg_damage found[FG_DAMAGES_MAX];
    char name[32];
    for (unsigned i = 0; i < 3 * FG_DAMAGES_MAX; i++) {
        snprintf(name, sizeof name, "missing-%u", i);
        fg_notices_damage(notices, AT_FDCWD, name, "missing");
    }
    assert_int_equal(told, FG_DAMAGES_MAX + 1);
    assert_non_null(strstr(last, "further files are not told"));
    assert_int_equal(fg_notices_damages(notices, found), FG_DAMAGES_MAX);
    fg_notices_unref(notices);
}

static void names_of_any_length_are_cut(void **state)
{
    (void)state;
    struct fg_notices *notices = make();
    char name[2048];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    fg_notices_damage(notices, AT_FDCWD, name, name);
    assert_int_equal(told, 1);
    fg_notices_damage(NULL, AT_FDCWD, name, name);
    fg_notices_look_again(NULL, AT_FDCWD, true);
    fg_notices_unref(notices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_told_once),
        cmocka_unit_test(what_is_remembered_has_an_end),
        cmocka_unit_test(names_of_any_length_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
