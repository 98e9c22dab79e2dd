/* Making deltas: what both texts begin and end with is left out, the rest compared by lines. */
#include "handlers/bundle/delta.h"

#include "handlers/repo/endian.h"

#include <string.h>

void fg_hunk_header(uint8_t ret_header[FG_HUNK_HEADER_SIZE], size_t start, size_t end, size_t size)
{
    fg_write_be32(ret_header, (uint32_t)start);
    fg_write_be32(ret_header + 4, (uint32_t)end);
    fg_write_be32(ret_header + 8, (uint32_t)size);
}

enum { BLOCK_SIZE = 1 << 20 };

static void forget(const struct fg_delta_walker *walker)
{
    if (walker != NULL) {
        walker->forget(walker->context);
    }
}

/* Bytes of whole lines that both begin with. */
static size_t common_start(struct fg_bytes a, struct fg_bytes b,
                           const struct fg_delta_walker *walker)
{
    size_t limit = a.size < b.size ? a.size : b.size;
    size_t same = 0;
    while (limit - same >= BLOCK_SIZE && memcmp(a.data + same, b.data + same, BLOCK_SIZE) == 0) {
        same += BLOCK_SIZE;
        forget(walker);
    }
    while (same < limit && a.data[same] == b.data[same]) {
        same++;
    }
    if (same == a.size && same == b.size) {
        return same;
    }
    while (same > 0 && a.data[same - 1] != '\n') {
        same--;
    }
    return same;
}

/* Bytes of whole lines that both end with, at most limit of them. */
static size_t common_end(struct fg_bytes a, struct fg_bytes b, size_t limit,
                         const struct fg_delta_walker *walker)
{
    size_t same = 0;
    while (limit - same >= BLOCK_SIZE &&
           memcmp(a.data + a.size - same - BLOCK_SIZE, b.data + b.size - same - BLOCK_SIZE,
                  BLOCK_SIZE) == 0) {
        same += BLOCK_SIZE;
        forget(walker);
    }
    while (same < limit && a.data[a.size - 1 - same] == b.data[b.size - 1 - same]) {
        same++;
    }
    /* The lines begin where the bytes before, which may differ, are line feeds in both. */
    while (same > 0 && !((a.size == same || a.data[a.size - same - 1] == '\n') &&
                         (b.size == same || b.data[b.size - same - 1] == '\n'))) {
        same--;
    }
    return same;
}

static size_t line_size(struct fg_bytes text, size_t at)
{
    const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
    return end != NULL ? (size_t)(end - text.data) + 1 - at : text.size - at;
}

/* The hunk that is being collected: base from start to where the walk is, text the same. */
struct walk {
    struct fg_bytes base; /* up to where the common end begins */
    struct fg_bytes text;
    size_t base_at;
    size_t text_at;
    size_t base_start;
    size_t text_start;
    const struct fg_delta_walker *walker;
    size_t forgotten; /* bytes of both, up to which they were */
};

static enum fg_status put_hunk(const struct walk *walk, struct fg_buffer *buffer)
{
    size_t size = walk->text_at - walk->text_start;
    if (walk->base_start == walk->base_at && size == 0) {
        return FG_OK;
    }
    uint8_t *space;
    enum fg_status status = fg_buffer_reserve(buffer, FG_HUNK_HEADER_SIZE + size, &space);
    if (status == FG_OK) {
        fg_hunk_header(space, walk->base_start, walk->base_at, size);
        if (size > 0) {
            memcpy(space + FG_HUNK_HEADER_SIZE, walk->text.data + walk->text_start, size);
        }
        buffer->size += FG_HUNK_HEADER_SIZE + size;
    }
    return status;
}

/* Goes through both sides' sorted lines; what is the same on both ends a hunk. */
static enum fg_status merge_lines(struct walk *walk, struct fg_buffer *buffer)
{
    while (walk->base_at < walk->base.size && walk->text_at < walk->text.size) {
        if (walk->base_at + walk->text_at - walk->forgotten >= BLOCK_SIZE) {
            walk->forgotten = walk->base_at + walk->text_at;
            forget(walk->walker);
        }
        size_t in_base = line_size(walk->base, walk->base_at);
        size_t in_text = line_size(walk->text, walk->text_at);
        size_t common = in_base < in_text ? in_base : in_text;
        int order =
            memcmp(walk->base.data + walk->base_at, walk->text.data + walk->text_at, common);
        if (order == 0 && in_base == in_text) {
            enum fg_status status = put_hunk(walk, buffer);
            if (status != FG_OK) {
                return status;
            }
            walk->base_start = walk->base_at += in_base;
            walk->text_start = walk->text_at += in_text;
        } else if (order < 0 || (order == 0 && in_base < in_text)) {
            walk->base_at += in_base;
        } else {
            walk->text_at += in_text;
        }
    }
    return FG_OK;
}

enum fg_status fg_delta_put(struct fg_bytes base, struct fg_bytes text, bool sorted,
                            const struct fg_delta_walker *walker, struct fg_buffer *buffer)
{
    size_t start = common_start(base, text, walker);
    size_t shorter = base.size < text.size ? base.size : text.size;
    size_t end = common_end(base, text, shorter - start, walker);
    struct walk walk = {
        .base = {base.data, base.size - end},
        .text = {text.data, text.size - end},
        .base_at = start,
        .text_at = start,
        .base_start = start,
        .text_start = start,
        .walker = walker,
        .forgotten = 2 * start,
    };
    if (sorted) {
        enum fg_status status = merge_lines(&walk, buffer);
        if (status != FG_OK) {
            return status;
        }
    }
    walk.base_at = walk.base.size;
    walk.text_at = walk.text.size;
    return put_hunk(&walk, buffer);
}
