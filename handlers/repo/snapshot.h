/*
 * One state of a repository, immutable and shared by all threads. What is costly and seldom asked
 * for (branches, tags) is read when it is first asked for; who asks meanwhile waits.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_SNAPSHOT_H
#define FRAMEGATE_HANDLERS_REPO_SNAPSHOT_H

#include "framing/buffer.h"
#include "handlers/repo/branches.h"
#include "handlers/repo/history.h"
#include "handlers/repo/layout.h"
#include "handlers/repo/names.h"
#include "handlers/repo/phases.h"
#include "handlers/repo/repository.h"
#include "handlers/repo/revlog.h"
#include "handlers/repo/settings.h"
#include "handlers/repo/tags.h"
#include "handlers/repo/view.h"

#include <pthread.h>
#include <stdatomic.h>

struct fg_snapshot {
    atomic_uint references;
    struct fg_layout *layout;
    struct fg_revlog *changelog;
    struct fg_history *history;
    struct fg_view view;
    struct fg_phase_roots phase_roots;
    struct fg_names bookmarks;
    struct fg_buffer local_tags;  /* the contents of .hg/localtags */
    struct fg_site_values values; /* of the configuration that it was read under */

    /* The answers of heads: lists of nodes as CBOR. */
    struct fg_buffer heads_answer;
    struct fg_buffer public_heads_answer;

    pthread_mutex_t lazy_mutex;   /* guards what follows until it is set */
    struct fg_branches *branches; /* NULL: not asked for yet */
    struct fg_tags *tags;         /* NULL: not asked for yet */
    struct fg_tags *earlier_tags; /* those of an earlier snapshot, to start from; may be NULL */
    atomic_bool has_branches;     /* they are set, and may be read without the lock */
    atomic_bool has_tags;
    bool digested; /* digest is that of all the above */
    uint8_t digest[FG_DIGEST_SIZE];
};

/*
 * Reads the present state of the files. previous (NULL: none) is what it is built on. The caller
 * owns one reference. Only one thread at a time. FG_ERR_CORRUPT and others as fg_repository_open;
 * they may be due to files being written at this moment.
 */
enum fg_status fg_snapshot_build(struct fg_layout *layout, const struct fg_site_values *values,
                                 struct fg_snapshot *previous, struct fg_snapshot **ret_snapshot,
                                 struct fg_error *error);

/*
 * True if both say the same of the repository, so that the older one, of which more may have been
 * read already, can stay.
 */
bool fg_snapshot_same(const struct fg_snapshot *a, const struct fg_snapshot *b);

/* How many changesets there are, served or not. */
static inline uint32_t fg_snapshot_count(const struct fg_snapshot *snapshot)
{
    return snapshot->view.count;
}

/* The node of a revision below the count. */
static inline const struct fg_node *fg_snapshot_node(const struct fg_snapshot *snapshot,
                                                     uint32_t rev)
{
    return &snapshot->history->table.nodes[rev];
}

/* True if the node is that of a changeset of the served view, or the null node. */
bool fg_snapshot_knows(const struct fg_snapshot *snapshot, const struct fg_node *node);

/*
 * The branches of the served view; *ret_branches lives as long as the snapshot. Errors of
 * fg_revlog_text: also FG_ERR_CORRUPT and FG_ERR_TRUNCATED if the snapshot is past and its
 * changesets were stripped.
 */
enum fg_status fg_snapshot_branches(struct fg_snapshot *snapshot,
                                    const struct fg_branches **ret_branches,
                                    struct fg_error *error);

/*
 * True if fg_snapshot_branches, or with tags also fg_snapshot_tags, has what it gives and neither
 * reads nor waits.
 */
bool fg_snapshot_is_ready(const struct fg_snapshot *snapshot, bool tags);

/* The tags of the served view, but tip; as fg_snapshot_branches. */
enum fg_status fg_snapshot_tags(struct fg_snapshot *snapshot, const struct fg_names **ret_tags,
                                struct fg_error *error);

/*
 * The node for a name as Mercurial resolves it: ".", "tip", "null", a revision number, a whole
 * hexadecimal node, a bookmark, a tag, a branch, a prefix of a hexadecimal node. FG_ERR_NOT_FOUND:
 * none, or not in the served view; FG_ERR_ARGUMENT: a prefix of several; others as
 * fg_snapshot_branches.
 */
enum fg_status fg_snapshot_lookup(struct fg_snapshot *snapshot, struct fg_bytes name,
                                  struct fg_node *ret_node, struct fg_error *error);

#endif
