/* The obsolescence store. */
#include "tests/support/support.h"

#include "handlers/repo/obsolete.h"

#define NODE_A    "aaaaaaaaaaaaaaaaaaaa"
#define NODE_B    "bbbbbbbbbbbbbbbbbbbb"
#define NULL_NODE "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

struct seen {
    size_t count;
    struct fg_node last;
};

static void see(void *context, const struct fg_node *predecessor)
{
    struct seen *seen = context;
    seen->count++;
    seen->last = *predecessor;
}

static enum fg_status walk(struct fg_bytes store, struct seen *seen)
{
    struct fg_error error = {0};
    *seen = (struct seen){0};
    enum fg_status status = fg_obsolete_walk(store, see, seen, &error);
    assert_true(status == FG_OK || error.message[0] != '\0');
    return status;
}

/* One successor, five bytes of metadata; then none of either. */
#define FORMAT_0                                                                                   \
    "\0"                                                                                           \
    "\1\0\0\0\5\0" NODE_A NODE_B "k:val"                                                           \
    "\0\0\0\0\0\0" NODE_B

/* Size, date, zone, flags, counts; one successor, no parents recorded, one pair; then a prune. */
#define FORMAT_1                                                                                   \
    "\1"                                                                                           \
    "\0\0\0\103"                                                                                   \
    "\0\0\0\0\0\0\0\0\0\0\0\0\1\3\1" NODE_A NODE_B "\4\2userme"                                    \
    "\0\0\0\73"                                                                                    \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0" NODE_B NODE_A

static void both_formats_tell_the_predecessors(void **state)
{
    (void)state;
    struct seen seen;
    assert_int_equal(walk(BYTES(""), &seen), FG_OK);
    assert_int_equal(seen.count, 0);
    assert_int_equal(walk(BYTES(FORMAT_0), &seen), FG_OK);
    assert_int_equal(seen.count, 2);
    assert_memory_equal(seen.last.bytes, NODE_B, FG_NODE_SIZE);
    assert_int_equal(walk(BYTES(FORMAT_1), &seen), FG_OK);
    assert_int_equal(seen.count, 2);
    assert_memory_equal(seen.last.bytes, NODE_B, FG_NODE_SIZE);
}

static void every_cut_but_between_markers_is_refused(void **state)
{
    (void)state;
    struct seen seen;
    const struct fg_bytes stores[] = {BYTES(FORMAT_0), BYTES(FORMAT_1)};
    const size_t between[] = {1 + 51, 1 + 67};
    for (size_t i = 0; i < 2; i++) {
        for (size_t size = 1; size < stores[i].size; size++) {
            bool whole = size == 1 || size == between[i];
            uint8_t *copy = malloc(size); /* so that a read beyond it shows */
            assert_non_null(copy);
            memcpy(copy, stores[i].data, size);
            assert_int_equal(walk((struct fg_bytes){copy, size}, &seen),
                             whole ? FG_OK : FG_ERR_CORRUPT);
            free(copy);
        }
    }
}

static void a_null_successor_is_refused(void **state)
{
    (void)state;
    struct seen seen;
    assert_int_equal(walk(BYTES("\0\1\0\0\0\0\0" NODE_A NULL_NODE), &seen), FG_ERR_CORRUPT);
}

static void another_format_is_refused(void **state)
{
    (void)state;
    struct seen seen;
    assert_int_equal(walk(BYTES("\2xxxx"), &seen), FG_ERR_UNSUPPORTED);
}

static void markers_of_longer_nodes_are_passed_over(void **state)
{
    (void)state;
    struct seen seen;
    assert_int_equal(walk(BYTES("\1\0\0\0\63\0\0\0\0\0\0\0\0\0\0\0\2\0\3\0"
                                "01234567890123456789012345678901"),
                          &seen),
                     FG_OK);
    assert_int_equal(seen.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_formats_tell_the_predecessors),
        cmocka_unit_test(every_cut_but_between_markers_is_refused),
        cmocka_unit_test(a_null_successor_is_refused),
        cmocka_unit_test(another_format_is_refused),
        cmocka_unit_test(markers_of_longer_nodes_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
