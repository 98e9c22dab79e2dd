/*
 * Compression of a stream, as a source that reads another one. The same bytes in give the same
 * bytes out, however they are read and however the other source cuts them.
 */
#ifndef FRAMEGATE_GATEWAY_COMPRESS_H
#define FRAMEGATE_GATEWAY_COMPRESS_H

#include "framing/source.h"
#include "handlers/memory.h"

enum fg_compression {
    FG_COMPRESSION_NONE,
    FG_COMPRESSION_ZLIB,
    FG_COMPRESSION_ZSTD,
};

/* About how many bytes such a source holds, with what its library allocates. */
uint64_t fg_compress_held_bytes(enum fg_compression compression, int level);

/*
 * A source that gives the bytes of prefix as they are (at most FG_COMPRESS_PREFIX_MAX, copied), and
 * then those of *source, compressed. *source is taken over, also on failure, and ret_source may be
 * the same object; it must always have something to give (FG_PENDING is passed on only with
 * FG_COMPRESSION_NONE). Level is the library's. What it holds is counted in memory (or NULL), which
 * must live as long. FG_ERR_ARGUMENT: prefix or level out of range; FG_ERR_LIMIT: as
 * fg_holding_ask; FG_ERR_MEMORY. error (or NULL) says what.
 */
enum { FG_COMPRESS_PREFIX_MAX = 16 };
enum fg_status fg_compress_new(enum fg_compression compression, int level, struct fg_bytes prefix,
                               struct fg_memory *memory, struct fg_source *source,
                               struct fg_source *ret_source, struct fg_error *error);

#endif
