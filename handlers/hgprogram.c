/* Running hg: its environment, and its failures. */
#define _GNU_SOURCE /* asprintf */

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

enum fg_status fg_hg_failure(const char *command, int exit_status, struct fg_bytes said,
                             struct fg_error *error)
{
    enum { SHOWN_MAX = 180 };
    while (said.size > 0 && said.data[said.size - 1] == '\n') {
        said.size--;
    }
    if (said.size > SHOWN_MAX) {
        said.data += said.size - SHOWN_MAX;
        said.size = SHOWN_MAX;
    }
    struct fg_buffer shown = FG_BUFFER_INIT(4 * SHOWN_MAX);
    if (fg_utf8_append_repaired(&shown, said) != FG_OK) {
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
