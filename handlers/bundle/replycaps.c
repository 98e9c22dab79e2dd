/* Walking over the parts of a bundle, field by field. See "hg help internals.bundle2". */
#include "handlers/bundle/replycaps.h"

#include "handlers/repo/endian.h"

#include <string.h>
#include <strings.h>

/* The fields in their order; a number says how long the one after it is. */
enum field {
    FIELD_START, /* of a zeroed walk */
    FIELD_MAGIC,
    FIELD_PARAMS_SIZE,
    FIELD_PARAMS,
    FIELD_HEADER_SIZE,
    FIELD_HEADER,
    FIELD_CHUNK_SIZE,
    FIELD_CHUNK,
};

enum { NUMBER_SIZE = 4, INTERRUPT = -1 };

static void expect(struct fg_replycaps_walk *walk, enum field field, uint64_t size)
{
    walk->field = field;
    walk->left = size;
    walk->kept = 0;
}

static void end(struct fg_replycaps_walk *walk, enum fg_replycaps found)
{
    walk->found = found;
    walk->over = true;
}

/* Parameters of the stream are words with blanks between them; what is long may hide anything. */
static bool compresses(const struct fg_replycaps_walk *walk)
{
    static const char name[] = "compression=";
    size_t size = sizeof name - 1;
    for (size_t i = 0; i + size <= walk->kept; i++) {
        if (strncasecmp((const char *)walk->bytes + i, name, size) == 0) {
            return true;
        }
    }
    return walk->kept == sizeof walk->bytes;
}

static bool is_replycaps(const struct fg_replycaps_walk *walk)
{
    static const char name[] = "replycaps";
    size_t size = sizeof name - 1;
    return walk->interrupts == 0 && walk->kept > size && walk->bytes[0] == size &&
           strncasecmp((const char *)walk->bytes + 1, name, size) == 0;
}

/* A part has no more bytes: what stands around it goes on. */
static void end_part(struct fg_replycaps_walk *walk)
{
    if (walk->interrupts > 0) {
        walk->interrupts--;
        expect(walk, FIELD_CHUNK_SIZE, NUMBER_SIZE);
    } else {
        expect(walk, FIELD_HEADER_SIZE, NUMBER_SIZE);
    }
}

static void take_header_size(struct fg_replycaps_walk *walk, int32_t size)
{
    if (size > 0) {
        expect(walk, FIELD_HEADER, (uint64_t)size);
    } else if (size == 0 && walk->interrupts > 0) {
        end_part(walk);
    } else {
        end(walk, size == 0 ? FG_REPLYCAPS_MISSING : FG_REPLYCAPS_UNKNOWN);
    }
}

static void take_chunk_size(struct fg_replycaps_walk *walk, int32_t size)
{
    if (size > 0) {
        expect(walk, FIELD_CHUNK, (uint64_t)size);
    } else if (size == 0) {
        end_part(walk);
    } else if (size == INTERRUPT) {
        walk->interrupts++;
        expect(walk, FIELD_HEADER_SIZE, NUMBER_SIZE);
    } else {
        end(walk, FG_REPLYCAPS_UNKNOWN);
    }
}

static void take_params_size(struct fg_replycaps_walk *walk, int32_t size)
{
    if (size > 0) {
        expect(walk, FIELD_PARAMS, (uint64_t)size);
    } else if (size == 0) {
        expect(walk, FIELD_HEADER_SIZE, NUMBER_SIZE);
    } else {
        end(walk, FG_REPLYCAPS_UNKNOWN);
    }
}

/* The field is complete. */
static void take_field(struct fg_replycaps_walk *walk)
{
    static const char magic[] = "HG20";
    int32_t number = fg_read_be32_signed(walk->bytes);
    switch ((enum field)walk->field) {
    case FIELD_START:
        expect(walk, FIELD_MAGIC, sizeof magic - 1);
        break;
    case FIELD_MAGIC:
        if (memcmp(walk->bytes, magic, sizeof magic - 1) != 0) {
            end(walk, FG_REPLYCAPS_UNKNOWN);
        }
        expect(walk, FIELD_PARAMS_SIZE, NUMBER_SIZE);
        break;
    case FIELD_PARAMS_SIZE:
        take_params_size(walk, number);
        break;
    case FIELD_PARAMS:
        if (compresses(walk)) {
            end(walk, FG_REPLYCAPS_HIDDEN);
        }
        expect(walk, FIELD_HEADER_SIZE, NUMBER_SIZE);
        break;
    case FIELD_HEADER_SIZE:
        take_header_size(walk, number);
        break;
    case FIELD_HEADER:
        if (is_replycaps(walk)) {
            end(walk, FG_REPLYCAPS_THERE);
        }
        expect(walk, FIELD_CHUNK_SIZE, NUMBER_SIZE);
        break;
    case FIELD_CHUNK_SIZE:
        take_chunk_size(walk, number);
        break;
    case FIELD_CHUNK:
        expect(walk, FIELD_CHUNK_SIZE, NUMBER_SIZE);
        break;
    }
}

void fg_replycaps_take(struct fg_replycaps_walk *walk, struct fg_bytes piece)
{
    if (walk->field == FIELD_START) {
        take_field(walk);
    }
    while (piece.size > 0 && !walk->over) {
        size_t size = piece.size < walk->left ? piece.size : (size_t)walk->left;
        size_t room = sizeof walk->bytes - walk->kept;
        size_t kept = size < room ? size : room;
        memcpy(walk->bytes + walk->kept, piece.data, kept);
        walk->kept += kept;
        walk->left -= size;
        piece.data += size;
        piece.size -= size;
        if (walk->left == 0) {
            take_field(walk);
        }
    }
}
