/*
 * Changegroups: changesets, manifests and file revisions as a stream, made while it is read. The
 * memory is that of the largest text, the names of the changed files, and a byte for each
 * changeset.
 */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_CHANGEGROUP_H
#define FRAMEGATE_HANDLERS_BUNDLE_CHANGEGROUP_H

#include "framing/source.h"
#include "handlers/bundle/deltagroup.h"
#include "handlers/memory.h"

/*
 * A source of the changegroup that holds the missing changesets of outgoing, which it takes over
 * also on failure. It keeps a reference to the snapshot. Reading fails if the repository is
 * stripped meanwhile (FG_ERR_CORRUPT, FG_ERR_TRUNCATED), with the errors of fg_revlog_text, and
 * with FG_ERR_UNSUPPORTED if a revision does not fit the version. What it holds, which grows while
 * it is read, is counted in memory (or NULL), which must live as long; FG_ERR_LIMIT, also while it
 * is read: as fg_holding_ask.
 */
enum fg_status fg_changegroup_source(struct fg_snapshot *snapshot, struct fg_outgoing *outgoing,
                                     enum fg_changegroup_version version, struct fg_memory *memory,
                                     struct fg_source *ret_source, struct fg_error *error);

#endif
