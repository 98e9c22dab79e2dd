/*
 * Shadows: manifests and file revisions that a bundle needs, although the changeset that brought
 * them first (their link) is not in it. A changeset may make the same manifest, or the same
 * revision of a file, as one that the client does not get: one that was amended, say, and is hidden
 * now. The revlog has it once, under the first one's name. Here the first changeset of the bundle
 * that has it is found, by looking into the manifests of those that touch such files.
 */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_SHADOWS_H
#define FRAMEGATE_HANDLERS_BUNDLE_SHADOWS_H

#include "handlers/bundle/outgoing.h"
#include "handlers/bundle/paths.h"
#include "handlers/repo/revlog.h"

/* A revision whose link is not in the bundle, nor common. */
struct fg_shadow {
    struct fg_node node;
    uint32_t rev;
    int32_t link; /* the first changeset of the bundle that has it; FG_REV_NULL: none */
};

/* Zeroed: none. */
struct fg_shadows {
    struct fg_shadow *items; /* owned */
    uint32_t count;
    uint32_t capacity;
};

/* Frees its memory. Takes a zeroed one. */
void fg_shadows_clear(struct fg_shadows *shadows);

/* Bytes of memory that they hold. */
uint64_t fg_shadows_held_bytes(const struct fg_shadows *shadows);

/*
 * Appends all revisions of a revlog whose links are below outgoing->last and FG_OUTGOING_OTHER,
 * ascending. FG_ERR_MEMORY.
 */
enum fg_status fg_shadows_collect(struct fg_shadows *shadows, const struct fg_revlog *revlog,
                                  const struct fg_outgoing *outgoing);

/* Sorts shadows by their nodes, for fg_shadows_find. */
void fg_shadows_sort(struct fg_shadows *shadows);

/* The shadow of a node among sorted ones; NULL if there is none. */
struct fg_shadow *fg_shadows_find(const struct fg_shadows *shadows, const struct fg_node *node);

/* Sorts shadows by their revisions again. */
void fg_shadows_sort_by_rev(struct fg_shadows *shadows);

/* The link of a revision among count shadows from first on, sorted by revision. */
int32_t fg_shadows_link(const struct fg_shadows *shadows, uint32_t first, uint32_t count,
                        uint32_t rev);

/* What finding the shadows of files needs. All borrowed. */
struct fg_shadows_search {
    const struct fg_snapshot *snapshot;
    const struct fg_outgoing *outgoing;
    const struct fg_revlog *manifests;
    struct fg_paths *paths; /* finished: all files that the bundle's changesets touch */
    struct fg_revlog_reader *reader;
};

/*
 * Finds the shadows of the files: collects them (path->shadows and shadows_first say which are a
 * path's) and sets their links. Errors of fg_revlog_text.
 */
enum fg_status fg_shadows_of_files(const struct fg_shadows_search *search,
                                   struct fg_shadows *shadows, struct fg_error *error);

#endif
