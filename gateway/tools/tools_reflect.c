/* `framegate reflect`: the debugreflect log of the frames on standard input. */
#include "gateway/tools/reflect.h"
#include "gateway/tools/tools.h"

static int reflect_frame(struct fg_tool *tool, const struct fg_frame *frame, uint64_t number,
                         void *context)
{
    struct fg_error error;
    enum fg_status status = fg_reflect_frame(context, frame, &tool->out, &error);
    if (status != FG_OK) {
        return fg_tool_fail(tool, "frame %llu: %s", (unsigned long long)number, error.message);
    }
    return FG_EXIT_OK;
}

/* Runs the whole input through one reactor. */
static int reflect_all(struct fg_tool *tool, bool deferred)
{
    const struct fg_limits limits = FG_LIMITS_DEFAULT;
    struct fg_reflect *reflect = NULL;
    enum fg_status status = fg_reflect_new(deferred, &limits, &reflect);
    if (status != FG_OK) {
        return fg_tool_fail(tool, "%s", fg_status_text(status));
    }
    int result = fg_tool_each_frame(tool, &limits, reflect_frame, reflect);
    if (result == FG_EXIT_OK) {
        struct fg_error error;
        status = fg_reflect_end(reflect, &tool->out, &error);
        if (status != FG_OK) {
            result = fg_tool_fail(tool, "%s", error.message);
        }
    }
    fg_reflect_free(reflect);
    return result;
}

int fg_reflect_main(int argc, char **argv)
{
    bool deferred = false;
    struct fg_options options;
    fg_options_init(&options, fg_help_find("reflect"), argc, argv);
    for (int code; (code = fg_options_next(&options)) != FG_OPTIONS_END;) {
        switch (code) {
        case FG_OPTIONS_HELP:
            return fg_tool_help(options.command);
        case FG_REFLECT_OPTION_DEFERRED:
            deferred = true;
            break;
        case FG_OPTIONS_OPERAND:
            fg_options_fail(options.command, "unexpected operand '%s': input is standard input",
                            options.value);
            return FG_EXIT_USAGE;
        default:
            return FG_EXIT_USAGE;
        }
    }
    struct fg_tool tool = {.command = options.command, .out = FG_BUFFER_INIT(FG_TOOL_OUTPUT_MAX)};
    return fg_tool_finish(&tool, reflect_all(&tool, deferred));
}
