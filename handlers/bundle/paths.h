/*
 * The set of files that the changesets of a bundle touch: collected in any order, then sorted,
 * since a changegroup names them in order.
 */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_PATHS_H
#define FRAMEGATE_HANDLERS_BUNDLE_PATHS_H

#include "framing/buffer.h"
#include "framing/status.h"

#include <stdbool.h>
#include <stdint.h>

struct fg_path {
    const uint8_t *name; /* in the set's memory */
    uint32_t size;
    bool elsewhere;         /* a changeset that the client does not get touches it too */
    uint32_t shadows;       /* how many shadows it has (handlers/bundle/shadows.h) */
    uint32_t shadows_first; /* the place of the first */
};

/* Zeroed: empty. */
struct fg_paths {
    struct fg_path *items; /* owned; sorted once fg_paths_finish was called */
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* owned; hash table to places + 1, until fg_paths_finish */
    uint32_t slots_count;
    struct fg_paths_block *blocks; /* owned; the names */
    uint64_t blocks_bytes;
};

/* Frees its memory. Takes a zeroed set. */
void fg_paths_clear(struct fg_paths *paths);

/* Bytes of memory that it holds. */
uint64_t fg_paths_held_bytes(const struct fg_paths *paths);

/* Adds a path of less than 4 GiB that may be there already. FG_ERR_MEMORY. */
enum fg_status fg_paths_add(struct fg_paths *paths, struct fg_bytes name);

/* Sorts the set; nothing may be added afterwards. */
void fg_paths_finish(struct fg_paths *paths);

/* The path in a finished set; NULL if it is not there. */
struct fg_path *fg_paths_find(struct fg_paths *paths, struct fg_bytes name);

#endif
