/* The payloads of a bundle's small parts, which are made in memory. */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_PARTS_H
#define FRAMEGATE_HANDLERS_BUNDLE_PARTS_H

#include "framing/buffer.h"
#include "handlers/repo/snapshot.h"

/* Appends the bookmarks of the served view: node, size and name of each. FG_ERR_LIMIT,
 * FG_ERR_MEMORY. */
enum fg_status fg_part_put_bookmarks(const struct fg_snapshot *snapshot, struct fg_buffer *buffer);

/* Appends the keys of a namespace, as lines of key, tab and value. Errors of fg_keys_walk. */
enum fg_status fg_part_put_keys(const struct fg_snapshot *snapshot, struct fg_bytes namespace,
                                struct fg_buffer *buffer, struct fg_error *error);

/*
 * Appends the phases of heads, which are served: phase and node of each; and, where one is a draft
 * in a repository that does not publish, the public heads below. null_head: the null node is a
 * head, too. FG_ERR_LIMIT, FG_ERR_MEMORY.
 */
enum fg_status fg_part_put_phases(const struct fg_snapshot *snapshot,
                                  const struct fg_rev_list *heads, bool null_head,
                                  struct fg_buffer *buffer, struct fg_error *error);

#endif
