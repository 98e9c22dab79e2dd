/*
 * Encoding of paths in the store, see "hg help internals.requirements" and Mercurial's store.py:
 *  1. folders that end like revlogs get ".hg" added;
 *  2. upper-case letters become "_x", reserved bytes "~xx";
 *  3. names that Windows reserves, and blanks and dots at their ends, are masked;
 *  4. what is then longer than 120 bytes is replaced by a shortened form with a SHA-1.
 * Without fncache steps 3 and 4 are left out, without a store 2 as well.
 */
#include "handlers/repo/storepath.h"

#include "handlers/repo/layout.h"
#include "handlers/repo/node.h"

#include <nettle/sha1.h>
#include <string.h>

enum {
    PATH_MAX_ENCODED = 120,              /* bytes of an encoded path that is not hashed */
    DIR_PREFIX = 8,                      /* bytes of each folder that a hashed path keeps */
    DIRS_MAX = 8 * (DIR_PREFIX + 1) - 4, /* bytes of all of them */
    ROOT_SIZE = 5,                       /* "data/" or "meta/" */
};

/* A chain of appends to one buffer: after a failure the rest does nothing. */
struct writer {
    struct fg_buffer *buffer;
    enum fg_status status;
};

static void put(struct writer *writer, const void *data, size_t size)
{
    if (writer->status == FG_OK) {
        writer->status = fg_buffer_append(writer->buffer, data, size);
    }
}

static void put_byte(struct writer *writer, uint8_t byte)
{
    put(writer, &byte, 1);
}

static void put_escaped(struct writer *writer, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    put_byte(writer, '~');
    put_byte(writer, (uint8_t)digits[byte >> 4]);
    put_byte(writer, (uint8_t)digits[byte & 15]);
}

/* The next part of a path up to a slash. False: none left. */
static bool next_part(struct fg_bytes *path, bool *started, struct fg_bytes *ret_part)
{
    if (*started && path->size == 0) {
        return false;
    }
    if (*started) {
        path->data++; /* the slash */
        path->size--;
    }
    *started = true;
    size_t size = 0;
    while (size < path->size && path->data[size] != '/') {
        size++;
    }
    *ret_part = (struct fg_bytes){path->data, size};
    path->data += size;
    path->size -= size;
    return true;
}

static bool ends_with(struct fg_bytes part, const char *end)
{
    size_t size = strlen(end);
    return part.size >= size && memcmp(part.data + part.size - size, end, size) == 0;
}

/* Step 1. */
static void encode_folders(struct writer *writer, struct fg_bytes path)
{
    bool started = false;
    struct fg_bytes part;
    bool first = true;
    while (next_part(&path, &started, &part)) {
        if (!first) {
            put_byte(writer, '/');
        }
        first = false;
        put(writer, part.data, part.size);
        bool is_folder = path.size > 0;
        if (is_folder &&
            (ends_with(part, ".hg") || ends_with(part, ".i") || ends_with(part, ".d"))) {
            put(writer, ".hg", 3);
        }
    }
}

static bool is_reserved(uint8_t byte)
{
    return byte < 32 || byte >= 126 || strchr("\\:*?\"<>|", byte) != NULL;
}

/* Step 2: reversible, or with letters merely made lower-case for what is hashed anyway. */
static void encode_bytes(struct writer *writer, struct fg_bytes path, bool reversible)
{
    for (size_t i = 0; i < path.size; i++) {
        uint8_t byte = path.data[i];
        bool upper = byte >= 'A' && byte <= 'Z';
        if (is_reserved(byte)) {
            put_escaped(writer, byte);
        } else if (upper || (byte == '_' && reversible)) {
            if (reversible) {
                put_byte(writer, '_');
            }
            put_byte(writer, upper ? (uint8_t)(byte + 'a' - 'A') : byte);
        } else {
            put_byte(writer, byte);
        }
    }
}

/* aux, con, prn, nul, com1 to com9, lpt1 to lpt9, alone or before a dot. */
static bool is_device(struct fg_bytes part)
{
    static const char *const names[] = {"aux", "con", "prn", "nul", "com", "lpt"};
    const uint8_t *dot = part.size > 0 ? memchr(part.data, '.', part.size) : NULL;
    size_t size = dot != NULL ? (size_t)(dot - part.data) : part.size;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool numbered = i >= 4;
        if (size == (numbered ? 4u : 3u) && memcmp(part.data, names[i], 3) == 0 &&
            (!numbered || (part.data[3] >= '1' && part.data[3] <= '9'))) {
            return true;
        }
    }
    return false;
}

/* Step 3, for one part. */
static void encode_part(struct writer *writer, struct fg_bytes part, bool dotencode)
{
    if (part.size == 0) {
        return;
    }
    bool lead = dotencode && (part.data[0] == '.' || part.data[0] == ' ');
    bool device = !lead && is_device(part);
    for (size_t i = 0; i < part.size; i++) {
        uint8_t byte = part.data[i];
        /* A single blank or dot that was escaped at the start ends in a digit, not in itself. */
        bool tail = i + 1 == part.size && (byte == '.' || byte == ' ');
        if ((lead && i == 0) || (device && i == 2) || tail) {
            put_escaped(writer, byte);
        } else {
            put_byte(writer, byte);
        }
    }
}

static void encode_parts(struct writer *writer, struct fg_bytes path, bool dotencode)
{
    bool started = false;
    struct fg_bytes part;
    for (bool first = true; next_part(&path, &started, &part); first = false) {
        if (!first) {
            put_byte(writer, '/');
        }
        encode_part(writer, part, dotencode);
    }
}

/* The folders that a hashed path keeps: the start of each, as many as there is room for. */
static size_t put_short_folders(struct writer *writer, struct fg_bytes parts)
{
    bool started = false;
    struct fg_bytes part;
    size_t size = 0;
    while (next_part(&parts, &started, &part) && parts.size > 0) {
        size_t kept = part.size < DIR_PREFIX ? part.size : DIR_PREFIX;
        size_t needed = size == 0 ? kept : size + 1 + kept;
        if (needed > DIRS_MAX) {
            break;
        }
        if (size > 0) {
            put_byte(writer, '/');
        }
        for (size_t i = 0; i < kept; i++) {
            uint8_t byte = part.data[i];
            bool last = i + 1 == kept;
            put_byte(writer, last && (byte == '.' || byte == ' ') ? '_' : byte);
        }
        size = needed;
    }
    if (size > 0) {
        put_byte(writer, '/');
        size++;
    }
    return size;
}

/* Where the extension of a file name starts: its last dot, if anything but dots is before it. */
static size_t extension_start(struct fg_bytes name)
{
    size_t leading = 0;
    while (leading < name.size && name.data[leading] == '.') {
        leading++;
    }
    for (size_t i = name.size; i-- > leading;) {
        if (name.data[i] == '.' && i > leading) {
            return i;
        }
    }
    return name.size;
}

/* Step 4: "dh/", short folders, the start of the name, the SHA-1 of the whole path, extension. */
static void put_hashed(struct writer *writer, struct fg_bytes path, struct fg_bytes parts)
{
    struct sha1_ctx context;
    struct fg_node digest;
    sha1_init(&context);
    sha1_update(&context, path.size, path.data);
    sha1_digest(&context, FG_NODE_SIZE, digest.bytes);
    char hex[FG_NODE_HEX_SIZE];
    fg_node_to_hex(&digest, hex);

    size_t name_start = parts.size;
    while (name_start > 0 && parts.data[name_start - 1] != '/') {
        name_start--;
    }
    struct fg_bytes name = {parts.data + name_start, parts.size - name_start};
    size_t extension = extension_start(name);
    put(writer, "dh/", 3);
    size_t used = 3 + put_short_folders(writer, parts) + sizeof hex + name.size - extension;
    if (used < PATH_MAX_ENCODED) {
        size_t room = PATH_MAX_ENCODED - used;
        put(writer, name.data, room < name.size ? room : name.size);
    }
    put(writer, hex, sizeof hex);
    put(writer, name.data + extension, name.size - extension);
}

/* The encodings of one path, each from the one before. */
struct stages {
    struct fg_buffer folders;
    struct fg_buffer bytes;
    struct fg_buffer parts;
};

static enum fg_status encode_fncache(struct stages *stages, bool dotencode,
                                     struct fg_buffer *buffer)
{
    struct writer parts = {&stages->parts, FG_OK};
    encode_parts(&parts, fg_buffer_view(&stages->bytes), dotencode);
    if (parts.status != FG_OK) {
        return parts.status;
    }
    struct writer result = {buffer, FG_OK};
    if (stages->parts.size <= PATH_MAX_ENCODED) {
        put(&result, stages->parts.data, stages->parts.size);
        return result.status;
    }
    struct fg_bytes path = fg_buffer_view(&stages->folders);
    struct fg_bytes rest = {path.data + ROOT_SIZE, path.size - ROOT_SIZE};
    fg_buffer_reset(&stages->bytes);
    fg_buffer_reset(&stages->parts);
    struct writer lower = {&stages->bytes, FG_OK};
    encode_bytes(&lower, rest, false);
    encode_parts(&parts, fg_buffer_view(&stages->bytes), dotencode);
    if (lower.status != FG_OK || parts.status != FG_OK) {
        return lower.status != FG_OK ? lower.status : parts.status;
    }
    put_hashed(&result, path, fg_buffer_view(&stages->parts));
    return result.status;
}

enum fg_status fg_storepath_encode(struct fg_bytes path, unsigned requirements,
                                   struct fg_buffer *buffer)
{
    struct stages stages = {FG_BUFFER_INIT(SIZE_MAX), FG_BUFFER_INIT(SIZE_MAX),
                            FG_BUFFER_INIT(SIZE_MAX)};
    struct writer folders = {&stages.folders, FG_OK};
    encode_folders(&folders, path);
    enum fg_status status = folders.status;
    if (status == FG_OK && (requirements & FG_REQUIREMENT_STORE) == 0) {
        status = fg_buffer_append(buffer, stages.folders.data, stages.folders.size);
    } else if (status == FG_OK) {
        struct writer bytes = {&stages.bytes, FG_OK};
        encode_bytes(&bytes, fg_buffer_view(&stages.folders), true);
        status = bytes.status;
        if (status == FG_OK && (requirements & FG_REQUIREMENT_FNCACHE) == 0) {
            status = fg_buffer_append(buffer, stages.bytes.data, stages.bytes.size);
        } else if (status == FG_OK) {
            bool dotencode = (requirements & FG_REQUIREMENT_DOTENCODE) != 0;
            status = encode_fncache(&stages, dotencode, buffer);
        }
    }
    fg_buffer_free(&stages.folders);
    fg_buffer_free(&stages.bytes);
    fg_buffer_free(&stages.parts);
    return status;
}
