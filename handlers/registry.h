/*
 * The list of all commands, and what can be said of a command without running it.
 */
#ifndef FRAMEGATE_HANDLERS_REGISTRY_H
#define FRAMEGATE_HANDLERS_REGISTRY_H

#include "handlers/handler.h"

/* The command with this name; NULL if there is none. A static object. */
const struct fg_command_spec *fg_registry_find(struct fg_bytes name);

/* All commands, those for debugging too, in order of their names; *ret_count of them. Static. */
const struct fg_command_spec *const *fg_registry_all(size_t *ret_count);

/*
 * Checks the arguments of a command against its spec. FG_ERR_ARGUMENT: a missing, an unknown or a
 * wrongly typed argument; error names it.
 */
enum fg_status fg_registry_check_arguments(const struct fg_command_spec *spec,
                                           const struct fg_command *command,
                                           struct fg_error *error);

/*
 * Looks an argument up: FG_OK and *ret_index its place in command->request, FG_ERR_NOT_FOUND if
 * the client left it out.
 */
enum fg_status fg_command_argument(const struct fg_command *command, const char *name,
                                   uint32_t *ret_index);

#endif
