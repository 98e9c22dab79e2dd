/*
 * The names of filelogs in the store. Mercurial encodes the path of a file so that it survives file
 * systems that fold case or reserve names; how depends on the requirements (store, fncache,
 * dotencode).
 */
#ifndef FRAMEGATE_HANDLERS_REPO_STOREPATH_H
#define FRAMEGATE_HANDLERS_REPO_STOREPATH_H

#include "framing/buffer.h"
#include "framing/status.h"

/*
 * Appends the encoded form of a path in the store ("data/" + the file's path + ".i") without a
 * final NUL. requirements are bits of enum fg_requirement. FG_ERR_LIMIT, FG_ERR_MEMORY.
 */
enum fg_status fg_storepath_encode(struct fg_bytes path, unsigned requirements,
                                   struct fg_buffer *buffer);

#endif
