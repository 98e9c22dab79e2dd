/* Building snapshots, and what is read of them later. */
#include "handlers/repo/snapshot.h"

#include "framing/cbor.h"
#include "handlers/repo/bookmarks.h"
#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/workingcopy.h"

#include <stdlib.h>

struct fg_snapshot *fg_snapshot_ref(struct fg_snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

void fg_snapshot_unref(struct fg_snapshot *snapshot)
{
    if (snapshot == NULL ||
        atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    fg_branches_free(snapshot->branches);
    fg_tags_unref(snapshot->tags);
    fg_tags_unref(snapshot->earlier_tags);
    fg_buffer_free(&snapshot->heads_answer);
    fg_buffer_free(&snapshot->public_heads_answer);
    fg_buffer_free(&snapshot->local_tags);
    fg_names_clear(&snapshot->bookmarks);
    fg_phase_roots_clear(&snapshot->phase_roots);
    fg_view_clear(&snapshot->view);
    fg_history_unref(snapshot->history);
    fg_revlog_close(snapshot->changelog);
    fg_layout_unref(snapshot->layout);
    pthread_mutex_destroy(&snapshot->lazy_mutex);
    free(snapshot);
}

/* -- building --------------------------------------------------------------------------------- */

static enum fg_status mark_obsolete(struct fg_snapshot *snapshot, struct fg_error *error)
{
    struct fg_buffer store = FG_BUFFER_INIT(FG_OBSSTORE_MAX);
    struct fg_holding holding = {.memory = snapshot->layout->memory};
    enum fg_status status =
        fg_file_read_counted(snapshot->layout->store, "obsstore", &store, &holding, error);
    if (status == FG_OK) {
        status = fg_view_mark_obsolete(&snapshot->view, fg_buffer_view(&store), error);
    } else if (status == FG_ERR_NOT_FOUND) {
        status = FG_OK;
    }
    fg_buffer_free(&store);
    fg_holding_set(&holding, 0);
    return status;
}

static void pin_names(struct fg_snapshot *snapshot, const struct fg_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        fg_view_pin(&snapshot->view, &names->items[i].node);
    }
}

/* What is checked out, being merged, bookmarked or tagged locally is not hidden. */
static enum fg_status pin(struct fg_snapshot *snapshot, struct fg_error *error)
{
    struct fg_node nodes[4];
    enum fg_status status = fg_workingcopy_parents(snapshot->layout, nodes, error);
    if (status == FG_OK) {
        status = fg_workingcopy_merge(snapshot->layout, nodes + 2, error);
    }
    if (status != FG_OK) {
        return status;
    }
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        fg_view_pin(&snapshot->view, &nodes[i]);
    }
    pin_names(snapshot, &snapshot->bookmarks);
    struct fg_names local = {0};
    if (fg_tags_parse_local(fg_buffer_view(&snapshot->local_tags), &local) != FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for local tags");
    }
    pin_names(snapshot, &local);
    fg_names_clear(&local);
    return FG_OK;
}

static enum fg_status read_local_tags(struct fg_snapshot *snapshot, struct fg_error *error)
{
    enum fg_status status =
        fg_file_read(snapshot->layout->hg, "localtags", &snapshot->local_tags, error);
    return status == FG_ERR_NOT_FOUND ? FG_OK : status;
}

/*
 * The changelog comes first: who adds a changeset has written its data before, and who makes it
 * secret has written its phase before. What the later files say of changesets that came after is
 * passed over.
 */
static enum fg_status read_changelog(struct fg_snapshot *snapshot, struct fg_history *previous,
                                     struct fg_error *error)
{
    enum fg_status status =
        fg_revlog_open(snapshot->layout->store, "00changelog.i", &snapshot->changelog, error);
    if (status == FG_OK) {
        status = fg_history_extend(previous, snapshot->changelog, &snapshot->history, error);
    }
    if (status == FG_OK && fg_revlog_torn(snapshot->changelog)) {
        status = fg_fail(error, FG_ERR_CORRUPT, 0, "the changelog was cut while it was read");
    }
    return status;
}

static enum fg_status read_view(struct fg_snapshot *snapshot, struct fg_error *error)
{
    uint32_t count = fg_revlog_count(snapshot->changelog);
    const struct fg_nodetable *table = &snapshot->history->table;
    if (fg_view_init(&snapshot->view, snapshot->history, count) != FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for %u changesets", count);
    }
    enum fg_status status =
        fg_phase_roots_read(snapshot->layout, table, count, &snapshot->phase_roots, error);
    if (status != FG_OK) {
        return status;
    }
    fg_view_set_phases(&snapshot->view, &snapshot->phase_roots);
    status = mark_obsolete(snapshot, error);
    if (status == FG_OK) {
        status = fg_bookmarks_read(snapshot->layout, table, count, &snapshot->bookmarks, error);
    }
    if (status == FG_OK) {
        status = read_local_tags(snapshot, error);
    }
    if (status == FG_OK && snapshot->view.hideable) {
        status = pin(snapshot, error);
    }
    if (status == FG_OK && fg_view_finish(&snapshot->view) != FG_OK) {
        status = fg_fail(error, FG_ERR_MEMORY, 0, "no memory for %u changesets", count);
    }
    return status;
}

/*
 * New changesets are verified before they are shown where they are few, small, and nobody is
 * reading texts already.
 */
static enum fg_status verify_new(struct fg_snapshot *snapshot, struct fg_error *error)
{
    struct fg_history *history = snapshot->history;
    uint32_t count = fg_snapshot_count(snapshot);
    enum fg_status status = FG_OK;
    if (pthread_mutex_trylock(&history->branch_mutex) != 0) {
        return FG_OK;
    }
    if (count > history->branches_known && count - history->branches_known <= FG_VERIFY_AT_ONCE) {
        status = fg_history_read_branches(history, snapshot->changelog, count,
                                          snapshot->layout->memory, FG_VERIFY_WORK_AT_ONCE, error);
    }
    pthread_mutex_unlock(&history->branch_mutex);
    return status;
}

/* A list of nodes; of the null node alone if there are no changesets at all, as Mercurial has it.
 */
static enum fg_status encode_heads(const struct fg_snapshot *snapshot,
                                   const struct fg_rev_list *heads, struct fg_buffer *buffer)
{
    fg_buffer_init(buffer, FG_ANSWER_MAX);
    bool empty = fg_snapshot_count(snapshot) == 0;
    enum fg_status status = fg_cbor_put_array(buffer, empty ? 1 : heads->count);
    if (status == FG_OK && empty) {
        status = fg_cbor_put_bytes(buffer, fg_node_null.bytes, FG_NODE_SIZE);
    }
    for (uint32_t i = 0; i < heads->count && status == FG_OK; i++) {
        status = fg_cbor_put_bytes(buffer, fg_snapshot_node(snapshot, heads->revs[i])->bytes,
                                   FG_NODE_SIZE);
    }
    return status;
}

static enum fg_status encode_answers(struct fg_snapshot *snapshot, struct fg_error *error)
{
    enum fg_status status = encode_heads(snapshot, &snapshot->view.heads, &snapshot->heads_answer);
    if (status == FG_OK) {
        status =
            encode_heads(snapshot, &snapshot->view.public_heads, &snapshot->public_heads_answer);
    }
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "no memory for the heads");
}

/* The tags of the previous state, to start from, unless somebody is just reading them. */
static void take_earlier_tags(struct fg_snapshot *snapshot, struct fg_snapshot *previous)
{
    if (pthread_mutex_trylock(&previous->lazy_mutex) != 0) {
        return;
    }
    struct fg_tags *tags = previous->tags != NULL ? previous->tags : previous->earlier_tags;
    snapshot->earlier_tags = tags != NULL ? fg_tags_ref(tags) : NULL;
    pthread_mutex_unlock(&previous->lazy_mutex);
}

enum fg_status fg_snapshot_build(struct fg_layout *layout, const struct fg_site_values *values,
                                 struct fg_snapshot *previous, struct fg_snapshot **ret_snapshot,
                                 struct fg_error *error)
{
    struct fg_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    atomic_init(&snapshot->references, 1);
    pthread_mutex_init(&snapshot->lazy_mutex, NULL);
    fg_buffer_init(&snapshot->local_tags, FG_LINES_FILE_MAX);
    snapshot->layout = fg_layout_ref(layout);
    snapshot->values = *values;
    enum fg_status status =
        read_changelog(snapshot, previous != NULL ? previous->history : NULL, error);
    if (status == FG_OK) {
        status = read_view(snapshot, error);
    }
    if (status == FG_OK) {
        status = verify_new(snapshot, error);
    }
    if (status == FG_OK) {
        status = encode_answers(snapshot, error);
    }
    if (status != FG_OK) {
        fg_snapshot_unref(snapshot);
        return status;
    }
    if (previous != NULL) {
        take_earlier_tags(snapshot, previous);
    }
    *ret_snapshot = snapshot;
    return FG_OK;
}

static bool same_names(const struct fg_names *a, const struct fg_names *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!fg_bytes_equal(fg_names_name(a, i), fg_names_name(b, i)) ||
            !fg_node_equal(&a->items[i].node, &b->items[i].node)) {
            return false;
        }
    }
    return true;
}

static bool same_roots(const struct fg_phase_roots *a, const struct fg_phase_roots *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].rev != b->items[i].rev || a->items[i].phase != b->items[i].phase) {
            return false;
        }
    }
    return true;
}

bool fg_snapshot_same(const struct fg_snapshot *a, const struct fg_snapshot *b)
{
    return a->layout == b->layout && a->history == b->history && a->view.count == b->view.count &&
           memcmp(a->view.flags, b->view.flags, a->view.count) == 0 &&
           memcmp(&a->values, &b->values, sizeof a->values) == 0 &&
           same_roots(&a->phase_roots, &b->phase_roots) &&
           same_names(&a->bookmarks, &b->bookmarks) &&
           fg_bytes_equal(fg_buffer_view(&a->local_tags), fg_buffer_view(&b->local_tags));
}

const struct fg_site_values *fg_snapshot_values(const struct fg_snapshot *snapshot)
{
    return &snapshot->values;
}

/* -- asking ----------------------------------------------------------------------------------- */

bool fg_snapshot_knows(const struct fg_snapshot *snapshot, const struct fg_node *node)
{
    int32_t rev = fg_nodetable_find(&snapshot->history->table, node, fg_snapshot_count(snapshot));
    return rev != FG_REV_NULL ? fg_view_serves(&snapshot->view, (uint32_t)rev)
                              : fg_node_is_null(node);
}

bool fg_snapshot_is_ready(const struct fg_snapshot *snapshot, bool tags)
{
    return atomic_load(&snapshot->has_branches) && (!tags || atomic_load(&snapshot->has_tags));
}

static enum fg_status find_branches(struct fg_snapshot *snapshot, struct fg_error *error)
{
    struct fg_history *history = snapshot->history;
    pthread_mutex_lock(&history->branch_mutex);
    enum fg_status status =
        fg_history_read_branches(history, snapshot->changelog, fg_snapshot_count(snapshot),
                                 snapshot->layout->memory, 0, error);
    if (status == FG_OK) {
        status = fg_branches_find(history, &snapshot->view, &snapshot->branches);
        if (status != FG_OK) {
            fg_fail(error, status, 0, "no memory for branches");
        }
    }
    pthread_mutex_unlock(&history->branch_mutex);
    return status;
}

enum fg_status fg_snapshot_branches(struct fg_snapshot *snapshot,
                                    const struct fg_branches **ret_branches, struct fg_error *error)
{
    enum fg_status status = FG_OK;
    if (!fg_snapshot_is_ready(snapshot, false)) {
        pthread_mutex_lock(&snapshot->lazy_mutex);
        if (snapshot->branches == NULL) {
            status = find_branches(snapshot, error);
        }
        atomic_store(&snapshot->has_branches, status == FG_OK);
        pthread_mutex_unlock(&snapshot->lazy_mutex);
    }
    if (status == FG_OK) {
        *ret_branches = snapshot->branches;
    }
    return status;
}

static enum fg_status find_tags(struct fg_snapshot *snapshot, struct fg_error *error)
{
    enum fg_status status = FG_OK;
    pthread_mutex_lock(&snapshot->lazy_mutex);
    if (snapshot->tags == NULL) {
        struct fg_tags_input input = {
            .layout = snapshot->layout,
            .changelog = snapshot->changelog,
            .view = &snapshot->view,
            .local_tags = fg_buffer_view(&snapshot->local_tags),
            .earlier = snapshot->earlier_tags,
        };
        status = fg_tags_read(&input, &snapshot->tags, error);
    }
    atomic_store(&snapshot->has_tags, status == FG_OK);
    pthread_mutex_unlock(&snapshot->lazy_mutex);
    return status;
}

enum fg_status fg_snapshot_tags(struct fg_snapshot *snapshot, const struct fg_names **ret_tags,
                                struct fg_error *error)
{
    enum fg_status status = FG_OK;
    if (!atomic_load(&snapshot->has_tags)) {
        status = find_tags(snapshot, error);
    }
    if (status == FG_OK) {
        *ret_tags = &snapshot->tags->names;
    }
    return status;
}
