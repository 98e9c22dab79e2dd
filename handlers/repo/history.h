/*
 * What the changelog's index says, in columns: nodes, parents, and (once the texts were read) the
 * branch of each changeset. Mercurial truncates and rewrites the index in place, so what a snapshot
 * needs for as long as it lives is copied out of the mapping, 28 bytes for each changeset. A
 * history is shared by all snapshots that are prefixes of each other: a commit appends to it. The
 * one thread that builds snapshots appends; any number read the revisions that their snapshot has.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_HISTORY_H
#define FRAMEGATE_HANDLERS_REPO_HISTORY_H

#include "framing/status.h"
#include "handlers/repo/nodetable.h"
#include "handlers/repo/revlog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A branch in the column of branches: its number, and whether the changeset closes it. */
#define FG_BRANCH_CLOSES 0x80000000u
#define FG_BRANCH_NUMBER 0x7fffffffu

struct fg_parents {
    int32_t revs[2]; /* FG_REV_NULL or below the changeset */
};

struct fg_branch_name {
    uint8_t *data; /* owned */
    size_t size;
};

struct fg_history {
    atomic_uint references;
    struct fg_nodetable table;
    struct fg_parents *parents; /* owned; table.capacity of them */

    pthread_mutex_t branch_mutex; /* guards all that follows */
    uint32_t *branches;           /* owned; table.capacity of them */
    uint32_t branches_known;      /* of them filled: changesets whose text was verified */
    struct fg_branch_name *names; /* owned; the name of each branch number */
    uint32_t names_count;
    uint32_t names_capacity;
    uint32_t *name_slots;      /* owned; hash table from names to numbers + 1 */
    uint32_t name_slots_count; /* a power of two, or 0 */
};

/*
 * The history of a changelog that was just opened: previous with the new changesets appended if it
 * is a prefix, else a new one that takes over what previous knows of the common changesets. The
 * caller owns one reference to the result and keeps the one to previous, which may be NULL. Only
 * one thread at a time. FG_ERR_CORRUPT: a node twice, or not a changelog; FG_ERR_MEMORY.
 */
enum fg_status fg_history_extend(struct fg_history *previous, const struct fg_revlog *changelog,
                                 struct fg_history **ret_history, struct fg_error *error);

/*
 * Whether no two changesets have the same node, which for a large history is not looked at before
 * somebody asks, or it is extended. Any thread. FG_ERR_CORRUPT.
 */
enum fg_status fg_history_check(const struct fg_history *history, struct fg_error *error);

struct fg_history *fg_history_ref(struct fg_history *history);

/* Takes NULL. */
void fg_history_unref(struct fg_history *history);

/*
 * Reads and verifies the texts of all changesets below count whose branch is not known yet. The
 * caller holds branch_mutex. memory: where the texts count; NULL: nowhere. work_max: as a reader's;
 * where that does not suffice, the rest stays unknown, which is no failure. Errors of
 * fg_revlog_text.
 */
enum fg_status fg_history_read_branches(struct fg_history *history,
                                        const struct fg_revlog *changelog, uint32_t count,
                                        struct fg_memory *memory, uint64_t work_max,
                                        struct fg_error *error);

#endif
