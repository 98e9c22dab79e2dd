/* The obsolescence markers that belong to changesets: what they replaced, and what was pruned. */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_OBSMARKERS_H
#define FRAMEGATE_HANDLERS_BUNDLE_OBSMARKERS_H

#include "framing/buffer.h"
#include "handlers/repo/snapshot.h"

/*
 * Appends the markers that are relevant to heads and their ancestors, as they are stored, behind
 * the number of their format; nothing if there are none. By Mercurial's rules relevant are those
 * that name such a changeset as a successor, those that prune it or a child of it, and, again,
 * those that are relevant to the predecessors of relevant ones. null_head: the null node is a head,
 * too, which makes the roots children of one. Errors of fg_file_read and fg_obsolete_walk.
 */
enum fg_status fg_part_put_obsmarkers(const struct fg_snapshot *snapshot,
                                      const struct fg_rev_list *heads, bool null_head,
                                      struct fg_buffer *buffer, struct fg_error *error);

#endif
