/* Finding shadows: which revisions may be some, and which changesets of the bundle have them. */
#include "handlers/bundle/shadows.h"

#include "handlers/patience.h"
#include "handlers/repo/changeset.h"
#include "handlers/repo/endian.h"
#include "handlers/repo/filelog.h"
#include "handlers/repo/limits.h"

#include <stdlib.h>
#include <string.h>

void fg_shadows_clear(struct fg_shadows *shadows)
{
    free(shadows->items);
    *shadows = (struct fg_shadows){0};
}

uint64_t fg_shadows_held_bytes(const struct fg_shadows *shadows)
{
    return shadows->capacity * (uint64_t)sizeof *shadows->items;
}

static enum fg_status push(struct fg_shadows *shadows, const struct fg_shadow *shadow)
{
    if (shadows->count == shadows->capacity) {
        if (shadows->capacity > UINT32_MAX / 4) {
            return FG_ERR_MEMORY;
        }
        uint32_t capacity = shadows->capacity < 64 ? 64 : shadows->capacity * 2;
        struct fg_shadow *items = realloc(shadows->items, capacity * sizeof *items);
        if (items == NULL) {
            return FG_ERR_MEMORY;
        }
        shadows->items = items;
        shadows->capacity = capacity;
    }
    shadows->items[shadows->count++] = *shadow;
    return FG_OK;
}

enum fg_status fg_shadows_collect(struct fg_shadows *shadows, const struct fg_revlog *revlog,
                                  const struct fg_outgoing *outgoing)
{
    uint32_t count = fg_revlog_count(revlog);
    for (uint32_t rev = 0; rev < count; rev++) {
        struct fg_revlog_entry entry;
        fg_revlog_entry(revlog, rev, &entry);
        /* Who has it later came later: it cannot be in the bundle if the link is above all of it.
         */
        if (entry.link < 0 || (uint32_t)entry.link >= outgoing->last ||
            fg_outgoing_state(outgoing, entry.link) != FG_OUTGOING_OTHER) {
            continue;
        }
        struct fg_shadow shadow = {entry.node, rev, FG_REV_NULL};
        enum fg_status status = push(shadows, &shadow);
        if (status != FG_OK) {
            return status;
        }
    }
    return FG_OK;
}

static int compare_nodes(const void *left, const void *right)
{
    const struct fg_shadow *a = left;
    const struct fg_shadow *b = right;
    return memcmp(a->node.bytes, b->node.bytes, FG_NODE_SIZE);
}

static int compare_revs(const void *left, const void *right)
{
    const struct fg_shadow *a = left;
    const struct fg_shadow *b = right;
    return (a->rev > b->rev) - (a->rev < b->rev);
}

void fg_shadows_sort(struct fg_shadows *shadows)
{
    if (shadows->count > 0) {
        qsort(shadows->items, shadows->count, sizeof *shadows->items, compare_nodes);
    }
}

void fg_shadows_sort_by_rev(struct fg_shadows *shadows)
{
    if (shadows->count > 0) {
        qsort(shadows->items, shadows->count, sizeof *shadows->items, compare_revs);
    }
}

struct fg_shadow *fg_shadows_find(const struct fg_shadows *shadows, const struct fg_node *node)
{
    struct fg_shadow wanted = {.node = *node};
    return shadows->count == 0 ? NULL
                               : bsearch(&wanted, shadows->items, shadows->count,
                                         sizeof *shadows->items, compare_nodes);
}

int32_t fg_shadows_link(const struct fg_shadows *shadows, uint32_t first, uint32_t count,
                        uint32_t rev)
{
    struct fg_shadow wanted = {.rev = rev};
    const struct fg_shadow *found =
        count == 0 ? NULL
                   : bsearch(&wanted, shadows->items + first, count, sizeof wanted, compare_revs);
    return found != NULL ? found->link : FG_REV_NULL;
}

/* -- files ------------------------------------------------------------------------------------ */

struct search {
    const struct fg_shadows_search *input;
    struct fg_shadows *shadows;
    struct fg_buffer text;     /* of a changeset */
    struct fg_buffer manifest; /* of the changeset: the lines that its delta adds, or all */
    bool manifest_whole;
    uint32_t manifest_rev; /* where the last one was found */
    struct fg_buffer name;
};

/* The changed files of a changeset, borrowed from search->text. */
static enum fg_status read_changeset(struct search *search, uint32_t rev,
                                     struct fg_node *ret_manifest, struct fg_bytes *ret_files,
                                     struct fg_error *error)
{
    enum fg_status status = fg_revlog_raw_text(search->input->snapshot->changelog,
                                               search->input->reader, rev, &search->text, error);
    return status == FG_OK
               ? fg_changeset_split(fg_buffer_view(&search->text), ret_manifest, ret_files, error)
               : status;
}

/* Marks the files of the bundle that changesets touch which the client does not get. */
static enum fg_status mark_elsewhere(struct search *search, struct fg_error *error)
{
    const struct fg_outgoing *outgoing = search->input->outgoing;
    for (uint32_t rev = 0; rev < outgoing->last; rev++) {
        if (fg_outgoing_state(outgoing, (int32_t)rev) != FG_OUTGOING_OTHER) {
            continue;
        }
        struct fg_node manifest;
        struct fg_bytes files;
        enum fg_status status = read_changeset(search, rev, &manifest, &files, error);
        if (status != FG_OK) {
            return status;
        }
        struct fg_bytes name;
        while (fg_changeset_next_file(&files, &name)) {
            struct fg_path *path = fg_paths_find(search->input->paths, name);
            if (path != NULL) {
                path->elsewhere = true;
            }
        }
    }
    return FG_OK;
}

static enum fg_status collect_file(struct search *search, struct fg_path *path,
                                   struct fg_error *error)
{
    struct fg_revlog *revlog;
    enum fg_status status =
        fg_filelog_open(search->input->snapshot->layout, (struct fg_bytes){path->name, path->size},
                        &search->name, &revlog, error);
    if (status != FG_OK) {
        return status;
    }
    path->shadows_first = search->shadows->count;
    status = fg_shadows_collect(search->shadows, revlog, search->input->outgoing);
    path->shadows = search->shadows->count - path->shadows_first;
    fg_revlog_close(revlog);
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "no memory for shadows of files");
}

/* Looks a path up among lines of a manifest. */
static bool find_line(struct fg_bytes lines, const struct fg_path *path, struct fg_node *ret_node)
{
    while (lines.size > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.size);
        size_t size = end != NULL ? (size_t)(end - lines.data) : lines.size;
        if (size >= path->size + 1 + FG_NODE_HEX_SIZE && lines.data[path->size] == '\0' &&
            memcmp(lines.data, path->name, path->size) == 0) {
            struct fg_bytes hex = {lines.data + path->size + 1, FG_NODE_HEX_SIZE};
            return fg_node_from_hex(hex, ret_node);
        }
        size_t skip = end != NULL ? size + 1 : size;
        lines.data += skip;
        lines.size -= skip;
    }
    return false;
}

/* Moves to the manifest of a node. They mostly stand in the order of their changesets. */
static enum fg_status find_manifest(struct search *search, const struct fg_node *node,
                                    struct fg_error *error)
{
    const struct fg_revlog *manifests = search->input->manifests;
    uint32_t count = fg_revlog_count(manifests);
    uint32_t rev = search->manifest_rev;
    for (uint32_t looked = 0; looked < count; looked++) {
        struct fg_revlog_entry entry;
        fg_revlog_entry(manifests, rev, &entry);
        if (fg_node_equal(&entry.node, node)) {
            search->manifest_rev = rev;
            return FG_OK;
        }
        rev = rev + 1 < count ? rev + 1 : 0;
    }
    return fg_fail(error, FG_ERR_CORRUPT, 0, "the manifest of a changeset is missing");
}

/* Leaves of a delta only the lines that it adds. */
static void keep_added(struct fg_buffer *delta)
{
    enum { HUNK_HEADER = 12 };
    size_t from = 0;
    size_t to = 0;
    while (delta->size - from >= HUNK_HEADER) {
        size_t size = fg_read_be32(delta->data + from + 8);
        from += HUNK_HEADER;
        if (size > delta->size - from) {
            break;
        }
        memmove(delta->data + to, delta->data + from, size);
        from += size;
        to += size;
    }
    delta->size = to;
}

/* Reads what the stored delta of the manifest adds, or, if whole, all of it. */
static enum fg_status read_manifest(struct search *search, bool whole, struct fg_error *error)
{
    const struct fg_shadows_search *input = search->input;
    bool is_delta;
    int32_t parent = fg_revlog_delta_parent(input->manifests, search->manifest_rev, &is_delta);
    fg_buffer_reset(&search->manifest);
    search->manifest_whole = whole || (parent == FG_REV_NULL && !is_delta);
    if (search->manifest_whole) {
        return fg_revlog_raw_text(input->manifests, input->reader, search->manifest_rev,
                                  &search->manifest, error);
    }
    enum fg_status status = fg_revlog_stored(input->manifests, input->reader, search->manifest_rev,
                                             &search->manifest, error);
    if (status == FG_OK) {
        keep_added(&search->manifest);
    }
    return status;
}

/* Sets the link of the shadow that a changeset has at a path, if it has one there. */
static enum fg_status resolve(struct search *search, uint32_t rev, const struct fg_path *path,
                              struct fg_error *error)
{
    struct fg_node node;
    bool found = find_line(fg_buffer_view(&search->manifest), path, &node);
    if (!found && !search->manifest_whole) {
        enum fg_status status = read_manifest(search, true, error);
        if (status != FG_OK) {
            return status;
        }
        found = find_line(fg_buffer_view(&search->manifest), path, &node);
    }
    for (uint32_t i = 0; found && i < path->shadows; i++) {
        struct fg_shadow *shadow = &search->shadows->items[path->shadows_first + i];
        if (shadow->link == FG_REV_NULL && fg_node_equal(&shadow->node, &node)) {
            shadow->link = (int32_t)rev;
        }
    }
    return FG_OK;
}

/* The files of one changeset; its manifest is only looked at if one of them has shadows. */
static enum fg_status resolve_changeset(struct search *search, uint32_t rev, struct fg_error *error)
{
    struct fg_node manifest;
    struct fg_bytes files;
    enum fg_status status = read_changeset(search, rev, &manifest, &files, error);
    struct fg_bytes name;
    bool loaded = false;
    while (status == FG_OK && fg_changeset_next_file(&files, &name)) {
        const struct fg_path *path = fg_paths_find(search->input->paths, name);
        if (path == NULL || path->shadows == 0) {
            continue;
        }
        status = fg_patience_check(error);
        if (status == FG_OK && !loaded) {
            status = find_manifest(search, &manifest, error);
            if (status == FG_OK) {
                status = read_manifest(search, false, error);
            }
            loaded = true;
        }
        if (status == FG_OK) {
            status = resolve(search, rev, path, error);
        }
    }
    return status;
}

static enum fg_status find_all(struct search *search, struct fg_error *error)
{
    const struct fg_shadows_search *input = search->input;
    enum fg_status status = mark_elsewhere(search, error);
    for (uint32_t i = 0; i < input->paths->count && status == FG_OK; i++) {
        if (input->paths->items[i].elsewhere) {
            status = collect_file(search, &input->paths->items[i], error);
        }
    }
    if (search->shadows->count == 0) {
        return status;
    }
    for (uint32_t rev = 0; rev <= input->outgoing->last && status == FG_OK; rev++) {
        if (fg_outgoing_state(input->outgoing, (int32_t)rev) == FG_OUTGOING_MISSING) {
            status = resolve_changeset(search, rev, error);
        }
    }
    return status;
}

enum fg_status fg_shadows_of_files(const struct fg_shadows_search *search,
                                   struct fg_shadows *shadows, struct fg_error *error)
{
    struct search state = {
        .input = search,
        .shadows = shadows,
        .text = FG_BUFFER_INIT(FG_CHANGESET_TEXT_MAX),
        .manifest = FG_BUFFER_INIT(FG_REVLOG_TEXT_MAX),
        .name = FG_BUFFER_INIT(SIZE_MAX),
    };
    /* The reader may have served another revlog that lay where one of ours does. */
    search->reader->window_of = NULL;
    enum fg_status status = find_all(&state, error);
    fg_buffer_free(&state.text);
    fg_buffer_free(&state.manifest);
    fg_buffer_free(&state.name);
    search->reader->window_of = NULL;
    return status;
}
