/*
 * What of a working copy a server needs: its parents and an unfinished merge, since they keep
 * obsolete changesets from being hidden.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_WORKINGCOPY_H
#define FRAMEGATE_HANDLERS_REPO_WORKINGCOPY_H

#include "framing/status.h"
#include "handlers/repo/layout.h"
#include "handlers/repo/node.h"

/*
 * The parents of the working copy, from .hg/dirstate in either format; null nodes where there is
 * none. FG_ERR_CORRUPT: the file is cut short; FG_ERR_IO.
 */
enum fg_status fg_workingcopy_parents(const struct fg_layout *layout, struct fg_node ret_parents[2],
                                      struct fg_error *error);

/*
 * The two sides of a merge that has unresolved files, from .hg/merge/state2; null nodes if there is
 * no such merge. FG_ERR_CORRUPT, FG_ERR_LIMIT, FG_ERR_IO, FG_ERR_MEMORY.
 */
enum fg_status fg_workingcopy_merge(const struct fg_layout *layout, struct fg_node ret_sides[2],
                                    struct fg_error *error);

#endif
