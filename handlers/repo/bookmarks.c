/* The file of bookmarks: a line for each, "node name". */
#include "handlers/repo/bookmarks.h"

#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"

/* Splits a line at its first blank. False: no blank, or what stands before it is no node. */
static bool split_line(struct fg_bytes line, struct fg_node *ret_node, struct fg_bytes *ret_name)
{
    if (line.size <= FG_NODE_HEX_SIZE || line.data[FG_NODE_HEX_SIZE] != ' ') {
        return false;
    }
    *ret_name =
        (struct fg_bytes){line.data + FG_NODE_HEX_SIZE + 1, line.size - FG_NODE_HEX_SIZE - 1};
    return fg_node_from_hex((struct fg_bytes){line.data, FG_NODE_HEX_SIZE}, ret_node);
}

enum fg_status fg_bookmarks_read(const struct fg_layout *layout, const struct fg_nodetable *table,
                                 uint32_t count, struct fg_names *names, struct fg_error *error)
{
    struct fg_buffer text = FG_BUFFER_INIT(FG_LINES_FILE_MAX);
    struct fg_holding holding = {.memory = layout->memory};
    enum fg_status status = fg_file_read_counted(fg_layout_bookmarks_folder(layout), "bookmarks",
                                                 &text, &holding, error);
    struct fg_bytes rest = fg_buffer_view(&text);
    struct fg_bytes line;
    while (status == FG_OK && fg_line_next(&rest, &line)) {
        struct fg_node node;
        struct fg_bytes name;
        if (split_line(fg_bytes_strip(line), &node, &name) &&
            (fg_node_is_null(&node) || fg_nodetable_find(table, &node, count) != FG_REV_NULL)) {
            status = fg_names_put(names, name, &node);
            if (status != FG_OK) {
                fg_fail(error, status, 0, "no memory for bookmarks");
            }
        }
    }
    fg_buffer_free(&text);
    fg_holding_set(&holding, 0);
    if (status == FG_OK || status == FG_ERR_NOT_FOUND) {
        fg_names_finish(names);
        return FG_OK;
    }
    fg_names_clear(names);
    return status;
}

bool fg_bookmark_is_divergent(struct fg_bytes name)
{
    return name.size > 0 && memchr(name.data, '@', name.size) != NULL &&
           name.data[name.size - 1] != '@';
}
