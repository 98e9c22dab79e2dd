/* Computing the served view, in passes over all changesets from one end to the other. */
#include "handlers/repo/view.h"

#include "handlers/repo/obsolete.h"

#include <stdlib.h>
#include <string.h>

enum fg_status fg_view_init(struct fg_view *view, const struct fg_history *history, uint32_t count)
{
    uint8_t *flags = calloc(count > 0 ? count : 1, 1);
    if (flags == NULL) {
        return FG_ERR_MEMORY;
    }
    *view =
        (struct fg_view){.history = history, .count = count, .flags = flags, .tip = FG_REV_NULL};
    return FG_OK;
}

void fg_view_clear(struct fg_view *view)
{
    free(view->flags);
    free(view->heads.revs);
    free(view->public_heads.revs);
    *view = (struct fg_view){0};
}

static uint8_t phase_of(const struct fg_view *view, int32_t rev)
{
    return rev == FG_REV_NULL ? FG_PHASE_PUBLIC : view->flags[rev] & FG_REV_PHASE;
}

void fg_view_set_phases(struct fg_view *view, const struct fg_phase_roots *roots)
{
    uint32_t first = view->count;
    for (size_t i = 0; i < roots->count; i++) {
        const struct fg_phase_root *root = &roots->items[i];
        if (root->phase == FG_PHASE_PUBLIC) {
            continue;
        }
        if (root->phase > (view->flags[root->rev] & FG_REV_PHASE)) {
            view->flags[root->rev] = (uint8_t)root->phase;
        }
        first = root->rev < first ? root->rev : first;
    }
    /* Parents come before children, so one pass carries the phases on. */
    for (uint32_t rev = first; rev < view->count; rev++) {
        const struct fg_parents *parents = &view->history->parents[rev];
        uint8_t phase = view->flags[rev];
        uint8_t p1 = phase_of(view, parents->revs[0]);
        uint8_t p2 = phase_of(view, parents->revs[1]);
        phase = phase > p1 ? phase : p1;
        view->flags[rev] = phase > p2 ? phase : p2;
        view->hideable = view->hideable || view->flags[rev] >= FG_PHASE_ARCHIVED;
    }
}

static void mark_obsolete(void *context, const struct fg_node *predecessor)
{
    struct fg_view *view = context;
    int32_t rev = fg_nodetable_find(&view->history->table, predecessor, view->count);
    /* What is public stays whatever anybody says of it. */
    if (rev != FG_REV_NULL && phase_of(view, rev) != FG_PHASE_PUBLIC) {
        view->flags[rev] |= FG_REV_OBSOLETE;
        view->hideable = true;
    }
}

enum fg_status fg_view_mark_obsolete(struct fg_view *view, struct fg_bytes store,
                                     struct fg_error *error)
{
    return fg_obsolete_walk(store, mark_obsolete, view, error);
}

void fg_view_pin(struct fg_view *view, const struct fg_node *node)
{
    int32_t rev = fg_nodetable_find(&view->history->table, node, view->count);
    if (rev != FG_REV_NULL) {
        view->flags[rev] |= FG_REV_PINNED;
    }
}

/* True for what is hidden unless something needs it. */
static bool is_hideable(uint8_t flags)
{
    return (flags & FG_REV_OBSOLETE) != 0 || (flags & FG_REV_PHASE) >= FG_PHASE_ARCHIVED;
}

/*
 * Hides what can be hidden; children come before parents, so that one pass reveals the ancestors
 * of all that is visible and not public. (Public changesets are never hidden, nor their ancestors.)
 */
static void hide(struct fg_view *view)
{
    for (uint32_t rev = 0; rev < view->count; rev++) {
        uint8_t flags = view->flags[rev];
        if (is_hideable(flags) && (flags & FG_REV_PINNED) == 0) {
            view->flags[rev] |= FG_REV_FILTERED;
        }
    }
    for (uint32_t rev = view->count; rev-- > 0;) {
        uint8_t flags = view->flags[rev];
        if ((flags & FG_REV_FILTERED) != 0 || (flags & FG_REV_PHASE) == FG_PHASE_PUBLIC) {
            continue;
        }
        for (int i = 0; i < 2; i++) {
            int32_t parent = view->history->parents[rev].revs[i];
            if (parent != FG_REV_NULL) {
                view->flags[parent] &= (uint8_t)~FG_REV_FILTERED;
            }
        }
    }
}

/* Filters the secret ones, and marks who has children. */
static void mark_children(struct fg_view *view)
{
    const struct fg_parents *parents = view->history->parents;
    for (uint32_t rev = 0; rev < view->count; rev++) {
        uint8_t flags = view->flags[rev];
        if ((flags & FG_REV_PHASE) >= FG_PHASE_SECRET) {
            flags |= FG_REV_FILTERED;
            view->flags[rev] = flags;
        }
        if ((flags & FG_REV_FILTERED) != 0) {
            continue;
        }
        view->tip = (int32_t)rev;
        uint8_t mark = (flags & FG_REV_PHASE) == FG_PHASE_PUBLIC
                           ? FG_REV_SERVED_CHILD | FG_REV_PUBLIC_CHILD
                           : FG_REV_SERVED_CHILD;
        for (int i = 0; i < 2; i++) {
            int32_t parent = parents[rev].revs[i];
            if (parent != FG_REV_NULL) {
                view->flags[parent] |= mark;
            }
        }
    }
}

static bool is_head(uint8_t flags)
{
    return (flags & (FG_REV_FILTERED | FG_REV_SERVED_CHILD)) == 0;
}

static bool is_public_head(uint8_t flags)
{
    return (flags & (FG_REV_PHASE | FG_REV_PUBLIC_CHILD)) == 0;
}

static enum fg_status collect(const struct fg_view *view, bool (*wanted)(uint8_t flags),
                              struct fg_rev_list *ret_list)
{
    uint32_t count = 0;
    for (uint32_t rev = 0; rev < view->count; rev++) {
        count += wanted(view->flags[rev]) ? 1 : 0;
    }
    uint32_t *revs = malloc((count > 0 ? count : 1) * sizeof *revs);
    if (revs == NULL) {
        return FG_ERR_MEMORY;
    }
    uint32_t at = 0;
    for (uint32_t rev = view->count; rev-- > 0;) {
        if (wanted(view->flags[rev])) {
            revs[at++] = rev;
        }
    }
    *ret_list = (struct fg_rev_list){revs, count};
    return FG_OK;
}

enum fg_status fg_view_finish(struct fg_view *view)
{
    if (view->hideable) {
        hide(view);
    }
    mark_children(view);
    enum fg_status status = collect(view, is_head, &view->heads);
    return status == FG_OK ? collect(view, is_public_head, &view->public_heads) : status;
}
