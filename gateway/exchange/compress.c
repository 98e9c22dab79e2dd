/*
 * Compression by zlib and libzstd. Input goes to them in blocks of one size, and output is taken in
 * pieces of one size, since both libraries decide by what they are given at once.
 */
#include "gateway/exchange/compress.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { BLOCK_SIZE = 64 * 1024 };

struct filter {
    enum fg_compression compression;
    struct fg_holding holding;
    struct fg_source source;
    z_stream zlib;
    ZSTD_CCtx *zstd;
    enum fg_status input; /* FG_OK until the source has ended */
    bool finished;        /* all output was made */
    size_t input_start;   /* of what the library has not taken */
    size_t input_size;
    size_t output_start; /* of what the consumer has not taken */
    size_t output_size;
    uint8_t in[BLOCK_SIZE];
    uint8_t out[BLOCK_SIZE];
};

/*
 * As measured with libzstd 1.5.4 by ZSTD_sizeof_CCtx, which only says it once a stream runs; zlib's
 * is what its own zconf.h says.
 */
uint64_t fg_compress_held_bytes(enum fg_compression compression, int level)
{
    static const uint32_t zstd_kib[] = {3577,  1337,  2041,  3577,  4857,  5881,  5881,
                                        8953,  8953,  17145, 29433, 29433, 54009, 37625,
                                        54009, 70393, 37771, 58251, 58880, 91648};
    enum { ZLIB_KIB = 268, LEVELS = sizeof(zstd_kib) / sizeof(zstd_kib[0]) };
    uint64_t kib = 0;
    if (compression == FG_COMPRESSION_ZLIB) {
        kib = ZLIB_KIB;
    } else if (compression == FG_COMPRESSION_ZSTD) {
        kib = zstd_kib[level < 0 ? 1 : level < LEVELS ? level : LEVELS - 1];
    }
    return sizeof(struct filter) + kib * 1024;
}

static void destroy(void *context)
{
    struct filter *filter = context;
    fg_source_destroy(&filter->source);
    if (filter->compression == FG_COMPRESSION_ZLIB) {
        (void)deflateEnd(&filter->zlib);
    }
    ZSTD_freeCCtx(filter->zstd);
    fg_holding_set(&filter->holding, 0);
    free(filter);
}

/* A whole block, unless the source ends in it. */
static enum fg_status fill_input(struct filter *filter)
{
    filter->input_start = 0;
    filter->input_size = 0;
    while (filter->input == FG_OK && filter->input_size < BLOCK_SIZE) {
        size_t size = 0;
        filter->input = fg_source_read(&filter->source, filter->in + filter->input_size,
                                       BLOCK_SIZE - filter->input_size, &size);
        filter->input_size += filter->input == FG_OK ? size : 0;
    }
    if (filter->input == FG_PENDING) {
        filter->input = FG_ERR_IO;
    }
    return fg_failed(filter->input) ? filter->input : FG_OK;
}

static enum fg_status run_zlib(struct filter *filter)
{
    bool last = filter->input == FG_END;
    filter->zlib.next_in = filter->in + filter->input_start;
    filter->zlib.avail_in = (uInt)(filter->input_size - filter->input_start);
    filter->zlib.next_out = filter->out;
    filter->zlib.avail_out = BLOCK_SIZE;
    int result = deflate(&filter->zlib, last ? Z_FINISH : Z_NO_FLUSH);
    filter->input_start = filter->input_size - filter->zlib.avail_in;
    filter->output_size = BLOCK_SIZE - filter->zlib.avail_out;
    filter->finished = result == Z_STREAM_END;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? FG_OK : FG_ERR_IO;
}

static enum fg_status run_zstd(struct filter *filter)
{
    bool last = filter->input == FG_END;
    ZSTD_inBuffer in = {filter->in, filter->input_size, filter->input_start};
    ZSTD_outBuffer out = {filter->out, BLOCK_SIZE, 0};
    size_t left =
        ZSTD_compressStream2(filter->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    filter->input_start = in.pos;
    filter->output_size = out.pos;
    filter->finished = last && left == 0;
    return ZSTD_isError(left) ? FG_ERR_IO : FG_OK;
}

/* Makes the next piece of output. */
static enum fg_status make_output(struct filter *filter)
{
    filter->output_start = 0;
    filter->output_size = 0;
    while (filter->output_size == 0 && !filter->finished) {
        enum fg_status status = FG_OK;
        if (filter->input_start == filter->input_size && filter->input == FG_OK) {
            status = fill_input(filter);
        }
        if (status == FG_OK) {
            status =
                filter->compression == FG_COMPRESSION_ZLIB ? run_zlib(filter) : run_zstd(filter);
        }
        if (status != FG_OK) {
            return status;
        }
    }
    return filter->output_size > 0 ? FG_OK : FG_END;
}

static enum fg_status read_filtered(void *context, uint8_t *buffer, size_t capacity,
                                    size_t *ret_size)
{
    struct filter *filter = context;
    if (filter->output_start == filter->output_size) {
        if (filter->compression == FG_COMPRESSION_NONE) {
            return fg_source_read(&filter->source, buffer, capacity, ret_size);
        }
        enum fg_status status = make_output(filter);
        if (status != FG_OK) {
            return status;
        }
    }
    size_t size = filter->output_size - filter->output_start;
    size = size < capacity ? size : capacity;
    memcpy(buffer, filter->out + filter->output_start, size);
    filter->output_start += size;
    *ret_size = size;
    return FG_OK;
}

/* Opens the library's stream. */
static enum fg_status open_library(struct filter *filter, int level)
{
    switch (filter->compression) {
    case FG_COMPRESSION_ZLIB: {
        int result = deflateInit(&filter->zlib, level);
        if (result != Z_OK) {
            filter->compression = FG_COMPRESSION_NONE; /* there is nothing to end */
        }
        return result == Z_OK ? FG_OK : result == Z_MEM_ERROR ? FG_ERR_MEMORY : FG_ERR_ARGUMENT;
    }
    case FG_COMPRESSION_ZSTD:
        filter->zstd = ZSTD_createCCtx();
        if (filter->zstd == NULL) {
            return FG_ERR_MEMORY;
        }
        if (level < ZSTD_minCLevel() || level > ZSTD_maxCLevel() ||
            ZSTD_isError(ZSTD_CCtx_setParameter(filter->zstd, ZSTD_c_compressionLevel, level))) {
            return FG_ERR_ARGUMENT;
        }
        return FG_OK;
    case FG_COMPRESSION_NONE:
        break;
    }
    return FG_OK;
}

enum fg_status fg_compress_new(enum fg_compression compression, int level, struct fg_bytes prefix,
                               struct fg_memory *memory, struct fg_source *source,
                               struct fg_source *ret_source, struct fg_error *error)
{
    struct filter *filter = malloc(sizeof(*filter));
    enum fg_status status =
        filter != NULL ? FG_OK : fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    if (status == FG_OK) {
        memset(filter, 0, offsetof(struct filter, in));
        filter->compression = compression;
        filter->holding.memory = memory;
        status =
            prefix.size > FG_COMPRESS_PREFIX_MAX ? FG_ERR_ARGUMENT : open_library(filter, level);
        if (status != FG_OK) {
            fg_fail(error, status, 0, "%s", fg_status_text(status));
        } else {
            /* The library takes most of it when it has something to compress. */
            status =
                fg_holding_ask(&filter->holding, fg_compress_held_bytes(compression, level), error);
        }
        if (status != FG_OK) {
            destroy(filter);
        }
    }
    if (status != FG_OK) {
        fg_source_destroy(source);
        return status;
    }
    if (prefix.size > 0) {
        memcpy(filter->out, prefix.data, prefix.size);
        filter->output_size = prefix.size;
    }
    filter->source = *source;
    *source = fg_source_empty();
    *ret_source = (struct fg_source){.read = read_filtered,
                                     .destroy = destroy,
                                     .context = filter,
                                     .error = filter->source.error,
                                     .size = FG_SIZE_UNKNOWN};
    return FG_OK;
}
