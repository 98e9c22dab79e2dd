/* Payloads of small parts: bookmarks, keys, phases. */
#include "handlers/bundle/parts.h"

#include "handlers/keys.h"
#include "handlers/repo/bookmarks.h"
#include "handlers/repo/endian.h"

#include <stdlib.h>

/* -- bookmarks and keys ----------------------------------------------------------------------- */

enum fg_status fg_part_put_bookmarks(const struct fg_snapshot *snapshot, struct fg_buffer *buffer)
{
    const struct fg_names *bookmarks = &snapshot->bookmarks;
    for (size_t i = 0; i < bookmarks->count; i++) {
        struct fg_bytes name = fg_names_name(bookmarks, i);
        const struct fg_node *node = &bookmarks->items[i].node;
        if (name.size > UINT16_MAX || fg_bookmark_is_divergent(name) ||
            !fg_snapshot_knows(snapshot, node)) {
            continue;
        }
        uint8_t size[2];
        fg_write_be16(size, (uint16_t)name.size);
        fg_buffer_append(buffer, node->bytes, FG_NODE_SIZE);
        fg_buffer_append(buffer, size, sizeof size);
        fg_buffer_append(buffer, name.data, name.size);
    }
    return fg_buffer_status(buffer);
}

static enum fg_status put_pair(void *context, struct fg_bytes key, struct fg_bytes value)
{
    struct fg_buffer *buffer = context;
    if (buffer->size > 0) {
        fg_buffer_append_byte(buffer, '\n');
    }
    fg_buffer_append(buffer, key.data, key.size);
    fg_buffer_append_byte(buffer, '\t');
    return fg_buffer_append(buffer, value.data, value.size);
}

enum fg_status fg_part_put_keys(const struct fg_snapshot *snapshot, struct fg_bytes namespace,
                                struct fg_buffer *buffer, struct fg_error *error)
{
    return fg_keys_walk(snapshot, namespace, put_pair, buffer, error);
}

/* -- phases ----------------------------------------------------------------------------------- */

enum { PHASE_ENTRY_SIZE = 4 + FG_NODE_SIZE };

enum {
    BELOW_DRAFT = 1,  /* a wanted draft, or an ancestor of one */
    BELOW_PUBLIC = 2, /* a wanted public changeset, or an ancestor of one */
    HAS_CHILD = 4,    /* of those that are looked for */
};

static enum fg_status put_phase(const struct fg_node *node, enum fg_phase phase,
                                struct fg_buffer *buffer)
{
    uint8_t *space;
    enum fg_status status = fg_buffer_reserve(buffer, PHASE_ENTRY_SIZE, &space);
    if (status == FG_OK) {
        fg_write_be32(space, (uint32_t)phase);
        memcpy(space + 4, node->bytes, FG_NODE_SIZE);
        buffer->size += PHASE_ENTRY_SIZE;
    }
    return status;
}

/* The heads of what is public and below a wanted draft, but not below a wanted public one. */
static enum fg_status put_public_below(const struct fg_snapshot *snapshot, uint8_t *marks,
                                       struct fg_buffer *buffer)
{
    enum fg_status status = FG_OK;
    for (uint32_t rev = fg_snapshot_count(snapshot); rev-- > 0 && status == FG_OK;) {
        uint8_t mark = marks[rev] & (BELOW_DRAFT | BELOW_PUBLIC);
        bool wanted = mark == BELOW_DRAFT && fg_view_phase(&snapshot->view, rev) == FG_PHASE_PUBLIC;
        if (wanted && (marks[rev] & HAS_CHILD) == 0) {
            status = put_phase(fg_snapshot_node(snapshot, rev), FG_PHASE_PUBLIC, buffer);
        }
        for (int i = 0; i < 2 && mark != 0; i++) {
            int32_t parent = snapshot->history->parents[rev].revs[i];
            if (parent != FG_REV_NULL) {
                marks[parent] |= (uint8_t)(mark | (wanted ? HAS_CHILD : 0));
            }
        }
    }
    return status;
}

static enum fg_status put_unpublished(const struct fg_snapshot *snapshot,
                                      const struct fg_rev_list *heads, struct fg_buffer *buffer)
{
    uint32_t count = fg_snapshot_count(snapshot);
    uint8_t *marks = calloc(count > 0 ? count : 1, 1);
    if (marks == NULL) {
        return FG_ERR_MEMORY;
    }
    enum fg_status status = FG_OK;
    bool drafts = false;
    for (uint32_t i = 0; i < heads->count && status == FG_OK; i++) {
        uint32_t rev = heads->revs[i];
        enum fg_phase phase = fg_view_phase(&snapshot->view, rev);
        marks[rev] |= phase == FG_PHASE_PUBLIC ? BELOW_PUBLIC : BELOW_DRAFT;
        drafts = drafts || phase != FG_PHASE_PUBLIC;
        status = put_phase(fg_snapshot_node(snapshot, rev), phase, buffer);
    }
    if (status == FG_OK && drafts) {
        status = put_public_below(snapshot, marks, buffer);
    }
    free(marks);
    return status;
}

static int compare_entries(const void *left, const void *right)
{
    return memcmp(left, right, PHASE_ENTRY_SIZE);
}

enum fg_status fg_part_put_phases(const struct fg_snapshot *snapshot,
                                  const struct fg_rev_list *heads, bool null_head,
                                  struct fg_buffer *buffer, struct fg_error *error)
{
    /* Without roots all is public, whether by publishing or not. */
    bool publishing = snapshot->phase_roots.count == 0 || fg_snapshot_values(snapshot)->publishing;
    enum fg_status status = FG_OK;
    if (!publishing) {
        status = put_unpublished(snapshot, heads, buffer);
    }
    for (uint32_t i = 0; publishing && i < heads->count && status == FG_OK; i++) {
        status = put_phase(fg_snapshot_node(snapshot, heads->revs[i]), FG_PHASE_PUBLIC, buffer);
    }
    if (null_head && status == FG_OK) {
        status = put_phase(&fg_node_null, FG_PHASE_PUBLIC, buffer);
    }
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "no memory for phases");
    }
    if (buffer->size > 0) {
        /* The same for the same heads in any order, as Mercurial has it. */
        qsort(buffer->data, buffer->size / PHASE_ENTRY_SIZE, PHASE_ENTRY_SIZE, compare_entries);
    }
    return FG_OK;
}
