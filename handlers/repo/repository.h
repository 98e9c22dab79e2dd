/*
 * A Mercurial repository as the handlers see it: opened once, and one immutable snapshot for each
 * of its states (handlers/repo/snapshot.h says what it holds). All functions may be called from any
 * thread.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_REPOSITORY_H
#define FRAMEGATE_HANDLERS_REPO_REPOSITORY_H

#include "framing/status.h"
#include "handlers/repo/node.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct fg_memory; /* handlers/memory.h */
struct fg_repository;
struct fg_snapshot;
struct fg_siteconfig;
struct fg_site_values;

/*
 * Opens the repository in directory path (the one that has .hg in it) and reads its first
 * snapshot. FG_ERR_NOT_FOUND: no repository there; FG_ERR_UNSUPPORTED: a requirement that is not
 * handled, error names it; FG_ERR_CORRUPT, FG_ERR_LIMIT, FG_ERR_IO, FG_ERR_MEMORY.
 */
enum fg_status fg_repository_open(const char *path, struct fg_repository **ret_repository,
                                  struct fg_error *error);

/*
 * The same where pushes are taken by program (hg; copied): the configuration of its installation
 * counts. fg_repository_open takes "hg".
 */
enum fg_status fg_repository_open_with(const char *path, const char *program,
                                       struct fg_repository **ret_repository,
                                       struct fg_error *error);

/* Closes it; snapshots that are still referenced live on. Takes NULL. */
void fg_repository_close(struct fg_repository *repository);

/*
 * The snapshot of the repository's present state: checks with a few stats whether the last one is
 * still true, and reads what is new if not. While one thread reads, or somebody holds the
 * repository's lock and has changed something, the others get the last one. The caller owns one
 * reference. Errors as fg_repository_open.
 */
enum fg_status fg_repository_snapshot(struct fg_repository *repository,
                                      struct fg_snapshot **ret_snapshot, struct fg_error *error);

/*
 * The same for requests that come thick and fast: a look at the files serves those that ask within
 * 100 µs of it, which is less than a program takes from writing a file to having a request here.
 * It is a system call, and 0.4 of the 9.7 µs of a small request. now: microseconds of
 * CLOCK_MONOTONIC, not later than the call. Reads nothing but that: FG_PENDING if there is a new
 * state to be read, which may take long and is for fg_repository_snapshot on a worker.
 */
enum fg_status fg_repository_recent(struct fg_repository *repository, uint64_t now,
                                    struct fg_snapshot **ret_snapshot, struct fg_error *error);

/*
 * Why the last attempt to read the repository failed, for its operator: with the paths that the
 * errors of fg_repository_snapshot and fg_repository_refresh, which clients get, leave out. False
 * if it did not.
 */
bool fg_repository_failure(struct fg_repository *repository, struct fg_error *ret_error);

/*
 * The configuration as its files are now, refused or not; the caller owns a reference. FG_ERR_IO,
 * FG_ERR_MEMORY.
 */
enum fg_status fg_repository_config(struct fg_repository *repository,
                                    struct fg_siteconfig **ret_config, struct fg_error *error);

/*
 * From now on a configuration that names other options of access than these (bits, see
 * fg_siteconfig_check) is refused. At first all are granted.
 */
void fg_repository_grant(struct fg_repository *repository, unsigned granted);

/*
 * Waits for a thread that reads, then makes sure that the next snapshot shows all that has been
 * written to the repository before this call. Errors as fg_repository_open.
 */
enum fg_status fg_repository_refresh(struct fg_repository *repository, struct fg_error *error);

/* The repository's absolute path; lives as long as the repository. */
const char *fg_repository_path(const struct fg_repository *repository);

/* Within how many seconds the program must write; the default is 30. Call it before the repository
 * is shared with other threads. */
void fg_repository_set_writer_seconds(struct fg_repository *repository, unsigned seconds);

/*
 * Where reading the repository counts the memory that it holds for a text; memory is borrowed and
 * must live as long as the repository. Without it nothing is counted. As
 * fg_repository_set_writer_seconds.
 */
void fg_repository_set_memory(struct fg_repository *repository, struct fg_memory *memory);

/* What a push may cost. */
struct fg_push_limits {
    uint64_t bytes;         /* of its bundle */
    unsigned seconds;       /* for Mercurial to take it */
    struct fg_memory *disk; /* of all bundles that are on their way; borrowed; NULL: no limit */
};

/* The default is 1 GiB and 1,800 seconds. As fg_repository_set_writer_seconds. */
void fg_repository_set_push_limits(struct fg_repository *repository, struct fg_push_limits limits);
struct fg_push_limits fg_repository_push_limits(const struct fg_repository *repository);

/* Ends the programs that are writing for this repository, and all that are started from now on. */
void fg_repository_stop_writers(struct fg_repository *repository);
const atomic_bool *fg_repository_writers_stop(const struct fg_repository *repository);

const char *fg_repository_writer(const struct fg_repository *repository);
unsigned fg_repository_writer_seconds(const struct fg_repository *repository);

/*
 * Reads and verifies the text of every changeset of the present snapshot, so that the first
 * branchmap or lookup need not, and damage shows early. For a thread with time to spare: about
 * 3 µs for each changeset. Errors as fg_repository_snapshot.
 */
enum fg_status fg_repository_warm(struct fg_repository *repository, struct fg_error *error);

/*
 * Whom to tell what the operator should hear of, as lines without a break, on whatever thread. They
 * may name paths, and are not for clients. Without it nobody is told. As
 * fg_repository_set_writer_seconds.
 */
typedef void (*fg_repository_listener)(const char *line);
void fg_repository_set_listener(struct fg_repository *repository, fg_repository_listener listener);

/* Tells that listener; what is not printable is replaced, what is too long for a line cut. */
void fg_repository_tell(const struct fg_repository *repository, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum { FG_DAMAGES_MAX = 64 };

/* A file of the store that could not be read, though the repository as a whole could. */
struct fg_damage {
    char file[256];   /* its name in the store; "" where reason says what it is about */
    char reason[256]; /* printable */
    struct timespec found;
};

/* Fills ret_damages with what is known of damage now; returns how many. Looks at no file. */
size_t fg_repository_damages(struct fg_repository *repository,
                             struct fg_damage ret_damages[FG_DAMAGES_MAX]);

enum { FG_REQUIREMENTS_MAX = 32 };

/* What the state shows of a repository. */
struct fg_repository_view {
    uint32_t changesets; /* stored, served or not */
    uint32_t heads;      /* of the served view */
    struct fg_node tip;  /* of the served view; the null node if it is empty */
    int32_t tip_rev;     /* FG_REV_NULL if there is none */
    const char *requirements[FG_REQUIREMENTS_MAX]; /* names, ascending. Static */
    size_t requirements_count;
    struct timespec read;  /* wall clock: when the present snapshot was read */
    uint64_t reads;        /* snapshots that were read since the start */
    uint64_t read_last_us; /* how long the last one took */
    uint64_t read_max_us;  /* how long the slowest one took */
    /* Why the files could not be read the last time, which is why the snapshot is old; or empty. */
    char error[sizeof(((struct fg_error *)NULL)->message)];
};

/* The present snapshot and its history, without looking at the files. Cannot fail. */
void fg_repository_describe(struct fg_repository *repository, struct fg_repository_view *ret_view);

/* What is followed of the configuration; lives as long as the snapshot. */
const struct fg_site_values *fg_snapshot_values(const struct fg_snapshot *snapshot);

/* True if there are markers of obsolescence. */
bool fg_snapshot_has_markers(const struct fg_snapshot *snapshot);

enum { FG_DIGEST_SIZE = 32 }; /* of SHA-256 */

/*
 * What tells this state of this repository from all others: its changesets, their phases, what is
 * hidden, bookmarks, markers of obsolescence. It is computed once. FG_ERR_MEMORY.
 */
enum fg_status fg_snapshot_digest(struct fg_snapshot *snapshot, uint8_t ret_digest[FG_DIGEST_SIZE],
                                  struct fg_error *error);

/* One more reference; returns its argument. */
struct fg_snapshot *fg_snapshot_ref(struct fg_snapshot *snapshot);

/* Gives a reference back. Takes NULL. */
void fg_snapshot_unref(struct fg_snapshot *snapshot);

#endif
