/* What a line of a configuration file is. */
#include "handlers/repo/configtext.h"

#include "handlers/repo/file.h"

void fg_configtext_start(struct fg_configtext *reader, struct fg_bytes text)
{
    *reader = (struct fg_configtext){.rest = text};
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_comment(struct fg_bytes line)
{
    return line.size > 0 && (line.data[0] == ';' || line.data[0] == '#');
}

static struct fg_bytes from(struct fg_bytes text, size_t start)
{
    return (struct fg_bytes){text.data + start, text.size - start};
}

/* What stands behind a directive and at least one blank; empty if line is none. */
static struct fg_bytes behind(struct fg_bytes line, const char *directive)
{
    size_t size = strlen(directive);
    bool found =
        fg_bytes_start_with(line, directive) && line.size > size && is_blank(line.data[size]);
    return found ? fg_bytes_strip(from(line, size)) : (struct fg_bytes){NULL, 0};
}

/* "[SECTION]": up to the last bracket that closes before another one opens. */
static bool take_section(struct fg_configtext *reader, struct fg_bytes line)
{
    size_t end = 0;
    for (size_t i = 1; line.data[0] == '[' && i < line.size && line.data[i] != '['; i++) {
        end = line.data[i] == ']' ? i : end;
    }
    if (end < 2) {
        return false;
    }
    reader->section = (struct fg_bytes){line.data + 1, end - 1};
    return true;
}

static bool take_item(struct fg_configtext *reader, struct fg_bytes line,
                      struct fg_configtext_item *ret_item)
{
    const uint8_t *equals = memchr(line.data, '=', line.size);
    if (equals == NULL || equals == line.data || is_blank(line.data[0])) {
        return false;
    }
    size_t size = (size_t)(equals - line.data);
    ret_item->kind = FG_CONFIGTEXT_SET;
    ret_item->name = fg_bytes_strip((struct fg_bytes){line.data, size});
    ret_item->value = fg_bytes_strip(from(line, size + 1));
    reader->in_item = true;
    return true;
}

/* Only the first word behind %unset counts. */
static bool take_unset(struct fg_bytes line, struct fg_configtext_item *ret_item)
{
    struct fg_bytes name = behind(line, "%unset");
    size_t size = 0;
    while (size < name.size && !is_blank(name.data[size])) {
        size++;
    }
    ret_item->kind = FG_CONFIGTEXT_UNSET;
    ret_item->name = (struct fg_bytes){name.data, size};
    return size > 0;
}

/* The order of the questions is Mercurial's: "%unset a = b" is an item of that strange name. */
enum fg_status fg_configtext_next(struct fg_configtext *reader, struct fg_configtext_item *ret_item)
{
    struct fg_bytes line;
    while (fg_line_next(&reader->rest, &line)) {
        reader->line++;
        if (reader->line == 1 && fg_bytes_start_with(line, "\xef\xbb\xbf")) {
            line = from(line, 3); /* a byte order mark */
        }
        struct fg_bytes stripped = fg_bytes_strip(line);
        struct fg_configtext_item item = {.section = reader->section};
        if (is_comment(line)) {
            continue; /* also between the lines of an item */
        }
        if (reader->in_item && stripped.size > 0 && is_blank(line.data[0])) {
            item.kind = FG_CONFIGTEXT_MORE;
            item.value = stripped;
            *ret_item = item;
            return FG_OK;
        }
        reader->in_item = false;
        item.value = behind(line, "%include");
        item.kind = FG_CONFIGTEXT_INCLUDE;
        if (item.value.size > 0) {
            *ret_item = item;
            return FG_OK;
        }
        if (stripped.size == 0) {
            continue;
        }
        if (take_section(reader, line)) {
            item.kind = FG_CONFIGTEXT_SECTION;
            item.section = reader->section;
        } else if (!take_item(reader, line, &item) && !take_unset(line, &item)) {
            return FG_ERR_SYNTAX;
        }
        *ret_item = item;
        return FG_OK;
    }
    return FG_END;
}
