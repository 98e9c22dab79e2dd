/* The text of a changeset, as far as a server needs it: the manifest, the branch. */
#ifndef FRAMEGATE_HANDLERS_REPO_CHANGESET_H
#define FRAMEGATE_HANDLERS_REPO_CHANGESET_H

#include "framing/buffer.h"
#include "framing/status.h"
#include "handlers/repo/node.h"

#include <stdbool.h>

struct fg_changeset {
    struct fg_node manifest;
    struct fg_buffer branch; /* UTF-8; owned; "default" where the text names none */
    bool closes;             /* the changeset closes its branch */
};

/*
 * Parses a changeset's text. *changeset is zeroed or an earlier result, whose allocation is used
 * again. FG_ERR_CORRUPT: not a changeset; FG_ERR_MEMORY.
 */
enum fg_status fg_changeset_parse(struct fg_bytes text, struct fg_changeset *changeset,
                                  struct fg_error *error);

/*
 * Finds the manifest and the changed files in a changeset's text: *ret_files are the lines that
 * name them, each with its line feed, borrowed from the text. FG_ERR_CORRUPT: not a changeset.
 */
enum fg_status fg_changeset_split(struct fg_bytes text, struct fg_node *ret_manifest,
                                  struct fg_bytes *ret_files, struct fg_error *error);

/* Takes the next name off the lines of changed files. False when none is left. */
bool fg_changeset_next_file(struct fg_bytes *files, struct fg_bytes *ret_name);

/* Frees what it owns. Takes a zeroed changeset. */
void fg_changeset_clear(struct fg_changeset *changeset);

#endif
