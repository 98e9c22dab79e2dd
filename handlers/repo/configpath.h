/* Paths as configuration has them: with variables and ~, and those of the program hg. */
#ifndef FRAMEGATE_HANDLERS_REPO_CONFIGPATH_H
#define FRAMEGATE_HANDLERS_REPO_CONFIGPATH_H

#include "framing/buffer.h"

#include <stdbool.h>

/*
 * The path with $NAME and ${NAME} replaced by variables of the environment that there are, and then
 * ~ and ~USER by their homes, as a string of the caller's. FG_ERR_LIMIT: it gets too long;
 * FG_ERR_ARGUMENT: it has a zero byte; FG_ERR_MEMORY.
 */
enum fg_status fg_config_path_expand(struct fg_bytes path, char **ret_path);

/*
 * folder (may be empty, or NULL) and path joined, without ".", ".." and doubled slashes; what
 * symbolic links lead to does not count. A string of the caller's; NULL: no memory.
 */
char *fg_config_path_join(const char *folder, const char *path);

/* All before the last slash, as Python's dirname has it. A string of the caller's; NULL: no memory.
 */
char *fg_config_path_folder(const char *path);

/*
 * Where the C library finds a program when it starts it, by name in PATH or by path. A string of
 * the caller's. FG_ERR_NOT_FOUND, FG_ERR_MEMORY.
 */
enum fg_status fg_config_path_program(const char *name, char **ret_path);

#endif
