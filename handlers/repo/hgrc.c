/*
 * Reading .hg/hgrc as far as [phases] publish goes: sections, "key = value", comments,
 * continuation lines, %include and %unset, as "hg help config" has them.
 */
#define _GNU_SOURCE /* asprintf */

#include "handlers/repo/hgrc.h"

#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct hgrc {
    const char *path; /* the file being read */
    unsigned depth;   /* of includes */
    unsigned line;
    bool in_phases;    /* in section [phases] */
    bool in_item;      /* a continuation line belongs to an item */
    bool item_matters; /* which is publish */
    bool *publishing;
};

static enum fg_status read_file(struct hgrc *hgrc, struct fg_error *error);

static enum fg_status damaged(const struct hgrc *hgrc, struct fg_error *error)
{
    return fg_fail(error, FG_ERR_CORRUPT, 0, "%s, line %u: cannot be parsed", hgrc->path,
                   hgrc->line);
}

static bool starts_with(struct fg_bytes line, const char *start)
{
    size_t size = strlen(start);
    return line.size >= size && memcmp(line.data, start, size) == 0;
}

static bool equal_ignoring_case(struct fg_bytes text, const char *word)
{
    return text.size == strlen(word) && strncasecmp((const char *)text.data, word, text.size) == 0;
}

static enum fg_status set_publishing(struct hgrc *hgrc, struct fg_bytes value,
                                     struct fg_error *error)
{
    static const char *const words[][2] = {
        {"0", "1"}, {"no", "yes"}, {"false", "true"}, {"off", "on"}, {"never", "always"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (int truth = 0; truth < 2; truth++) {
            if (equal_ignoring_case(value, words[i][truth])) {
                *hgrc->publishing = truth == 1;
                return FG_OK;
            }
        }
    }
    return fg_fail(error, FG_ERR_CORRUPT, 0, "%s, line %u: phases.publish is not a boolean",
                   hgrc->path, hgrc->line);
}

/* Reads an included file, relative to the one that includes it. A missing one says nothing. */
static enum fg_status include(struct hgrc *hgrc, struct fg_bytes name, struct fg_error *error)
{
    if (hgrc->depth == FG_HGRC_INCLUDE_MAX) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "%s, line %u: includes nest too deeply", hgrc->path,
                       hgrc->line);
    }
    bool absolute = name.size > 0 && name.data[0] == '/';
    const char *slash = strrchr(hgrc->path, '/');
    int folder = absolute || slash == NULL ? 0 : (int)(slash + 1 - hgrc->path);
    char *path;
    if (asprintf(&path, "%.*s%.*s", folder, hgrc->path, (int)name.size, (const char *)name.data) <
        0) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    struct hgrc inner = {.path = path, .depth = hgrc->depth + 1, .publishing = hgrc->publishing};
    enum fg_status status = read_file(&inner, error);
    free(path);
    return status;
}

static enum fg_status take_directive(struct hgrc *hgrc, struct fg_bytes line,
                                     struct fg_error *error)
{
    if (starts_with(line, "%include ")) {
        return include(hgrc, fg_bytes_strip((struct fg_bytes){line.data + 9, line.size - 9}),
                       error);
    }
    if (starts_with(line, "%unset ")) {
        struct fg_bytes key = fg_bytes_strip((struct fg_bytes){line.data + 7, line.size - 7});
        if (hgrc->in_phases && fg_bytes_equal_string(key, "publish")) {
            *hgrc->publishing = true;
        }
        return FG_OK;
    }
    return damaged(hgrc, error);
}

static enum fg_status take_item(struct hgrc *hgrc, struct fg_bytes line, struct fg_error *error)
{
    const uint8_t *equals = memchr(line.data, '=', line.size);
    if (equals == NULL || equals == line.data) {
        return damaged(hgrc, error);
    }
    size_t size = (size_t)(equals - line.data);
    struct fg_bytes key = fg_bytes_strip((struct fg_bytes){line.data, size});
    struct fg_bytes value = fg_bytes_strip((struct fg_bytes){equals + 1, line.size - size - 1});
    hgrc->in_item = true;
    hgrc->item_matters = hgrc->in_phases && fg_bytes_equal_string(key, "publish");
    return hgrc->item_matters ? set_publishing(hgrc, value, error) : FG_OK;
}

static enum fg_status take_line(struct hgrc *hgrc, struct fg_bytes line, struct fg_error *error)
{
    struct fg_bytes stripped = fg_bytes_strip(line);
    if (starts_with(line, "#") || starts_with(line, ";")) {
        return FG_OK;
    }
    bool indented = line.size > 0 && stripped.size > 0 && stripped.data != line.data;
    if (indented && hgrc->in_item) {
        /* A boolean on several lines is none. */
        return hgrc->item_matters ? damaged(hgrc, error) : FG_OK;
    }
    hgrc->in_item = false;
    if (stripped.size == 0) {
        return FG_OK;
    }
    if (indented) {
        return damaged(hgrc, error);
    }
    if (line.data[0] == '%') {
        return take_directive(hgrc, line, error);
    }
    if (line.data[0] == '[') {
        const uint8_t *end = memchr(line.data, ']', line.size);
        if (end == NULL) {
            return damaged(hgrc, error);
        }
        struct fg_bytes section = {line.data + 1, (size_t)(end - line.data) - 1};
        hgrc->in_phases = fg_bytes_equal_string(section, "phases");
        return FG_OK;
    }
    return take_item(hgrc, line, error);
}

static enum fg_status read_file(struct hgrc *hgrc, struct fg_error *error)
{
    struct fg_buffer text = FG_BUFFER_INIT(FG_SMALL_FILE_MAX);
    enum fg_status status = fg_file_read(AT_FDCWD, hgrc->path, &text, error);
    if (status == FG_ERR_NOT_FOUND) {
        return FG_OK;
    }
    struct fg_bytes rest = fg_buffer_view(&text);
    if (starts_with(rest, "\xef\xbb\xbf")) {
        rest.data += 3; /* a byte order mark */
        rest.size -= 3;
    }
    struct fg_bytes line;
    while (status == FG_OK && fg_line_next(&rest, &line)) {
        hgrc->line++;
        status = take_line(hgrc, line, error);
    }
    fg_buffer_free(&text);
    return status;
}

/* Reads a file of a folder on top of what hgrc has from others. */
static enum fg_status read_in(const char *folder, const char *name, struct hgrc *hgrc,
                              struct fg_error *error)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    *hgrc = (struct hgrc){.path = path, .publishing = hgrc->publishing};
    enum fg_status status = read_file(hgrc, error);
    free(path);
    return status;
}

enum fg_status fg_hgrc_publishing(const struct fg_layout *layout, bool *ret_publishing,
                                  struct fg_error *error)
{
    bool publishing = true;
    struct hgrc hgrc = {.publishing = &publishing};
    bool share_safe = (layout->requirements & FG_REQUIREMENT_SHARE_SAFE) != 0;
    enum fg_status status = FG_OK;
    if (share_safe && strcmp(layout->source_path, layout->hg_path) != 0) {
        status = read_in(layout->source_path, "hgrc", &hgrc, error);
    }
    if (status == FG_OK) {
        status = read_in(layout->hg_path, "hgrc", &hgrc, error);
    }
    if (status == FG_OK && share_safe) {
        status = read_in(layout->hg_path, "hgrc-not-shared", &hgrc, error);
    }
    if (status == FG_OK) {
        *ret_publishing = publishing;
    }
    return status;
}
