/* Node ids: the 20-byte SHA-1 names of changesets, manifests and file revisions. */
#ifndef FRAMEGATE_HANDLERS_REPO_NODE_H
#define FRAMEGATE_HANDLERS_REPO_NODE_H

#include "framing/buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    FG_NODE_SIZE = 20,     /* bytes */
    FG_NODE_HEX_SIZE = 40, /* characters */
};

/* A revision number that stands for "none": the null revision before the first one. */
#define FG_REV_NULL (-1)

struct fg_node {
    uint8_t bytes[FG_NODE_SIZE];
};

/* The id of the null revision: 20 zero bytes. */
extern const struct fg_node fg_node_null;

static inline bool fg_node_equal(const struct fg_node *a, const struct fg_node *b)
{
    return memcmp(a->bytes, b->bytes, FG_NODE_SIZE) == 0;
}

static inline bool fg_node_is_null(const struct fg_node *node)
{
    return fg_node_equal(node, &fg_node_null);
}

/* Reads exactly 40 hexadecimal digits. False, and *ret_node untouched, for anything else. */
bool fg_node_from_hex(struct fg_bytes hex, struct fg_node *ret_node);

/* Writes 40 lower-case digits, without a final NUL. */
void fg_node_to_hex(const struct fg_node *node, char ret_hex[FG_NODE_HEX_SIZE]);

/* The SHA-1 by which Mercurial names a text: over both parents, the smaller first, and the text. */
struct fg_node fg_node_of_text(const struct fg_node *p1, const struct fg_node *p2,
                               struct fg_bytes text);

/* The same for a text that comes piece by piece; the parents were taken in already. */
struct fg_node_hash;

/* NULL: out of memory. Freed by free(). */
struct fg_node_hash *fg_node_hash_new(const struct fg_node *p1, const struct fg_node *p2);

void fg_node_hash_add(struct fg_node_hash *hash, struct fg_bytes piece);

/* The node of all that was added. The hash is then only to be freed. */
struct fg_node fg_node_hash_end(struct fg_node_hash *hash);

#endif
