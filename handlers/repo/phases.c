/* The file phaseroots: a line for each root, "phase node". */
#include "handlers/repo/phases.h"

#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"

#include <stdlib.h>

/* The phases by the numbers that Mercurial writes. */
static bool parse_phase(struct fg_bytes number, enum fg_phase *ret_phase)
{
    static const struct {
        const char *number;
        enum fg_phase phase;
    } phases[] = {
        {"0", FG_PHASE_PUBLIC},    {"1", FG_PHASE_DRAFT},     {"2", FG_PHASE_SECRET},
        {"32", FG_PHASE_ARCHIVED}, {"96", FG_PHASE_INTERNAL},
    };
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        if (fg_bytes_equal_string(number, phases[i].number)) {
            *ret_phase = phases[i].phase;
            return true;
        }
    }
    return false;
}

static bool parse_line(struct fg_bytes line, enum fg_phase *ret_phase, struct fg_node *ret_node)
{
    size_t blank = 0;
    while (blank < line.size && line.data[blank] != ' ') {
        blank++;
    }
    if (blank == line.size) {
        return false;
    }
    struct fg_bytes node = {line.data + blank + 1, line.size - blank - 1};
    return parse_phase((struct fg_bytes){line.data, blank}, ret_phase) &&
           fg_node_from_hex(fg_bytes_strip(node), ret_node);
}

static enum fg_status add_root(struct fg_phase_roots *roots, uint32_t rev, enum fg_phase phase)
{
    if (roots->count == roots->capacity) {
        size_t capacity = roots->capacity < 16 ? 16 : roots->capacity * 2;
        struct fg_phase_root *items = realloc(roots->items, capacity * sizeof *items);
        if (items == NULL) {
            return FG_ERR_MEMORY;
        }
        roots->items = items;
        roots->capacity = capacity;
    }
    roots->items[roots->count++] = (struct fg_phase_root){rev, phase};
    return FG_OK;
}

enum fg_status fg_phase_roots_read(const struct fg_layout *layout, const struct fg_nodetable *table,
                                   uint32_t count, struct fg_phase_roots *roots,
                                   struct fg_error *error)
{
    struct fg_buffer text = FG_BUFFER_INIT(FG_LINES_FILE_MAX);
    struct fg_holding holding = {.memory = layout->memory};
    enum fg_status status =
        fg_file_read_counted(layout->store, "phaseroots", &text, &holding, error);
    struct fg_bytes rest = fg_buffer_view(&text);
    struct fg_bytes line;
    while (status == FG_OK && fg_line_next(&rest, &line)) {
        enum fg_phase phase;
        struct fg_node node;
        if (!parse_line(line, &phase, &node)) {
            /* A secret root that cannot be read must not turn public. */
            status = fg_fail(error, FG_ERR_CORRUPT, 0, "phaseroots is damaged");
            break;
        }
        int32_t rev = fg_nodetable_find(table, &node, count);
        if (rev != FG_REV_NULL && add_root(roots, (uint32_t)rev, phase) != FG_OK) {
            status = fg_fail(error, FG_ERR_MEMORY, 0, "no memory for phases");
        }
    }
    fg_buffer_free(&text);
    fg_holding_set(&holding, 0);
    if (status == FG_OK || status == FG_ERR_NOT_FOUND) {
        return FG_OK;
    }
    fg_phase_roots_clear(roots);
    return status;
}

void fg_phase_roots_clear(struct fg_phase_roots *roots)
{
    free(roots->items);
    *roots = (struct fg_phase_roots){0};
}
