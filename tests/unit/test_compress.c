/* Compression as a source: what comes out inflates to what went in, and is always the same. */
#include "gateway/exchange/compress.h"

#include "tests/support/support.h"

#include <zlib.h>
#include <zstd.h>

/* Gives a text in pieces of changing size. */
struct pieces {
    struct fg_bytes text;
    size_t step; /* 0: as much as fits */
    enum fg_status end;
    int destroyed;
};

static enum fg_status read_pieces(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct pieces *pieces = context;
    size_t size = pieces->text.size < capacity ? pieces->text.size : capacity;
    size = pieces->step > 0 && size > pieces->step ? pieces->step : size;
    if (size == 0) {
        return pieces->end;
    }
    memcpy(buffer, pieces->text.data, size);
    pieces->text.data += size;
    pieces->text.size -= size;
    *ret_size = size;
    return FG_OK;
}

static void destroy_pieces(void *context)
{
    struct pieces *pieces = context;
    pieces->destroyed++;
}

static struct fg_buffer make_text(size_t size)
{
    struct fg_buffer text = FG_BUFFER_INIT(SIZE_MAX / 2);
    uint64_t random = 3;
    while (text.size < size) {
        uint64_t number = next_random(&random) % 1000;
        assert_int_equal(fg_buffer_append_format(&text, "line %llu\n", (unsigned long long)number),
                         FG_OK);
    }
    text.size = size;
    return text;
}

/* Everything, read in pieces of that size. The status is what ended it. */
static enum fg_status compress_text(enum fg_compression compression, struct pieces *pieces,
                                    size_t piece, struct fg_buffer *out)
{
    struct fg_source source = {.read = read_pieces,
                               .destroy = destroy_pieces,
                               .context = pieces,
                               .size = pieces->text.size};
    uint8_t *buffer = malloc(piece);
    size_t size = 0;
    assert_int_equal(
        fg_compress_new(compression, 3, BYTES("\x04name"), NULL, &source, &source, NULL), FG_OK);
    enum fg_status status;
    while ((status = fg_source_read(&source, buffer, piece, &size)) == FG_OK) {
        assert_in_range(size, 1, piece);
        assert_int_equal(fg_buffer_append(out, buffer, size), FG_OK);
    }
    free(buffer);
    fg_source_destroy(&source);
    assert_int_equal(pieces->destroyed, 1);
    return status;
}

static void check_inflated(enum fg_compression compression, struct fg_bytes got,
                           struct fg_bytes text)
{
    uint8_t *inflated = malloc(text.size + 1);
    const uint8_t *plain = inflated;
    assert_true(got.size >= 5);
    assert_memory_equal(got.data, "\x04name", 5);
    got.data += 5;
    got.size -= 5;
    if (compression == FG_COMPRESSION_ZSTD) {
        ZSTD_DCtx *context = ZSTD_createDCtx();
        ZSTD_inBuffer in = {got.data, got.size, 0};
        ZSTD_outBuffer out = {inflated, text.size + 1, 0};
        assert_int_equal(ZSTD_decompressStream(context, &out, &in), 0);
        assert_int_equal(in.pos, got.size);
        assert_int_equal(out.pos, text.size);
        ZSTD_freeDCtx(context);
    } else if (compression == FG_COMPRESSION_ZLIB) {
        uLongf size = (uLongf)text.size + 1;
        assert_int_equal(uncompress(inflated, &size, got.data, (uLong)got.size), Z_OK);
        assert_int_equal(size, text.size);
    } else {
        assert_int_equal(got.size, text.size);
        plain = got.data;
    }
    assert_memory_equal(plain, text.data, text.size);
    free(inflated);
}

static void it_inflates_and_is_the_same_for_any_reading(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, 1000000};
    static const size_t steps[] = {0, 1000, 65536, 7};
    struct fg_buffer text = make_text(1000000);
    for (int c = FG_COMPRESSION_NONE; c <= FG_COMPRESSION_ZSTD; c++) {
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
            struct fg_bytes input = {text.data, sizes[s]};
            struct fg_buffer first = FG_BUFFER_INIT(SIZE_MAX / 2);
            for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                struct pieces pieces = {.text = input, .step = steps[i], .end = FG_END};
                struct fg_buffer got = FG_BUFFER_INIT(SIZE_MAX / 2);
                static const size_t readings[] = {70000, 1, 4096, 200000};
                assert_int_equal(compress_text((enum fg_compression)c, &pieces, readings[i], &got),
                                 FG_END);
                check_inflated((enum fg_compression)c, fg_buffer_view(&got), input);
                if (i == 0) {
                    first = got;
                } else {
                    assert_true(fg_bytes_equal(fg_buffer_view(&got), fg_buffer_view(&first)));
                    fg_buffer_free(&got);
                }
            }
            assert_true(c == FG_COMPRESSION_NONE || sizes[s] < 60000 || first.size < sizes[s] / 2);
            fg_buffer_free(&first);
        }
    }
    fg_buffer_free(&text);
}

static void failures_come_through(void **state)
{
    (void)state;
    struct fg_buffer text = make_text(300000);
    for (int c = FG_COMPRESSION_NONE; c <= FG_COMPRESSION_ZSTD; c++) {
        struct pieces pieces = {.text = fg_buffer_view(&text), .end = FG_ERR_CORRUPT};
        struct fg_buffer got = FG_BUFFER_INIT(SIZE_MAX / 2);
        assert_int_equal(compress_text((enum fg_compression)c, &pieces, 4096, &got),
                         FG_ERR_CORRUPT);
        fg_buffer_free(&got);
    }
    fg_buffer_free(&text);
}

static void memory_is_a_source_too(void **state)
{
    (void)state;
    struct fg_buffer text = make_text(200000);
    for (int c = FG_COMPRESSION_NONE; c <= FG_COMPRESSION_ZSTD; c++) {
        struct fg_source source = fg_source_from_bytes(fg_buffer_view(&text));
        struct fg_buffer got = FG_BUFFER_INIT(SIZE_MAX / 2);
        uint8_t buffer[5000];
        size_t size = 0;
        assert_int_equal(fg_compress_new((enum fg_compression)c, 6, BYTES("\x04name"), NULL,
                                         &source, &source, NULL),
                         FG_OK);
        while (fg_source_read(&source, buffer, sizeof(buffer), &size) == FG_OK) {
            assert_int_equal(fg_buffer_append(&got, buffer, size), FG_OK);
        }
        fg_source_destroy(&source);
        check_inflated((enum fg_compression)c, fg_buffer_view(&got), fg_buffer_view(&text));
        fg_buffer_free(&got);
    }
    fg_buffer_free(&text);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum fg_compression compression;
        int level;
        const char *prefix;
    } rows[] = {{FG_COMPRESSION_ZLIB, 10, ""},
                {FG_COMPRESSION_ZSTD, 100, ""},
                {FG_COMPRESSION_NONE, 0, "seventeen letters"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pieces pieces = {.end = FG_END};
        struct fg_source source = {
            .read = read_pieces, .destroy = destroy_pieces, .context = &pieces};
        assert_int_equal(fg_compress_new(rows[i].compression, rows[i].level,
                                         fg_bytes_from_string(rows[i].prefix), NULL, &source,
                                         &source, NULL),
                         FG_ERR_ARGUMENT);
        assert_int_equal(pieces.destroyed, 1);
    }
}

/* What is accounted for a stream of zstd is near what the library says once it runs. */
static void held_bytes_are_near_the_truth(void **state)
{
    (void)state;
    static uint8_t in[100000];
    static uint8_t out[200000];
    for (int level = 1; level <= 12; level++) {
        ZSTD_CCtx *context = ZSTD_createCCtx();
        ZSTD_inBuffer input = {in, sizeof(in), 0};
        ZSTD_outBuffer output = {out, sizeof(out), 0};
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
        assert_false(ZSTD_isError(ZSTD_compressStream2(context, &output, &input, ZSTD_e_continue)));
        uint64_t held = fg_compress_held_bytes(FG_COMPRESSION_ZSTD, level);
        assert_in_range(held, ZSTD_sizeof_CCtx(context) / 2, 2 * ZSTD_sizeof_CCtx(context));
        ZSTD_freeCCtx(context);
    }
    assert_in_range(fg_compress_held_bytes(FG_COMPRESSION_ZLIB, 6), 256 * 1024, 1024 * 1024);
    assert_true(fg_compress_held_bytes(FG_COMPRESSION_NONE, 0) < 256 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_inflates_and_is_the_same_for_any_reading),
        cmocka_unit_test(failures_come_through),
        cmocka_unit_test(memory_is_a_source_too),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(held_bytes_are_near_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
