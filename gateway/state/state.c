/*
 * Shards and looking into all of them at once. Everything in a shard is guarded by its lock; the
 * memory sum alone is atomic. Locks are taken in the order of the shards.
 */
#include "gateway/state/state.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOG_BLOCK = 32 * 1024, /* bytes of the access log that one write takes at most */
    CACHE_LINE = 64,
};

/* Shards of different threads must not share a cache line. */
struct padded_shard {
    _Alignas(CACHE_LINE) struct fg_shard shard;
};

struct fg_state {
    struct padded_shard *shards;
    uint32_t count;
    size_t commands_count;
    struct fg_log *log;
    uint64_t start;
    atomic_uint threads;
    struct fg_memory memory;
    struct fg_memory push_disk;
};

uint64_t fg_now_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t fg_tick_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* -- making and freeing -------------------------------------------------------------------------
 */

static enum fg_status shard_init(struct fg_shard *shard, size_t commands, uint64_t first_id)
{
    shard->commands = calloc(commands > 0 ? commands : 1, sizeof(*shard->commands));
    if (shard->commands == NULL) {
        return FG_ERR_MEMORY;
    }
    if (pthread_mutex_init(&shard->lock, NULL) != 0) {
        free(shard->commands);
        return FG_ERR_MEMORY;
    }
    fg_buffer_init(&shard->log, LOG_BLOCK);
    shard->next_id = first_id;
    return FG_OK;
}

enum fg_status fg_state_new(uint32_t shards, uint64_t memory, uint64_t push_disk,
                            struct fg_log *log, struct fg_state **ret_state)
{
    struct fg_state *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return FG_ERR_MEMORY;
    }
    state->shards = aligned_alloc(CACHE_LINE, shards * sizeof(*state->shards));
    if (state->shards == NULL) {
        free(state);
        return FG_ERR_MEMORY;
    }
    memset(state->shards, 0, shards * sizeof(*state->shards));
    (void)fg_registry_all(&state->commands_count);
    state->log = log;
    fg_memory_init(&state->memory, memory);
    fg_memory_init(&state->push_disk, push_disk);
    state->start = fg_now_microseconds();
    for (; state->count < shards; state->count++) {
        struct fg_shard *shard = &state->shards[state->count].shard;
        if (shard_init(shard, state->commands_count, 1 + state->count) != FG_OK) {
            fg_state_free(state);
            return FG_ERR_MEMORY;
        }
    }
    *ret_state = state;
    return FG_OK;
}

void fg_state_free(struct fg_state *state)
{
    if (state == NULL) {
        return;
    }
    for (uint32_t i = 0; i < state->count; i++) {
        struct fg_shard *shard = &state->shards[i].shard;
        pthread_mutex_destroy(&shard->lock);
        free(shard->commands);
        fg_buffer_free(&shard->log);
        while (shard->spare_count > 0) {
            free(shard->spare[--shard->spare_count]);
        }
        for (size_t log = 0; log < FG_FINISHED_MAX; log++) {
            fg_frame_log_clear(&shard->logs[log]);
        }
        for (size_t log = 0; log < FG_FAILED_MAX; log++) {
            fg_frame_log_clear(&shard->failures[FG_FAILURE_WITHIN].logs[log]);
            fg_frame_log_clear(&shard->failures[FG_FAILURE_TURNED_AWAY].logs[log]);
        }
    }
    free(state->shards);
    free(state);
}

/* -- counting -----------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    const char *text;
} ends[FG_END_COUNT] = {
    [FG_END_ANSWERED] = {"answered", ""},
    [FG_END_PEER] = {"peer", "the peer left before it had the answer"},
    [FG_END_DEADLINE] = {"deadline", "a deadline passed, and the peer was cut off"},
    [FG_END_MALFORMED] = {"malformed", "what came was no request, and the connection was closed"},
    [FG_END_TLS] = {"tls", "the TLS handshake failed"},
    [FG_END_REPLY] = {"reply", "the reply could not be finished"},
    [FG_END_MEMORY] = {"memory", "memory was short"},
    [FG_END_ADDRESS] = {"address", "the address has as many connections as it may"},
    [FG_END_STOP] = {"stop", "the gateway stopped"},
};

const char *fg_end_name(enum fg_end end)
{
    return ends[end].name;
}

const char *fg_end_text(enum fg_end end)
{
    return ends[end].text;
}

struct fg_shard *fg_state_shard(struct fg_state *state)
{
    static _Thread_local unsigned number; /* from 1; 0: this thread has none yet */
    if (number == 0) {
        number = 1 + atomic_fetch_add_explicit(&state->threads, 1, memory_order_relaxed);
    }
    return &state->shards[(number - 1) % state->count].shard;
}

uint64_t fg_shard_enter(struct fg_state *state, struct fg_shard *shard, struct fg_in_flight *entry,
                        size_t bytes)
{
    entry->next = shard->in_flight;
    entry->link = &shard->in_flight;
    if (entry->next != NULL) {
        entry->next->link = &entry->next;
    }
    shard->in_flight = entry;
    shard->in_flight_count++;
    entry->bytes = bytes;
    shard->in_flight_bytes += bytes;
    shard->counters.requests++;
    /* Each shard counts in steps of the number of shards, so no two give the same id. */
    entry->id = shard->next_id;
    shard->next_id += state->count;
    return entry->id;
}

bool fg_finished_failed(const struct fg_finished *finished)
{
    return finished->aborted || finished->status >= 400 || finished->command_errors > 0 ||
           finished->message[0] != '\0';
}

/* The exchange at this place of the ring makes room for another. */
static void forget(struct fg_shard *shard, size_t place)
{
    const struct fg_finished *finished = &shard->finished[place];
    if (fg_finished_failed(finished)) {
        struct fg_failures *failures = &shard->failures[finished->failure];
        size_t to = failures->count++ % FG_FAILED_MAX;
        failures->finished[to] = *finished;
        fg_frame_log_clear(&failures->logs[to]);
        fg_frame_log_move(&shard->logs[place], &failures->logs[to]);
    }
    fg_frame_log_clear(&shard->logs[place]);
}

static void count_end(struct fg_counters *counters, uint16_t status, enum fg_end end)
{
    counters->ended++;
    if (end != FG_END_ANSWERED) {
        counters->aborted++;
        counters->ends[end]++;
    } else if (status < FG_STATUS_MAX) {
        counters->status[status]++;
    }
}

struct fg_finished *fg_shard_leave(struct fg_shard *shard, struct fg_in_flight *entry,
                                   uint16_t status, enum fg_end end, struct fg_frame_log *log)
{
    *entry->link = entry->next;
    if (entry->next != NULL) {
        entry->next->link = entry->link;
    }
    shard->in_flight_count--;
    shard->in_flight_bytes -= entry->bytes;
    count_end(&shard->counters, status, end);
    size_t place = shard->finished_count % FG_FINISHED_MAX;
    if (shard->finished_count >= FG_FINISHED_MAX) {
        forget(shard, place);
    }
    fg_frame_log_move(log, &shard->logs[place]);
    shard->finished[place].number = shard->finished_count++;
    return &shard->finished[place];
}

void fg_shard_count_bound(struct fg_shard *shard, enum fg_bound bound)
{
    if (bound < FG_BOUND_COUNT) {
        shard->counters.bounds[bound]++;
    }
}

/* The counters of a command; NULL for none of the registry. */
static struct fg_command_counters *counters_of(struct fg_shard *shard,
                                               const struct fg_command_spec *spec)
{
    size_t count = 0;
    const struct fg_command_spec *const *all = fg_registry_all(&count);
    for (size_t i = 0; spec != NULL && i < count; i++) {
        if (all[i] == spec) {
            return &shard->commands[i];
        }
    }
    return NULL;
}

void fg_shard_count_command(struct fg_shard *shard, const struct fg_command_spec *spec,
                            const struct fg_command_run *run)
{
    struct fg_command_counters *counters = counters_of(shard, spec);
    shard->counters.commands++;
    shard->counters.command_errors += run->failed;
    if (counters != NULL) {
        counters->runs++;
        counters->errors += run->failed;
        counters->bytes_in += run->bytes_in;
        counters->bytes_out += run->bytes_out;
        fg_histogram_add(&counters->latency, run->microseconds);
    }
}

void fg_shard_count_bytes_out(struct fg_shard *shard, const struct fg_command_spec *spec,
                              uint64_t bytes)
{
    struct fg_command_counters *counters = counters_of(shard, spec);
    if (counters != NULL) {
        counters->bytes_out += bytes;
    }
}

void fg_state_count_end(struct fg_state *state, uint16_t status, enum fg_end end)
{
    struct fg_shard *shard = &state->shards[0].shard;
    pthread_mutex_lock(&shard->lock);
    shard->counters.requests++;
    count_end(&shard->counters, status, status != 0 ? FG_END_ANSWERED : end);
    pthread_mutex_unlock(&shard->lock);
}

void fg_state_count_bound(struct fg_state *state, enum fg_bound bound)
{
    struct fg_shard *shard = &state->shards[0].shard;
    pthread_mutex_lock(&shard->lock);
    fg_shard_count_bound(shard, bound);
    pthread_mutex_unlock(&shard->lock);
}

struct fg_memory *fg_state_memory(struct fg_state *state)
{
    return &state->memory;
}

struct fg_memory *fg_state_push_disk(struct fg_state *state)
{
    return &state->push_disk;
}

uint64_t fg_state_in_flight(struct fg_state *state)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < state->count; i++) {
        pthread_mutex_lock(&state->shards[i].shard.lock);
        count += state->shards[i].shard.in_flight_count;
        pthread_mutex_unlock(&state->shards[i].shard.lock);
    }
    return count;
}

/* -- the access log ------------------------------------------------------------------------------
 */

bool fg_state_logs(const struct fg_state *state)
{
    return state->log != NULL;
}

void fg_shard_log(struct fg_state *state, struct fg_shard *shard, const char *line, size_t size)
{
    if (!fg_state_logs(state)) {
        return;
    }
    if (fg_buffer_append(&shard->log, line, size) == FG_OK) {
        return;
    }
    fg_log_write(state->log, fg_buffer_view(&shard->log));
    fg_buffer_reset(&shard->log);
    if (fg_buffer_append(&shard->log, line, size) != FG_OK) {
        fg_log_write(state->log, (struct fg_bytes){(const uint8_t *)line, size});
    }
}

void fg_state_flush_log(struct fg_state *state)
{
    uint8_t block[LOG_BLOCK];
    for (uint32_t i = 0; fg_state_logs(state) && i < state->count; i++) {
        struct fg_shard *shard = &state->shards[i].shard;
        pthread_mutex_lock(&shard->lock);
        size_t size = shard->log.size;
        if (size > 0) {
            memcpy(block, shard->log.data, size);
            fg_buffer_reset(&shard->log);
        }
        pthread_mutex_unlock(&shard->lock);
        fg_log_write(state->log, (struct fg_bytes){block, size});
    }
}

/* -- looking -------------------------------------------------------------------------------------
 */

/* Adds up structs of uint64_t alone, of size bytes, as arrays. */
static void add_counters(void *sum, const void *counters, size_t size)
{
    uint64_t *to = sum;
    const uint64_t *from = counters;
    for (size_t i = 0; i < size / sizeof(*to); i++) {
        to[i] += from[i];
    }
}

static int newest_first(const void *a, const void *b)
{
    const struct fg_finished *left = a;
    const struct fg_finished *right = b;
    if (left->end != right->end) {
        return left->end < right->end ? 1 : -1;
    }
    return left->id < right->id ? 1 : left->id > right->id ? -1 : 0;
}

static void lock_all(struct fg_state *state)
{
    for (uint32_t i = 0; i < state->count; i++) {
        pthread_mutex_lock(&state->shards[i].shard.lock);
    }
}

static void unlock_all(struct fg_state *state)
{
    for (uint32_t i = state->count; i > 0; i--) {
        pthread_mutex_unlock(&state->shards[i - 1].shard.lock);
    }
}

/* Makes room for what there is now; all locks are held. */
static enum fg_status make_room(const struct fg_state *state, size_t entry_size,
                                struct fg_state_view *view)
{
    size_t in_flight = 0;
    for (uint32_t i = 0; i < state->count; i++) {
        in_flight += state->shards[i].shard.in_flight_count;
    }
    /* One more of each, since none of nothing may be NULL. */
    view->in_flight = calloc(in_flight + 1, entry_size);
    view->commands = calloc(state->commands_count + 1, sizeof(*view->commands));
    const size_t each = FG_FINISHED_MAX + FG_FAILURE_KINDS * FG_FAILED_MAX;
    view->finished = calloc(state->count * each + 1, sizeof(*view->finished));
    return view->in_flight != NULL && view->commands != NULL && view->finished != NULL
               ? FG_OK
               : FG_ERR_MEMORY;
}

/* What a ring of that size holds after count entries. */
static void append_finished(struct fg_state_view *view, const struct fg_finished *ring,
                            uint64_t count, size_t size)
{
    size_t held = count < size ? (size_t)count : size;
    memcpy(view->finished + view->finished_count, ring, held * sizeof(*ring));
    view->finished_count += held;
}

/* Of all that the shards remember: the last ones, and behind them the failures of those before. */
static void choose_finished(struct fg_state_view *view)
{
    qsort(view->finished, view->finished_count, sizeof(*view->finished), newest_first);
    size_t last = view->finished_count < FG_FINISHED_MAX ? view->finished_count : FG_FINISHED_MAX;
    size_t chosen[FG_FAILURE_KINDS] = {0};
    for (size_t i = last; i < view->finished_count; i++) {
        const struct fg_finished *one = &view->finished[i];
        if (fg_finished_failed(one) && chosen[one->failure]++ < FG_FAILED_MAX) {
            view->finished[last + view->failed_count++] = *one;
        }
    }
    view->failed = view->finished + last;
    view->finished_count = last;
}

static void copy_shard(const struct fg_shard *shard, size_t entry_size,
                       void (*describe)(const struct fg_in_flight *entry, void *ret_entry),
                       struct fg_state_view *view)
{
    view->memory_bytes += shard->in_flight_bytes;
    add_counters(&view->counters, &shard->counters, sizeof(view->counters));
    add_counters(view->commands, shard->commands, view->commands_count * sizeof(*view->commands));
    append_finished(view, shard->finished, shard->finished_count, FG_FINISHED_MAX);
    for (size_t i = 0; i < FG_FAILURE_KINDS; i++) {
        const struct fg_failures *failures = &shard->failures[i];
        append_finished(view, failures->finished, failures->count, FG_FAILED_MAX);
    }
    for (const struct fg_in_flight *entry = shard->in_flight; entry != NULL; entry = entry->next) {
        describe(entry, (char *)view->in_flight + view->in_flight_count++ * entry_size);
    }
}

enum fg_status fg_state_look(struct fg_state *state, size_t entry_size,
                             void (*describe)(const struct fg_in_flight *entry, void *ret_entry),
                             struct fg_state_view *ret_view)
{
    struct fg_state_view view = {.commands_count = state->commands_count};
    lock_all(state);
    enum fg_status status = make_room(state, entry_size, &view);
    for (uint32_t i = 0; status == FG_OK && i < state->count; i++) {
        copy_shard(&state->shards[i].shard, entry_size, describe, &view);
    }
    clock_gettime(CLOCK_REALTIME, &view.time);
    view.uptime_microseconds = fg_now_microseconds() - state->start;
    view.memory_bytes += fg_memory_bytes(&state->memory);
    view.counters.bounds[FG_BOUND_MEMORY] += atomic_load(&state->memory.refusals);
    view.counters.bounds[FG_BOUND_PUSH_DISK] += atomic_load(&state->push_disk.refusals);
    view.push_disk_bytes = fg_memory_bytes(&state->push_disk);
    view.counters.log_lines_lost = fg_log_lost();
    unlock_all(state);
    if (status != FG_OK) {
        fg_state_view_clear(&view);
        return status;
    }
    choose_finished(&view);
    *ret_view = view;
    return FG_OK;
}

/* In a ring of that size after count entries. */
static enum fg_status find_finished(const struct fg_finished *ring, const struct fg_frame_log *logs,
                                    uint64_t count, size_t size, uint64_t id,
                                    struct fg_state_found *ret_found)
{
    for (size_t i = 0; i < size && i < count; i++) {
        if (ring[i].id == id) {
            ret_found->finished = ring[i];
            return fg_frame_log_copy(&logs[i], &ret_found->log);
        }
    }
    return FG_ERR_NOT_FOUND;
}

/* With the shard's lock held. */
static enum fg_status
find_in(struct fg_shard *shard, uint64_t id,
        const struct fg_frame_log *(*describe)(const struct fg_in_flight *entry, void *ret_entry),
        void *ret_entry, struct fg_state_found *ret_found)
{
    for (const struct fg_in_flight *entry = shard->in_flight; entry != NULL; entry = entry->next) {
        if (entry->id == id) {
            ret_found->live = true;
            return fg_frame_log_copy(describe(entry, ret_entry), &ret_found->log);
        }
    }
    ret_found->live = false;
    enum fg_status status = find_finished(shard->finished, shard->logs, shard->finished_count,
                                          FG_FINISHED_MAX, id, ret_found);
    for (size_t i = 0; i < FG_FAILURE_KINDS && status == FG_ERR_NOT_FOUND; i++) {
        const struct fg_failures *failures = &shard->failures[i];
        status = find_finished(failures->finished, failures->logs, failures->count, FG_FAILED_MAX,
                               id, ret_found);
    }
    return status;
}

enum fg_status fg_state_find(
    struct fg_state *state, uint64_t id,
    const struct fg_frame_log *(*describe)(const struct fg_in_flight *entry, void *ret_entry),
    void *ret_entry, struct fg_state_found *ret_found)
{
    if (id == 0) {
        return FG_ERR_NOT_FOUND;
    }
    /* The first ids are those of the shards in their order; see fg_shard_enter. */
    struct fg_shard *shard = &state->shards[(id - 1) % state->count].shard;
    pthread_mutex_lock(&shard->lock);
    enum fg_status status = find_in(shard, id, describe, ret_entry, ret_found);
    pthread_mutex_unlock(&shard->lock);
    return status;
}

uint32_t fg_state_shards(const struct fg_state *state)
{
    return state->count;
}

/* Those in a ring of that size after count entries that ended since the mark and failed, or not. */
static size_t copy_since(const struct fg_finished *ring, uint64_t count, size_t size, uint64_t mark,
                         bool failed, struct fg_finished *ret_finished, size_t capacity)
{
    size_t found = 0;
    const uint64_t oldest = count > size ? count - size : 0;
    for (uint64_t at = count; at > oldest && ring[(at - 1) % size].number >= mark; at--) {
        const struct fg_finished *one = &ring[(at - 1) % size];
        if (found < capacity && fg_finished_failed(one) == failed) {
            ret_finished[found++] = *one;
        }
    }
    return found;
}

/* The same for a shard: failures from all rings, and if there is room others. */
static size_t copy_fresh(const struct fg_shard *shard, uint64_t mark,
                         struct fg_finished *ret_finished, size_t capacity)
{
    size_t found = copy_since(shard->finished, shard->finished_count, FG_FINISHED_MAX, mark, true,
                              ret_finished, capacity);
    for (size_t i = 0; i < FG_FAILURE_KINDS; i++) {
        const struct fg_failures *failures = &shard->failures[i];
        found += copy_since(failures->finished, failures->count, FG_FAILED_MAX, mark, true,
                            ret_finished + found, capacity - found);
    }
    return found + copy_since(shard->finished, shard->finished_count, FG_FINISHED_MAX, mark, false,
                              ret_finished + found, capacity - found);
}

size_t fg_state_finished_since(struct fg_state *state, uint64_t *marks,
                               struct fg_finished *ret_finished, size_t capacity,
                               uint64_t *ret_skipped)
{
    size_t found = 0;
    uint64_t skipped = 0;
    for (uint32_t i = 0; i < state->count; i++) {
        struct fg_shard *shard = &state->shards[i].shard;
        pthread_mutex_lock(&shard->lock);
        size_t taken =
            capacity > 0 ? copy_fresh(shard, marks[i], ret_finished + found, capacity) : 0;
        skipped += shard->finished_count - marks[i] - taken;
        found += taken;
        marks[i] = shard->finished_count;
        pthread_mutex_unlock(&shard->lock);
    }
    *ret_skipped = skipped;
    return found;
}

void fg_state_view_clear(struct fg_state_view *view)
{
    free(view->in_flight);
    free(view->commands);
    free(view->finished);
    *view = (struct fg_state_view){.in_flight = NULL};
}
