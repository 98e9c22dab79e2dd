/* Large deltas: what is stored, as it is unpacked. */
#include "handlers/bundle/longdelta.h"

#include <stdlib.h>
#include <string.h>

void fg_longdelta_clear(struct fg_longdelta *delta)
{
    free(delta->hash);
    fg_spill_free(delta->text);
    memset(delta, 0, sizeof *delta);
}

enum fg_status fg_longdelta_stored(struct fg_longdelta *delta, const struct fg_revlog *revlog,
                                   struct fg_revlog_reader *reader, uint32_t rev,
                                   uint64_t *ret_size, struct fg_error *error)
{
    bool is_delta;
    uint64_t size = 0;
    enum fg_status status = FG_OK;
    fg_longdelta_clear(delta);
    if (fg_revlog_delta_parent(revlog, rev, &is_delta) != FG_REV_NULL || is_delta) {
        /* The index says how large the text is, not how large the delta. */
        status = fg_revstream_measure(revlog, reader, rev, &size, error);
    } else {
        size = fg_revlog_unpacked_max(revlog, rev);
        status = fg_revlog_hash_new(revlog, rev, &delta->hash, &delta->node, error);
    }
    if (status == FG_OK) {
        status = fg_revstream_open(&delta->stream, revlog, reader, rev, error);
    }
    if (status != FG_OK) {
        fg_longdelta_clear(delta);
        return status;
    }
    delta->left = size;
    delta->open = true;
    *ret_size = size;
    return FG_OK;
}

void fg_longdelta_text(struct fg_longdelta *delta, struct fg_spill *text)
{
    fg_longdelta_clear(delta);
    delta->text = text;
    delta->left = fg_spill_size(text);
    delta->open = true;
}

/* Some bytes of the text, which was checked. */
static enum fg_status read_text(struct fg_longdelta *delta, uint8_t *buffer, size_t capacity,
                                size_t *ret_size, struct fg_error *error)
{
    if (delta->left == 0) {
        fg_longdelta_clear(delta);
        return FG_END;
    }
    uint64_t offset = fg_spill_size(delta->text) - delta->left;
    enum fg_status status = fg_spill_read(delta->text, offset, buffer, capacity, ret_size, error);
    delta->left -= status == FG_OK ? *ret_size : 0;
    return status;
}

static enum fg_status refuse(const struct fg_longdelta *delta, struct fg_error *error)
{
    return fg_fail(error, FG_ERR_CORRUPT, 0, "%s is damaged: revision %u does not match its %s",
                   fg_revlog_name(delta->stream.revlog), delta->stream.rev,
                   delta->hash != NULL ? "node" : "size");
}

/* All was given: it must have been all, and right. */
static enum fg_status finish(struct fg_longdelta *delta, struct fg_error *error)
{
    uint8_t more;
    size_t size = 0;
    enum fg_status status = fg_revstream_read(&delta->stream, &more, sizeof more, &size, error);
    if (status != FG_END) {
        return status == FG_OK ? refuse(delta, error) : status;
    }
    if (delta->hash != NULL) {
        const struct fg_node node = fg_node_hash_end(delta->hash);
        if (!fg_node_equal(&node, &delta->node)) {
            return refuse(delta, error);
        }
    }
    fg_longdelta_clear(delta);
    return FG_END;
}

enum fg_status fg_longdelta_read(struct fg_longdelta *delta, uint8_t *buffer, size_t capacity,
                                 size_t *ret_size, struct fg_error *error)
{
    if (!delta->open) {
        return FG_END;
    }
    if (delta->text != NULL) {
        return read_text(delta, buffer, capacity, ret_size, error);
    }
    if (delta->left == 0) {
        return finish(delta, error);
    }
    size_t room = delta->left < capacity ? (size_t)delta->left : capacity;
    size_t size = 0;
    enum fg_status status = fg_revstream_read(&delta->stream, buffer, room, &size, error);
    if (status != FG_OK) {
        return status == FG_END ? refuse(delta, error) : status;
    }
    if (delta->hash != NULL) {
        fg_node_hash_add(delta->hash, (struct fg_bytes){buffer, size});
    }
    delta->left -= size;
    *ret_size = size;
    return FG_OK;
}
