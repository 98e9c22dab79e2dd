/*
 * A repository's files as they lie on disk, one after the other: what a stream clone consists of.
 * Which files, and how many bytes of each, is settled at one moment between two transactions; the
 * bytes are read as they are sent. Files only grow, so what follows does no harm, but for strip:
 * then sending fails, and never gives bytes of another state.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_STREAMCLONE_H
#define FRAMEGATE_HANDLERS_REPO_STREAMCLONE_H

#include "framing/source.h"
#include "handlers/memory.h"
#include "handlers/repo/snapshot.h"

/* The two forms of the data. */
enum fg_streamclone_form {
    FG_STREAMCLONE_V1, /* of stream_out: revlogs alone */
    FG_STREAMCLONE_V2, /* of a part stream2: also phases, obsolescence markers, caches */
};

struct fg_streamclone;

/*
 * True if the repository may be cloned by its files, which show everything: it has nothing secret,
 * and its configuration does not say otherwise. For announcing it; fg_streamclone_new looks by
 * itself.
 */
bool fg_streamclone_allowed(const struct fg_snapshot *snapshot);

/*
 * Appends the requirements that a client must support to read the files, ascending, with commas
 * between them. FG_ERR_LIMIT, FG_ERR_MEMORY.
 */
enum fg_status fg_streamclone_requirements(const struct fg_snapshot *snapshot,
                                           struct fg_buffer *buffer);

/*
 * Takes the list of the files as they are now, of the snapshot's repository and by its
 * configuration, under Mercurial's lock; where this process may not lock, while nobody else does.
 * The caller owns the result. obsstore: with the markers (V2). FG_ERR_UNSUPPORTED: not allowed;
 * FG_ERR_STATE: the repository stayed locked, or did not stop changing; FG_ERR_CORRUPT,
 * FG_ERR_LIMIT, FG_ERR_IO, FG_ERR_MEMORY. The list, and what is kept of files that are replaced, is
 * counted in memory (or NULL), which must live as long; FG_ERR_LIMIT also as fg_holding_ask.
 */
enum fg_status fg_streamclone_new(const struct fg_snapshot *snapshot, enum fg_streamclone_form form,
                                  bool obsstore, struct fg_memory *memory,
                                  struct fg_streamclone **ret_clone, struct fg_error *error);

/* Takes NULL. */
void fg_streamclone_free(struct fg_streamclone *clone);

uint64_t fg_streamclone_files(const struct fg_streamclone *clone);

/* Bytes of all files together. */
uint64_t fg_streamclone_bytes(const struct fg_streamclone *clone);

/*
 * The data, after a prefix that is copied (at most FG_STREAMCLONE_PREFIX_MAX bytes). The source
 * takes the clone over. Reading waits for the disk.
 */
struct fg_source fg_streamclone_source(struct fg_streamclone *clone, struct fg_bytes prefix);

enum { FG_STREAMCLONE_PREFIX_MAX = 64 };

#endif
