/* The obsolescence store: markers that say which changesets were replaced by which. */
#ifndef FRAMEGATE_HANDLERS_REPO_OBSOLETE_H
#define FRAMEGATE_HANDLERS_REPO_OBSOLETE_H

#include "framing/buffer.h"
#include "framing/status.h"
#include "handlers/repo/node.h"

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
