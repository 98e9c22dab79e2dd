/*
 * Tags. Each .hgtags says for each tag which node it has and which it had before; where two heads
 * disagree, the one that knows of the other's node wins (Mercurial: tags._updatetags).
 */
#include "handlers/repo/tags.h"

#include "framing/hex.h"
#include "handlers/patience.h"
#include "handlers/repo/changeset.h"
#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/storepath.h"

#include <nettle/sha1.h>
#include <stdlib.h>
#include <string.h>

/* One tag: the node that it has, and before it in the same list those that it had. */
struct tag {
    struct fg_bytes name;  /* owned */
    struct fg_node *nodes; /* owned; the last one counts */
    size_t count;
};

/* Ascending by name. */
struct tag_list {
    struct tag *items;
    size_t count;
};

static void tag_clear(struct tag *tag)
{
    free((void *)(uintptr_t)tag->name.data);
    free(tag->nodes);
    *tag = (struct tag){0};
}

static void tag_list_clear(struct tag_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        tag_clear(&list->items[i]);
    }
    free(list->items);
    *list = (struct tag_list){0};
}

static int compare_names(struct fg_bytes a, struct fg_bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int result = common > 0 ? memcmp(a.data, b.data, common) : 0;
    return result != 0 ? result : (a.size > b.size) - (a.size < b.size);
}

/* -- parsing ---------------------------------------------------------------------------------- */

struct line {
    struct fg_bytes name; /* borrowed from the text */
    struct fg_node node;
    size_t order;
};

struct lines {
    struct line *items;
    size_t count;
    size_t capacity;
};

/*
 * The node of a line. Mercurial takes hexadecimal of any even length; a node of another length is
 * nobody's, and is stood in for by its hash, which is nobody's either.
 */
static bool parse_node(struct fg_bytes hex, struct fg_node *ret_node)
{
    if (fg_node_from_hex(hex, ret_node)) {
        return true;
    }
    for (size_t i = 0; i < hex.size; i++) {
        if (fg_hex_digit(hex.data[i]) < 0) {
            return false;
        }
    }
    struct sha1_ctx context;
    sha1_init(&context);
    sha1_update(&context, hex.size, hex.data);
    sha1_digest(&context, FG_NODE_SIZE, ret_node->bytes);
    return hex.size % 2 == 0;
}

/* False: a line that is passed over. */
static bool parse_line(struct fg_bytes text, struct line *ret_line)
{
    const uint8_t *blank = text.size > 0 ? memchr(text.data, ' ', text.size) : NULL;
    if (blank == NULL) {
        return false;
    }
    size_t size = (size_t)(blank - text.data);
    ret_line->name = fg_bytes_strip((struct fg_bytes){blank + 1, text.size - size - 1});
    return parse_node((struct fg_bytes){text.data, size}, &ret_line->node);
}

static int compare_lines(const void *left, const void *right)
{
    const struct line *a = left;
    const struct line *b = right;
    int result = compare_names(a->name, b->name);
    return result != 0 ? result : (a->order > b->order) - (a->order < b->order);
}

static enum fg_status parse_lines(struct fg_bytes text, struct lines *lines)
{
    struct fg_bytes line_text;
    while (fg_line_next(&text, &line_text)) {
        struct line line = {.order = lines->count};
        if (!parse_line(line_text, &line)) {
            continue;
        }
        if (lines->count == lines->capacity) {
            size_t capacity = lines->capacity < 64 ? 64 : lines->capacity * 2;
            struct line *items = realloc(lines->items, capacity * sizeof *items);
            if (items == NULL) {
                return FG_ERR_MEMORY;
            }
            lines->items = items;
            lines->capacity = capacity;
        }
        lines->items[lines->count++] = line;
    }
    if (lines->count > 0) {
        qsort(lines->items, lines->count, sizeof *lines->items, compare_lines);
    }
    return FG_OK;
}

/* A tag from lines of the same name. */
static enum fg_status make_tag(const struct line *lines, size_t count, struct tag *ret_tag)
{
    uint8_t *name = malloc(lines[0].name.size > 0 ? lines[0].name.size : 1);
    struct fg_node *nodes = malloc(count * sizeof *nodes);
    if (name == NULL || nodes == NULL) {
        free(name);
        free(nodes);
        return FG_ERR_MEMORY;
    }
    memcpy(name, lines[0].name.data, lines[0].name.size);
    for (size_t i = 0; i < count; i++) {
        nodes[i] = lines[i].node;
    }
    *ret_tag = (struct tag){{name, lines[0].name.size}, nodes, count};
    return FG_OK;
}

static enum fg_status group_lines(const struct lines *lines, struct tag_list *list)
{
    list->items = calloc(lines->count > 0 ? lines->count : 1, sizeof *list->items);
    if (list->items == NULL) {
        return FG_ERR_MEMORY;
    }
    for (size_t start = 0; start < lines->count;) {
        size_t end = start + 1;
        while (end < lines->count &&
               fg_bytes_equal(lines->items[start].name, lines->items[end].name)) {
            end++;
        }
        if (make_tag(&lines->items[start], end - start, &list->items[list->count]) != FG_OK) {
            return FG_ERR_MEMORY;
        }
        list->count++;
        start = end;
    }
    return FG_OK;
}

static enum fg_status parse_tags(struct fg_bytes text, struct tag_list *list)
{
    struct lines lines = {0};
    enum fg_status status = parse_lines(text, &lines);
    if (status == FG_OK) {
        status = group_lines(&lines, list);
    }
    free(lines.items);
    if (status != FG_OK) {
        tag_list_clear(list);
    }
    return status;
}

enum fg_status fg_tags_parse_local(struct fg_bytes text, struct fg_names *names)
{
    struct tag_list list = {0};
    enum fg_status status = parse_tags(text, &list);
    for (size_t i = 0; i < list.count && status == FG_OK; i++) {
        const struct tag *tag = &list.items[i];
        status = fg_names_put(names, tag->name, &tag->nodes[tag->count - 1]);
    }
    tag_list_clear(&list);
    if (status != FG_OK) {
        fg_names_clear(names);
        return status;
    }
    fg_names_finish(names);
    return FG_OK;
}

/* -- merging ---------------------------------------------------------------------------------- */

static int compare_nodes(const void *left, const void *right)
{
    return memcmp(left, right, FG_NODE_SIZE);
}

static bool is_among(const struct fg_node *node, const struct fg_node *sorted, size_t count)
{
    return bsearch(node, sorted, count, sizeof *sorted, compare_nodes) != NULL;
}

/*
 * What both say of one tag. later comes from a head nearer to the tip and wins, unless earlier's
 * node replaced later's: later's node is in earlier's past, and not the other way round (or
 * earlier's past is longer).
 */
static enum fg_status merge_tag(struct tag *later, const struct tag *earlier)
{
    size_t later_past = later->count - 1;
    size_t earlier_past = earlier->count - 1;
    struct fg_node *sorted = malloc((later_past + earlier_past + 1) * sizeof *sorted);
    struct fg_node *nodes = malloc((later->count + earlier->count) * sizeof *nodes);
    if (sorted == NULL || nodes == NULL) {
        free(sorted);
        free(nodes);
        return FG_ERR_MEMORY;
    }
    struct fg_node *sorted_earlier = sorted + later_past;
    memcpy(sorted, later->nodes, later_past * sizeof *sorted);
    memcpy(sorted_earlier, earlier->nodes, earlier_past * sizeof *sorted);
    qsort(sorted, later_past, sizeof *sorted, compare_nodes);
    qsort(sorted_earlier, earlier_past, sizeof *sorted, compare_nodes);

    struct fg_node node = later->nodes[later_past];
    const struct fg_node *other = &earlier->nodes[earlier_past];
    if (!fg_node_equal(&node, other) && is_among(&node, sorted_earlier, earlier_past) &&
        (!is_among(other, sorted, later_past) || earlier_past > later_past)) {
        node = *other;
    }
    size_t count = later_past;
    memcpy(nodes, later->nodes, later_past * sizeof *nodes);
    for (size_t i = 0; i < earlier_past; i++) {
        if (!is_among(&earlier->nodes[i], sorted, later_past)) {
            nodes[count++] = earlier->nodes[i];
        }
    }
    nodes[count++] = node;
    free(sorted);
    free(later->nodes);
    later->nodes = nodes;
    later->count = count;
    return FG_OK;
}

/* Merges what one file says into all; both are emptied on failure, file always. */
static enum fg_status merge_tags(struct tag_list *all, struct tag_list *file)
{
    struct tag_list merged = {calloc(all->count + file->count + 1, sizeof *merged.items), 0};
    enum fg_status status = merged.items != NULL ? FG_OK : FG_ERR_MEMORY;
    size_t a = 0;
    size_t f = 0;
    while (status == FG_OK && (a < all->count || f < file->count)) {
        int order = a == all->count    ? 1
                    : f == file->count ? -1
                                       : compare_names(all->items[a].name, file->items[f].name);
        struct tag *from = order < 0 ? &all->items[a] : &file->items[f];
        if (order == 0) {
            status = merge_tag(from, &all->items[a]);
        }
        if (status == FG_OK) {
            merged.items[merged.count++] = *from;
            *from = (struct tag){0};
            a += order <= 0 ? 1 : 0;
            f += order >= 0 ? 1 : 0;
        }
    }
    tag_list_clear(all);
    tag_list_clear(file);
    if (status != FG_OK) {
        tag_list_clear(&merged);
        return status;
    }
    *all = merged;
    return FG_OK;
}

/* -- from heads to .hgtags --------------------------------------------------------------------- */

/* What reading texts needs. */
struct tags_reader {
    const struct fg_tags_input *input;
    struct fg_revlog *manifest; /* opened when it is first needed */
    struct fg_nodetable manifest_nodes;
    struct fg_revlog_reader texts;
    struct fg_buffer text;
    struct fg_changeset changeset;
};

static void tags_reader_clear(struct tags_reader *reader)
{
    fg_revlog_close(reader->manifest);
    fg_nodetable_clear(&reader->manifest_nodes);
    fg_revlog_reader_clear(&reader->texts);
    fg_buffer_free(&reader->text);
    fg_changeset_clear(&reader->changeset);
}

/* All nodes of a revlog. */
static enum fg_status index_nodes(const struct fg_revlog *revlog, struct fg_nodetable *table,
                                  struct fg_error *error)
{
    uint32_t count = fg_revlog_count(revlog);
    if (fg_nodetable_init(table, count) != FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for %u nodes", count);
    }
    for (uint32_t rev = 0; rev < count; rev++) {
        struct fg_revlog_entry entry;
        fg_revlog_entry(revlog, rev, &entry);
        if (fg_nodetable_append(table, &entry.node) != FG_OK) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "a revlog has a node twice");
        }
    }
    return FG_OK;
}

static enum fg_status open_manifest(struct tags_reader *reader, struct fg_error *error)
{
    if (reader->manifest != NULL) {
        return FG_OK;
    }
    enum fg_status status =
        fg_revlog_open(reader->input->layout->store, "00manifest.i", &reader->manifest, error);
    return status == FG_OK ? index_nodes(reader->manifest, &reader->manifest_nodes, error) : status;
}

/* Finds .hgtags in a manifest: lines of "path", a zero byte, the node in hexadecimal, flags. */
static enum fg_status find_in_manifest(struct fg_bytes manifest, struct fg_node *ret_file,
                                       struct fg_error *error)
{
    static const char key[] = ".hgtags"; /* with its zero byte, as in the manifest */
    while (manifest.size > 0) {
        const uint8_t *end = memchr(manifest.data, '\n', manifest.size);
        size_t size = end != NULL ? (size_t)(end - manifest.data) : manifest.size;
        if (size > sizeof key + FG_NODE_HEX_SIZE - 1 &&
            memcmp(manifest.data, key, sizeof key) == 0) {
            struct fg_bytes hex = {manifest.data + sizeof key, FG_NODE_HEX_SIZE};
            if (!fg_node_from_hex(hex, ret_file)) {
                return fg_fail(error, FG_ERR_CORRUPT, 0, "a manifest is damaged");
            }
            return FG_OK;
        }
        size_t skip = end != NULL ? size + 1 : size;
        manifest.data += skip;
        manifest.size -= skip;
    }
    *ret_file = fg_node_null;
    return FG_OK;
}

static enum fg_status read_changeset(struct tags_reader *reader, uint32_t rev,
                                     struct fg_error *error)
{
    const struct fg_node *node = &reader->input->view->history->table.nodes[rev];
    reader->text.ceiling = FG_CHANGESET_TEXT_MAX;
    enum fg_status status =
        fg_revlog_text(reader->input->changelog, &reader->texts, rev, node, &reader->text, error);
    return status == FG_OK
               ? fg_changeset_parse(fg_buffer_view(&reader->text), &reader->changeset, error)
               : status;
}

/* The node of .hgtags at a changeset. */
static enum fg_status file_at(struct tags_reader *reader, uint32_t rev, struct fg_node *ret_file,
                              struct fg_error *error)
{
    enum fg_status status = read_changeset(reader, rev, error);
    if (status != FG_OK) {
        return status;
    }
    if (fg_node_is_null(&reader->changeset.manifest)) {
        *ret_file = fg_node_null;
        return FG_OK;
    }
    status = open_manifest(reader, error);
    if (status != FG_OK) {
        return status;
    }
    uint32_t count = fg_revlog_count(reader->manifest);
    int32_t manifest_rev =
        fg_nodetable_find(&reader->manifest_nodes, &reader->changeset.manifest, count);
    if (manifest_rev == FG_REV_NULL) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "revision %u has a manifest that is missing", rev);
    }
    reader->text.ceiling = FG_REVLOG_TEXT_MAX;
    status = fg_revlog_text(reader->manifest, &reader->texts, (uint32_t)manifest_rev,
                            &reader->changeset.manifest, &reader->text, error);
    return status == FG_OK ? find_in_manifest(fg_buffer_view(&reader->text), ret_file, error)
                           : status;
}

static int compare_files(const void *left, const void *right)
{
    return memcmp(left, right, FG_NODE_SIZE); /* by head, which comes first */
}

/* Fills ret_files with what each head has, from the newest to the oldest. */
static enum fg_status find_files(const struct fg_tags_input *input, struct fg_tags_file *ret_files,
                                 struct fg_error *error)
{
    struct tags_reader reader = {.input = input,
                                 .texts = {.holding = {.memory = input->layout->memory}}};
    const struct fg_rev_list *heads = &input->view->heads;
    enum fg_status status = FG_OK;
    for (uint32_t i = 0; i < heads->count && status == FG_OK; i++) {
        struct fg_tags_file *file = &ret_files[i];
        file->head = input->view->history->table.nodes[heads->revs[i]];
        const struct fg_tags_file *known = NULL;
        if (input->earlier != NULL && input->earlier->files_count > 0) {
            known = bsearch(file, input->earlier->files, input->earlier->files_count, sizeof *file,
                            compare_files);
        }
        if (known != NULL) {
            file->file = known->file;
        } else {
            status = file_at(&reader, heads->revs[i], &file->file, error);
        }
    }
    tags_reader_clear(&reader);
    return status;
}

/* -- the revisions of .hgtags ------------------------------------------------------------------ */

/* A file's text begins, where it was copied, with metadata between two marks. */
static enum fg_status skip_metadata(struct fg_bytes *text, struct fg_error *error)
{
    static const char mark[] = "\1\n";
    if (text->size < 2 || memcmp(text->data, mark, 2) != 0) {
        return FG_OK;
    }
    for (size_t i = 2; i + 1 < text->size; i++) {
        if (memcmp(text->data + i, mark, 2) == 0) {
            text->data += i + 2;
            text->size -= i + 2;
            return FG_OK;
        }
    }
    return fg_fail(error, FG_ERR_CORRUPT, 0, "the metadata of .hgtags has no end");
}

static enum fg_status merge_file(const struct fg_revlog *filelog, struct fg_revlog_reader *texts,
                                 const struct fg_node *node, const struct fg_nodetable *nodes,
                                 struct tag_list *all, struct fg_error *error)
{
    int32_t rev = fg_nodetable_find(nodes, node, fg_revlog_count(filelog));
    if (rev == FG_REV_NULL) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "a revision of .hgtags is missing");
    }
    struct fg_buffer text = FG_BUFFER_INIT(FG_TAGS_TEXT_MAX);
    struct tag_list file = {0};
    enum fg_status status = fg_revlog_text(filelog, texts, (uint32_t)rev, node, &text, error);
    struct fg_bytes contents = fg_buffer_view(&text);
    if (status == FG_OK) {
        status = skip_metadata(&contents, error);
    }
    if (status == FG_OK) {
        status = parse_tags(contents, &file);
        if (status == FG_OK) {
            status = merge_tags(all, &file);
        }
        if (status != FG_OK) {
            fg_fail(error, status, 0, "no memory for tags");
        }
    }
    fg_buffer_free(&text);
    return status;
}

static enum fg_status open_filelog(const struct fg_layout *layout, struct fg_revlog **ret_filelog,
                                   struct fg_error *error)
{
    struct fg_buffer name = FG_BUFFER_INIT(4096);
    enum fg_status status =
        fg_storepath_encode(fg_bytes_from_string("data/.hgtags.i"), layout->requirements, &name);
    if (status == FG_OK) {
        status = fg_buffer_append_byte(&name, '\0');
    }
    if (status != FG_OK) {
        fg_fail(error, status, 0, "no memory for a name");
    } else {
        status = fg_revlog_open(layout->store, (const char *)name.data, ret_filelog, error);
    }
    fg_buffer_free(&name);
    return status;
}

/* Merges all files, from the oldest head to the newest. */
static enum fg_status merge_files(const struct fg_tags_input *input,
                                  const struct fg_tags_file *files, size_t count,
                                  struct tag_list *all, struct fg_error *error)
{
    struct fg_revlog *filelog;
    enum fg_status status = open_filelog(input->layout, &filelog, error);
    if (status != FG_OK) {
        return status;
    }
    struct fg_nodetable nodes = {0};
    struct fg_nodetable merged = {0};
    struct fg_revlog_reader texts = {.holding = {.memory = input->layout->memory}};
    status = index_nodes(filelog, &nodes, error);
    if (status == FG_OK && fg_nodetable_init(&merged, (uint32_t)count) != FG_OK) {
        status = fg_fail(error, FG_ERR_MEMORY, 0, "no memory for tags");
    }
    for (size_t i = count; i-- > 0 && status == FG_OK;) {
        /* Many heads have the same revision; it counts where it is first met. */
        if (!fg_node_is_null(&files[i].file) &&
            fg_nodetable_append(&merged, &files[i].file) == FG_OK) {
            status = fg_patience_check(error);
            if (status == FG_OK) {
                status = merge_file(filelog, &texts, &files[i].file, &nodes, all, error);
            }
        }
    }
    fg_revlog_reader_clear(&texts);
    fg_nodetable_clear(&merged);
    fg_nodetable_clear(&nodes);
    fg_revlog_close(filelog);
    return status;
}

/* -- all of it --------------------------------------------------------------------------------- */

/* Drops local tags of changesets that the view does not have. */
static void drop_unknown(const struct fg_view *view, struct tag_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct tag *tag = &list->items[i];
        const struct fg_node *node = &tag->nodes[tag->count - 1];
        int32_t rev = fg_nodetable_find(&view->history->table, node, view->count);
        if (fg_node_is_null(node) || (rev != FG_REV_NULL && fg_view_serves(view, (uint32_t)rev))) {
            struct tag moved = *tag;
            *tag = (struct tag){0};
            list->items[kept++] = moved;
        } else {
            tag_clear(tag);
        }
    }
    list->count = kept;
}

static enum fg_status merge_local(const struct fg_tags_input *input, struct tag_list *all)
{
    struct tag_list local = {0};
    enum fg_status status = parse_tags(input->local_tags, &local);
    if (status != FG_OK) {
        return status;
    }
    drop_unknown(input->view, &local);
    return merge_tags(all, &local);
}

static enum fg_status fill_names(const struct tag_list *all, struct fg_names *names)
{
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < all->count && status == FG_OK; i++) {
        const struct tag *tag = &all->items[i];
        const struct fg_node *node = &tag->nodes[tag->count - 1];
        /* The null node is how a tag is deleted. */
        if (!fg_node_is_null(node)) {
            status = fg_names_put(names, tag->name, node);
        }
    }
    fg_names_finish(names);
    return status;
}

static enum fg_status read_tags(const struct fg_tags_input *input, struct fg_tags *tags,
                                struct fg_error *error)
{
    uint32_t heads = input->view->heads.count;
    tags->files = calloc(heads > 0 ? heads : 1, sizeof *tags->files);
    if (tags->files == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for tags");
    }
    tags->files_count = heads;
    enum fg_status status = find_files(input, tags->files, error);
    struct tag_list all = {0};
    if (status == FG_OK) {
        status = merge_files(input, tags->files, heads, &all, error);
    }
    if (status == FG_OK &&
        (merge_local(input, &all) != FG_OK || fill_names(&all, &tags->names) != FG_OK)) {
        status = fg_fail(error, FG_ERR_MEMORY, 0, "no memory for tags");
    }
    tag_list_clear(&all);
    qsort(tags->files, heads, sizeof *tags->files, compare_files);
    return status;
}

enum fg_status fg_tags_read(const struct fg_tags_input *input, struct fg_tags **ret_tags,
                            struct fg_error *error)
{
    struct fg_tags *tags = calloc(1, sizeof *tags);
    if (tags == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "no memory for tags");
    }
    atomic_init(&tags->references, 1);
    enum fg_status status = read_tags(input, tags, error);
    if (status != FG_OK) {
        fg_tags_unref(tags);
        return status;
    }
    *ret_tags = tags;
    return FG_OK;
}

struct fg_tags *fg_tags_ref(struct fg_tags *tags)
{
    atomic_fetch_add_explicit(&tags->references, 1, memory_order_relaxed);
    return tags;
}

void fg_tags_unref(struct fg_tags *tags)
{
    if (tags == NULL ||
        atomic_fetch_sub_explicit(&tags->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    fg_names_clear(&tags->names);
    free(tags->files);
    free(tags);
}
