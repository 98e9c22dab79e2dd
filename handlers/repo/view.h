/*
 * The served view: which changesets a server shows. Not those that are secret or above, and not
 * those that are hidden: obsolete ones (unless something visible needs them), and internal ones.
 * The rules are Mercurial's (repoview: computehidden, computeunserved).
 *
 * Built in steps: fg_view_init, fg_view_set_phases, fg_view_mark_obsolete, fg_view_pin for each
 * thing that keeps a changeset visible, fg_view_finish; immutable from then on.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_VIEW_H
#define FRAMEGATE_HANDLERS_REPO_VIEW_H

#include "framing/status.h"
#include "handlers/repo/history.h"
#include "handlers/repo/phases.h"

#include <stdbool.h>
#include <stdint.h>

/* What is known of each changeset, in one byte. */
enum {
    FG_REV_PHASE = 7, /* mask: an enum fg_phase */
    FG_REV_OBSOLETE = 8,
    FG_REV_FILTERED = 16,     /* not in the served view */
    FG_REV_SERVED_CHILD = 32, /* a child of it is in the served view */
    FG_REV_PUBLIC_CHILD = 64, /* a child of it is public */
    FG_REV_PINNED = 128,
};

/* Revisions, descending. */
struct fg_rev_list {
    uint32_t *revs; /* owned */
    uint32_t count;
};

struct fg_view {
    const struct fg_history *history; /* borrowed */
    uint32_t count;                   /* of changesets */
    uint8_t *flags;                   /* owned; count of them */
    bool hideable;                    /* something may be hidden, so pins matter */
    struct fg_rev_list heads;         /* of the served view */
    struct fg_rev_list public_heads;  /* of the public changesets */
    int32_t tip;                      /* the highest revision served; FG_REV_NULL if none */
};

/* FG_ERR_MEMORY. *view must be zeroed or cleared. */
enum fg_status fg_view_init(struct fg_view *view, const struct fg_history *history, uint32_t count);

/* Frees its memory. Takes a zeroed view. */
void fg_view_clear(struct fg_view *view);

void fg_view_set_phases(struct fg_view *view, const struct fg_phase_roots *roots);

/* Takes the contents of the obsolescence store; errors of fg_obsolete_walk. */
enum fg_status fg_view_mark_obsolete(struct fg_view *view, struct fg_bytes store,
                                     struct fg_error *error);

/* Keeps a changeset, if there is one of that node, from being hidden. */
void fg_view_pin(struct fg_view *view, const struct fg_node *node);

/* Decides what is served, and finds the heads. FG_ERR_MEMORY. */
enum fg_status fg_view_finish(struct fg_view *view);

static inline enum fg_phase fg_view_phase(const struct fg_view *view, uint32_t rev)
{
    return (enum fg_phase)(view->flags[rev] & FG_REV_PHASE);
}

/* rev is below the count. */
static inline bool fg_view_serves(const struct fg_view *view, uint32_t rev)
{
    return (view->flags[rev] & FG_REV_FILTERED) == 0;
}

#endif
