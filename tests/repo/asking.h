/* Running commands without a gateway, for the programs in this folder. */
#ifndef FRAMEGATE_TESTS_REPO_ASKING_H
#define FRAMEGATE_TESTS_REPO_ASKING_H

#include "framing/reactor.h"
#include "handlers/repo/repository.h"

enum { BUFFER_MAX = 1 << 30 };

/* Whether each answer must be canonical; the check cannot tell that from a want of memory. */
extern bool asking_checks_canonical;

/* Makes a request as the reactor would hand it out; args is a literal. The caller frees its parts.
 */
enum fg_status asking_command(struct fg_bytes name, struct fg_bytes args,
                              struct fg_command *command, struct fg_error *error);

/* Appends a command's answer as a literal. */
enum fg_status asking_ask(struct fg_repository *repository, struct fg_snapshot *snapshot,
                          struct fg_bytes name, struct fg_bytes args, struct fg_buffer *text,
                          struct fg_error *error);

/* The same, on the present snapshot. */
enum fg_status asking_now(struct fg_repository *repository, struct fg_bytes name,
                          struct fg_bytes args, struct fg_buffer *text, struct fg_error *error);

#endif
