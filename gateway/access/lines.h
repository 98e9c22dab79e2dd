/*
 * Small files of the operator's that are read whole and taken line by line: passwords, tokens.
 */
#ifndef FRAMEGATE_GATEWAY_LINES_H
#define FRAMEGATE_GATEWAY_LINES_H

#include "framing/buffer.h"

/* Bytes of a user's name with its NUL. */
enum { FG_USER_SIZE = 65 };

/*
 * Called for each line that is neither empty nor a comment (#), without its line break. line is
 * writable, ends with a NUL and has none before; it lives until fg_lines_read returns. A failure
 * ends the reading; error needs only say what is wrong, where is added.
 */
typedef enum fg_status (*fg_line_taker)(void *context, char *line, struct fg_error *error);

/*
 * Reads a file of at most 16 MiB. Errors: the taker's, with "FILE:LINE: " before the
 * message; FG_ERR_IO, FG_ERR_LIMIT, FG_ERR_MEMORY; FG_ERR_SYNTAX for a NUL.
 */
enum fg_status fg_lines_read(const char *path, fg_line_taker take, void *context,
                             struct fg_error *error);

/*
 * Reads a whole file of fewer bytes than contents' ceiling; contents is empty before. What it held
 * is wiped on failure. FG_ERR_IO, FG_ERR_LIMIT, FG_ERR_MEMORY.
 */
enum fg_status fg_lines_read_file(const char *path, struct fg_buffer *contents,
                                  struct fg_error *error);

/* Wipes and frees what held a secret. Takes an empty buffer. */
void fg_lines_wipe(struct fg_buffer *contents);

/*
 * Cuts "USER:REST" in place. FG_ERR_SYNTAX: no colon, or a name that is empty, longer than
 * FG_USER_SIZE allows, or has other than printable ASCII without blanks, quotes and commas.
 */
enum fg_status fg_lines_cut_user(char *line, char **ret_rest, struct fg_error *error);

#endif
