/* Reading .hg/dirstate's head and .hg/merge/state2. */
#include "handlers/repo/workingcopy.h"

#include "handlers/repo/endian.h"
#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"

#include <sys/stat.h>
#include <unistd.h>

/* Format 2 begins with this, then two parents of 32 bytes of which 20 count. */
static const char docket_marker[] = "dirstate-v2\n";

enum {
    MARKER_SIZE = sizeof docket_marker - 1,
    DOCKET_NODE_SIZE = 32,
    HEAD_MAX = MARKER_SIZE + 2 * DOCKET_NODE_SIZE,
};

static enum fg_status parse_head(const struct fg_layout *layout, const uint8_t *head, size_t size,
                                 struct fg_node ret_parents[2], struct fg_error *error)
{
    size_t first = 0;
    size_t step = FG_NODE_SIZE;
    if ((layout->requirements & FG_REQUIREMENT_DIRSTATE_V2) != 0) {
        first = MARKER_SIZE;
        step = DOCKET_NODE_SIZE;
        if (size < MARKER_SIZE || memcmp(head, docket_marker, MARKER_SIZE) != 0) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "dirstate is damaged");
        }
    }
    if (size < first + 2 * step) {
        return fg_fail(error, FG_ERR_CORRUPT, size, "dirstate is cut short");
    }
    memcpy(ret_parents[0].bytes, head + first, FG_NODE_SIZE);
    memcpy(ret_parents[1].bytes, head + first + step, FG_NODE_SIZE);
    return FG_OK;
}

enum fg_status fg_workingcopy_parents(const struct fg_layout *layout, struct fg_node ret_parents[2],
                                      struct fg_error *error)
{
    int fd;
    enum fg_status status = fg_file_open(layout->hg, "dirstate", &fd, error);
    if (status != FG_OK && status != FG_ERR_NOT_FOUND) {
        return status;
    }
    ret_parents[0] = ret_parents[1] = fg_node_null;
    if (status == FG_ERR_NOT_FOUND) {
        return FG_OK;
    }
    uint8_t head[HEAD_MAX];
    size_t size = 0;
    ssize_t got;
    while ((got = pread(fd, head + size, sizeof head - size, (off_t)size)) > 0) {
        size += (size_t)got;
    }
    close(fd);
    if (got < 0) {
        return fg_fail(error, FG_ERR_IO, 0, "cannot read dirstate");
    }
    return size == 0 ? FG_OK : parse_head(layout, head, size, ret_parents, error);
}

/* -- the state of a merge ---------------------------------------------------------------------- */

struct merge_state {
    struct fg_node sides[2];
    bool unresolved;
};

/* The state of a file is its record's second field, after a zero byte. */
static bool is_unresolved(struct fg_bytes record)
{
    const uint8_t *end = record.size > 0 ? memchr(record.data, '\0', record.size) : NULL;
    if (end == NULL) {
        return false;
    }
    struct fg_bytes state = {end + 1, record.size - (size_t)(end + 1 - record.data)};
    const uint8_t *state_end = state.size > 0 ? memchr(state.data, '\0', state.size) : NULL;
    if (state_end != NULL) {
        state.size = (size_t)(state_end - state.data);
    }
    return fg_bytes_equal_string(state, "u") || fg_bytes_equal_string(state, "pu");
}

static bool take_record(struct merge_state *state, uint8_t type, struct fg_bytes record)
{
    switch (type) {
    case 'L':
        return fg_node_from_hex(record, &state->sides[0]);
    case 'O':
        return fg_node_from_hex(record, &state->sides[1]);
    case 'F': /* a file, a change against a deletion, a path, a file of a merge driver */
    case 'C':
    case 'P':
    case 'D':
        state->unresolved = state->unresolved || is_unresolved(record);
        return true;
    default:
        return true;
    }
}

static enum fg_status parse_records(struct fg_bytes data, struct merge_state *state,
                                    struct fg_error *error)
{
    while (data.size > 0) {
        size_t size = data.size >= 5 ? fg_read_be32(data.data + 1) : SIZE_MAX;
        if (data.size < 5 || size > data.size - 5) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "merge/state2 is cut short");
        }
        uint8_t type = data.data[0];
        struct fg_bytes record = {data.data + 5, size};
        data.data += 5 + size;
        data.size -= 5 + size;
        /* A record in a record, so that old versions pass over it. */
        if (type == 't' && record.size > 0) {
            type = record.data[0];
            record.data++;
            record.size--;
        }
        if (!take_record(state, type, record)) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "merge/state2 is damaged");
        }
    }
    return FG_OK;
}

enum fg_status fg_workingcopy_merge(const struct fg_layout *layout, struct fg_node ret_sides[2],
                                    struct fg_error *error)
{
    struct fg_buffer text = FG_BUFFER_INIT(FG_MERGE_STATE_MAX);
    struct merge_state state = {.unresolved = false};
    enum fg_status status = fg_file_read(layout->hg, "merge/state2", &text, error);
    if (status == FG_OK) {
        status = parse_records(fg_buffer_view(&text), &state, error);
    } else if (status == FG_ERR_NOT_FOUND) {
        status = FG_OK;
    }
    fg_buffer_free(&text);
    if (status == FG_OK) {
        ret_sides[0] = state.unresolved ? state.sides[0] : fg_node_null;
        ret_sides[1] = state.unresolved ? state.sides[1] : fg_node_null;
    }
    return status;
}
