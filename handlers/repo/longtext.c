/*
 * Large texts: the base and some deltas of the chain are unpacked into files, the deltas folded
 * into a list of pieces, and the text written from it. Each round of that takes as many deltas as
 * make no long list, since writing the text for each would take a hundred times as long as
 * unpacking it.
 */
#include "handlers/repo/longtext.h"

#include "handlers/repo/endian.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/revstream.h"

#include <stdlib.h>

enum {
    HUNK_HEADER_SIZE = 12,
    ROUND_MAX = 256,             /* deltas that are folded at once */
    ROUND_BYTES_MAX = 256 << 20, /* of deltas, unpacked, after which no more are added */
    PIECE_MAX = 1 << 20,         /* bytes that are looked at before they are forgotten */
};

struct longtext {
    const struct fg_revlog *revlog;
    struct fg_revlog_reader *reader;
    uint32_t *chain; /* the revision first, its base last */
    size_t left;     /* of the chain: deltas that are not applied yet */
    struct fg_spill *text;
    struct fg_spill *deltas; /* of this round */
    size_t ends[ROUND_MAX];  /* where each ends in the file */
    size_t count;
};

bool fg_longtext_is_long(const struct fg_revlog *revlog, uint32_t rev, uint64_t bytes)
{
    int32_t at = (int32_t)rev;
    for (uint32_t links = 0; links <= FG_REVLOG_CHAIN_MAX; links++) {
        struct fg_revlog_entry entry;
        bool is_delta;
        fg_revlog_entry(revlog, (uint32_t)at, &entry);
        if (entry.text_size > bytes) {
            return true;
        }
        int32_t parent = fg_revlog_delta_parent(revlog, (uint32_t)at, &is_delta);
        if (parent < 0 || parent >= at) {
            return false;
        }
        at = parent;
    }
    return false;
}

/* -- the chain -------------------------------------------------------------------------------- */

static enum fg_status collect_chain(struct longtext *longtext, uint32_t rev, size_t *ret_count,
                                    bool *ret_from_empty, struct fg_error *error)
{
    size_t capacity = 0;
    int32_t at = (int32_t)rev;
    for (size_t count = 0;; count++) {
        if (count == FG_REVLOG_CHAIN_MAX) {
            return fg_fail(error, FG_ERR_LIMIT, 0, "%s: revision %u has a chain of over %u deltas",
                           fg_revlog_name(longtext->revlog), rev, FG_REVLOG_CHAIN_MAX);
        }
        if (count == capacity) {
            capacity = capacity < 64 ? 64 : capacity * 2;
            uint32_t *chain = realloc(longtext->chain, capacity * sizeof *chain);
            if (chain == NULL) {
                return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for a delta chain");
            }
            longtext->chain = chain;
        }
        longtext->chain[count] = (uint32_t)at;
        int32_t parent = fg_revlog_delta_parent(longtext->revlog, (uint32_t)at, ret_from_empty);
        if (parent >= at || parent < FG_REV_NULL) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "%s: a delta chain runs in a circle",
                           fg_revlog_name(longtext->revlog));
        }
        if (parent == FG_REV_NULL) {
            *ret_count = count + 1;
            return FG_OK;
        }
        at = parent;
    }
}

/* Appends what the chunk of a revision holds. */
static enum fg_status unpack(const struct longtext *longtext, uint32_t rev, struct fg_spill *spill,
                             struct fg_error *error)
{
    uint8_t block[16 * 1024];
    struct fg_revstream stream;
    enum fg_status status =
        fg_revstream_open(&stream, longtext->revlog, longtext->reader, rev, error);
    while (status == FG_OK) {
        size_t size = 0;
        status = fg_revstream_read(&stream, block, sizeof block, &size, error);
        if (status == FG_OK) {
            status = fg_spill_append(spill, (struct fg_bytes){block, size}, error);
        }
    }
    return status == FG_END ? FG_OK : status;
}

/* -- a round ---------------------------------------------------------------------------------- */

/* Unpacks the next deltas of the chain. */
static enum fg_status gather(struct longtext *longtext, struct fg_error *error)
{
    fg_spill_free(longtext->deltas);
    longtext->deltas = NULL;
    longtext->count = 0;
    enum fg_status status = fg_spill_new(&longtext->deltas, error);
    while (status == FG_OK && longtext->left > 0 && longtext->count < ROUND_MAX &&
           (longtext->count == 0 || fg_spill_size(longtext->deltas) < ROUND_BYTES_MAX)) {
        status = unpack(longtext, longtext->chain[--longtext->left], longtext->deltas, error);
        longtext->ends[longtext->count++] = (size_t)fg_spill_size(longtext->deltas);
    }
    return status;
}

/* Appends bytes of this round's files to the next text. */
static enum fg_status copy(const struct longtext *longtext, struct fg_bytes bytes,
                           struct fg_spill *next, struct fg_error *error)
{
    enum fg_status status = FG_OK;
    while (status == FG_OK && bytes.size > 0) {
        size_t size = bytes.size < PIECE_MAX ? bytes.size : PIECE_MAX;
        status = fg_spill_append(next, (struct fg_bytes){bytes.data, size}, error);
        bytes.data += size;
        bytes.size -= size;
        if (size >= PIECE_MAX || fg_spill_size(next) % PIECE_MAX < size) {
            fg_spill_forget(longtext->text);
            fg_spill_forget(longtext->deltas);
        }
    }
    return status;
}

/*
 * The next text, if it was made, takes the place of the text, and is all of the patch. next is
 * taken over.
 */
static enum fg_status go_on_with(struct longtext *longtext, struct fg_patch *patch,
                                 struct fg_spill *next, enum fg_status status,
                                 struct fg_error *error)
{
    struct fg_bytes bytes;
    fg_patch_clear(patch);
    if (status == FG_OK) {
        status = fg_spill_map(next, &bytes, error);
    }
    if (status != FG_OK) {
        fg_spill_free(next);
        return status;
    }
    fg_spill_free(longtext->text);
    longtext->text = next;
    return fg_patch_begin(patch, bytes) == FG_OK
               ? FG_OK
               : fg_fail(error, FG_ERR_MEMORY, 0, "no memory to apply a delta");
}

/* The pieces become the text. */
static enum fg_status flatten(struct longtext *longtext, struct fg_patch *patch,
                              struct fg_error *error)
{
    struct fg_spill *next = NULL;
    enum fg_status status = fg_spill_new(&next, error);
    for (size_t i = 0; i < patch->count && status == FG_OK; i++) {
        status = copy(longtext, patch->pieces[i], next, error);
    }
    return go_on_with(longtext, patch, next, status, error);
}

/* Appends the text that a delta makes to the next text. */
static enum fg_status copy_changed(const struct longtext *longtext, struct fg_bytes text,
                                   struct fg_bytes delta, struct fg_spill *next,
                                   struct fg_error *error)
{
    size_t position = 0;
    enum fg_status status = FG_OK;
    while (status == FG_OK && delta.size >= HUNK_HEADER_SIZE) {
        size_t start = fg_read_be32(delta.data);
        size_t end = fg_read_be32(delta.data + 4);
        size_t size = fg_read_be32(delta.data + 8);
        delta.data += HUNK_HEADER_SIZE;
        delta.size -= HUNK_HEADER_SIZE;
        if (start > end || start < position || end > text.size || size > delta.size) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's delta does not fit its base");
        }
        struct fg_bytes kept = {text.data + position, start - position};
        status = copy(longtext, kept, next, error);
        if (status == FG_OK) {
            status = copy(longtext, (struct fg_bytes){delta.data, size}, next, error);
        }
        delta.data += size;
        delta.size -= size;
        position = end;
    }
    if (status == FG_OK && delta.size > 0) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog's delta is cut short");
    }
    struct fg_bytes rest = {text.data + position, text.size - position};
    return status == FG_OK ? copy(longtext, rest, next, error) : status;
}

/* A delta of so many hunks that a list would be long: the text is written as they are read. */
static enum fg_status apply_at_once(struct longtext *longtext, struct fg_patch *patch,
                                    struct fg_bytes delta, struct fg_error *error)
{
    struct fg_bytes text;
    struct fg_spill *next = NULL;
    enum fg_status status = fg_spill_map(longtext->text, &text, error);
    if (status == FG_OK) {
        status = fg_spill_new(&next, error);
    }
    if (status == FG_OK) {
        status = copy_changed(longtext, text, delta, next, error);
    }
    return go_on_with(longtext, patch, next, status, error);
}

static enum fg_status apply(struct longtext *longtext, struct fg_patch *patch, size_t place,
                            struct fg_error *error)
{
    const size_t list_max = FG_PATCH_PIECES_MAX * sizeof *patch->pieces;
    struct fg_bytes deltas;
    enum fg_status status = fg_spill_map(longtext->deltas, &deltas, error);
    if (status != FG_OK) {
        return status;
    }
    size_t start = place > 0 ? longtext->ends[place - 1] : 0;
    struct fg_bytes delta = {deltas.data + start, longtext->ends[place] - start};
    if (delta.size == 0) {
        return FG_OK;
    }
    if (patch->count > 1 && fg_patch_apply_bytes(patch, delta) > list_max) {
        status = flatten(longtext, patch, error);
    }
    if (status == FG_OK) {
        status = fg_patch_apply_bytes(patch, delta) > list_max
                     ? apply_at_once(longtext, patch, delta, error)
                     : fg_patch_apply(patch, delta, INT32_MAX, error);
    }
    fg_spill_forget(longtext->deltas);
    return status;
}

static enum fg_status run_round(struct longtext *longtext, struct fg_error *error)
{
    struct fg_bytes bytes;
    struct fg_patch patch = {0};
    enum fg_status status = gather(longtext, error);
    if (status == FG_OK) {
        status = fg_spill_map(longtext->text, &bytes, error);
    }
    if (status == FG_OK && fg_patch_begin(&patch, bytes) != FG_OK) {
        status = fg_fail(error, FG_ERR_MEMORY, 0, "no memory to apply a delta");
    }
    for (size_t i = 0; i < longtext->count && status == FG_OK; i++) {
        status = apply(longtext, &patch, i, error);
    }
    if (status == FG_OK) {
        status = flatten(longtext, &patch, error);
    }
    fg_patch_clear(&patch);
    return status;
}

/* -- the text --------------------------------------------------------------------------------- */

static enum fg_status check(const struct longtext *longtext, uint32_t rev, struct fg_error *error)
{
    struct fg_bytes text;
    struct fg_node expected;
    struct fg_node_hash *hash = NULL;
    enum fg_status status = fg_spill_map(longtext->text, &text, error);
    if (status == FG_OK) {
        status = fg_revlog_hash_new(longtext->revlog, rev, &hash, &expected, error);
    }
    if (status != FG_OK || hash == NULL) {
        return status;
    }
    while (text.size > 0) {
        size_t size = text.size < PIECE_MAX ? text.size : PIECE_MAX;
        fg_node_hash_add(hash, (struct fg_bytes){text.data, size});
        fg_spill_forget(longtext->text);
        text.data += size;
        text.size -= size;
    }
    const struct fg_node node = fg_node_hash_end(hash);
    free(hash);
    return fg_node_equal(&node, &expected)
               ? FG_OK
               : fg_fail(error, FG_ERR_CORRUPT, 0,
                         "%s is damaged: revision %u does not match its node",
                         fg_revlog_name(longtext->revlog), rev);
}

enum fg_status fg_longtext_rebuild(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                   uint32_t rev, struct fg_spill **ret_text, struct fg_error *error)
{
    struct longtext *longtext = calloc(1, sizeof *longtext);
    if (longtext == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    longtext->revlog = revlog;
    longtext->reader = reader;
    bool from_empty = false;
    enum fg_status status = collect_chain(longtext, rev, &longtext->left, &from_empty, error);
    if (status == FG_OK) {
        status = fg_spill_new(&longtext->text, error);
    }
    if (status == FG_OK && !from_empty) {
        status = unpack(longtext, longtext->chain[--longtext->left], longtext->text, error);
    }
    while (status == FG_OK && longtext->left > 0) {
        status = run_round(longtext, error);
    }
    if (status == FG_OK) {
        status = check(longtext, rev, error);
    }
    if (status == FG_OK) {
        *ret_text = longtext->text;
    } else {
        fg_spill_free(longtext->text);
    }
    fg_spill_free(longtext->deltas);
    free(longtext->chain);
    free(longtext);
    return status;
}
