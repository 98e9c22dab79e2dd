/* Tables from names to nodes: put, sort once, search. */
#define _GNU_SOURCE /* qsort_r */

#include "handlers/repo/names.h"

#include <stdlib.h>

void fg_names_clear(struct fg_names *names)
{
    free(names->items);
    fg_buffer_free(&names->text);
    *names = (struct fg_names){0};
}

enum fg_status fg_names_put(struct fg_names *names, struct fg_bytes name,
                            const struct fg_node *node)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity < 16 ? 16 : names->capacity * 2;
        struct fg_name *items = realloc(names->items, capacity * sizeof *items);
        if (items == NULL) {
            return FG_ERR_MEMORY;
        }
        names->items = items;
        names->capacity = capacity;
    }
    /* No ceiling of its own: the file that the names come from was bounded. */
    names->text.ceiling = SIZE_MAX;
    size_t offset = names->text.size;
    /* Each name has a zero byte after it, so that there is text even where all names are empty. */
    enum fg_status status = fg_buffer_append(&names->text, name.data, name.size);
    if (status == FG_OK) {
        status = fg_buffer_append_byte(&names->text, '\0');
    }
    if (status != FG_OK) {
        return status;
    }
    names->items[names->count] = (struct fg_name){offset, name.size, names->count, *node};
    names->count++;
    return FG_OK;
}

struct fg_bytes fg_names_name(const struct fg_names *names, size_t index)
{
    const struct fg_name *item = &names->items[index];
    return (struct fg_bytes){names->text.data + item->offset, item->size};
}

static int compare_bytes(struct fg_bytes a, struct fg_bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int result = common > 0 ? memcmp(a.data, b.data, common) : 0;
    return result != 0 ? result : (a.size > b.size) - (a.size < b.size);
}

static int compare_items(const void *left, const void *right, void *context)
{
    const struct fg_name *a = left;
    const struct fg_name *b = right;
    const uint8_t *text = context;
    int result = compare_bytes((struct fg_bytes){text + a->offset, a->size},
                               (struct fg_bytes){text + b->offset, b->size});
    return result != 0 ? result : (a->order > b->order) - (a->order < b->order);
}

void fg_names_finish(struct fg_names *names)
{
    if (names->count == 0) {
        return;
    }
    qsort_r(names->items, names->count, sizeof *names->items, compare_items, names->text.data);
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        bool again = i + 1 < names->count &&
                     fg_bytes_equal(fg_names_name(names, i), fg_names_name(names, i + 1));
        if (!again) {
            names->items[kept++] = names->items[i];
        }
    }
    names->count = kept;
}

const struct fg_node *fg_names_find(const struct fg_names *names, struct fg_bytes name)
{
    size_t low = 0;
    size_t high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_bytes(fg_names_name(names, middle), name);
        if (order == 0) {
            return &names->items[middle].node;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
