/* Reading the bookmarks. */
#ifndef FRAMEGATE_HANDLERS_REPO_BOOKMARKS_H
#define FRAMEGATE_HANDLERS_REPO_BOOKMARKS_H

#include "handlers/repo/layout.h"
#include "handlers/repo/names.h"
#include "handlers/repo/nodetable.h"

/*
 * Reads the bookmarks of changesets (hidden ones too) that are below count; lines that Mercurial
 * passes over with a warning are passed over. *names must be zeroed; on success it is finished.
 * FG_ERR_LIMIT, FG_ERR_IO, FG_ERR_MEMORY.
 */
enum fg_status fg_bookmarks_read(const struct fg_layout *layout, const struct fg_nodetable *table,
                                 uint32_t count, struct fg_names *names, struct fg_error *error);

/* True for a bookmark that marks a divergence ("name@where"), which is not shown to peers. */
bool fg_bookmark_is_divergent(struct fg_bytes name);

#endif
