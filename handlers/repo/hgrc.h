/* What a repository's own configuration says to a server's readers. */
#ifndef FRAMEGATE_HANDLERS_REPO_HGRC_H
#define FRAMEGATE_HANDLERS_REPO_HGRC_H

#include "framing/status.h"
#include "handlers/repo/layout.h"

#include <stdbool.h>

/* hgweb's options in [web] that say who may do what. They are told of, not followed. */
enum fg_hgrc_access {
    FG_HGRC_ALLOW_PULL, /* only where it is off */
    FG_HGRC_ALLOW_PUSH,
    FG_HGRC_ALLOW_READ,
    FG_HGRC_DENY_PUSH,
    FG_HGRC_DENY_READ,
    FG_HGRC_PUSH_SSL,
    FG_HGRC_ACCESS_COUNT,
};

/* Where an option has a value. */
struct fg_hgrc_option {
    char *file; /* owned; NULL: nowhere */
    unsigned line;
};

struct fg_hgrc {
    bool publishing;   /* [phases] publish; true if it is not set */
    bool uncompressed; /* [server] uncompressed: stream clones are allowed; true if it is not set */
    struct fg_hgrc_option access[FG_HGRC_ACCESS_COUNT];
};

/*
 * Reads the hgrc with what it includes, and those of a share. Clear *ret_hgrc. FG_ERR_CORRUPT: it
 * cannot be parsed, error names file and line; FG_ERR_LIMIT, FG_ERR_IO, FG_ERR_MEMORY.
 */
enum fg_status fg_hgrc_read(const struct fg_layout *layout, struct fg_hgrc *ret_hgrc,
                            struct fg_error *error);

/* Takes NULL. */
void fg_hgrc_clear(struct fg_hgrc *hgrc);

/*
 * One thing of it, for answering a client: errors as above, but error names no file. They read the
 * files each time.
 */
enum fg_status fg_hgrc_publishing(const struct fg_layout *layout, bool *ret_publishing,
                                  struct fg_error *error);
enum fg_status fg_hgrc_uncompressed(const struct fg_layout *layout, bool *ret_uncompressed,
                                    struct fg_error *error);

#endif
