/*
 * Memory that is held on behalf of requests: one sum, and who adds to it. Whoever holds memory
 * whose size follows from the repository or from what a peer sent counts it, where it lies: a
 * request may be over while what made its answer is not freed yet.
 *
 * Not counted, since others bound it: what a handler needs only until it returns (one for each
 * worker, within handlers/repo/limits.h), but for the texts of a repository while they are rebuilt,
 * which are counted; what one step of a source adds before it counts itself again (a revision, or
 * the search for the revisions that stand for others); snapshots, which all requests share; large
 * index files, which are mapped; what of an exchange is less than a few blocks; blocks of constant
 * size for each connection or entry of the bundle cache, which have limits of their own.
 */
#ifndef FRAMEGATE_HANDLERS_MEMORY_H
#define FRAMEGATE_HANDLERS_MEMORY_H

#include "framing/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* For any thread. */
struct fg_memory {
    _Atomic int64_t bytes;
    atomic_uint_fast64_t refusals; /* by fg_holding_ask and fg_holding_fits */
    uint64_t ceiling;
};

/* ceiling: up to UINT64_MAX / 2 bytes. */
void fg_memory_init(struct fg_memory *memory, uint64_t ceiling);

/* The sum. */
uint64_t fg_memory_bytes(const struct fg_memory *memory);

/* True above the ceiling: new work waits, what runs may grow. */
bool fg_memory_is_short(const struct fg_memory *memory);

/* True above twice the ceiling: nothing may grow. */
bool fg_memory_is_spent(const struct fg_memory *memory);

/* What one holder has added. Zeroed, or with memory NULL: it holds nothing, and nobody counts. */
struct fg_holding {
    struct fg_memory *memory; /* borrowed */
    uint64_t bytes;
};

/* The holder has so many bytes now; 0 when it goes. */
void fg_holding_set(struct fg_holding *holding, uint64_t bytes);

/*
 * The same for a holder that can give up: FG_ERR_LIMIT, counted as a refusal, if it grows and the
 * sum would be above twice the ceiling. The sum is then as before.
 */
enum fg_status fg_holding_ask(struct fg_holding *holding, uint64_t bytes, struct fg_error *error);

/*
 * The same for other bytes than those of memory, which may have no reserve: false above the ceiling
 * itself.
 */
bool fg_holding_fits(struct fg_holding *holding, uint64_t bytes);

#endif
