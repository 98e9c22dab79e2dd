/*
 * The body of a debugreflect request on its way through the formatter of gateway/tools/reflect.h:
 * frames in, text out, no command runs.
 */
#ifndef FRAMEGATE_GATEWAY_DEBUGREFLECT_H
#define FRAMEGATE_GATEWAY_DEBUGREFLECT_H

#include "framing/frame.h"
#include "gateway/tools/reflect.h"

struct fg_debugreflect {
    struct fg_reflect *reflect; /* owned */
    struct fg_buffer text;      /* what was said so far */
    enum fg_status failed;
    struct fg_error error; /* if failed */
};

/* text_max: bytes of text that are kept. FG_ERR_MEMORY. */
enum fg_status fg_debugreflect_init(struct fg_debugreflect *debug, const struct fg_limits *limits,
                                    size_t text_max);

/* Takes a zeroed object. */
void fg_debugreflect_clear(struct fg_debugreflect *debug);

/* A frame came in. After a failure nothing more is looked at. */
void fg_debugreflect_frame(struct fg_debugreflect *debug, const struct fg_frame *frame);

/*
 * The input ended; framing says how (fg_frame_reader_finish, or the reader's failure). The whole
 * text is in debug->text. Returns the HTTP status: 200, 400 if the input does not end at a frame's
 * end, 413 if the text exceeds its limit, 500 for failing allocations.
 */
uint16_t fg_debugreflect_end(struct fg_debugreflect *debug, enum fg_status framing,
                             const struct fg_error *framing_error);

#endif
