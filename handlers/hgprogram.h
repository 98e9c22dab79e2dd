/* What the handlers that write share when they run hg: its environment, and how it fails. */
#ifndef FRAMEGATE_HANDLERS_HGPROGRAM_H
#define FRAMEGATE_HANDLERS_HGPROGRAM_H

#include "framing/buffer.h"
#include "handlers/repo/repository.h"

enum { FG_HG_ENVIRONMENT_MAX = 8 };

struct fg_hg_environment {
    char *items[FG_HG_ENVIRONMENT_MAX]; /* owned; ends with NULL */
};

/*
 * What hg sees of our environment: nothing of the user's configuration. settings is a file to read
 * instead, or "". FG_ERR_MEMORY; clear it in any case.
 */
enum fg_status fg_hg_environment_make(struct fg_hg_environment *ret_environment,
                                      const char *settings);

void fg_hg_environment_clear(struct fg_hg_environment *environment);

/*
 * FG_ERR_IO for the command, with hg's exit status and the message in what it said, made printable:
 * of a traceback only its last line, and no path of the repository. All that it said, the operator
 * is told.
 */
enum fg_status fg_hg_failure(const struct fg_repository *repository, const char *command,
                             int exit_status, struct fg_bytes said, struct fg_error *error);

#endif
