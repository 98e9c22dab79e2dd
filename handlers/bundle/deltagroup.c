/*
 * Delta groups. What the revlog stores is sent as it is wherever the client can use it: a delta
 * whose base the client has, or a whole text. Only what is left is rebuilt.
 */
#include "handlers/bundle/deltagroup.h"

#include "handlers/bundle/delta.h"
#include "handlers/repo/endian.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/longtext.h"

#include <stdlib.h>
#include <string.h>

enum {
    LENGTH_SIZE = 4, /* of a chunk's length, which counts itself */
    HEADER_MAX = LENGTH_SIZE + 5 * FG_NODE_SIZE + 2,
    /*
     * A manifest that is stored whole and larger than this is sent as a delta all the same: in a
     * pull of a few changesets it would be most of what is sent.
     */
    WHOLE_MANIFEST_MAX = 16 * 1024,
    /* A chunk that may unpack to more than this is not unpacked into memory, ... */
    LONG_MIN_SIZE = 4 << 20,
    /* ... but tried whether it does if it is small: most deltas of large texts are. */
    PACKED_SMALL = 256 * 1024,
};

enum how {
    AS_STORED,  /* the stored chunk is the delta */
    REPLACE,    /* a delta that replaces all of the base by the text */
    DIFFERENCE, /* a delta that is made now */
};

/* A revision as the index told it once: it may be rewritten while it is read. */
struct revision {
    uint32_t rev;
    struct fg_revlog_entry entry;
    int32_t stored; /* what the stored chunk is a delta against; see fg_revlog_delta_parent */
    bool is_delta;
};

struct plan {
    int32_t base; /* FG_REV_NULL: the empty text */
    enum how how;
};

void fg_deltagroup_init(struct fg_deltagroup *group, enum fg_changegroup_version version,
                        const struct fg_snapshot *snapshot, const struct fg_outgoing *outgoing)
{
    *group = (struct fg_deltagroup){
        .version = version, .snapshot = snapshot, .outgoing = outgoing, .text_rev = FG_REV_NULL};
    fg_buffer_init(&group->text, FG_REVLOG_TEXT_MAX);
    fg_buffer_init(&group->base, FG_REVLOG_TEXT_MAX);
}

void fg_deltagroup_clear(struct fg_deltagroup *group)
{
    fg_revlog_reader_clear(&group->reader);
    fg_buffer_free(&group->text);
    fg_buffer_free(&group->base);
    fg_longdelta_clear(&group->rest);
    fg_spill_free(group->long_text);
    group->long_text = NULL;
    free(group->sent);
    group->sent = NULL;
}

uint64_t fg_deltagroup_held_bytes(const struct fg_deltagroup *group)
{
    return fg_revlog_reader_held_bytes(&group->reader) + group->text.capacity +
           group->base.capacity + group->sent_capacity;
}

enum fg_status fg_deltagroup_begin(struct fg_deltagroup *group, const struct fg_revlog *revlog,
                                   enum fg_deltagroup_kind kind, struct fg_error *error)
{
    uint32_t count = fg_revlog_count(revlog);
    if (count > group->sent_capacity) {
        uint8_t *sent = calloc(count, 1);
        if (sent == NULL) {
            return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for %u revisions", count);
        }
        free(group->sent);
        group->sent = sent;
        group->sent_capacity = count;
    } else if (count > 0) {
        memset(group->sent, 0, count);
    }
    group->revlog = revlog;
    group->kind = kind;
    group->began = false;
    group->previous = FG_REV_NULL;
    group->text_rev = FG_REV_NULL;
    fg_spill_free(group->long_text);
    group->long_text = NULL;
    /* The new revlog may lie where an earlier one did. */
    group->reader.window_of = NULL;
    return FG_OK;
}

static enum fg_status rebuild(struct fg_deltagroup *group, int32_t rev, struct fg_error *error)
{
    if (group->text_rev == rev && rev != FG_REV_NULL) {
        return FG_OK;
    }
    group->text_rev = FG_REV_NULL;
    enum fg_status status =
        fg_revlog_raw_text(group->revlog, &group->reader, (uint32_t)rev, &group->text, error);
    if (status == FG_OK) {
        group->text_rev = rev;
    }
    return status;
}

static bool is_long(const struct fg_deltagroup *group, int32_t rev)
{
    return group->text_rev != rev &&
           fg_longtext_is_long(group->revlog, (uint32_t)rev, LONG_MIN_SIZE);
}

enum fg_status fg_deltagroup_text(struct fg_deltagroup *group, uint32_t rev,
                                  struct fg_bytes *ret_text, struct fg_error *error)
{
    fg_spill_free(group->long_text);
    group->long_text = NULL;
    if (is_long(group, (int32_t)rev)) {
        group->long_rev = (int32_t)rev;
        enum fg_status rebuilt =
            fg_longtext_rebuild(group->revlog, &group->reader, rev, &group->long_text, error);
        return rebuilt == FG_OK ? fg_spill_map(group->long_text, ret_text, error) : rebuilt;
    }
    enum fg_status status = rebuild(group, (int32_t)rev, error);
    if (status == FG_OK) {
        *ret_text = fg_buffer_view(&group->text);
    }
    return status;
}

static enum fg_status read_revision(const struct fg_deltagroup *group, uint32_t rev,
                                    struct revision *revision, struct fg_error *error)
{
    revision->rev = rev;
    fg_revlog_entry(group->revlog, rev, &revision->entry);
    revision->stored = fg_revlog_delta_parent(group->revlog, rev, &revision->is_delta);
    const int32_t others[] = {revision->entry.parents[0], revision->entry.parents[1],
                              revision->stored};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (others[i] < FG_REV_NULL || others[i] >= (int32_t)rev) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog was rewritten while it was read");
        }
    }
    return FG_OK;
}

/* -- choosing --------------------------------------------------------------------------------- */

static bool is_censored(const struct fg_deltagroup *group, int32_t rev)
{
    if (rev == FG_REV_NULL) {
        return false;
    }
    struct fg_revlog_entry entry;
    fg_revlog_entry(group->revlog, (uint32_t)rev, &entry);
    return (entry.flags & FG_REVLOG_CENSORED) != 0;
}

/* True if the client has the revision by then. */
static bool client_has(const struct fg_deltagroup *group, int32_t rev)
{
    if (group->sent[rev] != 0) {
        return true;
    }
    struct fg_revlog_entry entry;
    fg_revlog_entry(group->revlog, (uint32_t)rev, &entry);
    return fg_outgoing_state(group->outgoing, entry.link) == FG_OUTGOING_COMMON;
}

/* In version 01 the base is not named: it is the revision before, at first the first parent. */
static struct plan plan_fixed(const struct fg_deltagroup *group, const struct revision *revision)
{
    const struct fg_revlog_entry *entry = &revision->entry;
    struct plan plan = {group->began ? group->previous : entry->parents[0], DIFFERENCE};
    if ((entry->flags & FG_REVLOG_CENSORED) != 0 || is_censored(group, plan.base) ||
        plan.base == FG_REV_NULL || group->kind == FG_DELTAGROUP_CHANGESETS) {
        plan.how = REPLACE;
    }
    if (revision->is_delta && revision->stored == plan.base && !is_censored(group, plan.base)) {
        plan.how = AS_STORED;
    }
    return plan;
}

/*
 * The parents of a revision that is sent are known to the client: it has them already, or they were
 * sent before. (Texts of changesets have nothing in common that would be worth a delta.)
 */
static struct plan plan_free(const struct fg_deltagroup *group, const struct revision *revision)
{
    const struct fg_revlog_entry *entry = &revision->entry;
    int32_t stored = revision->stored;
    const struct plan whole = {FG_REV_NULL, REPLACE};
    int32_t parent = entry->parents[0] != FG_REV_NULL ? entry->parents[0] : entry->parents[1];
    if ((entry->flags & FG_REVLOG_CENSORED) != 0) {
        return whole;
    }
    if (revision->is_delta &&
        (stored == FG_REV_NULL || (client_has(group, stored) && !is_censored(group, stored)))) {
        return (struct plan){stored, AS_STORED};
    }
    bool worth = revision->is_delta ||
                 (group->kind == FG_DELTAGROUP_MANIFESTS && entry->text_size > WHOLE_MANIFEST_MAX);
    if (!worth || parent == FG_REV_NULL || is_censored(group, parent) ||
        group->kind == FG_DELTAGROUP_CHANGESETS) {
        return whole;
    }
    return (struct plan){parent, DIFFERENCE};
}

/* -- writing ---------------------------------------------------------------------------------- */

static void put_node(const struct fg_deltagroup *group, int32_t rev, uint8_t *place)
{
    struct fg_node node = fg_node_null;
    if (rev != FG_REV_NULL) {
        fg_revlog_node(group->revlog, (uint32_t)rev, &node);
    }
    memcpy(place, node.bytes, FG_NODE_SIZE);
}

/* Appends the header of a chunk, with room for its length. */
static enum fg_status put_header(const struct fg_deltagroup *group,
                                 const struct fg_revlog_entry *entry, int32_t base, uint32_t link,
                                 struct fg_buffer *buffer)
{
    uint8_t *space;
    enum fg_status status = fg_buffer_reserve(buffer, HEADER_MAX, &space);
    if (status != FG_OK) {
        return status;
    }
    uint8_t *at = space + LENGTH_SIZE;
    memcpy(at, entry->node.bytes, FG_NODE_SIZE);
    put_node(group, entry->parents[0], at += FG_NODE_SIZE);
    put_node(group, entry->parents[1], at += FG_NODE_SIZE);
    if (group->version != FG_CHANGEGROUP_01) {
        put_node(group, base, at += FG_NODE_SIZE);
    }
    memcpy(at += FG_NODE_SIZE, fg_snapshot_node(group->snapshot, link)->bytes, FG_NODE_SIZE);
    at += FG_NODE_SIZE;
    if (group->version == FG_CHANGEGROUP_03) {
        fg_write_be16(at, entry->flags);
        at += 2;
    }
    buffer->size += (size_t)(at - space);
    return FG_OK;
}

/* Appends what is stored, or leaves it as the rest where it is large. */
static enum fg_status put_stored(struct fg_deltagroup *group, const struct revision *revision,
                                 struct fg_buffer *buffer, struct fg_error *error)
{
    const struct fg_revlog *revlog = group->revlog;
    if (fg_revlog_unpacked_max(revlog, revision->rev) <= LONG_MIN_SIZE) {
        return fg_revlog_stored(revlog, &group->reader, revision->rev, buffer, error);
    }
    if (revision->is_delta && revision->entry.chunk_size <= PACKED_SMALL) {
        size_t ceiling = buffer->ceiling;
        size_t tried = buffer->size + LONG_MIN_SIZE;
        buffer->ceiling = tried < ceiling ? tried : ceiling;
        enum fg_status status =
            fg_revlog_stored(revlog, &group->reader, revision->rev, buffer, NULL);
        buffer->ceiling = ceiling;
        if (status == FG_OK) {
            return status; /* else the other way will say what is wrong with it, if anything is */
        }
    }
    uint64_t size;
    return fg_longdelta_stored(&group->rest, revlog, &group->reader, revision->rev, &size, error);
}

/* Appends one hunk: all of the base is replaced by the text, which is taken over for the rest. */
static enum fg_status put_long_replacement(struct fg_deltagroup *group, uint64_t base_size,
                                           struct fg_spill *text, struct fg_buffer *buffer)
{
    uint8_t header[FG_HUNK_HEADER_SIZE];
    fg_longdelta_text(&group->rest, text);
    fg_hunk_header(header, 0, (size_t)base_size, (size_t)group->rest.left);
    return fg_buffer_append(buffer, header, sizeof header);
}

static void forget(void *context)
{
    struct fg_spill *const *texts = context;
    fg_spill_forget(texts[0]);
    fg_spill_forget(texts[1]);
}

/*
 * The difference of two texts that are too large for memory. One that is as large is not worth a
 * file of its own: then all of the text is sent, which is taken out of texts.
 */
static enum fg_status put_texts_difference(struct fg_deltagroup *group, struct fg_spill *texts[2],
                                           struct fg_buffer *buffer, struct fg_error *error)
{
    struct fg_bytes base;
    struct fg_bytes text;
    enum fg_status status = fg_spill_map(texts[0], &base, error);
    if (status == FG_OK) {
        status = fg_spill_map(texts[1], &text, error);
    }
    if (status != FG_OK) {
        return status;
    }
    const struct fg_delta_walker walker = {forget, texts};
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    size_t ceiling = buffer->ceiling;
    buffer->ceiling = mark.size + LONG_MIN_SIZE;
    status = fg_delta_put(base, text, group->kind == FG_DELTAGROUP_MANIFESTS, &walker, buffer);
    buffer->ceiling = ceiling;
    if (fg_buffer_keep_if(status, buffer, mark) == FG_ERR_LIMIT) {
        status = put_long_replacement(group, base.size, texts[1], buffer);
        texts[1] = NULL;
    }
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "%s", fg_status_text(status));
}

static enum fg_status put_long_difference(struct fg_deltagroup *group, uint32_t rev, int32_t base,
                                          struct fg_buffer *buffer, struct fg_error *error)
{
    struct fg_spill *texts[2] = {NULL, NULL}; /* the base, and what is made of it */
    enum fg_status status =
        fg_longtext_rebuild(group->revlog, &group->reader, (uint32_t)base, &texts[0], error);
    if (status == FG_OK) {
        status = fg_longtext_rebuild(group->revlog, &group->reader, rev, &texts[1], error);
    }
    if (status == FG_OK) {
        status = put_texts_difference(group, texts, buffer, error);
    }
    fg_spill_free(texts[0]);
    fg_spill_free(texts[1]);
    return status;
}

/* The same for a text that is rebuilt, unless it was just now. */
static enum fg_status put_rebuilt(struct fg_deltagroup *group, uint32_t rev, uint64_t base_size,
                                  struct fg_buffer *buffer, struct fg_error *error)
{
    struct fg_spill *text = group->long_text;
    enum fg_status status = FG_OK;
    if (text != NULL && group->long_rev == (int32_t)rev) {
        group->long_text = NULL;
    } else {
        status = fg_longtext_rebuild(group->revlog, &group->reader, rev, &text, error);
    }
    return status == FG_OK ? put_long_replacement(group, base_size, text, buffer) : status;
}

/* Appends one hunk: all of the base is replaced by the text, which is unpacked in place. */
static enum fg_status put_replacement(struct fg_deltagroup *group, const struct revision *revision,
                                      int32_t base, struct fg_buffer *buffer,
                                      struct fg_error *error)
{
    uint32_t rev = revision->rev;
    struct fg_revlog_entry entry = {.text_size = 0};
    if (base != FG_REV_NULL) {
        fg_revlog_entry(group->revlog, (uint32_t)base, &entry);
    }
    bool stored_whole = !revision->is_delta && group->text_rev != (int32_t)rev;
    if (!stored_whole && is_long(group, (int32_t)rev)) {
        return put_rebuilt(group, rev, entry.text_size, buffer, error);
    }
    size_t start = buffer->size;
    uint8_t header[FG_HUNK_HEADER_SIZE] = {0};
    enum fg_status status = fg_buffer_append(buffer, header, sizeof header);
    if (status != FG_OK) {
        return status;
    }
    if (stored_whole) {
        status = put_stored(group, revision, buffer, error);
    } else {
        status = rebuild(group, (int32_t)rev, error);
        if (status == FG_OK) {
            status = fg_buffer_append(buffer, group->text.data, group->text.size);
        }
    }
    if (status == FG_OK) {
        fg_hunk_header(buffer->data + start, 0, entry.text_size,
                       buffer->size - start - sizeof header + (size_t)group->rest.left);
    }
    return status;
}

static enum fg_status put_difference(struct fg_deltagroup *group, uint32_t rev, int32_t base,
                                     struct fg_buffer *buffer, struct fg_error *error)
{
    if (is_long(group, base) || is_long(group, (int32_t)rev)) {
        return put_long_difference(group, rev, base, buffer, error);
    }
    enum fg_status status = rebuild(group, base, error);
    if (status != FG_OK) {
        return status;
    }
    struct fg_buffer text = group->base;
    group->base = group->text;
    group->text = text;
    group->text_rev = FG_REV_NULL;
    status = rebuild(group, (int32_t)rev, error);
    if (status != FG_OK) {
        return status;
    }
    return fg_delta_put(fg_buffer_view(&group->base), fg_buffer_view(&group->text),
                        group->kind == FG_DELTAGROUP_MANIFESTS, NULL, buffer);
}

static enum fg_status put_delta(struct fg_deltagroup *group, const struct revision *revision,
                                const struct plan *plan, struct fg_buffer *buffer,
                                struct fg_error *error)
{
    switch (plan->how) {
    case AS_STORED:
        return put_stored(group, revision, buffer, error);
    case REPLACE:
        return put_replacement(group, revision, plan->base, buffer, error);
    case DIFFERENCE:
        return put_difference(group, revision->rev, plan->base, buffer, error);
    }
    return FG_ERR_ARGUMENT;
}

/* Versions before 03 have no place for flags; that a text is censored shows without. */
static enum fg_status check_flags(const struct fg_deltagroup *group,
                                  const struct fg_revlog_entry *entry, struct fg_error *error)
{
    if (group->version != FG_CHANGEGROUP_03 &&
        (entry->flags & (FG_REVLOG_ELLIPSIS | FG_REVLOG_STORED_OUTSIDE)) != 0) {
        return fg_fail(error, FG_ERR_UNSUPPORTED, 0,
                       "a revision has flags 0x%04x, which need changegroup 03", entry->flags);
    }
    return FG_OK;
}

enum fg_status fg_deltagroup_put(struct fg_deltagroup *group, uint32_t rev, uint32_t link,
                                 struct fg_buffer *buffer, struct fg_error *error)
{
    struct revision revision;
    enum fg_status status = read_revision(group, rev, &revision, error);
    if (status == FG_OK) {
        status = check_flags(group, &revision.entry, error);
    }
    if (status != FG_OK) {
        return status;
    }
    struct plan plan = group->version == FG_CHANGEGROUP_01 ? plan_fixed(group, &revision)
                                                           : plan_free(group, &revision);
    size_t start = buffer->size;
    status = put_header(group, &revision.entry, plan.base, link, buffer);
    if (status == FG_OK) {
        status = put_delta(group, &revision, &plan, buffer, error);
    }
    if (status != FG_OK) {
        return status;
    }
    uint64_t size = buffer->size - start + group->rest.left;
    if (size > INT32_MAX) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "revision %u of %s has more than a bundle can hold",
                       rev, fg_revlog_name(group->revlog));
    }
    fg_write_be32(buffer->data + start, (uint32_t)size);
    group->sent[rev] = 1;
    group->began = true;
    group->previous = (int32_t)rev;
    return FG_OK;
}

enum fg_status fg_deltagroup_read(struct fg_deltagroup *group, uint8_t *buffer, size_t capacity,
                                  size_t *ret_size, struct fg_error *error)
{
    return fg_longdelta_read(&group->rest, buffer, capacity, ret_size, error);
}

bool fg_deltagroup_has_rest(const struct fg_deltagroup *group)
{
    return group->rest.open;
}

enum fg_status fg_changegroup_put_end(struct fg_buffer *buffer)
{
    static const uint8_t empty[LENGTH_SIZE];
    return fg_buffer_append(buffer, empty, sizeof empty);
}
