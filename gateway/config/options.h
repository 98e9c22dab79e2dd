/*
 * Reading a command's options with getopt_long, from the table that its help is made of.
 */
#ifndef FRAMEGATE_GATEWAY_OPTIONS_H
#define FRAMEGATE_GATEWAY_OPTIONS_H

#include "gateway/config/help.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

/* What fg_options_next answers beside the codes of the command's table. */
enum {
    FG_OPTIONS_END = -1,       /* all arguments were read */
    FG_OPTIONS_OPERAND = 1,    /* an argument that is not an option; in value */
    FG_OPTIONS_BAD = '?',      /* bad usage; a line on standard error has said what */
    FG_OPTIONS_HELP = 'h',     /* --help */
    FG_OPTIONS_TABLE_MAX = 64, /* options of one command, with --help and the end */
};

/* The state of reading one command line. getopt keeps state of its own: one at a time. */
struct fg_options {
    const struct fg_help_command *command;
    int argc;
    char **argv; /* borrowed; getopt may permute it */
    const char *value;
    bool only_operands; /* "--" was read */
    struct option table[FG_OPTIONS_TABLE_MAX];
    char letters[2 * FG_OPTIONS_TABLE_MAX + 3];
};

/* argv[0] is the command's own name and is skipped. argv must outlive the options. */
void fg_options_init(struct fg_options *options, const struct fg_help_command *command, int argc,
                     char **argv);

/*
 * The next option or operand, in the order of the command line; its argument is options->value,
 * which points into argv.
 */
int fg_options_next(struct fg_options *options);

/*
 * Prints "framegate COMMAND: MESSAGE" and where help is found to standard error, as one line.
 * Returns FG_OPTIONS_BAD.
 */
int fg_options_fail(const struct fg_help_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Reads the whole of text as a decimal number from minimum to maximum. FG_ERR_ARGUMENT if it is
 * something else.
 */
enum fg_status fg_parse_number(const char *text, uint64_t minimum, uint64_t maximum,
                               uint64_t *ret_number);

#endif
