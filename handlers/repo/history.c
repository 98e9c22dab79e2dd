/* Histories: growing with the changelog, and reading the branches out of its texts. */
#include "handlers/repo/history.h"

#include "handlers/repo/changeset.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/mapping.h"

#include <stdlib.h>
#include <string.h>

/* Room for a history to grow, so that commits append instead of copying. */
static uint32_t capacity_for(uint32_t count)
{
    uint64_t capacity = (uint64_t)count + count / 4 + 1024;
    return capacity < FG_REVLOG_REVISIONS_MAX ? (uint32_t)capacity : FG_REVLOG_REVISIONS_MAX;
}

/* A small table is filled at once, so that damage in it is found before anybody is served. */
static enum fg_status init_table(struct fg_nodetable *table, uint32_t capacity)
{
    return capacity < capacity_for(FG_FILL_LATE_FROM) ? fg_nodetable_init(table, capacity)
                                                      : fg_nodetable_init_late(table, capacity);
}

static enum fg_status history_new(uint32_t capacity, struct fg_history **ret_history)
{
    struct fg_history *history = calloc(1, sizeof *history);
    if (history == NULL) {
        return FG_ERR_MEMORY;
    }
    size_t rows = capacity > 0 ? capacity : 1;
    history->parents = malloc(rows * sizeof *history->parents);
    history->branches = malloc(rows * sizeof *history->branches);
    if (history->parents == NULL || history->branches == NULL ||
        init_table(&history->table, capacity) != FG_OK) {
        free(history->parents);
        free(history->branches);
        free(history);
        return FG_ERR_MEMORY;
    }
    fg_advise_large(history->parents, rows * sizeof *history->parents);
    atomic_init(&history->references, 1);
    pthread_mutex_init(&history->branch_mutex, NULL);
    *ret_history = history;
    return FG_OK;
}

struct fg_history *fg_history_ref(struct fg_history *history)
{
    atomic_fetch_add_explicit(&history->references, 1, memory_order_relaxed);
    return history;
}

void fg_history_unref(struct fg_history *history)
{
    if (history == NULL ||
        atomic_fetch_sub_explicit(&history->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    fg_nodetable_clear(&history->table);
    free(history->parents);
    free(history->branches);
    for (uint32_t i = 0; i < history->names_count; i++) {
        free(history->names[i].data);
    }
    free(history->names);
    free(history->name_slots);
    pthread_mutex_destroy(&history->branch_mutex);
    free(history);
}

/* -- growing ---------------------------------------------------------------------------------- */

/* How many changesets at the start are the same in both. */
static uint32_t common_prefix(const struct fg_history *history, const struct fg_revlog *changelog)
{
    uint32_t count = fg_revlog_count(changelog);
    uint32_t limit = history->table.used < count ? history->table.used : count;
    for (uint32_t rev = 0; rev < limit; rev++) {
        struct fg_revlog_entry entry;
        fg_revlog_entry(changelog, rev, &entry);
        if (!fg_node_equal(&entry.node, &history->table.nodes[rev]) ||
            entry.parents[0] != history->parents[rev].revs[0] ||
            entry.parents[1] != history->parents[rev].revs[1]) {
            return rev;
        }
    }
    return limit;
}

static enum fg_status append_entries(struct fg_history *history, const struct fg_revlog *changelog,
                                     struct fg_error *error)
{
    uint32_t count = fg_revlog_count(changelog);
    bool filled = fg_nodetable_is_filled(&history->table);
    for (uint32_t rev = history->table.used; rev < count; rev++) {
        struct fg_revlog_entry entry;
        if (filled && count - rev > FG_NODES_AHEAD) {
            fg_revlog_entry(changelog, rev + FG_NODES_AHEAD, &entry);
            __builtin_prefetch(fg_nodetable_place(&history->table, &entry.node), 1);
        }
        fg_revlog_entry(changelog, rev, &entry);
        if (entry.link != (int32_t)rev) {
            return fg_fail(error, FG_ERR_CORRUPT, 0,
                           "the changelog is damaged: revision %u links to %d", rev, entry.link);
        }
        history->parents[rev].revs[0] = entry.parents[0];
        history->parents[rev].revs[1] = entry.parents[1];
        if (fg_nodetable_append(&history->table, &entry.node) != FG_OK) {
            return fg_fail(error, FG_ERR_CORRUPT, 0,
                           "the changelog is damaged: revision %u has the node of another", rev);
        }
    }
    return FG_OK;
}

/* The number of a branch name, which is added if it is new. */
static enum fg_status intern(struct fg_history *history, struct fg_bytes name,
                             uint32_t *ret_number);

/* Takes over the branches of the first count changesets. */
static enum fg_status copy_branches(struct fg_history *history, struct fg_history *previous,
                                    uint32_t count)
{
    enum fg_status status = FG_OK;
    if (pthread_mutex_trylock(&previous->branch_mutex) != 0) {
        return FG_OK; /* a thread is reading them, which may take long: they are read again */
    }
    for (uint32_t i = 0; i < previous->names_count && status == FG_OK; i++) {
        uint32_t number;
        struct fg_bytes name = {previous->names[i].data, previous->names[i].size};
        status = intern(history, name, &number);
    }
    if (status == FG_OK) {
        uint32_t known = previous->branches_known < count ? previous->branches_known : count;
        memcpy(history->branches, previous->branches, known * sizeof *history->branches);
        history->branches_known = known;
    }
    pthread_mutex_unlock(&previous->branch_mutex);
    return status;
}

enum fg_status fg_history_check(const struct fg_history *history, struct fg_error *error)
{
    return fg_nodetable_fill(&history->table) == FG_OK
               ? FG_OK
               : fg_fail(error, FG_ERR_CORRUPT, 0,
                         "the changelog is damaged: two revisions have the same node");
}

enum fg_status fg_history_extend(struct fg_history *previous, const struct fg_revlog *changelog,
                                 struct fg_history **ret_history, struct fg_error *error)
{
    uint32_t count = fg_revlog_count(changelog);
    uint32_t common = previous != NULL ? common_prefix(previous, changelog) : 0;
    struct fg_history *history;
    if (previous != NULL && common == previous->table.used && count <= previous->table.capacity) {
        history = fg_history_ref(previous);
        if (fg_history_check(history, error) != FG_OK) {
            fg_history_unref(history);
            return FG_ERR_CORRUPT;
        }
    } else {
        if (history_new(capacity_for(count), &history) != FG_OK) {
            return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for %u changesets", count);
        }
        if (previous != NULL && copy_branches(history, previous, common) != FG_OK) {
            fg_history_unref(history);
            return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for %u changesets", count);
        }
    }
    enum fg_status status = append_entries(history, changelog, error);
    if (status != FG_OK) {
        fg_history_unref(history);
        return status;
    }
    *ret_history = history;
    return FG_OK;
}

/* -- branches --------------------------------------------------------------------------------- */

static uint32_t hash_name(struct fg_bytes name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ name.data[i]) * 16777619u;
    }
    return hash;
}

static void put_slot(struct fg_history *history, uint32_t number)
{
    uint32_t mask = history->name_slots_count - 1;
    struct fg_bytes name = {history->names[number].data, history->names[number].size};
    uint32_t slot = hash_name(name) & mask;
    while (history->name_slots[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    history->name_slots[slot] = number + 1;
}

static enum fg_status grow_names(struct fg_history *history)
{
    uint32_t capacity = history->names_capacity < 16 ? 16 : history->names_capacity * 2;
    struct fg_branch_name *names = realloc(history->names, capacity * sizeof *names);
    if (names == NULL) {
        return FG_ERR_MEMORY;
    }
    history->names = names;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof *slots);
    if (slots == NULL) {
        return FG_ERR_MEMORY;
    }
    free(history->name_slots);
    history->name_slots = slots;
    history->name_slots_count = capacity * 2;
    history->names_capacity = capacity;
    for (uint32_t i = 0; i < history->names_count; i++) {
        put_slot(history, i);
    }
    return FG_OK;
}

static enum fg_status intern(struct fg_history *history, struct fg_bytes name, uint32_t *ret_number)
{
    if (history->name_slots_count > 0) {
        uint32_t mask = history->name_slots_count - 1;
        uint32_t slot = hash_name(name) & mask;
        for (; history->name_slots[slot] != 0; slot = (slot + 1) & mask) {
            uint32_t number = history->name_slots[slot] - 1;
            const struct fg_branch_name *known = &history->names[number];
            if (known->size == name.size && memcmp(known->data, name.data, name.size) == 0) {
                *ret_number = number;
                return FG_OK;
            }
        }
    }
    if (history->names_count == history->names_capacity && grow_names(history) != FG_OK) {
        return FG_ERR_MEMORY;
    }
    uint8_t *copy = malloc(name.size > 0 ? name.size : 1);
    if (copy == NULL) {
        return FG_ERR_MEMORY;
    }
    memcpy(copy, name.data, name.size);
    uint32_t number = history->names_count++;
    history->names[number] = (struct fg_branch_name){copy, name.size};
    put_slot(history, number);
    *ret_number = number;
    return FG_OK;
}

/* What reading the changesets one after the other needs. */
struct branch_reader {
    struct fg_revlog_reader texts;
    struct fg_buffer text;
    struct fg_changeset changeset;
};

static enum fg_status read_branch(struct fg_history *history, const struct fg_revlog *changelog,
                                  struct branch_reader *reader, uint32_t rev,
                                  struct fg_error *error)
{
    enum fg_status status = fg_revlog_text(changelog, &reader->texts, rev,
                                           &history->table.nodes[rev], &reader->text, error);
    if (status == FG_OK) {
        status = fg_changeset_parse(fg_buffer_view(&reader->text), &reader->changeset, error);
    }
    uint32_t number;
    if (status == FG_OK) {
        status = intern(history, fg_buffer_view(&reader->changeset.branch), &number);
        if (status != FG_OK) {
            fg_fail(error, status, 0, "no memory for branch names");
        }
    }
    if (status == FG_OK) {
        history->branches[rev] = number | (reader->changeset.closes ? FG_BRANCH_CLOSES : 0);
    }
    return status;
}

enum fg_status fg_history_read_branches(struct fg_history *history,
                                        const struct fg_revlog *changelog, uint32_t count,
                                        struct fg_memory *memory, uint64_t work_max,
                                        struct fg_error *error)
{
    struct branch_reader reader = {.texts = {.holding = {.memory = memory}, .work_max = work_max},
                                   .text = FG_BUFFER_INIT(FG_CHANGESET_TEXT_MAX)};
    enum fg_status status = FG_OK;
    while (status == FG_OK && history->branches_known < count) {
        status = read_branch(history, changelog, &reader, history->branches_known, error);
        if (status == FG_OK) {
            history->branches_known++;
        }
    }
    if (reader.texts.exhausted) {
        status = FG_OK;
    }
    fg_revlog_reader_clear(&reader.texts);
    fg_buffer_free(&reader.text);
    fg_changeset_clear(&reader.changeset);
    return status;
}
