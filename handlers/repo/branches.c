/*
 * The heads of named branches. Most changesets are ruled out by a child on the same branch, and
 * most of the rest are heads of the whole view. Those in between (a child, but none on the branch)
 * may still have a descendant that comes back to the branch: for them, one pass over the history
 * from its end carries down, for 64 branches at a time, which branches each changeset's descendants
 * are on.
 */
#include "handlers/repo/branches.h"

#include "handlers/patience.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 64 };

struct finder {
    const struct fg_history *history;
    const struct fg_view *view;
    uint8_t *ruled_out; /* for each changeset: it cannot be a head of its branch */
    uint8_t *batch_bit; /* for each branch: its bit in the present batch, or BATCH */
    uint32_t *counts;   /* for each branch: its heads */
};

static uint32_t branch_of(const struct finder *finder, uint32_t rev)
{
    return finder->history->branches[rev] & FG_BRANCH_NUMBER;
}

/* Obsolete changesets that are still visible are passed over: they are on no branch. */
static bool counts(const struct finder *finder, uint32_t rev)
{
    return (finder->view->flags[rev] & (FG_REV_FILTERED | FG_REV_OBSOLETE)) == 0;
}

static void rule_out_by_children(struct finder *finder)
{
    for (uint32_t rev = 0; rev < finder->view->count; rev++) {
        if (!counts(finder, rev)) {
            finder->ruled_out[rev] = 1;
            continue;
        }
        for (int i = 0; i < 2; i++) {
            int32_t parent = finder->history->parents[rev].revs[i];
            if (parent != FG_REV_NULL &&
                branch_of(finder, (uint32_t)parent) == branch_of(finder, rev)) {
                finder->ruled_out[parent] = 1;
            }
        }
    }
}

/* A candidate that has children, all of them elsewhere. */
static bool is_uncertain(const struct finder *finder, uint32_t rev)
{
    return !finder->ruled_out[rev] && (finder->view->flags[rev] & FG_REV_SERVED_CHILD) != 0;
}

/*
 * Gives bits to the next branches with uncertain candidates from rev *at on; *ret_floor is the
 * lowest of these. False: there are none left.
 */
static bool next_batch(const struct finder *finder, uint32_t *at, uint8_t *done,
                       uint32_t *ret_floor)
{
    uint8_t bits = 0;
    memset(finder->batch_bit, BATCH, finder->history->names_count);
    for (; *at < finder->view->count; (*at)++) {
        if (!is_uncertain(finder, *at)) {
            continue;
        }
        uint32_t branch = branch_of(finder, *at);
        if (done[branch]) {
            continue;
        }
        if (bits == BATCH) {
            return true;
        }
        if (bits == 0) {
            *ret_floor = *at;
        }
        done[branch] = 1;
        finder->batch_bit[branch] = bits++;
    }
    return bits > 0;
}

static void settle_batch(struct finder *finder, uint32_t floor, uint64_t *masks)
{
    uint32_t count = finder->view->count;
    memset(masks, 0, (size_t)(count - floor) * sizeof *masks);
    for (uint32_t rev = count; rev-- > floor;) {
        if ((finder->view->flags[rev] & FG_REV_FILTERED) != 0) {
            continue;
        }
        uint64_t mask = masks[rev - floor];
        uint8_t bit = finder->batch_bit[branch_of(finder, rev)];
        if (bit < BATCH && (mask >> bit & 1) != 0) {
            finder->ruled_out[rev] = 1;
        }
        if (bit < BATCH && counts(finder, rev)) {
            mask |= (uint64_t)1 << bit;
        }
        for (int i = 0; i < 2; i++) {
            int32_t parent = finder->history->parents[rev].revs[i];
            if (parent >= (int32_t)floor) {
                masks[(uint32_t)parent - floor] |= mask;
            }
        }
    }
}

static enum fg_status rule_out_by_descendants(struct finder *finder)
{
    uint8_t *done = calloc(finder->history->names_count + 1, 1);
    uint64_t *masks = NULL;
    enum fg_status status = done != NULL ? FG_OK : FG_ERR_MEMORY;
    uint32_t at = 0;
    uint32_t floor;
    while (status == FG_OK && next_batch(finder, &at, done, &floor)) {
        if (masks == NULL) {
            /* The first floor is the lowest of all. */
            masks = malloc((size_t)(finder->view->count - floor) * sizeof *masks);
        }
        if (masks == NULL) {
            status = FG_ERR_MEMORY;
        } else {
            settle_batch(finder, floor, masks);
            status = fg_patience_check(NULL);
        }
    }
    free(masks);
    free(done);
    return status;
}

static int compare_names(const void *left, const void *right)
{
    const struct fg_branch *a = left;
    const struct fg_branch *b = right;
    size_t common = a->name.size < b->name.size ? a->name.size : b->name.size;
    int result = common > 0 ? memcmp(a->name.data, b->name.data, common) : 0;
    return result != 0 ? result : (a->name.size > b->name.size) - (a->name.size < b->name.size);
}

/* Its tip: the highest head that is open, or the highest of all. */
static uint32_t tip_of(const struct finder *finder, const uint32_t *heads, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        if ((finder->history->branches[heads[i]] & FG_BRANCH_CLOSES) == 0) {
            return heads[i];
        }
    }
    return heads[count - 1];
}

/* Fills in the branches that have heads; heads has room for all, items for all names. */
static void collect(const struct finder *finder, struct fg_branches *branches)
{
    uint32_t names = finder->history->names_count;
    uint32_t start = 0;
    /* The counts become the places where each branch's next head goes. */
    for (uint32_t branch = 0; branch < names; branch++) {
        uint32_t count = finder->counts[branch];
        finder->counts[branch] = start;
        start += count;
    }
    for (uint32_t rev = 0; rev < finder->view->count; rev++) {
        if (!finder->ruled_out[rev]) {
            branches->heads[finder->counts[branch_of(finder, rev)]++] = rev;
        }
    }
    start = 0;
    for (uint32_t branch = 0; branch < names; branch++) {
        uint32_t end = finder->counts[branch];
        if (end > start) {
            const struct fg_branch_name *name = &finder->history->names[branch];
            const uint32_t *heads = branches->heads + start;
            branches->items[branches->count++] = (struct fg_branch){
                {name->data, name->size}, heads, end - start, tip_of(finder, heads, end - start)};
        }
        start = end;
    }
    if (branches->count > 0) {
        qsort(branches->items, branches->count, sizeof *branches->items, compare_names);
    }
}

static enum fg_status find(struct finder *finder, struct fg_branches **ret_branches)
{
    rule_out_by_children(finder);
    if (rule_out_by_descendants(finder) != FG_OK) {
        return FG_ERR_MEMORY;
    }
    uint32_t total = 0;
    for (uint32_t rev = 0; rev < finder->view->count; rev++) {
        if (!finder->ruled_out[rev]) {
            finder->counts[branch_of(finder, rev)]++;
            total++;
        }
    }
    struct fg_branches *branches = calloc(1, sizeof *branches);
    if (branches == NULL) {
        return FG_ERR_MEMORY;
    }
    branches->heads = malloc((total > 0 ? total : 1) * sizeof *branches->heads);
    branches->items = malloc((finder->history->names_count + 1) * sizeof *branches->items);
    if (branches->heads == NULL || branches->items == NULL) {
        fg_branches_free(branches);
        return FG_ERR_MEMORY;
    }
    collect(finder, branches);
    *ret_branches = branches;
    return FG_OK;
}

enum fg_status fg_branches_find(struct fg_history *history, const struct fg_view *view,
                                struct fg_branches **ret_branches)
{
    struct finder finder = {.history = history, .view = view};
    finder.ruled_out = calloc(view->count > 0 ? view->count : 1, 1);
    finder.batch_bit = malloc(history->names_count + 1);
    finder.counts = calloc((size_t)history->names_count + 1, sizeof *finder.counts);
    enum fg_status status = FG_ERR_MEMORY;
    if (finder.ruled_out != NULL && finder.batch_bit != NULL && finder.counts != NULL) {
        status = find(&finder, ret_branches);
    }
    free(finder.ruled_out);
    free(finder.batch_bit);
    free(finder.counts);
    return status;
}

void fg_branches_free(struct fg_branches *branches)
{
    if (branches == NULL) {
        return;
    }
    free(branches->items);
    free(branches->heads);
    free(branches);
}

const struct fg_branch *fg_branches_get(const struct fg_branches *branches, struct fg_bytes name)
{
    struct fg_branch key = {.name = name};
    return bsearch(&key, branches->items, branches->count, sizeof key, compare_names);
}
