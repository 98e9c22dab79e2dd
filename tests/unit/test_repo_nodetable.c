/* The table from nodes to revisions. */
#include "tests/support/support.h"

#include "handlers/repo/nodetable.h"

enum { COUNT = 5000 };

static struct fg_node random_node(uint64_t *seed)
{
    struct fg_node node;
    for (size_t i = 0; i < FG_NODE_SIZE; i++) {
        node.bytes[i] = (uint8_t)(next_random(seed) >> 32);
    }
    return node;
}

static void fill(struct fg_nodetable *table, uint64_t seed, uint32_t count)
{
    assert_int_equal(fg_nodetable_init(table, count), FG_OK);
    for (uint32_t i = 0; i < count; i++) {
        struct fg_node node = random_node(&seed);
        assert_int_equal(fg_nodetable_append(table, &node), FG_OK);
    }
}

static void every_node_is_found_and_no_other(void **state)
{
    (void)state;
    struct fg_nodetable table;
    uint64_t seed = 7;
    fill(&table, seed, COUNT);
    for (int32_t i = 0; i < COUNT; i++) {
        struct fg_node node = random_node(&seed);
        assert_int_equal(fg_nodetable_find(&table, &node, COUNT), i);
        node.bytes[19] ^= 1;
        assert_int_equal(fg_nodetable_find(&table, &node, COUNT), FG_REV_NULL);
    }
    assert_int_equal(fg_nodetable_find(&table, &fg_node_null, COUNT), FG_REV_NULL);
    fg_nodetable_clear(&table);
}

static void a_reader_sees_only_the_revisions_it_knows_of(void **state)
{
    (void)state;
    struct fg_nodetable table;
    uint64_t seed = 7;
    uint32_t rev;
    fill(&table, seed, 100);
    assert_int_equal(fg_nodetable_find(&table, &table.nodes[50], 51), 50);
    assert_int_equal(fg_nodetable_find(&table, &table.nodes[50], 50), FG_REV_NULL);
    char hex[FG_NODE_HEX_SIZE];
    fg_node_to_hex(&table.nodes[50], hex);
    struct fg_bytes prefix = {(const uint8_t *)hex, 12};
    assert_int_equal(fg_nodetable_match(&table, prefix, 51, &rev), 1);
    assert_int_equal(fg_nodetable_match(&table, prefix, 50, &rev), 0);
    fg_nodetable_clear(&table);
}

static void the_same_node_twice_is_refused(void **state)
{
    (void)state;
    struct fg_nodetable table;
    uint64_t seed = 9;
    assert_int_equal(fg_nodetable_init(&table, 3), FG_OK);
    struct fg_node node = random_node(&seed);
    assert_int_equal(fg_nodetable_append(&table, &node), FG_OK);
    assert_int_equal(fg_nodetable_append(&table, &node), FG_ERR_CORRUPT);
    assert_int_equal(table.used, 1);
    fg_nodetable_clear(&table);
}

static void slots_that_are_filled_late_find_the_same(void **state)
{
    (void)state;
    struct fg_nodetable table;
    uint64_t seed = 11;
    assert_int_equal(fg_nodetable_init_late(&table, COUNT + 1), FG_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct fg_node node = random_node(&seed);
        assert_int_equal(fg_nodetable_append(&table, &node), FG_OK);
    }
    assert_false(fg_nodetable_is_filled(&table));
    for (int32_t i = 0; i < COUNT; i++) {
        assert_int_equal(fg_nodetable_find(&table, &table.nodes[i], COUNT), i);
    }
    assert_true(fg_nodetable_is_filled(&table));
    assert_int_equal(fg_nodetable_fill(&table), FG_OK);
    struct fg_node later = random_node(&seed);
    assert_int_equal(fg_nodetable_append(&table, &later), FG_OK);
    assert_int_equal(fg_nodetable_find(&table, &later, COUNT + 1), COUNT);
    fg_nodetable_clear(&table);
}

static void the_same_node_twice_shows_when_slots_are_filled_late(void **state)
{
    (void)state;
    struct fg_nodetable table;
    uint64_t seed = 9;
    char hex[FG_NODE_HEX_SIZE];
    uint32_t rev = 9;
    assert_int_equal(fg_nodetable_init_late(&table, 4), FG_OK);
    struct fg_node node = random_node(&seed);
    assert_int_equal(fg_nodetable_append(&table, &node), FG_OK);
    assert_int_equal(fg_nodetable_append(&table, &node), FG_OK);
    fg_node_to_hex(&node, hex);
    struct fg_bytes prefix = {(const uint8_t *)hex, sizeof hex};
    assert_int_equal(fg_nodetable_match(&table, prefix, 2, &rev), 1);
    assert_int_equal(rev, 0);
    assert_int_equal(fg_nodetable_fill(&table), FG_ERR_CORRUPT);
    assert_int_equal(fg_nodetable_fill(&table), FG_ERR_CORRUPT);
    fg_nodetable_clear(&table);
}

/* The slow way to match a prefix: 0, 1 or 2. */
static int matches(const struct fg_nodetable *table, struct fg_bytes prefix, uint32_t *ret_rev)
{
    int found = 0;
    for (uint32_t rev = 0; rev < table->used && found < 2; rev++) {
        char hex[FG_NODE_HEX_SIZE];
        fg_node_to_hex(&table->nodes[rev], hex);
        if (memcmp(hex, prefix.data, prefix.size) == 0) {
            *ret_rev = rev;
            found++;
        }
    }
    return found;
}

static void check_prefixes(const struct fg_nodetable *table)
{
    for (uint32_t rev = 0; rev < table->used; rev += 37) {
        char hex[FG_NODE_HEX_SIZE];
        fg_node_to_hex(&table->nodes[rev], hex);
        for (size_t size = 1; size <= sizeof hex; size++) {
            struct fg_bytes prefix = {(const uint8_t *)hex, size};
            uint32_t expected;
            uint32_t got;
            int count = matches(table, prefix, &expected);
            assert_int_equal(fg_nodetable_match(table, prefix, table->used, &got), count);
            if (count == 1) {
                assert_int_equal(got, expected);
            }
        }
    }
}

static void prefixes_match_as_a_search_of_all_nodes_would(void **state)
{
    (void)state;
    struct fg_nodetable table;
    fill(&table, 11, 700);
    check_prefixes(&table);
    uint32_t rev;
    assert_int_equal(fg_nodetable_match(&table, BYTES(""), 700, &rev), 0);
    assert_int_equal(fg_nodetable_match(&table, BYTES("0g"), 700, &rev), 0);
    assert_int_equal(
        fg_nodetable_match(&table, BYTES("00000000000000000000000000000000000000000"), 700, &rev),
        0);
    fg_nodetable_clear(&table);
}

static void nodes_that_crowd_together_are_still_found(void **state)
{
    (void)state;
    struct fg_nodetable table;
    uint64_t seed = 13;
    assert_int_equal(fg_nodetable_init(&table, 300), FG_OK);
    for (uint32_t i = 0; i < 300; i++) {
        struct fg_node node = random_node(&seed);
        /* At the end, so that they go on at the start of the table. */
        memset(node.bytes, i % 3 == 0 ? 0 : 0xff, 6);
        assert_int_equal(fg_nodetable_append(&table, &node), FG_OK);
    }
    for (int32_t i = 0; i < 300; i++) {
        assert_int_equal(fg_nodetable_find(&table, &table.nodes[i], 300), i);
    }
    check_prefixes(&table);
    fg_nodetable_clear(&table);
}

static void hexadecimal_is_read_exactly(void **state)
{
    (void)state;
    struct fg_node node;
    char hex[FG_NODE_HEX_SIZE];
    assert_true(fg_node_from_hex(BYTES("00112233445566778899aAbBcCdDeEfF01234567"), &node));
    fg_node_to_hex(&node, hex);
    assert_memory_equal(hex, "00112233445566778899aabbccddeeff01234567", sizeof hex);
    assert_false(fg_node_from_hex(BYTES("0011223344556677889900112233445566778899a"), &node));
    assert_false(fg_node_from_hex(BYTES("001122334455667788990011223344556677889"), &node));
    assert_false(fg_node_from_hex(BYTES("g011223344556677889900112233445566778899"), &node));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_is_found_and_no_other),
        cmocka_unit_test(a_reader_sees_only_the_revisions_it_knows_of),
        cmocka_unit_test(the_same_node_twice_is_refused),
        cmocka_unit_test(slots_that_are_filled_late_find_the_same),
        cmocka_unit_test(the_same_node_twice_shows_when_slots_are_filled_late),
        cmocka_unit_test(prefixes_match_as_a_search_of_all_nodes_would),
        cmocka_unit_test(nodes_that_crowd_together_are_still_found),
        cmocka_unit_test(hexadecimal_is_read_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
