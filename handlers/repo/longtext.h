/*
 * Texts that are too large for memory, rebuilt in files: memory follows neither the text nor its
 * deltas.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_LONGTEXT_H
#define FRAMEGATE_HANDLERS_REPO_LONGTEXT_H

#include "handlers/repo/revlog.h"
#include "handlers/repo/spill.h"

/* True if a text of the chain by which a revision is rebuilt has more than so many bytes. */
bool fg_longtext_is_long(const struct fg_revlog *revlog, uint32_t rev, uint64_t bytes);

/*
 * The text of a revision, the caller's. It is checked against its node, unless its flags say that
 * this is no hash of it. FG_ERR_CORRUPT; FG_ERR_LIMIT: a delta chain over FG_REVLOG_CHAIN_MAX;
 * errors of spills, of fg_revstream_read and fg_patch_apply.
 */
enum fg_status fg_longtext_rebuild(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                   uint32_t rev, struct fg_spill **ret_text,
                                   struct fg_error *error);

#endif
