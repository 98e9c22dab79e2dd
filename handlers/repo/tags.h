/*
 * Tags: from .hgtags at every head of the served view, merged as Mercurial merges them, and from
 * .hg/localtags.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_TAGS_H
#define FRAMEGATE_HANDLERS_REPO_TAGS_H

#include "framing/status.h"
#include "handlers/repo/history.h"
#include "handlers/repo/layout.h"
#include "handlers/repo/names.h"
#include "handlers/repo/revlog.h"
#include "handlers/repo/view.h"

#include <stdatomic.h>

/* The node that .hgtags has at a head; the null node if there is no such file. */
struct fg_tags_file {
    struct fg_node head;
    struct fg_node file;
};

/* Immutable. */
struct fg_tags {
    atomic_uint references;
    struct fg_names names; /* finished; deleted tags are not in it, tags of unknown nodes are */
    struct fg_tags_file *files; /* owned; ascending by head: to start the next ones from */
    size_t files_count;
};

/* What tags are read from; all borrowed. */
struct fg_tags_input {
    const struct fg_layout *layout;
    const struct fg_revlog *changelog;
    const struct fg_view *view;
    struct fg_bytes local_tags;
    const struct fg_tags *earlier; /* of an earlier state; may be NULL */
};

/* Reads the tags. Errors of fg_revlog_text. */
enum fg_status fg_tags_read(const struct fg_tags_input *input, struct fg_tags **ret_tags,
                            struct fg_error *error);

struct fg_tags *fg_tags_ref(struct fg_tags *tags);

/* Takes NULL. */
void fg_tags_unref(struct fg_tags *tags);

/*
 * The names in the contents of .hg/localtags, each with its last node, known or not. *names must be
 * zeroed; on success it is finished. FG_ERR_MEMORY.
 */
enum fg_status fg_tags_parse_local(struct fg_bytes text, struct fg_names *names);

#endif
