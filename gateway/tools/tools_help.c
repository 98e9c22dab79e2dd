/* `framegate help`: the list of commands, the help of one, or the man page. */
#include "gateway/tools/tools.h"

enum { HELP_SIZE_MAX = 4 * 1024 * 1024 }; /* far above any help text */

int fg_help_main(int argc, char **argv)
{
    const struct fg_help_command *topic = NULL;
    bool man = false;
    struct fg_options options;
    fg_options_init(&options, fg_help_find("help"), argc, argv);
    for (int code; (code = fg_options_next(&options)) != FG_OPTIONS_END;) {
        if (code == FG_OPTIONS_HELP) {
            return fg_tool_help(options.command);
        }
        if (code == FG_HELP_OPTION_MAN) {
            man = true;
        } else if (code == FG_OPTIONS_OPERAND && topic == NULL) {
            topic = fg_help_find(options.value);
            if (topic == NULL) {
                fg_options_fail(options.command, "unknown command '%s'", options.value);
                return FG_EXIT_USAGE;
            }
        } else {
            if (code == FG_OPTIONS_OPERAND) {
                fg_options_fail(options.command, "expected one command");
            }
            return FG_EXIT_USAGE;
        }
    }
    if (topic != NULL && !man) {
        return fg_tool_help(topic);
    }
    struct fg_tool tool = {.command = options.command, .out = FG_BUFFER_INIT(HELP_SIZE_MAX)};
    enum fg_status status = man ? fg_help_append_man(&tool.out) : fg_help_append_program(&tool.out);
    int result = FG_EXIT_OK;
    if (status != FG_OK) {
        result = fg_tool_fail(&tool, "%s", fg_status_text(status));
    }
    return fg_tool_finish(&tool, result);
}
