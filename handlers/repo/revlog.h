/*
 * Revlogs (version 1): the files that hold the revisions of the changelog, the manifest and each
 * file. A large index is mapped, and its data read where it lies; a small one is read whole. A
 * revlog is a view of its files at the moment it was opened: what is appended later does not show.
 * All reading functions may be called from any thread.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_REVLOG_H
#define FRAMEGATE_HANDLERS_REPO_REVLOG_H

#include "framing/buffer.h"
#include "framing/status.h"
#include "handlers/repo/chunk.h"
#include "handlers/repo/node.h"

#include <stdbool.h>
#include <stdint.h>

struct fg_revlog;

/* Flags of a revision. */
enum {
    FG_REVLOG_CENSORED = 0x8000,       /* its text was replaced by a tombstone */
    FG_REVLOG_ELLIPSIS = 0x4000,       /* its parents are not the true ones */
    FG_REVLOG_STORED_OUTSIDE = 0x2000, /* its text names a place where the true one is */
};

/* One revision as the index tells it. Its bounds were checked when the revlog was opened. */
struct fg_revlog_entry {
    uint64_t offset;     /* of its chunk, in the data; not counting index entries */
    uint16_t flags;      /* as stored; 0 for all that is handled here */
    uint32_t chunk_size; /* bytes as stored */
    uint32_t text_size;  /* bytes of the rebuilt text */
    int32_t base;        /* as stored: see fg_revlog_delta_parent */
    int32_t link;        /* the changeset that brought it */
    int32_t parents[2];  /* FG_REV_NULL or below the revision */
    struct fg_node node;
};

/*
 * Opens a revlog in a folder: the index is name (ending in ".i"), the data, if it is not inline,
 * the same with ".d". A missing index is an empty revlog, as for Mercurial. Every entry is checked:
 * parents and base below the revision, chunks one after the other, all inside the data.
 *
 * FG_ERR_CORRUPT: a check failed; FG_ERR_UNSUPPORTED: not version 1, or unknown features;
 * FG_ERR_LIMIT: more than FG_REVLOG_REVISIONS_MAX; FG_ERR_IO; FG_ERR_MEMORY.
 */
enum fg_status fg_revlog_open(int folder, const char *name, struct fg_revlog **ret_revlog,
                              struct fg_error *error);

/* Closes it. Takes NULL. */
void fg_revlog_close(struct fg_revlog *revlog);

/* How many revisions there are. */
uint32_t fg_revlog_count(const struct fg_revlog *revlog);

/* Bytes of memory that it takes, without what is mapped. */
uint64_t fg_revlog_held_bytes(const struct fg_revlog *revlog);

/* True if a mapped index was cut while it was being read: what was read since is worthless. */
bool fg_revlog_torn(const struct fg_revlog *revlog);

/* The entry of a revision, which is below the count. */
void fg_revlog_entry(const struct fg_revlog *revlog, uint32_t rev,
                     struct fg_revlog_entry *ret_entry);

/* The node alone. */
void fg_revlog_node(const struct fg_revlog *revlog, uint32_t rev, struct fg_node *ret_node);

/*
 * The nodes of a revision's parents; the null node also for one that does not come before it, as
 * where the index was cut since it was opened.
 */
void fg_revlog_parents(const struct fg_revlog *revlog, uint32_t rev, struct fg_node ret_parents[2]);

/*
 * True if the node must be the hash of parents and text: the text was not replaced, is not stored
 * elsewhere, and the parents are the true ones.
 */
bool fg_revlog_node_is_hash(const struct fg_revlog_entry *entry);

/*
 * A hash that the text of a revision is to be added to, for holding it against *ret_node; the
 * caller frees it. *ret_hash is NULL where the node is not a hash. FG_ERR_MEMORY.
 */
enum fg_status fg_revlog_hash_new(const struct fg_revlog *revlog, uint32_t rev,
                                  struct fg_node_hash **ret_hash, struct fg_node *ret_node,
                                  struct fg_error *error);

/*
 * The revision that a stored chunk is a delta against; FG_REV_NULL if it is a whole text;
 * FG_REV_NULL and *ret_is_delta if it is a delta against the empty text.
 */
int32_t fg_revlog_delta_parent(const struct fg_revlog *revlog, uint32_t rev, bool *ret_is_delta);

/*
 * True if the index of this name in the folder still has the node at a revision. False means that
 * the revlog was stripped or replaced since it was opened, and its revisions may have new numbers.
 */
bool fg_revlog_holds(const struct fg_revlog *revlog, int folder, const char *name, uint32_t rev,
                     const struct fg_node *node);

/*
 * Some bytes of a revision's chunk as it is stored, from offset on. FG_OK: 1 <= *ret_size <=
 * capacity; FG_END: the chunk has no more. FG_ERR_TRUNCATED: the data has been cut since;
 * FG_ERR_IO.
 */
enum fg_status fg_revlog_packed(const struct fg_revlog *revlog, uint32_t rev, uint64_t offset,
                                uint8_t *buffer, size_t capacity, size_t *ret_size,
                                struct fg_error *error);

/*
 * Bytes that the unpacked chunk of a revision may have: those of a text that is stored whole, or,
 * for a delta, so many that Mercurial would have stored the text instead.
 */
uint64_t fg_revlog_unpacked_max(const struct fg_revlog *revlog, uint32_t rev);

/* The end of its name, for messages. */
const char *fg_revlog_name(const struct fg_revlog *revlog);

/*
 * What rebuilding texts needs from one to the next. Zeroed: empty. Not thread-safe.
 */
struct fg_revlog_reader {
    struct fg_holding holding; /* of what a text takes while it is rebuilt; set .memory */
    struct fg_chunk_decoder decoder;
    struct fg_buffer chunk;   /* the chunk being unpacked */
    struct fg_buffer *deltas; /* unpacked deltas that the text being rebuilt borrows from */
    size_t deltas_capacity;
    size_t deltas_bytes; /* of memory that they have together */
    uint64_t work;       /* bytes that were read, unpacked and moved */
    uint64_t work_max;   /* of them that it may do; 0: without end */
    bool exhausted;      /* a text failed since that was too little; it may be sound */
    uint32_t *chain;     /* the delta chain being followed */
    size_t chain_capacity;
    struct fg_buffer window;           /* data around the last chunk, read at once */
    const struct fg_revlog *window_of; /* the revlog that it belongs to; NULL: none */
    uint64_t window_start;             /* where it starts in the file */
};

/* Frees what a reader keeps, but for where it counts. Takes a zeroed reader. */
void fg_revlog_reader_clear(struct fg_revlog_reader *reader);

/* Bytes of memory that a reader keeps. */
uint64_t fg_revlog_reader_held_bytes(const struct fg_revlog_reader *reader);

/*
 * Replaces the contents of text by the text of a revision, and checks it against its node; node is
 * the one it must have, or NULL for the one in the index. The text may have up to the ceiling of
 * the buffer.
 *
 * What that takes at one time: the text that the deltas are applied to, those not applied yet (up
 * to 16 MiB, or one that is larger), and the result; each obeys the ceiling, and all together the
 * sum that the reader counts in.
 *
 * FG_ERR_CORRUPT, also when the text would be larger than the ceiling; FG_ERR_UNSUPPORTED:
 * censored, stored elsewhere, or an unknown kind of chunk; FG_ERR_LIMIT: a text of the chain is
 * larger than the ceiling by the index, a delta chain over FG_REVLOG_CHAIN_MAX, memory is spent, or
 * the reader is exhausted;
 * FG_ERR_TRUNCATED, FG_ERR_IO, FG_ERR_MEMORY.
 */
enum fg_status fg_revlog_text(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                              uint32_t rev, const struct fg_node *node, struct fg_buffer *text,
                              struct fg_error *error);

/*
 * As fg_revlog_text, but whatever the flags, and not verified: for who hands the text to a peer
 * that verifies it.
 */
enum fg_status fg_revlog_raw_text(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                  uint32_t rev, struct fg_buffer *text, struct fg_error *error);

/*
 * Appends what the chunk of a revision holds, unpacked: the delta or the text, as
 * fg_revlog_delta_parent says. FG_ERR_TRUNCATED: the data has been cut since; FG_ERR_IO;
 * errors of fg_chunk_decode; FG_ERR_CORRUPT also for a delta that is much larger than what it
 * makes.
 */
enum fg_status fg_revlog_stored(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                uint32_t rev, struct fg_buffer *buffer, struct fg_error *error);

#endif
