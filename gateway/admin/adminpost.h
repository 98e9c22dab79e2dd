/*
 * What is posted to the admin listener: frames to be shown, human strings to be made frames of.
 */
#ifndef FRAMEGATE_GATEWAY_ADMINPOST_H
#define FRAMEGATE_GATEWAY_ADMINPOST_H

#include "framing/buffer.h"

/*
 * POST /decode: the document for body, for free(), and the HTTP status that goes with it. NULL if
 * memory is short.
 */
char *fg_admin_decode(struct fg_bytes body, unsigned *ret_status);

/*
 * Appends the frames of human strings, one a line. A line that is wrong: FG_ERR_SYNTAX, and
 * *ret_document, for free(), says where and why (NULL if memory is short). FG_ERR_MEMORY.
 */
enum fg_status fg_admin_encode(struct fg_bytes body, struct fg_buffer *frames, char **ret_document);

/* The document of a 400 that is not about a line; NULL if memory is short. */
char *fg_admin_error(const char *message);

#endif
