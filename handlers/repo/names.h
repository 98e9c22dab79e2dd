/* A table from names to nodes: bookmarks, local tags, tags. */
#ifndef FRAMEGATE_HANDLERS_REPO_NAMES_H
#define FRAMEGATE_HANDLERS_REPO_NAMES_H

#include "framing/buffer.h"
#include "framing/status.h"
#include "handlers/repo/node.h"

struct fg_name {
    size_t offset; /* of its bytes in the table's text */
    size_t size;
    size_t order; /* of being put */
    struct fg_node node;
};

/* Zeroed: empty. */
struct fg_names {
    struct fg_name *items; /* owned; ascending by name once fg_names_finish was called */
    size_t count;
    size_t capacity;
    struct fg_buffer text; /* all names */
};

/* Frees its memory. Takes a zeroed table. */
void fg_names_clear(struct fg_names *names);

/* Puts a name; the name put last counts. FG_ERR_MEMORY. */
enum fg_status fg_names_put(struct fg_names *names, struct fg_bytes name,
                            const struct fg_node *node);

/* Sorts the table and drops names that were put again later. */
void fg_names_finish(struct fg_names *names);

/* The node of a name in a finished table; NULL if there is none. */
const struct fg_node *fg_names_find(const struct fg_names *names, struct fg_bytes name);

/* The bytes of an item's name, valid until the table changes. */
struct fg_bytes fg_names_name(const struct fg_names *names, size_t index);

#endif
