/*
 * A Mercurial repository as the handlers see it: opened once, and one immutable snapshot for each
 * of its states. All functions may be called from any thread.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_REPOSITORY_H
#define FRAMEGATE_HANDLERS_REPO_REPOSITORY_H

#include "framing/status.h"

struct fg_repository;
struct fg_snapshot;

/*
 * Opens the repository in directory path (the one that has .hg in it) and reads its first
 * snapshot. FG_ERR_NOT_FOUND: no repository there; FG_ERR_UNSUPPORTED: a requirement that is not
 * handled, error names it; FG_ERR_CORRUPT, FG_ERR_IO, FG_ERR_MEMORY.
 */
enum fg_status fg_repository_open(const char *path, struct fg_repository **ret_repository,
                                  struct fg_error *error);

/* Closes it; snapshots that are still referenced live on. Takes NULL. */
void fg_repository_close(struct fg_repository *repository);

/*
 * The snapshot of the repository's present state: checks with a few stats whether the last one is
 * still true, and reads what is new if not. The caller owns one reference. Errors as
 * fg_repository_open.
 */
enum fg_status fg_repository_snapshot(struct fg_repository *repository,
                                      struct fg_snapshot **ret_snapshot, struct fg_error *error);

/* One more reference; returns its argument. */
struct fg_snapshot *fg_snapshot_ref(struct fg_snapshot *snapshot);

/* Gives a reference back. Takes NULL. */
void fg_snapshot_unref(struct fg_snapshot *snapshot);

#endif
