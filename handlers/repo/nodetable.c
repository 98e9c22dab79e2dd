/* The table from nodes to revisions: open addressing, linear probing, never more than half full. */
#include "handlers/repo/nodetable.h"

#include "framing/hex.h"
#include "handlers/repo/endian.h"
#include "handlers/repo/mapping.h"

#include <stdlib.h>

static size_t slot_mask(const struct fg_nodetable *table)
{
    return ((size_t)1 << table->slot_bits) - 1;
}

/* Where a node belongs: its leading bits, so that slots are in the order of nodes. */
static size_t home_slot(const struct fg_nodetable *table, const uint8_t *node)
{
    return (size_t)(fg_read_be64(node) >> (64 - table->slot_bits));
}

/* Bits of a node that are kept in its slot, so that few other nodes are looked at. */
static uint32_t slot_tag(const uint8_t *node)
{
    return fg_read_be32(node + 8);
}

enum fg_status fg_nodetable_init(struct fg_nodetable *table, uint32_t capacity)
{
    unsigned bits = 4;
    while (((size_t)1 << bits) < (size_t)capacity * 2) {
        bits++;
    }
    struct fg_node *nodes = malloc((capacity > 0 ? (size_t)capacity : 1) * sizeof *nodes);
    _Atomic uint64_t *slots = calloc((size_t)1 << bits, sizeof *slots);
    if (nodes == NULL || slots == NULL) {
        free(nodes);
        free(slots);
        return FG_ERR_MEMORY;
    }
    fg_advise_large(nodes, (size_t)capacity * sizeof *nodes);
    fg_advise_large(slots, sizeof *slots << bits);
    *table = (struct fg_nodetable){NULL, nodes, slots, bits, capacity, 0};
    return FG_OK;
}

enum fg_status fg_nodetable_init_late(struct fg_nodetable *table, uint32_t capacity)
{
    struct fg_nodetable_late *late = calloc(1, sizeof *late);
    if (late == NULL || fg_nodetable_init(table, capacity) != FG_OK) {
        free(late);
        return FG_ERR_MEMORY;
    }
    pthread_mutex_init(&late->lock, NULL);
    atomic_init(&late->filled, false);
    table->late = late;
    return FG_OK;
}

void fg_nodetable_clear(struct fg_nodetable *table)
{
    if (table->late != NULL) {
        pthread_mutex_destroy(&table->late->lock);
        free(table->late);
    }
    free(table->nodes);
    free(table->slots);
    *table = (struct fg_nodetable){0};
}

/* Fills the slot of a revision's node. False: an earlier revision has the same. */
static bool put(const struct fg_nodetable *table, uint32_t rev)
{
    const struct fg_node *node = &table->nodes[rev];
    uint32_t tag = slot_tag(node->bytes);
    size_t mask = slot_mask(table);
    size_t slot = home_slot(table, node->bytes);
    for (;; slot = (slot + 1) & mask) {
        uint64_t value = atomic_load_explicit(&table->slots[slot], memory_order_relaxed);
        if (value == 0) {
            break;
        }
        if ((uint32_t)(value >> 32) == tag &&
            fg_node_equal(&table->nodes[(uint32_t)value - 1], node)) {
            return false;
        }
    }
    /* Released after the node was written: a reader that sees the slot sees the node. */
    atomic_store_explicit(&table->slots[slot], (uint64_t)tag << 32 | (rev + 1),
                          memory_order_release);
    return true;
}

enum fg_status fg_nodetable_fill(const struct fg_nodetable *table)
{
    struct fg_nodetable_late *late = table->late;
    if (late == NULL) {
        return FG_OK;
    }
    pthread_mutex_lock(&late->lock);
    if (!atomic_load_explicit(&late->filled, memory_order_relaxed)) {
        for (uint32_t rev = 0; rev < table->used; rev++) {
            if (table->used - rev > FG_NODES_AHEAD) {
                __builtin_prefetch(fg_nodetable_place(table, &table->nodes[rev + FG_NODES_AHEAD]),
                                   1);
            }
            late->corrupt |= !put(table, rev);
        }
        atomic_store_explicit(&late->filled, true, memory_order_release);
    }
    enum fg_status status = late->corrupt ? FG_ERR_CORRUPT : FG_OK;
    pthread_mutex_unlock(&late->lock);
    return status;
}

enum fg_status fg_nodetable_append(struct fg_nodetable *table, const struct fg_node *node)
{
    table->nodes[table->used] = *node;
    if (fg_nodetable_is_filled(table) && !put(table, table->used)) {
        return FG_ERR_CORRUPT;
    }
    table->used++;
    return FG_OK;
}

/* For readers: what fg_nodetable_fill finds wrong is told to those who open and watch. */
static inline void need_slots(const struct fg_nodetable *table)
{
    if (!fg_nodetable_is_filled(table)) {
        (void)fg_nodetable_fill(table);
    }
}

int32_t fg_nodetable_find(const struct fg_nodetable *table, const struct fg_node *node,
                          uint32_t count)
{
    need_slots(table);
    uint32_t tag = slot_tag(node->bytes);
    size_t mask = slot_mask(table);
    size_t slot = home_slot(table, node->bytes);
    for (;; slot = (slot + 1) & mask) {
        uint64_t value = atomic_load_explicit(&table->slots[slot], memory_order_acquire);
        if (value == 0) {
            return FG_REV_NULL;
        }
        uint32_t rev = (uint32_t)value - 1;
        if ((uint32_t)(value >> 32) == tag && rev < count &&
            fg_node_equal(&table->nodes[rev], node)) {
            return (int32_t)rev;
        }
    }
}

/* A prefix as the range of nodes that begin with it. */
struct node_range {
    struct fg_node low;
    struct fg_node high; /* inclusive */
};

static bool prefix_range(struct fg_bytes prefix, struct node_range *ret_range)
{
    memset(&ret_range->low, 0, sizeof ret_range->low);
    memset(&ret_range->high, 0xff, sizeof ret_range->high);
    if (prefix.size == 0 || prefix.size > FG_NODE_HEX_SIZE) {
        return false;
    }
    for (size_t i = 0; i < prefix.size; i++) {
        int digit = fg_hex_digit(prefix.data[i]);
        if (digit < 0) {
            return false;
        }
        unsigned shift = i % 2 == 0 ? 4 : 0;
        uint8_t *low = &ret_range->low.bytes[i / 2];
        uint8_t *high = &ret_range->high.bytes[i / 2];
        *low = (uint8_t)(*low | digit << shift);
        *high = (uint8_t)(*high & ~((15 ^ digit) << shift));
    }
    return true;
}

int fg_nodetable_match(const struct fg_nodetable *table, struct fg_bytes prefix, uint32_t count,
                       uint32_t *ret_rev)
{
    struct node_range range;
    if (!prefix_range(prefix, &range)) {
        return 0;
    }
    need_slots(table);
    size_t mask = slot_mask(table);
    size_t first = home_slot(table, range.low.bytes);
    size_t homes = home_slot(table, range.high.bytes) - first + 1;
    int found = 0;
    /* Every slot that is home to such a node, and then on to where displaced ones must have
     * ended. */
    for (size_t step = 0; step <= mask; step++) {
        uint64_t value =
            atomic_load_explicit(&table->slots[(first + step) & mask], memory_order_acquire);
        if (value == 0) {
            if (step >= homes) {
                break;
            }
            continue;
        }
        uint32_t rev = (uint32_t)value - 1;
        if (rev >= count) {
            continue;
        }
        const uint8_t *node = table->nodes[rev].bytes;
        if (memcmp(node, range.low.bytes, FG_NODE_SIZE) >= 0 &&
            memcmp(node, range.high.bytes, FG_NODE_SIZE) <= 0) {
            *ret_rev = rev;
            if (++found == 2) {
                break;
            }
        }
    }
    return found;
}
