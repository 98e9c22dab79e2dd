/* The served view and the heads of branches, against the definitions applied the slow way. */
#include "tests/support/support.h"

#include "handlers/repo/branches.h"
#include "handlers/repo/view.h"

enum { COUNT = 60, ROUNDS = 400, BRANCHES = 5 };

/* A history that stands on the stack; only what the view reads is filled in. */
struct model {
    struct fg_history history;
    struct fg_parents parents[COUNT];
    uint32_t branches[COUNT];
    struct fg_branch_name names[BRANCHES];
    bool ancestors[COUNT][COUNT]; /* [a][b]: b is an ancestor of a, or a itself */
};

static uint32_t below(uint64_t *seed, uint32_t limit)
{
    return (uint32_t)((next_random(seed) >> 33) % limit);
}

static void fill_parents(struct model *model, uint64_t *seed)
{
    for (uint32_t rev = 0; rev < COUNT; rev++) {
        struct fg_parents *parents = &model->parents[rev];
        uint32_t reach = rev < 8 ? rev : 8;
        parents->revs[0] =
            rev > 0 && below(seed, 12) > 0 ? (int32_t)(rev - 1 - below(seed, reach)) : FG_REV_NULL;
        parents->revs[1] = rev > 1 && parents->revs[0] != FG_REV_NULL && below(seed, 4) == 0
                               ? (int32_t)below(seed, rev)
                               : FG_REV_NULL;
        memset(model->ancestors[rev], 0, sizeof model->ancestors[rev]);
        model->ancestors[rev][rev] = true;
        for (int i = 0; i < 2; i++) {
            for (uint32_t old = 0; parents->revs[i] != FG_REV_NULL && old < rev; old++) {
                model->ancestors[rev][old] |= model->ancestors[parents->revs[i]][old];
            }
        }
        bool same = parents->revs[0] != FG_REV_NULL && below(seed, 3) > 0;
        model->branches[rev] = same ? model->branches[parents->revs[0]] : below(seed, BRANCHES);
    }
}

static void make(struct model *model, uint64_t *seed)
{
    static uint8_t letters[] = "abcde";
    memset(&model->history, 0, sizeof model->history);
    assert_int_equal(fg_nodetable_init(&model->history.table, COUNT), FG_OK);
    for (uint32_t rev = 0; rev < COUNT; rev++) {
        struct fg_node node = {{0}};
        node.bytes[0] = (uint8_t)(rev + 1);
        assert_int_equal(fg_nodetable_append(&model->history.table, &node), FG_OK);
    }
    for (size_t i = 0; i < BRANCHES; i++) {
        model->names[i] = (struct fg_branch_name){&letters[i], 1};
    }
    fill_parents(model, seed);
    model->history.parents = model->parents;
    model->history.branches = model->branches;
    model->history.branches_known = COUNT;
    model->history.names = model->names;
    model->history.names_count = BRANCHES;
}

/* Random phases, markers and pins; then what each changeset must be. */
struct truth {
    int phase[COUNT];
    bool obsolete[COUNT];
    bool pinned[COUNT];
    bool filtered[COUNT];
};

static void decide(const struct model *model, struct truth *truth)
{
    bool visible[COUNT];
    for (uint32_t rev = 0; rev < COUNT; rev++) {
        bool hideable = truth->obsolete[rev] || truth->phase[rev] >= FG_PHASE_ARCHIVED;
        visible[rev] = !hideable || truth->pinned[rev];
    }
    for (uint32_t rev = 0; rev < COUNT; rev++) {
        bool shown = visible[rev];
        for (uint32_t later = rev + 1; later < COUNT && !shown; later++) {
            shown = visible[later] && truth->phase[later] > 0 && model->ancestors[later][rev];
        }
        truth->filtered[rev] = !shown || truth->phase[rev] >= FG_PHASE_SECRET;
    }
}

static void build(const struct model *model, struct fg_view *view, struct truth *truth,
                  uint64_t *seed)
{
    struct fg_phase_root items[4];
    struct fg_phase_roots roots = {items, 4, 4};
    memset(truth, 0, sizeof *truth);
    for (size_t i = 0; i < 4; i++) {
        items[i] = (struct fg_phase_root){below(seed, COUNT), (enum fg_phase)below(seed, 5)};
        for (uint32_t rev = 0; rev < COUNT; rev++) {
            if (model->ancestors[rev][items[i].rev] && truth->phase[rev] < (int)items[i].phase) {
                truth->phase[rev] = (int)items[i].phase;
            }
        }
    }
    assert_int_equal(fg_view_init(view, &model->history, COUNT), FG_OK);
    fg_view_set_phases(view, &roots);
    struct fg_buffer store = FG_BUFFER_INIT(10000);
    assert_int_equal(fg_buffer_append_byte(&store, 0), FG_OK);
    for (int i = 0; i < 12; i++) {
        uint32_t rev = below(seed, COUNT);
        assert_int_equal(fg_buffer_append(&store, "\0\0\0\0\0\0", 6), FG_OK);
        assert_int_equal(
            fg_buffer_append(&store, model->history.table.nodes[rev].bytes, FG_NODE_SIZE), FG_OK);
        truth->obsolete[rev] = truth->phase[rev] > 0;
    }
    assert_int_equal(fg_view_mark_obsolete(view, fg_buffer_view(&store), NULL), FG_OK);
    fg_buffer_free(&store);
    for (int i = 0; i < 3; i++) {
        uint32_t rev = below(seed, COUNT);
        truth->pinned[rev] = true;
        fg_view_pin(view, &model->history.table.nodes[rev]);
    }
    assert_int_equal(fg_view_finish(view), FG_OK);
    decide(model, truth);
}

static bool is_head(const struct model *model, const bool *in, uint32_t rev)
{
    bool head = in[rev];
    for (uint32_t later = rev + 1; later < COUNT && head; later++) {
        head = !(in[later] && model->ancestors[later][rev]);
    }
    return head;
}

static void check_heads(const struct model *model, const struct fg_rev_list *heads, const bool *in)
{
    uint32_t at = 0;
    for (uint32_t rev = COUNT; rev-- > 0;) {
        if (is_head(model, in, rev)) {
            assert_true(at < heads->count);
            assert_int_equal(heads->revs[at++], rev);
        }
    }
    assert_int_equal(at, heads->count);
}

static void check_branches(const struct model *model, const struct fg_view *view,
                           const struct truth *truth)
{
    struct fg_branches *branches;
    struct fg_history *history = (struct fg_history *)(uintptr_t)view->history;
    assert_int_equal(fg_branches_find(history, view, &branches), FG_OK);
    uint32_t found = 0;
    for (uint32_t branch = 0; branch < BRANCHES; branch++) {
        bool in[COUNT];
        uint32_t at = 0;
        for (uint32_t rev = 0; rev < COUNT; rev++) {
            in[rev] =
                !truth->filtered[rev] && !truth->obsolete[rev] && model->branches[rev] == branch;
        }
        struct fg_bytes name = {model->names[branch].data, 1};
        const struct fg_branch *got = fg_branches_get(branches, name);
        for (uint32_t rev = 0; rev < COUNT; rev++) {
            if (is_head(model, in, rev)) {
                assert_non_null(got);
                assert_true(at < got->heads_count);
                assert_int_equal(got->heads[at++], rev);
            }
        }
        assert_true(got == NULL ? at == 0 : at == got->heads_count);
        found += got != NULL ? 1 : 0;
    }
    assert_int_equal(found, branches->count);
    fg_branches_free(branches);
}

static void random_histories_are_served_by_the_rules(void **state)
{
    (void)state;
    static struct model model;
    uint64_t seed = 20;
    size_t filtered = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct fg_view view = {0};
        struct truth truth;
        bool served[COUNT];
        bool public[COUNT];
        make(&model, &seed);
        build(&model, &view, &truth, &seed);
        for (uint32_t rev = 0; rev < COUNT; rev++) {
            assert_int_equal(fg_view_phase(&view, rev), truth.phase[rev]);
            assert_int_equal(fg_view_serves(&view, rev), !truth.filtered[rev]);
            served[rev] = !truth.filtered[rev];
            public[rev] = truth.phase[rev] == 0;
            filtered += truth.filtered[rev];
        }
        check_heads(&model, &view.heads, served);
        check_heads(&model, &view.public_heads, public);
        check_branches(&model, &view, &truth);
        fg_view_clear(&view);
        fg_nodetable_clear(&model.history.table);
    }
    assert_true(filtered > ROUNDS * COUNT / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_are_served_by_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
