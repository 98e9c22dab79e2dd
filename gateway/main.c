/*
 * The program's entry: finds the command and hands over. Every command has a function of its own,
 * whose result is the exit status.
 */
#include "gateway/serve.h"
#include "gateway/tools/tools.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {"serve", fg_serve_main},   {"request", fg_request_main}, {"encode", fg_encode_main},
    {"decode", fg_decode_main}, {"reflect", fg_reflect_main}, {"help", fg_help_main},
};

static int print_version(void)
{
    struct fg_tool tool = {.command = fg_help_find("help"), .out = FG_BUFFER_INIT(1024)};
    int result = FG_EXIT_OK;
    if (fg_buffer_append_format(&tool.out, "framegate %s\n", fg_version()) != FG_OK) {
        result = fg_tool_fail(&tool, "%s", fg_status_text(FG_ERR_MEMORY));
    }
    return fg_tool_finish(&tool, result);
}

/* word: what is wrong, or NULL. */
static int fail_usage(const char *what, const char *word)
{
    const char *quote = word != NULL ? "'" : "";
    fprintf(stderr, "framegate: %s%s%s%s (see 'framegate --help')\n", what, quote,
            word != NULL ? word : "", quote);
    return FG_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    /* A closed pipe is an error that a write reports, not a silent death. */
    signal(SIGPIPE, SIG_IGN);

    if (argc < 2) {
        return fail_usage("expected a command", NULL);
    }
    const char *name = argv[1];
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        if (argc > 2) {
            return fail_usage("unexpected argument after ", name);
        }
        char help[] = "help";
        return name[2] == 'v' ? print_version() : fg_help_main(1, (char *[]){help, NULL});
    }
    return fail_usage(name[0] == '-' ? "unknown option " : "unknown command ", name);
}
