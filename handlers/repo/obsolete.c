/*
 * Obsolescence markers. Format 0: successors' count, metadata's size, flags, predecessor,
 * successors, metadata. Format 1: size of the marker, date, time zone, flags, counts of successors,
 * parents and metadata pairs, predecessor, successors, parents, sizes of the pairs, pairs.
 */
#include "handlers/repo/obsolete.h"

#include "handlers/patience.h"
#include "handlers/repo/endian.h"

enum {
    FORMAT_0_FIXED = 1 + 4 + 1 + FG_NODE_SIZE,
    FORMAT_1_FIXED = 4 + 8 + 2 + 2 + 1 + 1 + 1,
    FORMAT_1_FLAG_SHA256 = 2,
    FORMAT_1_NO_PARENTS = 3, /* a count of parents that says: not recorded */
    SHA256_SIZE = 32,
};

/* A marker's bytes from its start to the end of the store: its size, or 0 if it does not fit. */
typedef size_t (*marker_parser)(struct fg_bytes data, struct fg_obsolete_marker *ret_marker);

static size_t parse_format_0(struct fg_bytes data, struct fg_obsolete_marker *ret_marker)
{
    if (data.size < FORMAT_0_FIXED) {
        return 0;
    }
    size_t successors = (size_t)data.data[0] * FG_NODE_SIZE;
    size_t metadata = fg_read_be32(data.data + 1);
    size_t left = data.size - FORMAT_0_FIXED;
    if (left < successors || left - successors < metadata) {
        return 0;
    }
    size_t size = FORMAT_0_FIXED + successors + metadata;
    *ret_marker = (struct fg_obsolete_marker){
        .whole = {data.data, size},
        .predecessor = {data.data + 6, FG_NODE_SIZE},
        .successors = {data.data + FORMAT_0_FIXED, successors},
    };
    return size;
}

static size_t parse_format_1(struct fg_bytes data, struct fg_obsolete_marker *ret_marker)
{
    if (data.size < FORMAT_1_FIXED) {
        return 0;
    }
    size_t announced = fg_read_be32(data.data);
    unsigned flags = fg_read_be16(data.data + 14);
    size_t successors = data.data[16];
    size_t parents = data.data[17] == FORMAT_1_NO_PARENTS ? 0 : data.data[17];
    size_t pairs = data.data[18];
    size_t node_size = (flags & FORMAT_1_FLAG_SHA256) != 0 ? SHA256_SIZE : FG_NODE_SIZE;
    size_t size = FORMAT_1_FIXED + (1 + successors + parents) * node_size;
    const uint8_t *pair_sizes = data.data + size;
    size += 2 * pairs;
    if (parents > 2 || size > data.size) {
        return 0;
    }
    for (size_t i = 0; i < 2 * pairs; i++) {
        size += pair_sizes[i];
    }
    if (size != announced || size > data.size) {
        return 0;
    }
    const uint8_t *nodes = data.data + FORMAT_1_FIXED;
    *ret_marker = (struct fg_obsolete_marker){
        .whole = {data.data, size},
        .predecessor = {nodes, node_size},
        .successors = {nodes + node_size, successors * node_size},
        .parents = {nodes + (1 + successors) * node_size, parents * node_size},
    };
    return size;
}

/* Mercurial refuses a store in which something was replaced by nothing's node. */
static bool has_null(struct fg_bytes successors, size_t node_size)
{
    static const uint8_t null[SHA256_SIZE];
    for (size_t at = 0; at < successors.size; at += node_size) {
        if (memcmp(successors.data + at, null, node_size) == 0) {
            return true;
        }
    }
    return false;
}

static enum fg_status walk(struct fg_bytes store, size_t at, marker_parser parse,
                           fg_obsolete_marker_visitor visitor, void *context,
                           struct fg_error *error)
{
    while (at < store.size) {
        struct fg_obsolete_marker marker = {.whole = {NULL, 0}};
        size_t size = parse((struct fg_bytes){store.data + at, store.size - at}, &marker);
        if (size == 0) {
            return fg_fail(error, FG_ERR_CORRUPT, at, "the obsolescence store is damaged");
        }
        if (has_null(marker.successors, marker.predecessor.size)) {
            return fg_fail(error, FG_ERR_CORRUPT, at,
                           "the obsolescence store has a marker whose successor is null");
        }
        enum fg_status status = fg_patience_check(error);
        if (status == FG_OK && marker.predecessor.size == FG_NODE_SIZE) {
            status = visitor(context, &marker);
        }
        if (status != FG_OK) {
            return status;
        }
        at += size;
    }
    return FG_OK;
}

enum fg_status fg_obsolete_markers(struct fg_bytes store, fg_obsolete_marker_visitor visitor,
                                   void *context, struct fg_error *error)
{
    if (store.size == 0) {
        return FG_OK;
    }
    switch (store.data[0]) {
    case 0:
        return walk(store, 1, parse_format_0, visitor, context, error);
    case 1:
        return walk(store, 1, parse_format_1, visitor, context, error);
    default:
        return fg_fail(error, FG_ERR_UNSUPPORTED, 0,
                       "the obsolescence store is of an unknown format (%u)", store.data[0]);
    }
}

/* Who wants nothing but predecessors. */
struct predecessors {
    fg_obsolete_visitor visitor;
    void *context;
};

static enum fg_status visit_predecessor(void *context, const struct fg_obsolete_marker *marker)
{
    const struct predecessors *predecessors = context;
    struct fg_node node;
    memcpy(node.bytes, marker->predecessor.data, FG_NODE_SIZE);
    predecessors->visitor(predecessors->context, &node);
    return FG_OK;
}

enum fg_status fg_obsolete_walk(struct fg_bytes store, fg_obsolete_visitor visitor, void *context,
                                struct fg_error *error)
{
    struct predecessors predecessors = {visitor, context};
    return fg_obsolete_markers(store, visit_predecessor, &predecessors, error);
}
