/*
 * Revlogs: opening and checking the index, chunks, and rebuilding texts. See "hg help
 * internals.revlogs" for the format.
 */
#include "handlers/repo/revlog.h"

#include "handlers/patience.h"
#include "handlers/repo/endian.h"
#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ENTRY_SIZE = 64,
    NODE_OFFSET = 32,
    VERSION_1 = 1,
    VERSION_MASK = 0xffff,
    NAME_MAX_BYTES = 4096,
    WINDOW_SIZE = 256 * 1024, /* bytes of data read at once */
    SMALL_MAX = 128 * 1024,   /* bytes of an index that is read, not mapped; see load_index */
    UNPACK_SLACK = 64,
    SCAN_TURN = 4096,           /* entries between looks at whether time is over */
    PIECES_WORTH_KEEPING = 128, /* of a text that is being rebuilt, and one more for */
    PIECE_WORTH_KEEPING = 2048, /* each so many of its bytes */
    /* A delta may have more bytes than the text that it makes, but Mercurial stores none that is
     * much larger. */
    DELTA_FACTOR = 4,
    DELTA_SLACK = 65536,
    CHUNK_SLACK = 65536,     /* bytes that packing may add to what does not get smaller */
    HELD_MAX = 16 << 20,     /* bytes of deltas that wait to be applied */
    HELD_KEEP = 1 << 20,     /* bytes of their buffers that are kept from text to text */
    COUNT_FROM = 256 * 1024, /* bytes below which counting costs more than they are worth */
};

/* Features in the header, which is the first four bytes of the first entry. */
#define FEATURE_INLINE       0x10000u
#define FEATURE_GENERALDELTA 0x20000u

/* A text may have copies noted elsewhere; that says nothing about the text itself. */
#define FLAG_HAS_COPIES_INFO 0x1000u

struct fg_revlog {
    struct fg_mapping *index; /* NULL if the revlog is empty, or small */
    uint8_t *copy;            /* of the index, if it is small; else NULL */
    size_t copy_size;
    const uint8_t *entries; /* the index, mapped or copied */
    uint32_t count;
    bool generaldelta;
    uint64_t *positions; /* where each entry starts, if the data is inline; else NULL */
    int data_fd;         /* the file that the chunks are in; -1 if there is none, or a copy */
    dev_t device;        /* of the index */
    ino_t inode;
    char name[64]; /* the end of its name, for messages */
};

static const uint8_t *entry_at(const struct fg_revlog *revlog, uint32_t rev)
{
    return revlog->entries +
           (revlog->positions != NULL ? revlog->positions[rev] : (uint64_t)rev * ENTRY_SIZE);
}

void fg_revlog_entry(const struct fg_revlog *revlog, uint32_t rev,
                     struct fg_revlog_entry *ret_entry)
{
    const uint8_t *data = entry_at(revlog, rev);
    uint64_t offset_flags = fg_read_be64(data);
    /* The first entry's offset is zero, and its place is taken by the header. */
    ret_entry->offset = rev == 0 ? 0 : offset_flags >> 16;
    ret_entry->flags = (uint16_t)offset_flags;
    ret_entry->chunk_size = fg_read_be32(data + 8);
    ret_entry->text_size = fg_read_be32(data + 12);
    ret_entry->base = fg_read_be32_signed(data + 16);
    ret_entry->link = fg_read_be32_signed(data + 20);
    ret_entry->parents[0] = fg_read_be32_signed(data + 24);
    ret_entry->parents[1] = fg_read_be32_signed(data + 28);
    memcpy(ret_entry->node.bytes, data + NODE_OFFSET, FG_NODE_SIZE);
}

void fg_revlog_node(const struct fg_revlog *revlog, uint32_t rev, struct fg_node *ret_node)
{
    memcpy(ret_node->bytes, entry_at(revlog, rev) + NODE_OFFSET, FG_NODE_SIZE);
}

uint32_t fg_revlog_count(const struct fg_revlog *revlog)
{
    return revlog->count;
}

uint64_t fg_revlog_held_bytes(const struct fg_revlog *revlog)
{
    return revlog->copy_size +
           (revlog->positions != NULL ? revlog->count * (uint64_t)sizeof *revlog->positions : 0);
}

bool fg_revlog_torn(const struct fg_revlog *revlog)
{
    return revlog->index != NULL && fg_mapping_torn(revlog->index);
}

static bool has_node(const struct fg_revlog *revlog, uint32_t rev, const struct fg_node *node)
{
    return rev < revlog->count &&
           memcmp(entry_at(revlog, rev) + NODE_OFFSET, node->bytes, FG_NODE_SIZE) == 0 &&
           !fg_revlog_torn(revlog);
}

/* The same of the file that a copy was made of, as it is now. */
static bool file_has_node(const struct fg_revlog *revlog, int folder, const char *name,
                          uint32_t rev, const struct fg_node *node)
{
    int fd;
    if (rev >= revlog->count || fg_file_open(folder, name, &fd, NULL) != FG_OK) {
        return false;
    }
    struct fg_node present;
    uint64_t position = (uint64_t)(entry_at(revlog, rev) - revlog->entries) + NODE_OFFSET;
    bool has = fg_file_read_at(fd, position, present.bytes, FG_NODE_SIZE, NULL) == FG_OK &&
               fg_node_equal(&present, node);
    close(fd);
    return has;
}

bool fg_revlog_holds(const struct fg_revlog *revlog, int folder, const char *name, uint32_t rev,
                     const struct fg_node *node)
{
    struct stat info;
    if (fstatat(folder, name, &info, 0) != 0) {
        return false;
    }
    if (info.st_dev == revlog->device && info.st_ino == revlog->inode) {
        if (revlog->copy == NULL) {
            return has_node(revlog, rev, node);
        }
        if (file_has_node(revlog, folder, name, rev, node)) {
            return true;
        }
    }
    /* Another file may have its name: one that was split from its data, or a stripped one. */
    struct fg_revlog *present;
    if (fg_revlog_open(folder, name, &present, NULL) != FG_OK) {
        return false;
    }
    bool holds = has_node(present, rev, node);
    fg_revlog_close(present);
    return holds;
}

/* -- opening ---------------------------------------------------------------------------------- */

static enum fg_status check_entry(const struct fg_revlog *revlog, uint32_t rev, uint64_t expected,
                                  struct fg_revlog_entry *entry, struct fg_error *error)
{
    /* Not for each: there may be many, and looking at one is quick. */
    if (rev % SCAN_TURN == 0 && fg_patience_check(error) != FG_OK) {
        return FG_ERR_LIMIT;
    }
    fg_revlog_entry(revlog, rev, entry);
    int64_t limit = (int64_t)rev;
    const char *what = NULL;
    if (entry->offset != expected) {
        what = "its chunk does not follow the one before";
    } else if (entry->parents[0] < FG_REV_NULL || entry->parents[0] >= limit ||
               entry->parents[1] < FG_REV_NULL || entry->parents[1] >= limit) {
        what = "a parent does not come before it";
    } else if (entry->base < FG_REV_NULL || entry->base > limit) {
        what = "its delta's base does not come before it";
    } else if (entry->link < FG_REV_NULL) {
        what = "its link is negative";
    } else if (entry->text_size > INT32_MAX || entry->chunk_size > INT32_MAX) {
        what = "its size is negative";
    }
    if (what != NULL) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "%s is damaged: revision %u: %s", revlog->name,
                       rev, what);
    }
    return FG_OK;
}

/* Walks an inline index, where each entry is followed by its chunk. */
static enum fg_status scan_inline(struct fg_revlog *revlog, size_t size, struct fg_error *error)
{
    size_t capacity = 0;
    uint64_t position = 0;
    uint64_t expected = 0;
    while (position < size) {
        if (revlog->count == capacity) {
            capacity = capacity < 64 ? 64 : capacity * 2;
            uint64_t *positions = realloc(revlog->positions, capacity * sizeof *positions);
            if (positions == NULL) {
                return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for %s", revlog->name);
            }
            revlog->positions = positions;
        }
        if (size - position < ENTRY_SIZE) {
            return fg_fail(error, FG_ERR_CORRUPT, (size_t)position, "%s is cut short",
                           revlog->name);
        }
        revlog->positions[revlog->count] = position;
        struct fg_revlog_entry entry;
        enum fg_status status = check_entry(revlog, revlog->count, expected, &entry, error);
        if (status != FG_OK) {
            return status;
        }
        if (size - position - ENTRY_SIZE < entry.chunk_size) {
            return fg_fail(error, FG_ERR_CORRUPT, (size_t)position, "%s is cut short",
                           revlog->name);
        }
        position += ENTRY_SIZE + (uint64_t)entry.chunk_size;
        expected += entry.chunk_size;
        revlog->count++;
    }
    return FG_OK;
}

/* Checks an index whose data is in a file of its own. */
static enum fg_status scan_split(struct fg_revlog *revlog, size_t size, uint64_t data_size,
                                 struct fg_error *error)
{
    if (size % ENTRY_SIZE != 0) {
        return fg_fail(error, FG_ERR_CORRUPT, size, "%s is cut short", revlog->name);
    }
    if (size / ENTRY_SIZE > FG_REVLOG_REVISIONS_MAX) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "%s has more than %u revisions", revlog->name,
                       FG_REVLOG_REVISIONS_MAX);
    }
    uint32_t count = (uint32_t)(size / ENTRY_SIZE);
    uint64_t expected = 0;
    for (uint32_t rev = 0; rev < count; rev++) {
        struct fg_revlog_entry entry;
        enum fg_status status = check_entry(revlog, rev, expected, &entry, error);
        if (status != FG_OK) {
            return status;
        }
        expected += entry.chunk_size;
    }
    if (expected > data_size) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "the data of %s is cut short", revlog->name);
    }
    revlog->count = count;
    return FG_OK;
}

/* Opens the file with the data: the index's name with ".d" in the place of ".i". */
static enum fg_status open_data(struct fg_revlog *revlog, int folder, const char *name,
                                uint64_t *ret_size, struct fg_error *error)
{
    char data_name[NAME_MAX_BYTES];
    size_t length = strlen(name);
    if (length < 2 || length >= sizeof data_name) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "a revlog's name is too long");
    }
    memcpy(data_name, name, length + 1);
    data_name[length - 1] = 'd';
    enum fg_status status = fg_file_open(folder, data_name, &revlog->data_fd, error);
    if (status == FG_ERR_NOT_FOUND) {
        /* Allowed where nothing was ever stored: all texts are empty. */
        *ret_size = 0;
        return FG_OK;
    }
    struct stat info;
    if (status == FG_OK && fstat(revlog->data_fd, &info) != 0) {
        return fg_fail(error, FG_ERR_IO, 0, "cannot look at the data of %s", revlog->name);
    }
    if (status == FG_OK) {
        *ret_size = (uint64_t)info.st_size;
    }
    return status;
}

/*
 * Most files of a store are as small as Mercurial keeps an index and its data in one file. Mapping
 * and unmapping them, which has every thread's processor forget the pages, was a third of what a
 * bundle costs the kernel; one read brings the data too.
 */
static enum fg_status load_index(struct fg_revlog *revlog, int fd, size_t size,
                                 struct fg_error *error)
{
    if (size > SMALL_MAX) {
        enum fg_status status = fg_mapping_new(fd, size, &revlog->index, error);
        if (status == FG_OK) {
            revlog->entries = fg_mapping_bytes(revlog->index).data;
        }
        return status;
    }
    revlog->copy = malloc(size);
    if (revlog->copy == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for %s", revlog->name);
    }
    revlog->copy_size = size;
    revlog->entries = revlog->copy;
    enum fg_status status = fg_file_read_at(fd, 0, revlog->copy, size, error);
    return status == FG_ERR_TRUNCATED
               ? fg_fail(error, FG_ERR_CORRUPT, 0, "%s was cut while it was read", revlog->name)
               : status;
}

/* index_fd becomes the data's descriptor where the data is inline, and was not copied with it. */
static enum fg_status read_index(struct fg_revlog *revlog, int folder, const char *name,
                                 int *index_fd, size_t size, struct fg_error *error)
{
    if (size < ENTRY_SIZE) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "%s is cut short", revlog->name);
    }
    enum fg_status status = load_index(revlog, *index_fd, size, error);
    if (status != FG_OK) {
        return status;
    }
    uint32_t header = fg_read_be32(revlog->entries);
    uint32_t features = header & ~(uint32_t)VERSION_MASK;
    if ((header & VERSION_MASK) != VERSION_1 ||
        (features & ~(FEATURE_INLINE | FEATURE_GENERALDELTA)) != 0) {
        return fg_fail(error, FG_ERR_UNSUPPORTED, 0, "%s is of an unknown format (0x%08x)",
                       revlog->name, header);
    }
    revlog->generaldelta = (features & FEATURE_GENERALDELTA) != 0;
    if ((features & FEATURE_INLINE) != 0) {
        if (revlog->copy == NULL) {
            revlog->data_fd = *index_fd;
            *index_fd = -1;
        }
        return scan_inline(revlog, size, error);
    }
    uint64_t data_size = 0;
    status = open_data(revlog, folder, name, &data_size, error);
    return status == FG_OK ? scan_split(revlog, size, data_size, error) : status;
}

static enum fg_status open_files(struct fg_revlog *revlog, int folder, const char *name,
                                 struct fg_error *error)
{
    int index_fd;
    enum fg_status status = fg_file_open(folder, name, &index_fd, error);
    if (status == FG_ERR_NOT_FOUND) {
        return FG_OK;
    }
    if (status != FG_OK) {
        return status;
    }
    struct stat info;
    if (fstat(index_fd, &info) != 0) {
        status = fg_fail(error, FG_ERR_IO, 0, "cannot look at %s", revlog->name);
    } else if (info.st_size > 0) {
        revlog->device = info.st_dev;
        revlog->inode = info.st_ino;
        status = read_index(revlog, folder, name, &index_fd, (size_t)info.st_size, error);
    }
    if (index_fd >= 0) {
        close(index_fd);
    }
    if (status == FG_OK && fg_revlog_torn(revlog)) {
        status = fg_fail(error, FG_ERR_CORRUPT, 0, "%s was cut while it was read", revlog->name);
    }
    return status;
}

enum fg_status fg_revlog_open(int folder, const char *name, struct fg_revlog **ret_revlog,
                              struct fg_error *error)
{
    struct fg_revlog *revlog = calloc(1, sizeof *revlog);
    if (revlog == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    revlog->data_fd = -1;
    size_t length = strlen(name);
    size_t shown = length < sizeof revlog->name ? length : sizeof revlog->name - 1;
    memcpy(revlog->name, name + length - shown, shown + 1);
    enum fg_status status = open_files(revlog, folder, name, error);
    if (status != FG_OK) {
        fg_revlog_close(revlog);
        return status;
    }
    *ret_revlog = revlog;
    return FG_OK;
}

void fg_revlog_close(struct fg_revlog *revlog)
{
    if (revlog == NULL) {
        return;
    }
    fg_mapping_free(revlog->index);
    if (revlog->data_fd >= 0) {
        close(revlog->data_fd);
    }
    free(revlog->positions);
    free(revlog->copy);
    free(revlog);
}

/* -- chunks and texts -------------------------------------------------------------------------- */

int32_t fg_revlog_delta_parent(const struct fg_revlog *revlog, uint32_t rev, bool *ret_is_delta)
{
    int32_t base = fg_read_be32_signed(entry_at(revlog, rev) + 16);
    if (base == (int32_t)rev) {
        *ret_is_delta = false;
        return FG_REV_NULL;
    }
    *ret_is_delta = true;
    /* Without generaldelta the base is the start of the chain, and each delta is against the
     * revision before. */
    return revlog->generaldelta || base == FG_REV_NULL ? base : (int32_t)rev - 1;
}

/* Where a revision's chunk stands in the file with the data. */
static uint64_t chunk_position(const struct fg_revlog *revlog, uint32_t rev,
                               const struct fg_revlog_entry *entry)
{
    return revlog->positions != NULL ? revlog->positions[rev] + ENTRY_SIZE : entry->offset;
}

/* Appends size bytes of the data. */
static enum fg_status read_data(const struct fg_revlog *revlog, uint64_t position, size_t size,
                                struct fg_buffer *buffer, struct fg_error *error)
{
    uint8_t *space;
    if (size == 0) {
        return FG_OK;
    }
    enum fg_status status = fg_buffer_reserve(buffer, size, &space);
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "no room for a chunk of %s", revlog->name);
    }
    status = fg_file_read_at(revlog->data_fd, position, space, size, error);
    if (status == FG_OK) {
        buffer->size += size;
    }
    return status;
}

enum fg_status fg_revlog_packed(const struct fg_revlog *revlog, uint32_t rev, uint64_t offset,
                                uint8_t *buffer, size_t capacity, size_t *ret_size,
                                struct fg_error *error)
{
    struct fg_revlog_entry entry;
    fg_revlog_entry(revlog, rev, &entry);
    if (offset >= entry.chunk_size) {
        return FG_END;
    }
    uint64_t position = chunk_position(revlog, rev, &entry) + offset;
    size_t left = (size_t)(entry.chunk_size - offset);
    size_t size = left < capacity ? left : capacity;
    if (revlog->copy != NULL && revlog->positions != NULL) {
        memcpy(buffer, revlog->copy + position, size);
    } else {
        struct fg_error why;
        enum fg_status status = fg_file_read_at(revlog->data_fd, position, buffer, size, &why);
        if (status != FG_OK) {
            return fg_fail(error, status, 0, "%s: %s", revlog->name, why.message);
        }
    }
    *ret_size = size;
    return FG_OK;
}

uint64_t fg_revlog_unpacked_max(const struct fg_revlog *revlog, uint32_t rev)
{
    struct fg_revlog_entry entry;
    fg_revlog_entry(revlog, rev, &entry);
    bool is_delta;
    int32_t parent = fg_revlog_delta_parent(revlog, rev, &is_delta);
    return parent == FG_REV_NULL && !is_delta
               ? entry.text_size
               : (uint64_t)entry.text_size * DELTA_FACTOR + DELTA_SLACK;
}

const char *fg_revlog_name(const struct fg_revlog *revlog)
{
    return revlog->name;
}

static void free_deltas(struct fg_revlog_reader *reader)
{
    for (size_t i = 0; i < reader->deltas_capacity; i++) {
        fg_buffer_free(&reader->deltas[i]);
    }
    free(reader->deltas);
    reader->deltas = NULL;
    reader->deltas_capacity = 0;
    reader->deltas_bytes = 0;
}

void fg_revlog_reader_clear(struct fg_revlog_reader *reader)
{
    fg_chunk_decoder_clear(&reader->decoder);
    fg_buffer_free(&reader->chunk);
    free_deltas(reader);
    free(reader->chain);
    fg_buffer_free(&reader->window);
    fg_holding_set(&reader->holding, 0);
    *reader = (struct fg_revlog_reader){.holding = reader->holding};
}

uint64_t fg_revlog_reader_held_bytes(const struct fg_revlog_reader *reader)
{
    return fg_chunk_decoder_held_bytes(&reader->decoder) + reader->chunk.capacity +
           reader->window.capacity + reader->deltas_bytes +
           reader->deltas_capacity * (uint64_t)sizeof *reader->deltas +
           reader->chain_capacity * (uint64_t)sizeof *reader->chain;
}

/* Reads the data from position on into the reader's window, as much of it as there is. */
static enum fg_status fill_window(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                  uint64_t position, struct fg_error *error)
{
    uint8_t *space;
    reader->window_of = NULL;
    reader->window.ceiling = WINDOW_SIZE;
    fg_buffer_reset(&reader->window);
    enum fg_status status = fg_buffer_reserve(&reader->window, WINDOW_SIZE, &space);
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "no memory to read %s", revlog->name);
    }
    ssize_t got;
    do {
        got = pread(revlog->data_fd, space, WINDOW_SIZE, (off_t)position);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return fg_fail(error, FG_ERR_IO, 0, "cannot read %s: %s", revlog->name, strerror(errno));
    }
    reader->window.size = (size_t)got;
    reader->window_of = revlog;
    reader->window_start = position;
    return FG_OK;
}

/*
 * Lends a chunk: from the copy, from the window, which is moved there if it is small, or read for
 * itself. Texts are mostly read in the order in which they stand, and a system call for each would
 * cost more than unpacking it.
 */
static enum fg_status borrow_chunk(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                   uint32_t rev, const struct fg_revlog_entry *entry,
                                   struct fg_bytes *ret_chunk, struct fg_error *error)
{
    uint64_t position = chunk_position(revlog, rev, entry);
    if (revlog->copy != NULL && revlog->positions != NULL) {
        *ret_chunk = (struct fg_bytes){revlog->copy + position, entry->chunk_size};
        return FG_OK;
    }
    for (int filled = 0; filled < 2 && entry->chunk_size < WINDOW_SIZE / 8; filled++) {
        if (reader->window_of == revlog && position >= reader->window_start &&
            position - reader->window_start <= reader->window.size &&
            reader->window.size - (position - reader->window_start) >= entry->chunk_size) {
            const uint8_t *data = reader->window.data + (position - reader->window_start);
            *ret_chunk = (struct fg_bytes){data, entry->chunk_size};
            return FG_OK;
        }
        enum fg_status status =
            filled == 0 ? fill_window(revlog, reader, position, error) : FG_ERR_TRUNCATED;
        if (status != FG_OK) {
            return filled == 0
                       ? status
                       : fg_fail(error, status, 0, "the data of %s ends too early", revlog->name);
        }
    }
    fg_buffer_reset(&reader->chunk);
    reader->chunk.ceiling = entry->chunk_size;
    enum fg_status status =
        fg_holding_ask(&reader->holding, reader->holding.bytes + entry->chunk_size, error);
    if (status != FG_OK) {
        return status;
    }
    status = read_data(revlog, position, entry->chunk_size, &reader->chunk, error);
    if (status == FG_OK) {
        *ret_chunk = fg_buffer_view(&reader->chunk);
    }
    return status;
}

static uint64_t work_left(const struct fg_revlog_reader *reader)
{
    return reader->work_max == 0             ? UINT64_MAX
           : reader->work < reader->work_max ? reader->work_max - reader->work
                                             : 0;
}

static enum fg_status exhaust(struct fg_revlog_reader *reader, struct fg_error *error)
{
    reader->exhausted = true;
    return fg_fail(error, FG_ERR_LIMIT, 0, "a text takes more than may be done at once");
}

/*
 * Appends what the chunk of a revision holds: no more than that may be, with some slack for the
 * unpacker's last look around, and no more than the buffer takes.
 */
static enum fg_status unpack(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                             uint32_t rev, size_t expected, struct fg_buffer *buffer,
                             struct fg_error *error)
{
    struct fg_bytes chunk = {NULL, 0};
    struct fg_revlog_entry entry;
    fg_revlog_entry(revlog, rev, &entry);
    size_t ceiling = buffer->ceiling;
    size_t room = ceiling - buffer->size;
    size_t accepted = (size_t)fg_revlog_unpacked_max(revlog, rev) + UNPACK_SLACK;
    accepted = accepted < room ? accepted : room;
    if (entry.chunk_size > accepted && entry.chunk_size - accepted > CHUNK_SLACK) {
        return fg_fail(error, FG_ERR_CORRUPT, 0,
                       "%s: the chunk of revision %u has more than %zu bytes", revlog->name, rev,
                       accepted);
    }
    uint64_t left = work_left(reader);
    if (entry.chunk_size >= left) {
        return exhaust(reader, error);
    }
    size_t start = buffer->size;
    bool cut = accepted > left;
    accepted = cut ? (size_t)left : accepted;
    enum fg_status status = fg_patience_check(error);
    if (status == FG_OK) {
        status = borrow_chunk(revlog, reader, rev, &entry, &chunk, error);
    }
    if (status == FG_OK) {
        reader->decoder.holding = &reader->holding;
        buffer->ceiling = buffer->size + accepted;
        status = fg_chunk_decode(&reader->decoder, chunk, expected, buffer, error);
        buffer->ceiling = ceiling;
        reader->work += entry.chunk_size + (buffer->size - start);
        status = status == FG_ERR_CORRUPT && cut ? exhaust(reader, error) : status;
    }
    if (reader->chunk.capacity > HELD_KEEP) {
        fg_buffer_free(&reader->chunk);
    }
    return status;
}

/* A revision's delta chain, from its base to the revision itself. */
struct chain {
    const uint32_t *revs; /* in reverse: the revision first; borrowed from the reader */
    size_t count;
    bool from_empty; /* the base is a delta against the empty text */
};

static enum fg_status push_chain(struct fg_revlog_reader *reader, struct chain *chain, uint32_t rev)
{
    if (chain->count == reader->chain_capacity) {
        size_t capacity = reader->chain_capacity < 16 ? 16 : reader->chain_capacity * 2;
        uint32_t *revs = realloc(reader->chain, capacity * sizeof *revs);
        if (revs == NULL) {
            return FG_ERR_MEMORY;
        }
        reader->chain = revs;
        reader->chain_capacity = capacity;
    }
    reader->chain[chain->count++] = rev;
    chain->revs = reader->chain;
    return FG_OK;
}

/* ceiling: bytes that each text of the chain may have. */
static enum fg_status collect_chain(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                    uint32_t rev, size_t ceiling, struct chain *chain,
                                    struct fg_error *error)
{
    uint32_t at = rev;
    for (;;) {
        struct fg_revlog_entry entry;
        fg_revlog_entry(revlog, at, &entry);
        if (entry.text_size > ceiling) {
            return fg_fail(error, FG_ERR_LIMIT, 0, "%s: revision %u has more than %zu bytes",
                           revlog->name, at, ceiling);
        }
        if (chain->count == FG_REVLOG_CHAIN_MAX) {
            return fg_fail(error, FG_ERR_LIMIT, 0, "%s: revision %u has a chain of over %u deltas",
                           revlog->name, rev, FG_REVLOG_CHAIN_MAX);
        }
        if (push_chain(reader, chain, at) != FG_OK) {
            fg_fail(error, FG_ERR_MEMORY, 0, "no memory for a delta chain");
            return FG_ERR_MEMORY;
        }
        bool is_delta;
        int32_t parent = fg_revlog_delta_parent(revlog, at, &is_delta);
        /* The index may have been cut and zeroed since it was checked. */
        if (parent >= (int32_t)at || parent < FG_REV_NULL) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "%s: a delta chain runs in a circle",
                           revlog->name);
        }
        if (parent == FG_REV_NULL) {
            chain->from_empty = is_delta;
            return FG_OK;
        }
        at = (uint32_t)parent;
    }
}

/* A buffer of the reader for the delta at this place of the chain. NULL: out of memory. */
static struct fg_buffer *delta_buffer(struct fg_revlog_reader *reader, size_t place)
{
    if (place >= reader->deltas_capacity) {
        size_t capacity = reader->deltas_capacity < 16 ? 16 : reader->deltas_capacity * 2;
        struct fg_buffer *deltas = realloc(reader->deltas, capacity * sizeof *deltas);
        if (deltas == NULL) {
            return NULL;
        }
        for (size_t i = reader->deltas_capacity; i < capacity; i++) {
            fg_buffer_init(&deltas[i], FG_REVLOG_TEXT_MAX);
        }
        reader->deltas = deltas;
        reader->deltas_capacity = capacity;
    }
    return &reader->deltas[place];
}

/* The text so far is put together when what it borrows from gets large. */
struct rebuild {
    const struct fg_revlog *revlog;
    struct fg_revlog_reader *reader;
    struct fg_patch patch;
    struct fg_buffer *text; /* the base that the patch borrows from; at the end, the result */
    size_t place;           /* the next delta buffer to use */
};

/* Counts what the rebuilding holds, and what it is about to take. FG_ERR_LIMIT. */
static enum fg_status count_held(struct rebuild *rebuild, size_t more, struct fg_error *error)
{
    uint64_t held = fg_revlog_reader_held_bytes(rebuild->reader) + rebuild->text->capacity +
                    rebuild->patch.capacity * sizeof *rebuild->patch.pieces + more;
    return fg_holding_ask(&rebuild->reader->holding, held < COUNT_FROM ? 0 : held, error);
}

static enum fg_status flatten(struct rebuild *rebuild, struct fg_error *error)
{
    struct fg_buffer whole;
    fg_buffer_init(&whole, rebuild->text->ceiling);
    enum fg_status status = count_held(rebuild, rebuild->patch.size, error);
    if (status != FG_OK) {
        return status;
    }
    status = fg_patch_finish(&rebuild->patch, &whole);
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "no memory for a text of %s", rebuild->revlog->name);
    }
    fg_buffer_free(rebuild->text);
    *rebuild->text = whole;
    rebuild->place = 0;
    if (rebuild->reader->deltas_bytes > HELD_KEEP) {
        free_deltas(rebuild->reader);
    }
    fg_patch_clear(&rebuild->patch);
    if (fg_patch_begin(&rebuild->patch, fg_buffer_view(rebuild->text)) != FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for a text of %s",
                       rebuild->revlog->name);
    }
    return FG_OK;
}

static enum fg_status apply_one(struct rebuild *rebuild, uint32_t rev, struct fg_error *error)
{
    struct fg_revlog_reader *reader = rebuild->reader;
    /* Each delta copies the list of pieces: past some, copying the text once is cheaper. */
    size_t pieces_max = PIECES_WORTH_KEEPING + rebuild->patch.size / PIECE_WORTH_KEEPING;
    pieces_max = pieces_max < FG_PATCH_PIECES_MAX ? pieces_max : FG_PATCH_PIECES_MAX;
    if (reader->deltas_bytes > HELD_MAX || rebuild->patch.count > pieces_max) {
        enum fg_status status = flatten(rebuild, error);
        if (status != FG_OK) {
            return status;
        }
    }
    struct fg_buffer *delta = delta_buffer(reader, rebuild->place);
    if (delta == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for a delta chain");
    }
    fg_buffer_reset(delta);
    size_t ceiling = rebuild->text->ceiling;
    delta->ceiling = (ceiling < FG_REVLOG_TEXT_MAX ? ceiling : FG_REVLOG_TEXT_MAX) + DELTA_SLACK;
    reader->deltas_bytes -= delta->capacity;
    enum fg_status status = unpack(rebuild->revlog, reader, rev, 0, delta, error);
    reader->deltas_bytes += delta->capacity;
    struct fg_bytes bytes = fg_buffer_view(delta);
    if (status == FG_OK) {
        size_t more = fg_patch_apply_bytes(&rebuild->patch, bytes);
        reader->work += more;
        status = count_held(rebuild, more, error);
    }
    if (status == FG_OK) {
        status = fg_patch_apply(&rebuild->patch, bytes, rebuild->text->ceiling, error);
    }
    rebuild->place++;
    return status;
}

static enum fg_status apply_chain(struct rebuild *rebuild, const struct chain *chain,
                                  struct fg_error *error)
{
    size_t left = chain->count - (chain->from_empty ? 0 : 1);
    if (left == 0) {
        return FG_OK;
    }
    if (fg_patch_begin(&rebuild->patch, fg_buffer_view(rebuild->text)) != FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for a delta chain");
    }
    while (left > 0) {
        enum fg_status status = fg_patience_check(error);
        if (status != FG_OK) {
            return status;
        }
        status = apply_one(rebuild, chain->revs[--left], error);
        if (status != FG_OK) {
            return status;
        }
    }
    return flatten(rebuild, error);
}

enum fg_status fg_revlog_stored(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                uint32_t rev, struct fg_buffer *buffer, struct fg_error *error)
{
    struct fg_revlog_entry entry;
    fg_revlog_entry(revlog, rev, &entry);
    bool is_delta;
    int32_t parent = fg_revlog_delta_parent(revlog, rev, &is_delta);
    bool whole = parent == FG_REV_NULL && !is_delta;
    enum fg_status status = unpack(revlog, reader, rev, whole ? entry.text_size : 0, buffer, error);
    fg_holding_set(&reader->holding, 0);
    return status;
}

static enum fg_status rebuild_text(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                   const struct chain *chain, struct fg_buffer *text,
                                   struct fg_error *error)
{
    fg_buffer_reset(text);
    if (!chain->from_empty) {
        struct fg_revlog_entry base;
        uint32_t base_rev = chain->revs[chain->count - 1];
        fg_revlog_entry(revlog, base_rev, &base);
        enum fg_status status = unpack(revlog, reader, base_rev, base.text_size, text, error);
        if (status != FG_OK) {
            return status;
        }
    }
    struct rebuild rebuild = {.revlog = revlog, .reader = reader, .text = text};
    enum fg_status status = apply_chain(&rebuild, chain, error);
    fg_patch_clear(&rebuild.patch);
    if (reader->deltas_bytes > HELD_KEEP) {
        free_deltas(reader);
    }
    return status;
}

void fg_revlog_parents(const struct fg_revlog *revlog, uint32_t rev, struct fg_node ret_parents[2])
{
    struct fg_revlog_entry entry;
    fg_revlog_entry(revlog, rev, &entry);
    for (int i = 0; i < 2; i++) {
        ret_parents[i] = fg_node_null;
        if (entry.parents[i] >= 0 && entry.parents[i] < (int32_t)rev) {
            fg_revlog_node(revlog, (uint32_t)entry.parents[i], &ret_parents[i]);
        }
    }
}

bool fg_revlog_node_is_hash(const struct fg_revlog_entry *entry)
{
    return (entry->flags & ~FLAG_HAS_COPIES_INFO) == 0;
}

enum fg_status fg_revlog_hash_new(const struct fg_revlog *revlog, uint32_t rev,
                                  struct fg_node_hash **ret_hash, struct fg_node *ret_node,
                                  struct fg_error *error)
{
    struct fg_revlog_entry entry;
    struct fg_node parents[2];
    struct fg_node_hash *hash = NULL;
    fg_revlog_entry(revlog, rev, &entry);
    if (fg_revlog_node_is_hash(&entry)) {
        fg_revlog_parents(revlog, rev, parents);
        hash = fg_node_hash_new(&parents[0], &parents[1]);
        if (hash == NULL) {
            return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
        }
    }
    *ret_hash = hash;
    *ret_node = entry.node;
    return FG_OK;
}

static enum fg_status check_text(const struct fg_revlog *revlog, uint32_t rev,
                                 const struct fg_revlog_entry *entry, const struct fg_node *node,
                                 struct fg_bytes text, struct fg_error *error)
{
    struct fg_node parents[2];
    fg_revlog_parents(revlog, rev, parents);
    struct fg_node computed = fg_node_of_text(&parents[0], &parents[1], text);
    if (text.size != entry->text_size || !fg_node_equal(&computed, node)) {
        return fg_fail(error, FG_ERR_CORRUPT, 0,
                       "%s is damaged: revision %u does not match its node", revlog->name, rev);
    }
    return FG_OK;
}

enum fg_status fg_revlog_raw_text(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                                  uint32_t rev, struct fg_buffer *text, struct fg_error *error)
{
    struct chain chain = {0};
    enum fg_status status = collect_chain(revlog, reader, rev, text->ceiling, &chain, error);
    if (status == FG_OK) {
        reader->work += chain.count * ENTRY_SIZE;
        status = rebuild_text(revlog, reader, &chain, text, error);
    }
    /* From here on whoever has the text counts it. */
    fg_holding_set(&reader->holding, 0);
    return status;
}

enum fg_status fg_revlog_text(const struct fg_revlog *revlog, struct fg_revlog_reader *reader,
                              uint32_t rev, const struct fg_node *node, struct fg_buffer *text,
                              struct fg_error *error)
{
    struct fg_revlog_entry entry;
    fg_revlog_entry(revlog, rev, &entry);
    if (!fg_revlog_node_is_hash(&entry)) {
        return fg_fail(error, FG_ERR_UNSUPPORTED, 0,
                       "%s: revision %u has flags 0x%04x (censored, or stored elsewhere)",
                       revlog->name, rev, entry.flags);
    }
    enum fg_status status = fg_revlog_raw_text(revlog, reader, rev, text, error);
    if (status == FG_OK) {
        status = check_text(revlog, rev, &entry, node != NULL ? node : &entry.node,
                            fg_buffer_view(text), error);
    }
    return status;
}
