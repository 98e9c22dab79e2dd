/*
 * Delta groups: the revisions of one revlog as a changegroup has them, each as a delta against one
 * that the client then has. See "hg help internals.changegroups".
 */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_DELTAGROUP_H
#define FRAMEGATE_HANDLERS_BUNDLE_DELTAGROUP_H

#include "handlers/bundle/longdelta.h"
#include "handlers/bundle/outgoing.h"
#include "handlers/repo/revlog.h"

/* The versions of changegroups that can be made. */
enum fg_changegroup_version {
    FG_CHANGEGROUP_01 = 1, /* each delta is against the revision before */
    FG_CHANGEGROUP_02 = 2, /* each names its base */
    FG_CHANGEGROUP_03 = 3, /* the same, with flags */
};

/* What a revlog holds, as far as its texts differ in form. */
enum fg_deltagroup_kind {
    FG_DELTAGROUP_CHANGESETS,
    FG_DELTAGROUP_MANIFESTS,
    FG_DELTAGROUP_FILE,
};

/* Not thread-safe. */
struct fg_deltagroup {
    enum fg_changegroup_version version;
    const struct fg_snapshot *snapshot; /* borrowed */
    const struct fg_outgoing *outgoing; /* borrowed */

    /* Of the present revlog. */
    const struct fg_revlog *revlog; /* borrowed */
    enum fg_deltagroup_kind kind;
    uint8_t *sent; /* owned; for each revision whether it was put */
    uint32_t sent_capacity;
    bool began;       /* a revision was put */
    int32_t previous; /* the last one */

    struct fg_revlog_reader reader;
    struct fg_buffer text; /* the last text that was rebuilt here, and of which revision */
    int32_t text_rev;
    struct fg_spill *long_text; /* owned; one that was too large for memory; NULL: none */
    int32_t long_rev;
    struct fg_buffer base;    /* the text that a delta is made against */
    struct fg_longdelta rest; /* of the last revision, where it is large */
};

/* All are borrowed until fg_deltagroup_clear. */
void fg_deltagroup_init(struct fg_deltagroup *group, enum fg_changegroup_version version,
                        const struct fg_snapshot *snapshot, const struct fg_outgoing *outgoing);

/* Frees what it owns. Takes a zeroed group. */
void fg_deltagroup_clear(struct fg_deltagroup *group);

/* Bytes of memory that it holds. */
uint64_t fg_deltagroup_held_bytes(const struct fg_deltagroup *group);

/* Goes on with another revlog, which is borrowed until the next call. FG_ERR_MEMORY. */
enum fg_status fg_deltagroup_begin(struct fg_deltagroup *group, const struct fg_revlog *revlog,
                                   enum fg_deltagroup_kind kind, struct fg_error *error);

/*
 * Appends the chunk of a revision, with a changeset of the snapshot as the one that brought it. Of
 * a large one only the start is appended: the rest is to be taken out by fg_deltagroup_read before
 * anything else is done. Revisions are put in ascending order. FG_ERR_UNSUPPORTED: its flags do not
 * fit the version; FG_ERR_LIMIT: the chunk would have 2 GiB; errors of fg_revlog_text.
 */
enum fg_status fg_deltagroup_put(struct fg_deltagroup *group, uint32_t rev, uint32_t link,
                                 struct fg_buffer *buffer, struct fg_error *error);

/*
 * Gives up to capacity (never 0) bytes of what fg_deltagroup_put left. FG_OK: 1 <= *ret_size <=
 * capacity; FG_END: there is nothing. Errors of fg_longdelta_read.
 */
enum fg_status fg_deltagroup_read(struct fg_deltagroup *group, uint8_t *buffer, size_t capacity,
                                  size_t *ret_size, struct fg_error *error);

/* True if there may be something for fg_deltagroup_read. */
bool fg_deltagroup_has_rest(const struct fg_deltagroup *group);

/* The text of a revision of the present revlog, valid until the next call. As fg_revlog_raw_text.
 */
enum fg_status fg_deltagroup_text(struct fg_deltagroup *group, uint32_t rev,
                                  struct fg_bytes *ret_text, struct fg_error *error);

/* Appends the chunk that ends a group, or the list of groups. */
enum fg_status fg_changegroup_put_end(struct fg_buffer *buffer);

#endif
