/* Names of filelogs in the store; the expected ones are Mercurial's. */
#include "tests/support/support.h"

#include "handlers/repo/layout.h"
#include "handlers/repo/storepath.h"

enum {
    STORE = FG_REQUIREMENT_STORE,
    FNCACHE = STORE | FG_REQUIREMENT_FNCACHE,
    DOTENCODE = FNCACHE | FG_REQUIREMENT_DOTENCODE,
};

static void check(const char *path, unsigned requirements, const char *expected)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(4096);
    assert_int_equal(fg_storepath_encode(fg_bytes_from_string(path), requirements, &buffer), FG_OK);
    assert_int_equal(fg_buffer_append_byte(&buffer, '\0'), FG_OK);
    assert_string_equal((const char *)buffer.data, expected);
    fg_buffer_free(&buffer);
}

static void each_layout_has_its_encoding(void **state)
{
    (void)state;
    check("data/.hgtags.i", 0, "data/.hgtags.i");
    check("data/.hgtags.i", STORE, "data/.hgtags.i");
    check("data/.hgtags.i", FNCACHE, "data/.hgtags.i");
    check("data/.hgtags.i", DOTENCODE, "data/~2ehgtags.i");
    check("data/Foo_bar.i", 0, "data/Foo_bar.i");
    check("data/Foo_bar.i", STORE, "data/_foo__bar.i");
    check("data/aux.i/nul.d/con.hg/x.i", STORE, "data/aux.i.hg/nul.d.hg/con.hg.hg/x.i");
    check("data/aux/con.txt/prn.i", DOTENCODE, "data/au~78/co~6e.txt/pr~6e.i");
    check("data/com1/com0/lpt9.x/lpt10.i", DOTENCODE, "data/co~6d1/com0/lp~749.x/lpt10.i");
    check("data/a./b /c:\xff\x01.i", DOTENCODE, "data/a~2e/b~20/c~3a~ff~01.i");
    check("data/ a/.b.i", DOTENCODE, "data/~20a/~2eb.i");
    check("data/ a/.b.i", FNCACHE, "data/ a/.b.i");
}

static void long_names_are_hashed(void **state)
{
    (void)state;
    check("data/ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ.i",
          DOTENCODE,
          "dh/abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmno"
          "pqrstuvw8de642ebdd5a4c07def1bade9b4a16cf9278ffda.i");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_layout_has_its_encoding),
        cmocka_unit_test(long_names_are_hashed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
