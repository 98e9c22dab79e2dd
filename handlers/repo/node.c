/* Node ids: hexadecimal in both directions, and the hash that makes them. */
#include "handlers/repo/node.h"

#include "framing/hex.h"

#include <nettle/sha1.h>
#include <stdlib.h>

const struct fg_node fg_node_null;

bool fg_node_from_hex(struct fg_bytes hex, struct fg_node *ret_node)
{
    if (hex.size != FG_NODE_HEX_SIZE) {
        return false;
    }
    struct fg_node node;
    int all = 0; /* negative if a digit is: a branch for each would cost more than the digits */
    for (size_t i = 0; i < FG_NODE_SIZE; i++) {
        int high = fg_hex_digit(hex.data[2 * i]);
        int low = fg_hex_digit(hex.data[2 * i + 1]);
        all |= high | low;
        node.bytes[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    if (all < 0) {
        return false;
    }
    *ret_node = node;
    return true;
}

void fg_node_to_hex(const struct fg_node *node, char ret_hex[FG_NODE_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < FG_NODE_SIZE; i++) {
        ret_hex[2 * i] = digits[node->bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[node->bytes[i] & 15];
    }
}

struct fg_node_hash {
    struct sha1_ctx context;
};

static void begin_hash(struct fg_node_hash *hash, const struct fg_node *p1,
                       const struct fg_node *p2)
{
    bool ordered = memcmp(p1->bytes, p2->bytes, FG_NODE_SIZE) <= 0;
    sha1_init(&hash->context);
    sha1_update(&hash->context, FG_NODE_SIZE, ordered ? p1->bytes : p2->bytes);
    sha1_update(&hash->context, FG_NODE_SIZE, ordered ? p2->bytes : p1->bytes);
}

struct fg_node_hash *fg_node_hash_new(const struct fg_node *p1, const struct fg_node *p2)
{
    struct fg_node_hash *hash = malloc(sizeof *hash);
    if (hash != NULL) {
        begin_hash(hash, p1, p2);
    }
    return hash;
}

void fg_node_hash_add(struct fg_node_hash *hash, struct fg_bytes piece)
{
    sha1_update(&hash->context, piece.size, piece.data);
}

struct fg_node fg_node_hash_end(struct fg_node_hash *hash)
{
    struct fg_node node;
    sha1_digest(&hash->context, FG_NODE_SIZE, node.bytes);
    return node;
}

struct fg_node fg_node_of_text(const struct fg_node *p1, const struct fg_node *p2,
                               struct fg_bytes text)
{
    struct fg_node_hash hash;
    begin_hash(&hash, p1, p2);
    fg_node_hash_add(&hash, text);
    return fg_node_hash_end(&hash);
}
