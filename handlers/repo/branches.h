/* Named branches and their heads in a view. */
#ifndef FRAMEGATE_HANDLERS_REPO_BRANCHES_H
#define FRAMEGATE_HANDLERS_REPO_BRANCHES_H

#include "framing/status.h"
#include "handlers/repo/history.h"
#include "handlers/repo/view.h"

struct fg_branch {
    struct fg_bytes name;  /* UTF-8; borrowed from the history */
    const uint32_t *heads; /* ascending, at least one; borrowed from the branches */
    uint32_t heads_count;
    uint32_t tip; /* its highest head that does not close it; else its highest head */
};

/* Immutable. */
struct fg_branches {
    struct fg_branch *items; /* owned; in no order that means something */
    uint32_t count;
    uint32_t *heads; /* owned: of all branches */
};

/*
 * Finds the heads of each branch: changesets of the view that are not obsolete and have no
 * descendant like that on the same branch. The branches of all changesets of the view must have
 * been read (fg_history_read_branches); the caller holds the history's branch_mutex. FG_ERR_MEMORY.
 */
enum fg_status fg_branches_find(struct fg_history *history, const struct fg_view *view,
                                struct fg_branches **ret_branches);

/* Takes NULL. */
void fg_branches_free(struct fg_branches *branches);

/* The branch of this name; NULL if there is none. */
const struct fg_branch *fg_branches_get(const struct fg_branches *branches, struct fg_bytes name);

#endif
