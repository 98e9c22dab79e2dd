/*
 * Bundles of version 2 (HG20): parts with names, parameters and payloads, as a stream made while it
 * is read. See "hg help internals.bundle2".
 */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_BUNDLE2_H
#define FRAMEGATE_HANDLERS_BUNDLE_BUNDLE2_H

#include "framing/buffer.h"
#include "framing/source.h"
#include "handlers/memory.h"

#include <stdbool.h>

enum { FG_BUNDLE_PARTS_MAX = 16 };

struct fg_bundle_param {
    const char *key;
    struct fg_bytes value; /* at most 255 bytes */
    bool mandatory;        /* who does not know it must not take the part */
};

struct fg_bundle;

/*
 * A bundle without parts. Payloads that lie in memory are counted in memory (or NULL), which must
 * live as long as the bundle. FG_ERR_MEMORY.
 */
enum fg_status fg_bundle_new(struct fg_memory *memory, struct fg_bundle **ret_bundle);

/* Takes NULL. */
void fg_bundle_free(struct fg_bundle *bundle);

/*
 * Adds a part. type in capitals is mandatory: a client that does not know it must not take the
 * bundle. The payload is taken over, also on failure. Mandatory parameters come first.
 * FG_ERR_LIMIT: too many parts, a parameter too long, or as fg_holding_ask; FG_ERR_MEMORY. error
 * (or NULL) says what.
 */
enum fg_status fg_bundle_add(struct fg_bundle *bundle, const char *type,
                             const struct fg_bundle_param *params, size_t params_count,
                             struct fg_source *payload, struct fg_error *error);

/* True if the payloads of all parts lie in memory, and are at most so many bytes together. */
bool fg_bundle_is_small(const struct fg_bundle *bundle, uint64_t bytes);

/*
 * Turns the bundle into a source, which owns it. Cannot fail. Where a payload fails, the stream
 * ends with a part error:abort that has the reason (fg_source_lacks).
 */
struct fg_source fg_bundle_source(struct fg_bundle *bundle);

#endif
