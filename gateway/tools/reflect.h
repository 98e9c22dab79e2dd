/*
 * debugreflect: the log of what a server reactor makes of frames, without running a command. The
 * same log for the HTTP service and for `framegate reflect`.
 */
#ifndef FRAMEGATE_GATEWAY_REFLECT_H
#define FRAMEGATE_GATEWAY_REFLECT_H

#include "framing/frame.h"
#include "framing/limits.h"

#include <stdbool.h>

/* A reactor that nothing answers for. Owned by the caller. */
struct fg_reflect;

/*
 * deferred: in the mode for half-duplex transports. limits is copied; NULL stands for the defaults.
 * FG_ERR_MEMORY.
 */
enum fg_status fg_reflect_new(bool deferred, const struct fg_limits *limits,
                              struct fg_reflect **ret_reflect);

/* Takes NULL. */
void fg_reflect_free(struct fg_reflect *reflect);

/*
 * Appends the two lines for one frame, each with its line break. A protocol error is no failure
 * but one of the results. On FG_ERR_MEMORY and FG_ERR_LIMIT (the buffer's ceiling) out is as it
 * was, and the reactor has seen the frame all the same: end the log there.
 */
enum fg_status fg_reflect_frame(struct fg_reflect *reflect, const struct fg_frame *frame,
                                struct fg_buffer *out, struct fg_error *error);

/*
 * Appends the two lines for the end of the input: what else fg_reflect_frame says holds. Requests
 * that were cut short are listed under "incomplete". Once only: FG_ERR_STATE.
 */
enum fg_status fg_reflect_end(struct fg_reflect *reflect, struct fg_buffer *out,
                              struct fg_error *error);

#endif
