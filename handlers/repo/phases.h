/*
 * Phases: who may see a changeset. The file phaseroots names the roots of each phase but public; a
 * changeset has the highest phase of its ancestors and itself.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_PHASES_H
#define FRAMEGATE_HANDLERS_REPO_PHASES_H

#include "framing/status.h"
#include "handlers/repo/history.h"
#include "handlers/repo/layout.h"

#include <stdint.h>

/* In order: each may be seen by fewer than the one before. */
enum fg_phase {
    FG_PHASE_PUBLIC,
    FG_PHASE_DRAFT,
    FG_PHASE_SECRET,
    FG_PHASE_ARCHIVED, /* hidden, like internal */
    FG_PHASE_INTERNAL,
};

struct fg_phase_root {
    uint32_t rev;
    enum fg_phase phase;
};

/* Zeroed: everything is public. */
struct fg_phase_roots {
    struct fg_phase_root *items; /* owned */
    size_t count;
    size_t capacity;
};

/*
 * Reads the roots that are below count; unknown nodes are left over from stripped changesets and
 * say nothing. *roots must be zeroed. FG_ERR_CORRUPT: not such a file; FG_ERR_LIMIT, FG_ERR_IO,
 * FG_ERR_MEMORY.
 */
enum fg_status fg_phase_roots_read(const struct fg_layout *layout, const struct fg_nodetable *table,
                                   uint32_t count, struct fg_phase_roots *roots,
                                   struct fg_error *error);

/* Frees its memory. Takes zeroed roots. */
void fg_phase_roots_clear(struct fg_phase_roots *roots);

#endif
