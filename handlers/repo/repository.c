/*
 * A repository and its present snapshot. Who asks for the snapshot compares stamps without a lock;
 * if they differ, the first one there reads the new state while the others go on with the old.
 *
 * A state is only read while nobody holds Mercurial's lock, and only believed if the stamps are the
 * same before and after: so each snapshot is a state between two transactions. While somebody
 * holds the lock and has changed something, the old snapshot stays.
 */
#define _GNU_SOURCE /* realpath */

#include "handlers/repo/repository.h"

#include "handlers/repo/freshness.h"
#include "handlers/repo/lock.h"
#include "handlers/repo/notices.h"
#include "handlers/repo/siteconfig.h"
#include "handlers/repo/snapshot.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    WRITER_SECONDS = 30,
    PUSH_BYTES = 1 << 30,
    PUSH_SECONDS = 1800,
    RETRY_MS = 2,           /* between attempts while files change */
    FIRST_WAIT_MS = 2000,   /* for a lock, when there is no snapshot to go on with */
    CHANGING_MAX_MS = 5000, /* for the files to stop changing, when there is none */
    KEEP_AFTER_MS = 100,    /* the same, when there is one to go on with */
    IDLE_LOCK_MS = 2000,    /* a lock without a transaction whose holder changes nothing */
    LOOK_SERVES_US = 100,   /* those that ask for what is recent */
};

/* A snapshot and the stamps that it was made under. Immutable, but for when they were compared. */
struct state {
    atomic_uint references;
    _Atomic uint64_t looked; /* us; the stamps were seen to be still true then; 0: not yet */
    struct fg_snapshot *snapshot;
    struct fg_siteconfig *config;
    struct fg_stamps stamps;
    struct timespec read; /* wall clock */
};

struct fg_repository {
    char *path;   /* as it was given */
    char *writer; /* the program that writes */
    unsigned writer_seconds;
    struct fg_push_limits push_limits;
    atomic_bool writers_stop;
    struct fg_notices *notices; /* a reference */
    struct fg_memory *memory;   /* borrowed; NULL: nothing is counted */

    atomic_uint granted;      /* as fg_siteconfig_check */
    atomic_bool granted_anew; /* since the configuration was last checked */
    atomic_bool refused;      /* the last configuration that was read is not one to serve by */

    pthread_mutex_t state_mutex; /* held for as long as it takes to copy a pointer */
    struct state *state;         /* the present state; NULL before the first */
    uint64_t reads;              /* snapshots that were read, and how long it took */
    uint64_t read_last_us;
    uint64_t read_max_us;
    atomic_bool failed; /* the last attempt to read; failure says why */
    struct fg_error failure;

    pthread_mutex_t build_mutex; /* held by the thread that reads a new state */
    /* The rest is that thread's. */
    struct fg_siteconfig *config;   /* as its files were last read; NULL before the first */
    struct fg_stamps locked_stamps; /* of the files while they were locked */
    int64_t locked_since;           /* ms; when they were first seen so; 0: they are not */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void sleep_ms(int ms)
{
    struct timespec time = {.tv_nsec = (long)ms * 1000000};
    nanosleep(&time, NULL);
}

static void state_unref(struct state *state)
{
    if (state != NULL &&
        atomic_fetch_sub_explicit(&state->references, 1, memory_order_acq_rel) == 1) {
        fg_snapshot_unref(state->snapshot);
        fg_siteconfig_unref(state->config);
        free(state);
    }
}

/* The present state with a reference; NULL before the first. */
static struct state *state_get(struct fg_repository *repository)
{
    pthread_mutex_lock(&repository->state_mutex);
    struct state *state = repository->state;
    if (state != NULL) {
        atomic_fetch_add_explicit(&state->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&repository->state_mutex);
    return state;
}

/* Makes a snapshot (whose reference is taken over) the present one. */
static enum fg_status state_set(struct fg_repository *repository, struct fg_snapshot *snapshot,
                                const struct fg_stamps *stamps, struct fg_error *error)
{
    struct state *state = malloc(sizeof *state);
    if (state == NULL) {
        fg_snapshot_unref(snapshot);
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    atomic_init(&state->references, 1);
    atomic_init(&state->looked, 0);
    state->snapshot = snapshot;
    state->config = fg_siteconfig_ref(repository->config);
    state->stamps = *stamps;
    clock_gettime(CLOCK_REALTIME, &state->read);
    pthread_mutex_lock(&repository->state_mutex);
    struct state *old = repository->state;
    repository->state = state;
    pthread_mutex_unlock(&repository->state_mutex);
    state_unref(old);
    return FG_OK;
}

static void count_read(struct fg_repository *repository, uint64_t us)
{
    pthread_mutex_lock(&repository->state_mutex);
    repository->reads++;
    repository->read_last_us = us;
    repository->read_max_us = us > repository->read_max_us ? us : repository->read_max_us;
    pthread_mutex_unlock(&repository->state_mutex);
}

/* -- the configuration ------------------------------------------------------------------------- */

/* Makes the configuration what its files say, for a layout. The caller holds build_mutex. */
static enum fg_status update_config(struct fg_repository *repository, struct fg_layout *layout,
                                    struct fg_error *error)
{
    struct fg_siteconfig *config = repository->config;
    if (config != NULL && config->layout == layout && fg_siteconfig_is_fresh(config, true)) {
        return FG_OK;
    }
    enum fg_status status = fg_siteconfig_read(layout, repository->writer, &config, error);
    if (status == FG_OK) {
        fg_siteconfig_unref(repository->config);
        repository->config = config;
    }
    return status;
}

/* The same, and whether the repository may be served by it. */
static enum fg_status check_config(struct fg_repository *repository, struct fg_layout *layout,
                                   struct fg_error *error)
{
    enum fg_status status = update_config(repository, layout, error);
    if (status == FG_OK) {
        atomic_store(&repository->granted_anew, false);
        status = fg_siteconfig_check(repository->config, atomic_load(&repository->granted), error);
    }
    /* Also where it cannot be read: nobody knows what it says. */
    atomic_store(&repository->refused, status != FG_OK);
    return status;
}

/* -- reading a new state ----------------------------------------------------------------------- */

/* One attempt's outcome. */
enum attempt {
    ATTEMPT_DONE,   /* there is a new state */
    ATTEMPT_KEEP,   /* the old one is still true, or stays since the repository is locked */
    ATTEMPT_LOCKED, /* locked, and there is no old one */
    ATTEMPT_MOVED,  /* the files changed while they were read */
    ATTEMPT_FAILED, /* status and error say why */
};

/* A lock that somebody holds without a transaction, changing nothing, is no reason to wait. */
static bool lock_is_idle(struct fg_repository *repository, const struct fg_stamps *stamps,
                         bool transaction)
{
    int64_t now = now_ms();
    if (transaction || repository->locked_since == 0 ||
        !fg_stamps_equal(stamps, &repository->locked_stamps)) {
        repository->locked_stamps = *stamps;
        repository->locked_since = now;
        return false;
    }
    return now - repository->locked_since >= IDLE_LOCK_MS;
}

/* True if what was read under before is still what the files say. */
static bool still_true(const struct fg_repository *repository, const struct fg_layout *layout,
                       const struct fg_stamps *before, bool ignore_lock)
{
    struct fg_stamps after;
    bool transaction;
    if (fg_stamps_take(layout, true, &after, NULL) != FG_OK || !fg_stamps_equal(before, &after) ||
        !fg_siteconfig_is_fresh(repository->config, true)) {
        return false;
    }
    return ignore_lock || !fg_layout_locked(layout, &transaction);
}

static enum attempt read_state(struct fg_repository *repository, struct fg_layout *layout,
                               struct state *old, const struct fg_stamps *stamps, bool ignore_lock,
                               enum fg_status *status, struct fg_error *error)
{
    struct fg_snapshot *previous = old != NULL ? old->snapshot : NULL;
    struct fg_snapshot *snapshot = NULL;
    uint64_t start = now_us();
    *status =
        fg_snapshot_build(layout, &repository->config->settings.values, previous, &snapshot, error);
    count_read(repository, now_us() - start);
    if (!still_true(repository, layout, stamps, ignore_lock)) {
        fg_snapshot_unref(snapshot);
        return ATTEMPT_MOVED;
    }
    if (*status != FG_OK) {
        return ATTEMPT_FAILED;
    }
    if (previous != NULL && fg_snapshot_same(previous, snapshot)) {
        fg_snapshot_unref(snapshot);
        snapshot = fg_snapshot_ref(previous);
    }
    struct fg_stamps kept = *stamps;
    if (!snapshot->view.hideable) {
        memset(&kept.files[FG_STAMPED_WORKING_COPY_START], 0,
               (FG_STAMPED_COUNT - FG_STAMPED_WORKING_COPY_START) * sizeof kept.files[0]);
    }
    *status = state_set(repository, snapshot, &kept, error);
    return *status == FG_OK ? ATTEMPT_DONE : ATTEMPT_FAILED;
}

/* The layout to read with: that of the old state if it is still where it was. */
static enum fg_status current_layout(struct fg_repository *repository, const struct state *old,
                                     struct fg_layout **ret_layout, struct fg_stamps *ret_stamps,
                                     struct fg_error *error)
{
    if (old != NULL) {
        struct fg_layout *layout = old->snapshot->layout;
        enum fg_status status = fg_stamps_take(layout, true, ret_stamps, error);
        if (status != FG_OK || fg_stamps_same_layout(ret_stamps, &old->stamps)) {
            *ret_layout = status == FG_OK ? fg_layout_ref(layout) : NULL;
            return status;
        }
    }
    struct fg_layout *layout;
    enum fg_status status = fg_layout_open(repository->path, &layout, error);
    if (status != FG_OK) {
        return status;
    }
    layout->memory = repository->memory;
    layout->notices = fg_notices_ref(repository->notices);
    status = fg_stamps_take(layout, true, ret_stamps, error);
    if (status != FG_OK) {
        fg_layout_unref(layout);
        return status;
    }
    *ret_layout = layout;
    return FG_OK;
}

/* ignore_lock: it has been waited for long enough. */
static enum attempt attempt(struct fg_repository *repository, bool ignore_lock,
                            enum fg_status *status, struct fg_error *error)
{
    struct state *old = state_get(repository);
    struct fg_layout *layout;
    struct fg_stamps stamps;
    *status = current_layout(repository, old, &layout, &stamps, error);
    if (*status == FG_OK) {
        *status = check_config(repository, layout, error);
        if (*status != FG_OK) {
            fg_layout_unref(layout);
        }
    }
    if (*status != FG_OK) {
        state_unref(old);
        return ATTEMPT_FAILED;
    }
    enum attempt result;
    bool transaction;
    bool locked = !ignore_lock && fg_layout_locked(layout, &transaction);
    if (locked && !lock_is_idle(repository, &stamps, transaction)) {
        result = old != NULL ? ATTEMPT_KEEP : ATTEMPT_LOCKED;
    } else {
        result = read_state(repository, layout, old, &stamps, ignore_lock || locked, status, error);
        repository->locked_since = 0;
    }
    fg_layout_unref(layout);
    state_unref(old);
    return result;
}

/* Reads the present state, waiting for files to stop changing. The caller holds build_mutex. */
static enum fg_status rebuild(struct fg_repository *repository, struct fg_error *error)
{
    int64_t start = now_ms();
    bool ignore_lock = false;
    struct state *old = state_get(repository);
    bool has_old = old != NULL;
    state_unref(old);
    for (;;) {
        enum fg_status status;
        switch (attempt(repository, ignore_lock, &status, error)) {
        case ATTEMPT_DONE:
        case ATTEMPT_KEEP:
            return FG_OK;
        case ATTEMPT_FAILED:
            return status;
        case ATTEMPT_LOCKED:
            ignore_lock = now_ms() - start >= FIRST_WAIT_MS;
            break;
        case ATTEMPT_MOVED:
            if (now_ms() - start >= (has_old ? KEEP_AFTER_MS : CHANGING_MAX_MS)) {
                return has_old
                           ? FG_OK
                           : fg_fail(error, FG_ERR_IO, 0, "the repository does not stop changing");
            }
            break;
        }
        sleep_ms(RETRY_MS);
    }
}

/* True if the stamps of the files are the state's. */
static bool stamps_agree(const struct state *state)
{
    struct fg_stamps stamps;
    const struct fg_snapshot *snapshot = state->snapshot;
    return fg_stamps_take(snapshot->layout, snapshot->view.hideable, &stamps, NULL) == FG_OK &&
           fg_stamps_equal(&stamps, &state->stamps) && !fg_stamps_need_check(&state->stamps) &&
           fg_siteconfig_is_fresh(state->config, true);
}

/* True if nothing has changed: by the watch where there is one, else by the stamps. */
static bool is_fresh(const struct state *state)
{
    const struct fg_snapshot *snapshot = state->snapshot;
    if (snapshot->layout->watch == NULL) {
        return stamps_agree(state);
    }
    return fg_stamps_still_true(snapshot->layout, snapshot->view.hideable, &state->stamps) &&
           fg_siteconfig_is_fresh(state->config, false);
}

/* The same by the stamps, and tells the watch; only for the holder of build_mutex. */
static bool check_state(const struct state *state)
{
    struct fg_watch *watch = state->snapshot->layout->watch;
    if (watch == NULL) {
        return stamps_agree(state);
    }
    fg_watch_forget(watch);
    bool agree = stamps_agree(state);
    if (agree) {
        fg_watch_trust(watch);
    }
    return agree;
}

static void keep_failure(struct fg_repository *repository, const struct fg_error *failure)
{
    pthread_mutex_lock(&repository->state_mutex);
    repository->failed = failure != NULL;
    if (failure != NULL) {
        repository->failure = *failure;
    }
    pthread_mutex_unlock(&repository->state_mutex);
}

/* True if the message names a file by its whole path. */
static bool has_path(const char *message)
{
    return message[0] == '/' || strstr(message, " /") != NULL || strstr(message, "'/") != NULL;
}

/*
 * Makes the present state what the files say. Clients hear why that failed, but of no path of this
 * machine. The caller holds build_mutex.
 */
static enum fg_status update(struct fg_repository *repository, struct fg_error *error)
{
    struct fg_error failure = {.message = ""};
    struct state *state = state_get(repository);
    enum fg_status status = check_config(repository, state->snapshot->layout, &failure);
    bool agree = status == FG_OK && check_state(state);
    state_unref(state);
    if (status == FG_OK && !agree) {
        status = rebuild(repository, &failure);
    }
    keep_failure(repository, status != FG_OK ? &failure : NULL);
    if (status == FG_OK) {
        return FG_OK;
    }
    bool hidden = atomic_load(&repository->refused) || has_path(failure.message);
    return fg_fail(error, status, failure.offset, "%s",
                   hidden ? "the repository cannot be read" : failure.message);
}

bool fg_repository_failure(struct fg_repository *repository, struct fg_error *ret_error)
{
    pthread_mutex_lock(&repository->state_mutex);
    bool failed = repository->failed;
    if (failed) {
        *ret_error = repository->failure;
    }
    pthread_mutex_unlock(&repository->state_mutex);
    return failed;
}

enum fg_status fg_repository_config(struct fg_repository *repository,
                                    struct fg_siteconfig **ret_config, struct fg_error *error)
{
    struct state *state = state_get(repository);
    pthread_mutex_lock(&repository->build_mutex);
    enum fg_status status = update_config(repository, state->snapshot->layout, error);
    if (status == FG_OK) {
        *ret_config = fg_siteconfig_ref(repository->config);
    }
    pthread_mutex_unlock(&repository->build_mutex);
    state_unref(state);
    return status;
}

void fg_repository_grant(struct fg_repository *repository, unsigned granted)
{
    pthread_mutex_lock(&repository->build_mutex);
    atomic_store(&repository->granted, granted);
    atomic_store(&repository->granted_anew, true);
    pthread_mutex_unlock(&repository->build_mutex);
}

/*
 * Looks at the files, now, and gives the snapshot that is true of them. FG_PENDING: it is to be
 * read, but reads is false.
 */
static enum fg_status look(struct fg_repository *repository, uint64_t now, bool reads,
                           struct fg_snapshot **ret_snapshot, struct fg_error *error)
{
    struct state *state = state_get(repository);
    enum fg_status status = FG_OK;
    if (is_fresh(state) && !atomic_load(&repository->failed) &&
        !atomic_load(&repository->granted_anew)) {
        atomic_store_explicit(&state->looked, now, memory_order_relaxed);
    } else if (pthread_mutex_trylock(&repository->build_mutex) == 0) {
        status = reads ? update(repository, error) : FG_PENDING;
        pthread_mutex_unlock(&repository->build_mutex);
        state_unref(state);
        state = state_get(repository);
    } else if (atomic_load(&repository->refused)) {
        /* The last snapshot is for while a new one is read, not for what may not be served. */
        status = fg_fail(error, FG_ERR_UNSUPPORTED, 0, "the repository cannot be read");
    }
    if (status == FG_OK) {
        *ret_snapshot = fg_snapshot_ref(state->snapshot);
    }
    state_unref(state);
    return status;
}

enum fg_status fg_repository_snapshot(struct fg_repository *repository,
                                      struct fg_snapshot **ret_snapshot, struct fg_error *error)
{
    return look(repository, now_us(), true, ret_snapshot, error);
}

enum fg_status fg_repository_recent(struct fg_repository *repository, uint64_t now,
                                    struct fg_snapshot **ret_snapshot, struct fg_error *error)
{
    struct fg_snapshot *snapshot = NULL;
    pthread_mutex_lock(&repository->state_mutex);
    const struct state *state = repository->state;
    /* Signed: another thread may have looked after this one read the clock. */
    if (state != NULL &&
        (int64_t)(now - atomic_load_explicit(&state->looked, memory_order_relaxed)) <
            LOOK_SERVES_US) {
        snapshot = fg_snapshot_ref(state->snapshot);
    }
    pthread_mutex_unlock(&repository->state_mutex);
    if (snapshot == NULL) {
        return look(repository, now, false, ret_snapshot, error);
    }
    *ret_snapshot = snapshot;
    return FG_OK;
}

enum fg_status fg_repository_refresh(struct fg_repository *repository, struct fg_error *error)
{
    pthread_mutex_lock(&repository->build_mutex);
    enum fg_status status = update(repository, error);
    pthread_mutex_unlock(&repository->build_mutex);
    return status;
}

enum fg_status fg_repository_warm(struct fg_repository *repository, struct fg_error *error)
{
    struct fg_snapshot *snapshot;
    enum fg_status status = fg_repository_snapshot(repository, &snapshot, error);
    if (status == FG_OK) {
        const struct fg_branches *branches;
        status = fg_history_check(snapshot->history, error);
        if (status == FG_OK) {
            status = fg_snapshot_branches(snapshot, &branches, error);
        }
        fg_snapshot_unref(snapshot);
    }
    return status;
}

/* -- opening ---------------------------------------------------------------------------------- */

enum fg_status fg_repository_open(const char *path, struct fg_repository **ret_repository,
                                  struct fg_error *error)
{
    return fg_repository_open_with(path, "hg", ret_repository, error);
}

enum fg_status fg_repository_open_with(const char *path, const char *program,
                                       struct fg_repository **ret_repository,
                                       struct fg_error *error)
{
    struct fg_repository *repository = calloc(1, sizeof *repository);
    if (repository == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    pthread_mutex_init(&repository->state_mutex, NULL);
    pthread_mutex_init(&repository->build_mutex, NULL);
    repository->push_limits = (struct fg_push_limits){PUSH_BYTES, PUSH_SECONDS, NULL};
    repository->path = realpath(path, NULL);
    repository->writer = strdup(program);
    repository->writer_seconds = WRITER_SECONDS;
    repository->notices = fg_notices_new(repository->path != NULL ? repository->path : path);
    atomic_init(&repository->granted, ~0u);
    enum fg_status status;
    if (repository->path == NULL) {
        status = fg_fail(error, FG_ERR_NOT_FOUND, 0, "no repository at %s", path);
    } else if (repository->writer == NULL || repository->notices == NULL) {
        status = fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    } else {
        pthread_mutex_lock(&repository->build_mutex);
        status = rebuild(repository, error);
        pthread_mutex_unlock(&repository->build_mutex);
    }
    if (status != FG_OK) {
        fg_repository_close(repository);
        return status;
    }
    *ret_repository = repository;
    return FG_OK;
}

void fg_repository_close(struct fg_repository *repository)
{
    if (repository == NULL) {
        return;
    }
    state_unref(repository->state);
    fg_siteconfig_unref(repository->config);
    pthread_mutex_destroy(&repository->state_mutex);
    pthread_mutex_destroy(&repository->build_mutex);
    fg_notices_unref(repository->notices);
    free(repository->path);
    free(repository->writer);
    free(repository);
}

const char *fg_repository_path(const struct fg_repository *repository)
{
    return repository->path;
}

void fg_repository_set_writer_seconds(struct fg_repository *repository, unsigned seconds)
{
    repository->writer_seconds = seconds;
}

const char *fg_repository_writer(const struct fg_repository *repository)
{
    return repository->writer;
}

unsigned fg_repository_writer_seconds(const struct fg_repository *repository)
{
    return repository->writer_seconds;
}

void fg_repository_set_memory(struct fg_repository *repository, struct fg_memory *memory)
{
    repository->memory = memory;
    repository->state->snapshot->layout->memory = memory;
}

void fg_repository_set_listener(struct fg_repository *repository, fg_repository_listener listener)
{
    fg_notices_set_listener(repository->notices, listener);
}

void fg_repository_tell(const struct fg_repository *repository, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fg_notices_tell(repository->notices, format, arguments);
    va_end(arguments);
}

size_t fg_repository_damages(struct fg_repository *repository,
                             struct fg_damage ret_damages[FG_DAMAGES_MAX])
{
    return fg_notices_damages(repository->notices, ret_damages);
}

void fg_repository_describe(struct fg_repository *repository, struct fg_repository_view *ret_view)
{
    struct state *state = state_get(repository);
    const struct fg_snapshot *snapshot = state->snapshot;
    struct fg_repository_view view = {
        .changesets = fg_snapshot_count(snapshot),
        .heads = snapshot->view.heads.count,
        .tip = fg_node_null,
        .tip_rev = snapshot->view.tip,
        .read = state->read,
    };
    if (view.tip_rev >= 0) {
        view.tip = *fg_snapshot_node(snapshot, (uint32_t)view.tip_rev);
    }
    view.requirements_count =
        fg_layout_requirements(snapshot->layout, view.requirements, FG_REQUIREMENTS_MAX);
    state_unref(state);
    pthread_mutex_lock(&repository->state_mutex);
    view.reads = repository->reads;
    view.read_last_us = repository->read_last_us;
    view.read_max_us = repository->read_max_us;
    if (repository->failed) {
        memcpy(view.error, repository->failure.message, sizeof view.error);
    }
    pthread_mutex_unlock(&repository->state_mutex);
    *ret_view = view;
}

void fg_repository_set_push_limits(struct fg_repository *repository, struct fg_push_limits limits)
{
    repository->push_limits = limits;
}

struct fg_push_limits fg_repository_push_limits(const struct fg_repository *repository)
{
    return repository->push_limits;
}

void fg_repository_stop_writers(struct fg_repository *repository)
{
    atomic_store(&repository->writers_stop, true);
}

const atomic_bool *fg_repository_writers_stop(const struct fg_repository *repository)
{
    return &repository->writers_stop;
}
