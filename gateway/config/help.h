/*
 * What the program says about itself. One table of commands and options is the source of --help,
 * of the man page and of what the option parser accepts, so the three cannot contradict each
 * other. The table is in help_text.c, but for the settings of `serve`, which are in config.c; the
 * two renderings are in help.c.
 */
#ifndef FRAMEGATE_GATEWAY_HELP_H
#define FRAMEGATE_GATEWAY_HELP_H

#include "framing/buffer.h"

#include <stdbool.h>

/* One option; a table of them ends with name NULL. All strings are static. */
struct fg_help_option {
    int code;             /* what fg_options_next answers; a letter is also the short option */
    const char *name;     /* the long option without its dashes */
    const char *argument; /* what its argument is called, NULL for an option without one */
    const char *text;     /* one paragraph */
};

/* One command of the program. All strings are static. */
struct fg_help_command {
    const char *name;
    const char *synopsis;                 /* what follows "framegate NAME " */
    const char *summary;                  /* one line */
    const char *const *description;       /* paragraphs, NULL at the end; verbatim if indented */
    const struct fg_help_option *options; /* NULL for none; without --help, which all have */
    bool has_settings; /* takes the settings of gateway/config/config.h as options */
};

/* The codes of options that have no letter start here. */
enum { FG_OPTION_LONG_ONLY = 256 };

/* The command with this name; NULL if there is none. */
const struct fg_help_command *fg_help_find(const char *name);

/* All commands in the order in which help lists them, NULL at the end. */
const struct fg_help_command *const *fg_help_commands(void);

/*
 * Paragraphs that belong to no command, NULL at the end: what the program is; its exit status; an
 * example of its use.
 */
extern const char *const fg_help_program_description[];
extern const char *const fg_help_exit_status[];
extern const char *const fg_help_examples[];

/* Appends what `framegate --help` prints. Errors of fg_buffer_append, as for the next two. */
enum fg_status fg_help_append_program(struct fg_buffer *buffer);

/* Appends what `framegate COMMAND --help` prints. */
enum fg_status fg_help_append_command(struct fg_buffer *buffer,
                                      const struct fg_help_command *command);

/* Appends the man page framegate(1) in roff's man macros. */
enum fg_status fg_help_append_man(struct fg_buffer *buffer);

/* The program's version, such as "0.1.0". */
const char *fg_version(void);

#endif
