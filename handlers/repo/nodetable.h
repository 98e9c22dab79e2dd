/*
 * From nodes to revisions: the nodes of a revlog in order of their revisions, and a hash table over
 * them whose slots stand in order of the nodes' leading bits, so that it finds whole nodes in O(1)
 * and all nodes with a hexadecimal prefix in one run of slots.
 *
 * One thread may append while others read: a reader says how many revisions it knows of (the count
 * of its snapshot), and what was appended later does not exist for it.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_NODETABLE_H
#define FRAMEGATE_HANDLERS_REPO_NODETABLE_H

#include "framing/status.h"
#include "handlers/repo/endian.h"
#include "handlers/repo/node.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a table whose slots are filled later. */
struct fg_nodetable_late {
    pthread_mutex_t lock; /* held while they are filled */
    atomic_bool filled;
    bool corrupt; /* two revisions have the same node */
};

struct fg_nodetable {
    struct fg_nodetable_late *late; /* owned; NULL: each node has its slot at once */
    struct fg_node *nodes;          /* owned; capacity of them, used filled */
    _Atomic uint64_t *slots; /* owned; 0: empty. High half: bits of the node, low half: rev + 1 */
    unsigned slot_bits;      /* log2 of the number of slots */
    uint32_t capacity;       /* at most half of the slots */
    uint32_t used;           /* only for the appending thread */
};

/* Makes an empty table for capacity nodes. FG_ERR_MEMORY. */
enum fg_status fg_nodetable_init(struct fg_nodetable *table, uint32_t capacity);

/*
 * The same, but slots are only filled when a node is first looked for, or by fg_nodetable_fill:
 * for a million nodes that is half of what it takes to open a repository, and the heads, which
 * clients ask for first, need none of it.
 */
enum fg_status fg_nodetable_init_late(struct fg_nodetable *table, uint32_t capacity);

/* True if the slots are filled, and appending fills them. */
static inline bool fg_nodetable_is_filled(const struct fg_nodetable *table)
{
    return table->late == NULL || atomic_load_explicit(&table->late->filled, memory_order_acquire);
}

/*
 * Fills the slots if that was not done yet. Any thread; and the appending one before it appends to
 * a table that others read. FG_ERR_CORRUPT: two revisions have the same node; it then stands for
 * the first one.
 */
enum fg_status fg_nodetable_fill(const struct fg_nodetable *table);

/* Frees its memory. Takes a zeroed table. */
void fg_nodetable_clear(struct fg_nodetable *table);

/*
 * Appends the node of the next revision; there is room for it. FG_ERR_CORRUPT: the table has it
 * already; seen only where the slots are filled.
 */
enum fg_status fg_nodetable_append(struct fg_nodetable *table, const struct fg_node *node);

/*
 * Where a node is looked for first. For __builtin_prefetch: nodes are in no order, so each is a
 * miss of the cache of its own; announced some ahead, these misses are waited for together. (Not a
 * function that does the prefetch: gcc 12 takes that for one without effect, and leaves it out.)
 */
static inline const void *fg_nodetable_place(const struct fg_nodetable *table,
                                             const struct fg_node *node)
{
    return &table->slots[fg_read_be64(node->bytes) >> (64 - table->slot_bits)];
}

/* How many nodes ahead. */
enum { FG_NODES_AHEAD = 16 };

/*
 * The revision of a node, if it is below count; FG_REV_NULL if there is none. The null node has
 * none.
 */
int32_t fg_nodetable_find(const struct fg_nodetable *table, const struct fg_node *node,
                          uint32_t count);

/*
 * How many revisions below count have a node that begins with 1 to 40 hexadecimal digits: 0, 1 or 2
 * (which means more than one). *ret_rev is one of them, if there is one. 0 if a digit is none.
 */
int fg_nodetable_match(const struct fg_nodetable *table, struct fg_bytes prefix, uint32_t count,
                       uint32_t *ret_rev);

#endif
