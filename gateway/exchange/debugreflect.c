/*
 * debugreflect: drives gateway/tools/reflect.h with the frames of a body.
 */
#include "gateway/exchange/debugreflect.h"

enum fg_status fg_debugreflect_init(struct fg_debugreflect *debug, const struct fg_limits *limits,
                                    size_t text_max)
{
    *debug = (struct fg_debugreflect){.text = FG_BUFFER_INIT(text_max)};
    return fg_reflect_new(false, limits, &debug->reflect);
}

void fg_debugreflect_clear(struct fg_debugreflect *debug)
{
    fg_reflect_free(debug->reflect);
    debug->reflect = NULL;
    fg_buffer_free(&debug->text);
}

void fg_debugreflect_frame(struct fg_debugreflect *debug, const struct fg_frame *frame)
{
    if (debug->failed == FG_OK) {
        debug->failed = fg_reflect_frame(debug->reflect, frame, &debug->text, &debug->error);
    }
}

/* A last line that says why the text ends here, where there is room for it. */
static void say(struct fg_debugreflect *debug, const char *message)
{
    (void)fg_buffer_append_format(&debug->text, "error: %s\n", message);
}

uint16_t fg_debugreflect_end(struct fg_debugreflect *debug, enum fg_status framing,
                             const struct fg_error *framing_error)
{
    if (debug->failed == FG_OK && framing == FG_OK) {
        debug->failed = fg_reflect_end(debug->reflect, &debug->text, &debug->error);
    }
    switch (debug->failed) {
    case FG_OK:
        break;
    case FG_ERR_LIMIT:
        fg_buffer_reset(&debug->text);
        say(debug, "the answer exceeds the limit of a reply");
        return 413;
    default:
        fg_buffer_reset(&debug->text);
        say(debug, fg_status_text(debug->failed));
        return 500;
    }
    if (framing != FG_OK) {
        say(debug, framing_error->message);
        return 400;
    }
    return 200;
}
