/* Chunks and deltas of revlogs. */
#include "tests/support/support.h"

#include "handlers/repo/chunk.h"

#include <zlib.h>
#include <zstd.h>

static struct fg_bytes packed_with_zlib(const void *data, size_t size, uint8_t *space, size_t room)
{
    uLongf written = room;
    assert_int_equal(compress(space, &written, data, size), Z_OK);
    return (struct fg_bytes){space, written};
}

static void each_kind_of_chunk_is_unpacked(void **state)
{
    (void)state;
    struct fg_chunk_decoder decoder = {0};
    struct fg_buffer out = FG_BUFFER_INIT(1000);
    uint8_t space[1000];
    uint8_t text[600];
    memset(text, 'a', sizeof text);
    assert_int_equal(fg_chunk_decode(&decoder, BYTES(""), 0, &out, NULL), FG_OK);
    assert_int_equal(out.size, 0);
    assert_int_equal(fg_chunk_decode(&decoder, BYTES("uplain"), 0, &out, NULL), FG_OK);
    assert_bytes(fg_buffer_view(&out), "plain");
    assert_int_equal(fg_chunk_decode(&decoder, BYTES("\0raw"), 0, &out, NULL), FG_OK);
    assert_bytes(fg_buffer_view(&out), "plain\0raw");
    /* With a right, a wrong and no idea of the size. */
    for (size_t expected = 0; expected <= sizeof text; expected += sizeof text / 2) {
        fg_buffer_reset(&out);
        struct fg_bytes chunk = packed_with_zlib(text, sizeof text, space, sizeof space);
        assert_int_equal(fg_chunk_decode(&decoder, chunk, expected, &out, NULL), FG_OK);
        assert_int_equal(out.size, sizeof text);
        fg_buffer_reset(&out);
        size_t size = ZSTD_compress(space, sizeof space, text, sizeof text, 3);
        chunk = (struct fg_bytes){space, size};
        assert_int_equal(fg_chunk_decode(&decoder, chunk, expected, &out, NULL), FG_OK);
        assert_int_equal(out.size, sizeof text);
        assert_memory_equal(out.data, text, sizeof text);
    }
    fg_buffer_free(&out);
    fg_chunk_decoder_clear(&decoder);
}

static void damaged_and_unknown_chunks_are_refused_and_leave_no_trace(void **state)
{
    (void)state;
    struct fg_chunk_decoder decoder = {0};
    struct fg_buffer out = FG_BUFFER_INIT(100);
    uint8_t space[1000];
    struct fg_error error = {0};
    assert_int_equal(fg_buffer_append_string(&out, "kept"), FG_OK);
    assert_int_equal(fg_chunk_decode(&decoder, BYTES("zzz"), 0, &out, &error), FG_ERR_UNSUPPORTED);
    assert_string_equal(error.message, "a revlog's chunk is of unknown kind 0x7a");
    assert_int_equal(fg_chunk_decode(&decoder, BYTES("xnonsense"), 0, &out, &error),
                     FG_ERR_CORRUPT);
    assert_int_equal(fg_chunk_decode(&decoder, BYTES("(nonsense"), 0, &out, &error),
                     FG_ERR_CORRUPT);
    struct fg_bytes chunk = packed_with_zlib("0123456789", 10, space, sizeof space);
    for (size_t size = 1; size < chunk.size; size++) {
        struct fg_bytes cut = {chunk.data, size};
        assert_int_equal(fg_chunk_decode(&decoder, cut, 0, &out, &error), FG_ERR_CORRUPT);
        assert_bytes(fg_buffer_view(&out), "kept");
    }
    fg_buffer_free(&out);
    fg_chunk_decoder_clear(&decoder);
}

static void a_bomb_is_not_unpacked_beyond_the_ceiling(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    struct fg_chunk_decoder decoder = {0};
    struct fg_buffer out = FG_BUFFER_INIT(1000);
    uint8_t *zeros = calloc(1, SIZE);
    uint8_t *space = malloc(SIZE);
    assert_non_null(zeros);
    assert_non_null(space);
    struct fg_error error = {0};
    struct fg_bytes chunk = packed_with_zlib(zeros, SIZE, space, SIZE);
    assert_int_equal(fg_chunk_decode(&decoder, chunk, SIZE, &out, &error), FG_ERR_CORRUPT);
    assert_string_equal(error.message, "a revlog's chunk unpacks to more than 1000 bytes");
    chunk.size = ZSTD_compress(space, SIZE, zeros, SIZE, 3);
    assert_int_equal(fg_chunk_decode(&decoder, chunk, SIZE, &out, &error), FG_ERR_CORRUPT);
    assert_true(out.capacity <= 1000);
    free(zeros);
    free(space);
    fg_buffer_free(&out);
    fg_chunk_decoder_clear(&decoder);
}

#define HUNK(start, end, size) "\0\0\0" start "\0\0\0" end "\0\0\0" size

static enum fg_status patched(struct fg_bytes text, const struct fg_bytes *deltas, size_t count,
                              size_t ceiling, struct fg_buffer *out)
{
    struct fg_patch patch = {0};
    enum fg_status status = fg_patch_begin(&patch, text);
    for (size_t i = 0; i < count && status == FG_OK; i++) {
        status = fg_patch_apply(&patch, deltas[i], ceiling, NULL);
    }
    if (status == FG_OK) {
        status = fg_patch_finish(&patch, out);
    }
    fg_patch_clear(&patch);
    return status;
}

static void deltas_are_applied_one_after_the_other(void **state)
{
    (void)state;
    struct fg_buffer out = FG_BUFFER_INIT(100);
    const struct fg_bytes deltas[] = {
        BYTES(HUNK("\2", "\4", "\3") "XYZ"),                            /* abXYZefgh */
        BYTES(HUNK("\0", "\0", "\1") "<" HUNK("\11", "\11", "\1") ">"), /* <abXYZefgh> */
        BYTES(HUNK("\2", "\5", "\0") HUNK("\5", "\6", "\1") "-"),       /* <a-efgh> */
    };
    assert_int_equal(patched(BYTES("abcdefgh"), deltas, 3, 100, &out), FG_OK);
    assert_bytes(fg_buffer_view(&out), "<a-efgh>");
    fg_buffer_reset(&out);
    const struct fg_bytes all = BYTES(HUNK("\0", "\10", "\0"));
    assert_int_equal(patched(BYTES("abcdefgh"), &all, 1, 100, &out), FG_OK);
    assert_int_equal(out.size, 0);
    const struct fg_bytes first = BYTES(HUNK("\0", "\0", "\3") "new");
    assert_int_equal(patched(BYTES(""), &first, 1, 100, &out), FG_OK);
    assert_bytes(fg_buffer_view(&out), "new");
    fg_buffer_free(&out);
}

static void deltas_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const struct fg_bytes bad[] = {
        BYTES(HUNK("\0", "\11", "\0")),                       /* beyond the end */
        BYTES(HUNK("\3", "\2", "\0")),                        /* backwards */
        BYTES(HUNK("\4", "\5", "\0") HUNK("\3", "\4", "\0")), /* out of order */
        BYTES(HUNK("\0", "\1", "\2") "x"),                    /* cut short */
        BYTES("\0\0\0"),                                      /* no header */
        BYTES("\0\0\0\0\0\0\0\0\377\377\377\377"),            /* huge */
        BYTES(HUNK("\0", "\0", "\3") "123"),                  /* over the ceiling */
    };
    struct fg_buffer out = FG_BUFFER_INIT(100);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(patched(BYTES("abcdefgh"), &bad[i], 1, 10, &out), FG_ERR_CORRUPT);
    }
    assert_int_equal(out.size, 0);
    fg_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_chunk_is_unpacked),
        cmocka_unit_test(damaged_and_unknown_chunks_are_refused_and_leave_no_trace),
        cmocka_unit_test(a_bomb_is_not_unpacked_beyond_the_ceiling),
        cmocka_unit_test(deltas_are_applied_one_after_the_other),
        cmocka_unit_test(deltas_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
