/* Choosing markers: passes over the store until no more of them turn out to be relevant. */
#include "handlers/bundle/obsmarkers.h"

#include "handlers/bundle/outgoing.h"
#include "handlers/patience.h"
#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/obsolete.h"

#include <stdlib.h>

struct candidate {
    struct fg_obsolete_marker marker;
    bool relevant;
};

struct choice {
    const struct fg_snapshot *snapshot;
    struct fg_outgoing wanted; /* the heads and their ancestors */
    bool null_wanted;          /* and the null node */
    struct fg_nodetable extra; /* predecessors of relevant markers */
    struct candidate *items;   /* owned */
    uint32_t count;
    uint32_t capacity;
    struct fg_holding *holding;
    struct fg_error *error;
};

/* Counts what is about to be taken beside all else. */
static enum fg_status ask(const struct choice *choice, uint64_t more)
{
    return fg_holding_ask(choice->holding, choice->holding->bytes + more, choice->error);
}

static enum fg_status push(void *context, const struct fg_obsolete_marker *marker)
{
    struct choice *choice = context;
    if (choice->count == choice->capacity) {
        if (choice->capacity > UINT32_MAX / 4) {
            return FG_ERR_MEMORY;
        }
        uint32_t capacity = choice->capacity < 64 ? 64 : choice->capacity * 2;
        struct candidate *items = NULL;
        enum fg_status status = ask(choice, (capacity - choice->capacity) * sizeof *items);
        if (status != FG_OK) {
            return status;
        }
        items = realloc(choice->items, capacity * sizeof *items);
        if (items == NULL) {
            return FG_ERR_MEMORY;
        }
        choice->items = items;
        choice->capacity = capacity;
    }
    choice->items[choice->count++] = (struct candidate){*marker, false};
    return FG_OK;
}

static bool is_known(const struct choice *choice, const uint8_t *bytes)
{
    struct fg_node node;
    memcpy(node.bytes, bytes, FG_NODE_SIZE);
    if (fg_node_is_null(&node)) {
        return choice->null_wanted;
    }
    int32_t rev = fg_nodetable_find(&choice->snapshot->history->table, &node,
                                    fg_snapshot_count(choice->snapshot));
    return fg_outgoing_state(&choice->wanted, rev) == FG_OUTGOING_MISSING ||
           fg_nodetable_find(&choice->extra, &node, choice->extra.used) != FG_REV_NULL;
}

static bool knows_any(const struct choice *choice, struct fg_bytes nodes)
{
    for (size_t at = 0; at < nodes.size; at += FG_NODE_SIZE) {
        if (is_known(choice, nodes.data + at)) {
            return true;
        }
    }
    return false;
}

static bool is_relevant(const struct choice *choice, const struct fg_obsolete_marker *marker)
{
    if (marker->successors.size > 0) {
        return knows_any(choice, marker->successors);
    }
    return knows_any(choice, marker->parents) || is_known(choice, marker->predecessor.data);
}

/* Predecessors mostly stand before their successors: backwards, few passes find all. */
static enum fg_status choose(struct choice *choice)
{
    for (bool changed = true; changed;) {
        changed = false;
        if (fg_patience_check(NULL) != FG_OK) {
            return FG_ERR_LIMIT;
        }
        for (uint32_t i = choice->count; i-- > 0;) {
            struct candidate *item = &choice->items[i];
            if (item->relevant || !is_relevant(choice, &item->marker)) {
                continue;
            }
            item->relevant = changed = true;
            if (!is_known(choice, item->marker.predecessor.data)) {
                struct fg_node node;
                memcpy(node.bytes, item->marker.predecessor.data, FG_NODE_SIZE);
                enum fg_status status = fg_nodetable_append(&choice->extra, &node);
                if (status != FG_OK) {
                    return status;
                }
            }
        }
    }
    return FG_OK;
}

static enum fg_status put_relevant(const struct choice *choice, uint8_t format,
                                   struct fg_buffer *buffer)
{
    enum fg_status status = FG_OK;
    for (uint32_t i = 0; i < choice->count && status == FG_OK; i++) {
        const struct candidate *item = &choice->items[i];
        if (!item->relevant) {
            continue;
        }
        if (buffer->size == 0) {
            status = fg_buffer_append_byte(buffer, format);
        }
        if (status == FG_OK) {
            status = fg_buffer_append(buffer, item->marker.whole.data, item->marker.whole.size);
        }
    }
    return status;
}

static enum fg_status put_markers(const struct fg_snapshot *snapshot,
                                  const struct fg_rev_list *heads, bool null_head,
                                  struct fg_bytes store, struct fg_holding *holding,
                                  struct fg_buffer *buffer, struct fg_error *error)
{
    enum { TABLE_BYTES = 64 }; /* of the table of nodes, for each */
    struct choice choice = {
        .snapshot = snapshot, .null_wanted = null_head, .holding = holding, .error = error};
    const struct fg_rev_list none = {NULL, 0};
    enum fg_status status = fg_obsolete_markers(store, push, &choice, error);
    /* The answer may be all of the store once more. */
    if (status == FG_OK) {
        status = ask(&choice, choice.count * (uint64_t)TABLE_BYTES + store.size);
    }
    bool told = status == FG_ERR_CORRUPT || status == FG_ERR_UNSUPPORTED || status == FG_ERR_LIMIT;
    if (status == FG_OK && choice.count > 0) {
        status = fg_nodetable_init(&choice.extra, choice.count);
        if (status == FG_OK) {
            status = fg_outgoing_find(snapshot, heads, &none, &choice.wanted);
        }
        if (status == FG_OK) {
            status = choose(&choice);
        }
        if (status == FG_OK) {
            status = put_relevant(&choice, store.data[0], buffer);
        }
    }
    fg_nodetable_clear(&choice.extra);
    fg_outgoing_clear(&choice.wanted);
    free(choice.items);
    if (status != FG_OK && !told) {
        fg_fail(error, status, 0, "no memory for obsolescence markers");
    }
    return status;
}

enum fg_status fg_part_put_obsmarkers(const struct fg_snapshot *snapshot,
                                      const struct fg_rev_list *heads, bool null_head,
                                      struct fg_buffer *buffer, struct fg_error *error)
{
    struct fg_buffer store = FG_BUFFER_INIT(FG_OBSSTORE_MAX);
    struct fg_holding holding = {.memory = snapshot->layout->memory};
    enum fg_status status =
        fg_file_read_counted(snapshot->layout->store, "obsstore", &store, &holding, error);
    if (status == FG_OK) {
        status = put_markers(snapshot, heads, null_head, fg_buffer_view(&store), &holding, buffer,
                             error);
    } else if (status == FG_ERR_NOT_FOUND) {
        status = FG_OK;
    }
    fg_buffer_free(&store);
    fg_holding_set(&holding, 0);
    return status;
}
