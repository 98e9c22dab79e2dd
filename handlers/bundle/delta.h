/* Making deltas between two texts, in the form that revlogs and changegroups have (chunk.h). */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_DELTA_H
#define FRAMEGATE_HANDLERS_BUNDLE_DELTA_H

#include "framing/buffer.h"
#include "framing/status.h"

#include <stdbool.h>

enum { FG_HUNK_HEADER_SIZE = 12 };

/* Writes the header of a hunk: bytes start to end of the base are replaced by size bytes. */
void fg_hunk_header(uint8_t ret_header[FG_HUNK_HEADER_SIZE], size_t start, size_t end, size_t size);

/* Who is told after each MiB or so of both texts that was looked at. */
struct fg_delta_walker {
    void (*forget)(void *context);
    void *context;
};

/*
 * Appends a delta that makes text out of base; both have less than 2 GiB. Hunks begin and end at
 * lines, as readers of manifests' deltas expect. If the lines are sorted (a manifest), the delta
 * has just the lines that differ; else all from the first to the last one that does. Linear in
 * time, without memory of its own. walker may be NULL. FG_ERR_LIMIT, FG_ERR_MEMORY.
 */
enum fg_status fg_delta_put(struct fg_bytes base, struct fg_bytes text, bool sorted,
                            const struct fg_delta_walker *walker, struct fg_buffer *buffer);

#endif
