/*
 * Parsing changesets. Lines: manifest node; user; date, time zone and (after a second blank) the
 * extra values; the files; an empty line; the message. Extra values are "key:value", separated by
 * zero bytes, with backslash escapes.
 */
#include "handlers/repo/changeset.h"

#include "handlers/repo/limits.h"

#include <string.h>

/* The text up to the next line feed, which is skipped. False: there is none. */
static bool take_line(struct fg_bytes *text, struct fg_bytes *ret_line)
{
    const uint8_t *end = text->size > 0 ? memchr(text->data, '\n', text->size) : NULL;
    if (end == NULL) {
        return false;
    }
    *ret_line = (struct fg_bytes){text->data, (size_t)(end - text->data)};
    text->size -= ret_line->size + 1;
    text->data = end + 1;
    return true;
}

/* What follows the second blank of the third line: the extra values. */
static struct fg_bytes extra_of(struct fg_bytes line)
{
    for (int blanks = 0; blanks < 2; blanks++) {
        const uint8_t *blank = line.size > 0 ? memchr(line.data, ' ', line.size) : NULL;
        if (blank == NULL) {
            return (struct fg_bytes){NULL, 0};
        }
        line.size -= (size_t)(blank - line.data) + 1;
        line.data = blank + 1;
    }
    return line;
}

/* Appends a value with its escapes undone: \\, \n, \r and \0 are all that Mercurial writes. */
static enum fg_status unescape(struct fg_bytes value, struct fg_buffer *buffer)
{
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = value.data[i];
        if (byte == '\\' && i + 1 < value.size) {
            uint8_t next = value.data[i + 1];
            bool known = true;
            switch (next) {
            case '\\':
                byte = '\\';
                break;
            case 'n':
                byte = '\n';
                break;
            case 'r':
                byte = '\r';
                break;
            case '0':
                byte = '\0';
                break;
            default:
                known = false;
            }
            i += known ? 1 : 0;
        }
        enum fg_status status = fg_buffer_append_byte(buffer, byte);
        if (status != FG_OK) {
            return status;
        }
    }
    return FG_OK;
}

/* Whether an extra value has this key, and what follows its colon. */
static bool extra_value(struct fg_bytes item, const char *key, struct fg_bytes *ret_value)
{
    size_t length = strlen(key);
    if (item.size <= length || memcmp(item.data, key, length) != 0 || item.data[length] != ':') {
        return false;
    }
    *ret_value = (struct fg_bytes){item.data + length + 1, item.size - length - 1};
    return true;
}

static enum fg_status parse_extra(struct fg_bytes extra, struct fg_changeset *changeset)
{
    while (extra.size > 0) {
        const uint8_t *end = memchr(extra.data, '\0', extra.size);
        size_t size = end != NULL ? (size_t)(end - extra.data) : extra.size;
        struct fg_bytes item = {extra.data, size};
        struct fg_bytes value;
        if (extra_value(item, "branch", &value)) {
            fg_buffer_reset(&changeset->branch);
            enum fg_status status = unescape(value, &changeset->branch);
            if (status != FG_OK) {
                return status;
            }
        } else if (extra_value(item, "close", &value)) {
            changeset->closes = true;
        }
        size_t skip = end != NULL ? size + 1 : size;
        extra.data += skip;
        extra.size -= skip;
    }
    return FG_OK;
}

enum fg_status fg_changeset_parse(struct fg_bytes text, struct fg_changeset *changeset,
                                  struct fg_error *error)
{
    fg_buffer_reset(&changeset->branch);
    changeset->branch.ceiling = FG_CHANGESET_TEXT_MAX;
    changeset->closes = false;
    changeset->manifest = fg_node_null;
    enum fg_status status = fg_buffer_append_string(&changeset->branch, "default");
    if (text.size > 0 && status == FG_OK) {
        struct fg_bytes manifest;
        struct fg_bytes user;
        struct fg_bytes date;
        if (!take_line(&text, &manifest) || !take_line(&text, &user) || !take_line(&text, &date) ||
            !fg_node_from_hex(manifest, &changeset->manifest)) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "a changeset's text is not one");
        }
        status = parse_extra(extra_of(date), changeset);
    }
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "no memory for a changeset");
}

bool fg_changeset_next_file(struct fg_bytes *files, struct fg_bytes *ret_name)
{
    return take_line(files, ret_name);
}

enum fg_status fg_changeset_split(struct fg_bytes text, struct fg_node *ret_manifest,
                                  struct fg_bytes *ret_files, struct fg_error *error)
{
    struct fg_node manifest = fg_node_null;
    struct fg_bytes files = {text.data, 0};
    if (text.size > 0) {
        struct fg_bytes line;
        struct fg_bytes user;
        struct fg_bytes date;
        if (!take_line(&text, &line) || !take_line(&text, &user) || !take_line(&text, &date) ||
            !fg_node_from_hex(line, &manifest)) {
            return fg_fail(error, FG_ERR_CORRUPT, 0, "a changeset's text is not one");
        }
        files.data = text.data;
        while (take_line(&text, &line) && line.size > 0) {
            files.size += line.size + 1;
        }
    }
    *ret_manifest = manifest;
    *ret_files = files;
    return FG_OK;
}

void fg_changeset_clear(struct fg_changeset *changeset)
{
    fg_buffer_free(&changeset->branch);
    *changeset = (struct fg_changeset){0};
}
