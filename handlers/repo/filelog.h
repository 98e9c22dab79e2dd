/* Opening the revlog of a file by the file's path. */
#ifndef FRAMEGATE_HANDLERS_REPO_FILELOG_H
#define FRAMEGATE_HANDLERS_REPO_FILELOG_H

#include "handlers/repo/layout.h"
#include "handlers/repo/revlog.h"

/*
 * Opens the revlog of a file. *name is for making its name in the store; it is overwritten, and may
 * be used again. Errors of fg_storepath_encode and fg_revlog_open; FG_ERR_CORRUPT also if it has no
 * revision, which no file that a changeset names has.
 */
enum fg_status fg_filelog_open(const struct fg_layout *layout, struct fg_bytes path,
                               struct fg_buffer *name, struct fg_revlog **ret_revlog,
                               struct fg_error *error);

/*
 * The name in the store that fg_filelog_open has looked for with this buffer and path, valid until
 * the buffer changes; "" if it did not come that far.
 */
const char *fg_filelog_name(const struct fg_buffer *name, struct fg_bytes path);

#endif
