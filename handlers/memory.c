/* The sum of memory: relaxed atomics, since nothing else follows from it. */
#include "handlers/memory.h"

#include <stddef.h>

void fg_memory_init(struct fg_memory *memory, uint64_t ceiling)
{
    atomic_init(&memory->bytes, 0);
    atomic_init(&memory->refusals, 0);
    memory->ceiling = ceiling;
}

uint64_t fg_memory_bytes(const struct fg_memory *memory)
{
    int64_t bytes = atomic_load_explicit(&memory->bytes, memory_order_relaxed);
    return bytes > 0 ? (uint64_t)bytes : 0;
}

bool fg_memory_is_short(const struct fg_memory *memory)
{
    return fg_memory_bytes(memory) > memory->ceiling;
}

bool fg_memory_is_spent(const struct fg_memory *memory)
{
    return fg_memory_bytes(memory) > 2 * memory->ceiling;
}

void fg_holding_set(struct fg_holding *holding, uint64_t bytes)
{
    if (holding->memory != NULL && bytes != holding->bytes) {
        atomic_fetch_add_explicit(&holding->memory->bytes, (int64_t)bytes - (int64_t)holding->bytes,
                                  memory_order_relaxed);
        holding->bytes = bytes;
    }
}

/* is_over is asked with the new bytes in the sum, so that of several at once none goes over it. */
static bool grow(struct fg_holding *holding, uint64_t bytes,
                 bool (*is_over)(const struct fg_memory *memory))
{
    uint64_t before = holding->bytes;
    fg_holding_set(holding, bytes);
    if (bytes > before && holding->memory != NULL && is_over(holding->memory)) {
        fg_holding_set(holding, before);
        atomic_fetch_add_explicit(&holding->memory->refusals, 1, memory_order_relaxed);
        return false;
    }
    return true;
}

enum fg_status fg_holding_ask(struct fg_holding *holding, uint64_t bytes, struct fg_error *error)
{
    return grow(holding, bytes, fg_memory_is_spent)
               ? FG_OK
               : fg_fail(error, FG_ERR_LIMIT, 0,
                         "the requests in progress hold too much memory, try again later");
}

bool fg_holding_fits(struct fg_holding *holding, uint64_t bytes)
{
    return grow(holding, bytes, fg_memory_is_short);
}
