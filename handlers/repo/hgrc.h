/* The one thing that a repository's own configuration says to a server's readers. */
#ifndef FRAMEGATE_HANDLERS_REPO_HGRC_H
#define FRAMEGATE_HANDLERS_REPO_HGRC_H

#include "framing/status.h"
#include "handlers/repo/layout.h"

#include <stdbool.h>

/*
 * Whether the repository publishes: [phases] publish in its hgrc, true if it is not set. Reads the
 * file each time. FG_ERR_CORRUPT: it cannot be parsed, error says where; FG_ERR_LIMIT, FG_ERR_IO,
 * FG_ERR_MEMORY.
 */
enum fg_status fg_hgrc_publishing(const struct fg_layout *layout, bool *ret_publishing,
                                  struct fg_error *error);

#endif
