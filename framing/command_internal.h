/*
 * How the reactor makes commands. Only framing/ includes this.
 */
#ifndef FRAMEGATE_FRAMING_COMMAND_INTERNAL_H
#define FRAMEGATE_FRAMING_COMMAND_INTERNAL_H

#include "framing/command.h"

#pragma GCC visibility push(hidden)

/*
 * A command whose request is not decoded yet. whole: the bytes of the request where they came in
 * one frame; they are copied. The caller owns the result. NULL: no memory.
 */
struct fg_command *fg_command_new(const struct fg_limits *limits, uint16_t requestid, bool has_data,
                                  struct fg_bytes whole);

/*
 * Finds name and args in the decoded request. Returns what is wrong with the request, as a static
 * string, or NULL. (Seed: onframerecv, with its messages.)
 */
const char *fg_command_look(struct fg_command *command);

#pragma GCC visibility pop

#endif
