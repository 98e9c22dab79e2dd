/* Running hg: its environment, and its failures. */
#define _GNU_SOURCE /* asprintf, memmem */

#include "handlers/hgprogram.h"

#include "framing/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fg_hg_environment_clear(struct fg_hg_environment *environment)
{
    for (size_t i = 0; environment->items[i] != NULL; i++) {
        free(environment->items[i]);
    }
}

/* Adds "NAME=VALUE" as item number *count. */
static bool add(struct fg_hg_environment *environment, size_t *count, const char *name,
                const char *value)
{
    if (asprintf(&environment->items[*count], "%s=%s", name, value) < 0) {
        environment->items[*count] = NULL;
        return false;
    }
    (*count)++;
    return true;
}

enum fg_status fg_hg_environment_make(struct fg_hg_environment *ret_environment,
                                      const char *settings)
{
    static const char *const inherited[] = {"PATH", "HOME", "TMPDIR"};
    size_t count = 0;
    *ret_environment = (struct fg_hg_environment){{NULL}};
    bool ok = add(ret_environment, &count, "HGRCPATH", settings) &&
              add(ret_environment, &count, "HGPLAIN", "+strictflags") &&
              add(ret_environment, &count, "HGENCODING", "UTF-8") &&
              add(ret_environment, &count, "LC_ALL", "C.UTF-8");
    for (size_t i = 0; ok && i < sizeof inherited / sizeof inherited[0]; i++) {
        const char *value = getenv(inherited[i]);
        ok = value == NULL || add(ret_environment, &count, inherited[i], value);
    }
    return ok ? FG_OK : FG_ERR_MEMORY;
}

/* -- failures --------------------------------------------------------------------------------- */

/* Takes a line off the front, and gives it without its break. False if there is none. */
static bool take_line(struct fg_bytes *rest, struct fg_bytes *ret_line)
{
    if (rest->size == 0) {
        return false;
    }
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    *ret_line = (struct fg_bytes){rest->data, size};
    size_t gone = end != NULL ? size + 1 : size;
    rest->data += gone;
    rest->size -= gone;
    return true;
}

/* What is for whoever asked: all that hg and hooks said, but of a traceback the end. */
static struct fg_bytes message_in(struct fg_bytes said)
{
    struct fg_bytes rest = said;
    struct fg_bytes line;
    struct fg_bytes last = {said.data, 0};
    bool traceback = false;
    bool aborts = false;
    while (take_line(&rest, &line)) {
        traceback = traceback || fg_bytes_start_with(line, "Traceback (most recent call last)");
        aborts = aborts || fg_bytes_start_with(line, "abort: ");
        if (fg_bytes_start_with(line, "abort: ") || (line.size > 0 && !aborts)) {
            last = line;
        }
    }
    return traceback ? last : said;
}

static void tell_operator(const struct fg_repository *repository, const char *command,
                          int exit_status, struct fg_bytes said)
{
    struct fg_bytes line;
    fg_repository_tell(repository, "%s: hg failed with status %d in %s", command, exit_status,
                       fg_repository_path(repository));
    while (take_line(&said, &line)) {
        fg_repository_tell(repository, "%s: hg: %.*s", command, (int)line.size,
                           (const char *)line.data);
    }
}

/* Appends text with the path of the repository left out. */
static enum fg_status append_pathless(struct fg_buffer *buffer, struct fg_bytes text,
                                      const char *path)
{
    enum fg_status status = FG_OK;
    size_t size = strlen(path);
    while (status == FG_OK && text.size > 0) {
        const uint8_t *found = memmem(text.data, text.size, path, size);
        size_t before = found != NULL ? (size_t)(found - text.data) : text.size;
        status = fg_utf8_append_repaired(buffer, (struct fg_bytes){text.data, before});
        if (status == FG_OK && found != NULL) {
            status = fg_buffer_append_string(buffer, "REPOSITORY");
        }
        size_t gone = found != NULL ? before + size : before;
        text.data += gone;
        text.size -= gone;
    }
    return status;
}

enum fg_status fg_hg_failure(const struct fg_repository *repository, const char *command,
                             int exit_status, struct fg_bytes said, struct fg_error *error)
{
    enum { SHOWN_MAX = 180 };
    tell_operator(repository, command, exit_status, said);
    said = message_in(said);
    while (said.size > 0 && said.data[said.size - 1] == '\n') {
        said.size--;
    }
    if (said.size > SHOWN_MAX) {
        said.data += said.size - SHOWN_MAX;
        said.size = SHOWN_MAX;
    }
    struct fg_buffer shown = FG_BUFFER_INIT(16 * SHOWN_MAX);
    if (append_pathless(&shown, said, fg_repository_path(repository)) != FG_OK) {
        fg_buffer_reset(&shown);
    }
    for (size_t i = 0; i < shown.size; i++) {
        shown.data[i] = shown.data[i] == '\n' ? ' ' : shown.data[i];
    }
    fg_fail(error, FG_ERR_IO, 0, "%s: hg failed with status %d: %.*s", command, exit_status,
            (int)shown.size, shown.size > 0 ? (const char *)shown.data : "");
    fg_buffer_free(&shown);
    return FG_ERR_IO;
}
