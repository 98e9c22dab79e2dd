/* Sets of paths: a hash table while they are collected, a sorted array afterwards. */
#include "handlers/bundle/paths.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 64 * 1024 };

/* Names stand one after the other in blocks, so that they stay where they are. */
struct fg_paths_block {
    struct fg_paths_block *next;
    size_t used;
    size_t size;
    uint8_t data[];
};

void fg_paths_clear(struct fg_paths *paths)
{
    while (paths->blocks != NULL) {
        struct fg_paths_block *next = paths->blocks->next;
        free(paths->blocks);
        paths->blocks = next;
    }
    free(paths->items);
    free(paths->slots);
    *paths = (struct fg_paths){0};
}

uint64_t fg_paths_held_bytes(const struct fg_paths *paths)
{
    return paths->capacity * (uint64_t)sizeof *paths->items +
           paths->slots_count * (uint64_t)sizeof *paths->slots + paths->blocks_bytes;
}

static uint64_t hash_of(struct fg_bytes name)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ name.data[i]) * 1099511628211u;
    }
    return hash ^ hash >> 32;
}

static struct fg_bytes name_of(const struct fg_path *path)
{
    return (struct fg_bytes){path->name, path->size};
}

/* The slot of a path, or the empty one where it belongs. */
static uint32_t *slot_of(const struct fg_paths *paths, struct fg_bytes name)
{
    uint32_t mask = paths->slots_count - 1;
    uint32_t at = (uint32_t)hash_of(name) & mask;
    while (paths->slots[at] != 0 &&
           !fg_bytes_equal(name_of(&paths->items[paths->slots[at] - 1]), name)) {
        at = (at + 1) & mask;
    }
    return &paths->slots[at];
}

/* Twice the room; all slots are filled again. */
static enum fg_status grow(struct fg_paths *paths)
{
    if (paths->capacity > UINT32_MAX / 4) {
        return FG_ERR_MEMORY;
    }
    uint32_t capacity = paths->capacity < 64 ? 64 : paths->capacity * 2;
    struct fg_path *items = realloc(paths->items, capacity * sizeof *items);
    if (items == NULL) {
        return FG_ERR_MEMORY;
    }
    paths->items = items;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof *slots);
    if (slots == NULL) {
        return FG_ERR_MEMORY;
    }
    free(paths->slots);
    paths->slots = slots;
    paths->slots_count = capacity * 2;
    paths->capacity = capacity;
    for (uint32_t i = 0; i < paths->count; i++) {
        *slot_of(paths, name_of(&items[i])) = i + 1;
    }
    return FG_OK;
}

static const uint8_t *copy_name(struct fg_paths *paths, struct fg_bytes name)
{
    struct fg_paths_block *block = paths->blocks;
    if (block == NULL || block->size - block->used < name.size) {
        size_t size = name.size > BLOCK_SIZE ? name.size : BLOCK_SIZE;
        block = malloc(sizeof *block + size);
        if (block == NULL) {
            return NULL;
        }
        block->next = paths->blocks;
        block->used = 0;
        block->size = size;
        paths->blocks = block;
        paths->blocks_bytes += sizeof *block + size;
    }
    uint8_t *copy = block->data + block->used;
    memcpy(copy, name.data, name.size);
    block->used += name.size;
    return copy;
}

enum fg_status fg_paths_add(struct fg_paths *paths, struct fg_bytes name)
{
    if (paths->count == paths->capacity) {
        enum fg_status status = grow(paths);
        if (status != FG_OK) {
            return status;
        }
    }
    uint32_t *slot = slot_of(paths, name);
    if (*slot != 0) {
        return FG_OK;
    }
    const uint8_t *copy = copy_name(paths, name);
    if (copy == NULL) {
        return FG_ERR_MEMORY;
    }
    paths->items[paths->count] = (struct fg_path){.name = copy, .size = (uint32_t)name.size};
    *slot = ++paths->count;
    return FG_OK;
}

static int compare(const struct fg_path *a, const struct fg_path *b)
{
    int order = memcmp(a->name, b->name, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static int compare_items(const void *left, const void *right)
{
    return compare(left, right);
}

void fg_paths_finish(struct fg_paths *paths)
{
    free(paths->slots);
    paths->slots = NULL;
    paths->slots_count = 0;
    if (paths->count > 0) {
        qsort(paths->items, paths->count, sizeof *paths->items, compare_items);
    }
}

struct fg_path *fg_paths_find(struct fg_paths *paths, struct fg_bytes name)
{
    const struct fg_path wanted = {.name = name.data, .size = (uint32_t)name.size};
    uint32_t low = 0;
    uint32_t high = paths->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(&paths->items[middle], &wanted);
        if (order == 0) {
            return &paths->items[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
