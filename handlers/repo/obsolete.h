/* The obsolescence store: markers that say which changesets were replaced by which. */
#ifndef FRAMEGATE_HANDLERS_REPO_OBSOLETE_H
#define FRAMEGATE_HANDLERS_REPO_OBSOLETE_H

#include "framing/buffer.h"
#include "framing/status.h"
#include "handlers/repo/node.h"

/* One marker. All is borrowed from the store; nodes stand side by side. */
struct fg_obsolete_marker {
    struct fg_bytes whole; /* as it is stored */
    struct fg_bytes predecessor;
    struct fg_bytes successors; /* none: the predecessor was pruned */
    struct fg_bytes parents;    /* of the predecessor, if recorded; format 1 only */
};

/* A failure ends the walk. */
typedef enum fg_status (*fg_obsolete_marker_visitor)(void *context,
                                                     const struct fg_obsolete_marker *marker);

/*
 * Walks the markers of a file obsstore, as fg_obsolete_walk, with all that they say. Also errors of
 * visitor.
 */
enum fg_status fg_obsolete_markers(struct fg_bytes store, fg_obsolete_marker_visitor visitor,
                                   void *context, struct fg_error *error);

/* Called for each marker with the changeset that it makes obsolete. */
typedef void (*fg_obsolete_visitor)(void *context, const struct fg_node *predecessor);

/*
 * Walks the contents of a file obsstore (format 0 or 1; empty is no markers). Markers of nodes that
 * are not SHA-1 are checked and passed over. FG_ERR_CORRUPT: damaged, or a successor is the null
 * node; FG_ERR_UNSUPPORTED: another format.
 */
enum fg_status fg_obsolete_walk(struct fg_bytes store, fg_obsolete_visitor visitor, void *context,
                                struct fg_error *error);

#endif
