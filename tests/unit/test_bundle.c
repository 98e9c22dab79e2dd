/* The pieces of bundles: deltas, sets of paths, capabilities, outgoing sets, the container. */
#include "tests/support/support.h"

#include "handlers/bundle/bundle2.h"
#include "handlers/bundle/caps.h"
#include "handlers/bundle/delta.h"
#include "handlers/bundle/outgoing.h"
#include "handlers/bundle/paths.h"
#include "handlers/bundle/replycaps.h"
#include "handlers/repo/chunk.h"
#include "handlers/repo/endian.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 4096, ROUNDS = 3000 };

static uint32_t below(uint64_t *seed, uint32_t limit)
{
    return (uint32_t)((next_random(seed) >> 33) % limit);
}

/* -- deltas ----------------------------------------------------------------------------------- */

/* Some of the lines 0 to 19, in order if they are to be sorted; at times without a last feed. */
static void fill_text(struct fg_buffer *text, bool sorted, uint64_t *seed)
{
    fg_buffer_reset(text);
    uint32_t step = 1 + below(seed, 4);
    for (uint32_t line = below(seed, 3); line < 20; line += 1 + below(seed, step)) {
        uint32_t shown = sorted ? line : below(seed, 5);
        assert_int_equal(fg_buffer_append_format(text, "line%02u %u\n", shown, below(seed, 2)),
                         FG_OK);
    }
    if (text->size > 0 && below(seed, 4) == 0) {
        text->size--;
    }
}

/* The delta makes text out of base, and its hunks begin and end at lines of the base. */
static void check_delta(struct fg_bytes base, struct fg_bytes text, struct fg_bytes delta)
{
    struct fg_patch patch = {0};
    struct fg_buffer made = FG_BUFFER_INIT(TEXT_MAX);
    assert_int_equal(fg_patch_begin(&patch, base), FG_OK);
    assert_int_equal(fg_patch_apply(&patch, delta, TEXT_MAX, NULL), FG_OK);
    assert_int_equal(fg_patch_finish(&patch, &made), FG_OK);
    assert_true(fg_bytes_equal(fg_buffer_view(&made), text));
    fg_patch_clear(&patch);
    fg_buffer_free(&made);
    while (delta.size > 0) {
        size_t start = fg_read_be32(delta.data);
        size_t end = fg_read_be32(delta.data + 4);
        size_t size = fg_read_be32(delta.data + 8);
        assert_true(start == 0 || base.data[start - 1] == '\n');
        assert_true(end == base.size || end == 0 || base.data[end - 1] == '\n');
        assert_true(start < end || size > 0);
        delta.data += FG_HUNK_HEADER_SIZE + size;
        delta.size -= FG_HUNK_HEADER_SIZE + size;
    }
}

static void deltas_make_the_text(void **state)
{
    (void)state;
    uint64_t seed = 11;
    struct fg_buffer base = FG_BUFFER_INIT(TEXT_MAX);
    struct fg_buffer text = FG_BUFFER_INIT(TEXT_MAX);
    struct fg_buffer delta = FG_BUFFER_INIT(TEXT_MAX);
    for (int i = 0; i < ROUNDS; i++) {
        bool sorted = i % 2 == 0;
        fill_text(&base, sorted, &seed);
        fill_text(&text, sorted, &seed);
        fg_buffer_reset(&delta);
        assert_int_equal(
            fg_delta_put(fg_buffer_view(&base), fg_buffer_view(&text), sorted, NULL, &delta),
            FG_OK);
        check_delta(fg_buffer_view(&base), fg_buffer_view(&text), fg_buffer_view(&delta));
    }
    fg_buffer_free(&base);
    fg_buffer_free(&text);
    fg_buffer_free(&delta);
}

static void sorted_lines_give_a_hunk_for_each_change(void **state)
{
    (void)state;
    struct fg_buffer delta = FG_BUFFER_INIT(TEXT_MAX);
    struct fg_bytes base = fg_bytes_from_string("a\nb\nc\nd\ne\n");
    struct fg_bytes text = fg_bytes_from_string("a\nbb\nc\ne\nf\n");
    assert_int_equal(fg_delta_put(base, text, true, NULL, &delta), FG_OK);
    static const uint8_t expected[] = {0,    0, 0,  2, 0, 0, 0,  4, 0, 0, 0, 3,   'b', 'b',
                                       '\n', 0, 0,  0, 6, 0, 0,  0, 8, 0, 0, 0,   0,   0,
                                       0,    0, 10, 0, 0, 0, 10, 0, 0, 0, 2, 'f', '\n'};
    assert_int_equal(delta.size, sizeof expected);
    assert_memory_equal(delta.data, expected, sizeof expected);
    fg_buffer_reset(&delta);
    assert_int_equal(fg_delta_put(base, base, true, NULL, &delta), FG_OK);
    assert_int_equal(delta.size, 0);
    delta.ceiling = 5;
    assert_int_equal(fg_delta_put(base, text, true, NULL, &delta), FG_ERR_LIMIT);
    fg_buffer_free(&delta);
}

/* -- paths ------------------------------------------------------------------------------------ */

static void paths_are_a_sorted_set(void **state)
{
    (void)state;
    enum { NAMES = 5000 };
    struct fg_paths paths = {0};
    char name[64];
    for (int i = 0; i < 2 * NAMES; i++) {
        int length = snprintf(name, sizeof name, "folder/%d", (i * 7919) % NAMES);
        struct fg_bytes bytes = {(const uint8_t *)name, (size_t)length};
        assert_int_equal(fg_paths_add(&paths, bytes), FG_OK);
    }
    assert_int_equal(paths.count, NAMES);
    fg_paths_finish(&paths);
    for (uint32_t i = 0; i < NAMES; i++) {
        struct fg_bytes bytes = {paths.items[i].name, paths.items[i].size};
        assert_ptr_equal(fg_paths_find(&paths, bytes), &paths.items[i]);
        if (i > 0) {
            const struct fg_path *before = &paths.items[i - 1];
            size_t common = before->size < bytes.size ? before->size : bytes.size;
            int order = memcmp(before->name, bytes.data, common);
            assert_true(order < 0 || (order == 0 && before->size < bytes.size));
        }
    }
    assert_null(fg_paths_find(&paths, fg_bytes_from_string("folder/")));
    assert_null(fg_paths_find(&paths, fg_bytes_from_string("zzz")));
    fg_paths_clear(&paths);
    fg_paths_finish(&paths);
    assert_null(fg_paths_find(&paths, fg_bytes_from_string("a")));
}

static void long_paths_have_room(void **state)
{
    (void)state;
    struct fg_paths paths = {0};
    static uint8_t name[200000];
    memset(name, 'n', sizeof name);
    assert_int_equal(fg_paths_add(&paths, (struct fg_bytes){name, sizeof name}), FG_OK);
    assert_int_equal(fg_paths_add(&paths, (struct fg_bytes){name, 3}), FG_OK);
    fg_paths_finish(&paths);
    assert_int_equal(paths.items[0].size, 3);
    assert_int_equal(paths.items[1].size, sizeof name);
    fg_paths_clear(&paths);
}

/* -- capabilities ----------------------------------------------------------------------------- */

static void caps_are_read(void **state)
{
    (void)state;
    struct fg_bundle_caps caps = {.bundle2 = false};
    struct fg_bytes values;
    assert_false(fg_bundle_caps_find(&caps, "changegroup", &values));
    assert_int_equal(fg_bundle_caps_add(&caps, fg_bytes_from_string("nothing")), FG_OK);
    assert_false(caps.bundle2);
    assert_int_equal(fg_bundle_caps_add(&caps, fg_bytes_from_string("HG20")), FG_OK);
    assert_true(caps.bundle2);
    const char *blob = "bundle2=HG20%0Achangegroup%3D01%2C02%0Abookmarks%0Abroken%4%zz%";
    assert_int_equal(fg_bundle_caps_add(&caps, fg_bytes_from_string(blob)), FG_OK);
    assert_true(fg_bundle_caps_has(&caps, "changegroup", "01"));
    assert_true(fg_bundle_caps_has(&caps, "changegroup", "02"));
    assert_false(fg_bundle_caps_has(&caps, "changegroup", "03"));
    assert_false(fg_bundle_caps_has(&caps, "changegroup", "0"));
    assert_true(fg_bundle_caps_find(&caps, "bookmarks", &values));
    assert_int_equal(values.size, 0);
    assert_true(fg_bundle_caps_find(&caps, "broken%4%zz%", &values));
    assert_false(fg_bundle_caps_find(&caps, "book", &values));
    fg_bundle_caps_clear(&caps);
}

/* -- outgoing sets ---------------------------------------------------------------------------- */

enum { COUNT = 40 };

static void fill_parents(struct fg_parents *parents, uint64_t *seed)
{
    for (uint32_t rev = 0; rev < COUNT; rev++) {
        for (int i = 0; i < 2; i++) {
            bool none = rev == 0 || below(seed, 3) == 0;
            parents[rev].revs[i] = none ? FG_REV_NULL : (int32_t)below(seed, rev);
        }
    }
}

static bool is_ancestor(const struct fg_parents *parents, int32_t ancestor, int32_t rev)
{
    return rev != FG_REV_NULL &&
           (rev == ancestor || is_ancestor(parents, ancestor, parents[rev].revs[0]) ||
            is_ancestor(parents, ancestor, parents[rev].revs[1]));
}

static bool below_any(const struct fg_parents *parents, uint32_t rev,
                      const struct fg_rev_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (is_ancestor(parents, (int32_t)rev, (int32_t)list->revs[i])) {
            return true;
        }
    }
    return false;
}

static void check_outgoing(const struct fg_parents *parents, const struct fg_outgoing *outgoing,
                           const struct fg_rev_list *heads, const struct fg_rev_list *common)
{
    uint32_t missing = 0;
    bool others = false;
    bool complete = true;
    for (uint32_t rev = 0; rev < COUNT; rev++) {
        enum fg_outgoing_state expected = FG_OUTGOING_OTHER;
        if (below_any(parents, rev, common)) {
            expected = FG_OUTGOING_COMMON;
        } else if (below_any(parents, rev, heads)) {
            expected = FG_OUTGOING_MISSING;
            complete = !others;
            missing++;
            assert_true(rev <= outgoing->last);
        }
        others = others || expected == FG_OUTGOING_OTHER;
        assert_int_equal(fg_outgoing_state(outgoing, (int32_t)rev), expected);
    }
    assert_int_equal(outgoing->missing, missing);
    assert_int_equal(outgoing->complete, complete);
    assert_int_equal(fg_outgoing_state(outgoing, FG_REV_NULL), FG_OUTGOING_OTHER);
    assert_int_equal(fg_outgoing_state(outgoing, COUNT), FG_OUTGOING_OTHER);
}

static void outgoing_sets_are_those_of_the_definition(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct fg_parents parents[COUNT];
    struct fg_history history = {.parents = parents};
    struct fg_snapshot snapshot = {.history = &history, .view = {.count = COUNT}};
    for (int round = 0; round < 300; round++) {
        uint32_t revs[2][3];
        struct fg_rev_list lists[2];
        fill_parents(parents, &seed);
        for (int i = 0; i < 2; i++) {
            lists[i] = (struct fg_rev_list){revs[i], below(&seed, 4)};
            for (uint32_t j = 0; j < lists[i].count; j++) {
                revs[i][j] = below(&seed, COUNT);
            }
        }
        struct fg_outgoing outgoing;
        assert_int_equal(fg_outgoing_find(&snapshot, &lists[0], &lists[1], &outgoing), FG_OK);
        check_outgoing(parents, &outgoing, &lists[0], &lists[1]);
        fg_outgoing_clear(&outgoing);
    }
}

/* -- the container ---------------------------------------------------------------------------- */

/* Reads all of a source in pieces of one size. */
static void read_all(struct fg_source *source, size_t capacity, struct fg_buffer *bytes)
{
    uint8_t *space;
    size_t size;
    enum fg_status status = FG_OK;
    while (status == FG_OK) {
        assert_int_equal(fg_buffer_reserve(bytes, capacity, &space), FG_OK);
        status = fg_source_read(source, space, capacity, &size);
        if (status == FG_OK) {
            assert_true(size > 0 && size <= capacity);
            bytes->size += size;
        }
    }
    assert_int_equal(status, FG_END);
    assert_int_equal(fg_source_read(source, space, capacity, &size), FG_END);
}

static void make_bundle(struct fg_source *ret_source)
{
    struct fg_bundle *bundle;
    const struct fg_bundle_param params[] = {{"k", fg_bytes_from_string("val"), true},
                                             {"opt", fg_bytes_from_string(""), false}};
    struct fg_source payload = fg_source_from_bytes(fg_bytes_from_string("data"));
    struct fg_source empty = fg_source_empty();
    assert_int_equal(fg_bundle_new(NULL, &bundle), FG_OK);
    assert_int_equal(fg_bundle_add(bundle, "PART", params, 2, &payload, NULL), FG_OK);
    assert_int_equal(fg_bundle_add(bundle, "e", NULL, 0, &empty, NULL), FG_OK);
    *ret_source = fg_bundle_source(bundle);
}

static void bundles_have_the_documented_bytes(void **state)
{
    (void)state;
    static const char expected[] = "HG20\0\0\0\0"
                                   "\0\0\0\x16\x04PART\0\0\0\0\1\1\1\3\3\0kvalopt"
                                   "\0\0\0\4data\0\0\0\0"
                                   "\0\0\0\x08\1e\0\0\0\1\0\0\0\0\0\0"
                                   "\0\0\0";
    static const size_t capacities[] = {1, 7, 4096, 100000};
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        struct fg_source source;
        struct fg_buffer bytes = FG_BUFFER_INIT(1 << 20);
        make_bundle(&source);
        read_all(&source, capacities[i], &bytes);
        assert_int_equal(bytes.size, sizeof expected);
        assert_memory_equal(bytes.data, expected, sizeof expected);
        fg_source_destroy(&source);
        fg_buffer_free(&bytes);
    }
}

static int destroyed;

/* Gives one byte, then fails. */
static enum fg_status read_failing(void *context, uint8_t *buffer, size_t capacity,
                                   size_t *ret_size)
{
    bool *given = context;
    (void)capacity;
    if (*given) {
        return FG_ERR_IO;
    }
    *given = true;
    buffer[0] = 'x';
    *ret_size = 1;
    return FG_OK;
}

static void a_payload_that_fails_is_interrupted(void **state)
{
    (void)state;
    static const char expected[] = "HG20\0\0\0\0"
                                   "\0\0\0\x08\1p\0\0\0\0\0\0"
                                   "\0\0\0\1x"
                                   "\xff\xff\xff\xff"
                                   "\0\0\0\x1e\x0b"
                                   "error:abort\0\0\0\0\1\0\7\3messagewhy"
                                   "\0\0\0\0"
                                   "\0\0\0\0"
                                   "\0\0\0";
    static const size_t capacities[] = {1, 7, 4096, 100000};
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        struct fg_bundle *bundle;
        bool given = false;
        const struct fg_error error = {.message = "why"};
        struct fg_source payload = {.read = read_failing, .context = &given, .error = &error};
        struct fg_buffer bytes = FG_BUFFER_INIT(1 << 20);
        assert_int_equal(fg_bundle_new(NULL, &bundle), FG_OK);
        assert_int_equal(fg_bundle_add(bundle, "p", NULL, 0, &payload, NULL), FG_OK);
        struct fg_source source = fg_bundle_source(bundle);
        read_all(&source, capacities[i], &bytes);
        assert_true(fg_source_lacks(&source));
        assert_int_equal(bytes.size, sizeof expected);
        assert_memory_equal(bytes.data, expected, sizeof expected);
        fg_buffer_free(&bytes);
        fg_source_destroy(&source);
    }
}

static void count_destroyed(void *context)
{
    (void)context;
    destroyed++;
}

static void parts_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static uint8_t value[256];
    const struct fg_bundle_param param = {"k", {value, sizeof value}, true};
    struct fg_bundle *bundle;
    assert_int_equal(fg_bundle_new(NULL, &bundle), FG_OK);
    struct fg_source payload = {.destroy = count_destroyed};
    destroyed = 0;
    assert_int_equal(fg_bundle_add(bundle, "P", &param, 1, &payload, NULL), FG_ERR_LIMIT);
    assert_int_equal(destroyed, 1);
    for (int i = 0; i < FG_BUNDLE_PARTS_MAX; i++) {
        payload = (struct fg_source){.destroy = count_destroyed};
        assert_int_equal(fg_bundle_add(bundle, "P", NULL, 0, &payload, NULL), FG_OK);
    }
    payload = (struct fg_source){.destroy = count_destroyed};
    assert_int_equal(fg_bundle_add(bundle, "P", NULL, 0, &payload, NULL), FG_ERR_LIMIT);
    assert_int_equal(destroyed, 2);
    fg_bundle_free(bundle);
    assert_int_equal(destroyed, 2 + FG_BUNDLE_PARTS_MAX);
    fg_bundle_free(NULL);
}

/* -- whether a push can be answered ------------------------------------------------------------ */

#define HEAD      "HG20\0\0\0\0"
#define OTHER     "\0\0\0\x08\1e\0\0\0\1\0\0"
#define REPLYCAPS "\0\0\0\x10\x09replycaps\0\0\0\1\0\0"
#define DATA      "\0\0\0\x0e\x09replycaps1234"
#define END       "\0\0\0\0"
#define BREAK     "\xff\xff\xff\xff"

static enum fg_replycaps walk(struct fg_bytes bundle, size_t step)
{
    struct fg_replycaps_walk walk = {0};
    for (size_t at = 0; at < bundle.size; at += step) {
        size_t left = bundle.size - at;
        fg_replycaps_take(&walk, (struct fg_bytes){bundle.data + at, left < step ? left : step});
    }
    return walk.found;
}

static void replycaps_are_found_among_the_parts(void **state)
{
    (void)state;
    const struct {
        struct fg_bytes bundle;
        enum fg_replycaps found;
    } cases[] = {
        {BYTES(HEAD REPLYCAPS END END), FG_REPLYCAPS_THERE},
        {BYTES(HEAD OTHER END REPLYCAPS), FG_REPLYCAPS_THERE},
        {BYTES(HEAD OTHER DATA DATA END REPLYCAPS), FG_REPLYCAPS_THERE},
        {BYTES("HG20\0\0\0\3a=b" REPLYCAPS), FG_REPLYCAPS_THERE},
        {BYTES(HEAD END), FG_REPLYCAPS_MISSING},
        {BYTES(HEAD OTHER DATA END END), FG_REPLYCAPS_MISSING},
        /* A part that interrupts a payload answers nothing, and ends without ending that. */
        {BYTES(HEAD OTHER BREAK REPLYCAPS END DATA END END), FG_REPLYCAPS_MISSING},
        {BYTES(HEAD OTHER BREAK END DATA END REPLYCAPS END END), FG_REPLYCAPS_THERE},
        {BYTES("HG20\0\0\0\x0e"
               "Compression=BZ"
               "BZh91AY&SY"),
         FG_REPLYCAPS_HIDDEN},
        {BYTES(HEAD OTHER DATA END), FG_REPLYCAPS_UNKNOWN},
        {BYTES(HEAD BREAK REPLYCAPS), FG_REPLYCAPS_UNKNOWN},
        {BYTES(HEAD OTHER "\xff\0\0\0" REPLYCAPS), FG_REPLYCAPS_UNKNOWN},
        {BYTES("HG20\xff\0\0\0" REPLYCAPS), FG_REPLYCAPS_UNKNOWN},
        {BYTES("HG10UN" REPLYCAPS), FG_REPLYCAPS_UNKNOWN},
        {BYTES(""), FG_REPLYCAPS_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t step = 1; step < 100; step += 3) {
            assert_int_equal(walk(cases[i].bundle, step), cases[i].found);
        }
    }
}

/* Stream parameters that are longer than what is looked at could say anything. */
static void long_parameters_hide(void **state)
{
    (void)state;
    uint8_t bundle[1024] = "HG20\0\0\3";
    memset(bundle + 8, 'a', sizeof bundle - 8);
    assert_int_equal(walk((struct fg_bytes){bundle, sizeof bundle}, 100), FG_REPLYCAPS_HIDDEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deltas_make_the_text),
        cmocka_unit_test(sorted_lines_give_a_hunk_for_each_change),
        cmocka_unit_test(paths_are_a_sorted_set),
        cmocka_unit_test(long_paths_have_room),
        cmocka_unit_test(caps_are_read),
        cmocka_unit_test(outgoing_sets_are_those_of_the_definition),
        cmocka_unit_test(bundles_have_the_documented_bytes),
        cmocka_unit_test(a_payload_that_fails_is_interrupted),
        cmocka_unit_test(parts_that_do_not_fit_are_refused),
        cmocka_unit_test(replycaps_are_found_among_the_parts),
        cmocka_unit_test(long_parameters_hide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
