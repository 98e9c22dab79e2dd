/*
 * Chunks and deltas: the first byte says how long the base is, the rest is a chunk that is unpacked
 * and applied to it. The result is the same as that of a plain application of the hunks.
 */
#include "tests/fuzz/fuzz.h"

#include "handlers/repo/chunk.h"
#include "handlers/repo/endian.h"

enum { CEILING = 1 << 16 };

/* Appends what the hunks make of the base, the plain way. */
static void apply_plainly(struct fg_bytes base, struct fg_bytes delta, struct fg_buffer *out)
{
    size_t at = 0;
    while (delta.size > 0) {
        size_t start = fg_read_be32(delta.data);
        size_t end = fg_read_be32(delta.data + 4);
        size_t size = fg_read_be32(delta.data + 8);
        HOLDS(at <= start && start <= end && end <= base.size && size <= delta.size - 12);
        HOLDS(fg_buffer_append(out, base.data + at, start - at) == FG_OK);
        HOLDS(fg_buffer_append(out, delta.data + 12, size) == FG_OK);
        at = end;
        delta.data += 12 + size;
        delta.size -= 12 + size;
    }
    HOLDS(fg_buffer_append(out, base.data + at, base.size - at) == FG_OK);
}

static void apply(struct fg_bytes base, struct fg_bytes delta)
{
    struct fg_patch patch = {0};
    struct fg_buffer got = FG_BUFFER_INIT(CEILING);
    struct fg_buffer expected = FG_BUFFER_INIT(CEILING);
    HOLDS(fg_patch_begin(&patch, base) == FG_OK);
    if (fg_patch_apply(&patch, delta, CEILING, NULL) == FG_OK) {
        HOLDS(fg_patch_finish(&patch, &got) == FG_OK);
        apply_plainly(base, delta, &expected);
        HOLDS(fg_bytes_equal(fg_buffer_view(&got), fg_buffer_view(&expected)));
    }
    fg_patch_clear(&patch);
    fg_buffer_free(&got);
    fg_buffer_free(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t text[256] = "The base that deltas are applied to.";
    struct fg_chunk_decoder decoder = {0};
    struct fg_buffer delta = FG_BUFFER_INIT(CEILING);
    struct fg_error error = {0};
    if (size == 0) {
        return 0;
    }
    struct fg_bytes chunk = {data + 1, size - 1};
    if (fg_chunk_decode(&decoder, chunk, data[0], &delta, &error) == FG_OK) {
        apply((struct fg_bytes){text, data[0]}, fg_buffer_view(&delta));
    } else {
        HOLDS(error.message[0] != '\0');
        HOLDS(delta.size == 0);
    }
    fg_buffer_free(&delta);
    fg_chunk_decoder_clear(&decoder);
    return 0;
}
