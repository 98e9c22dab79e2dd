/*
 * Reading a command's options. Owns the messages for bad usage; getopt's own are switched off
 * because they neither name the command nor say where help is.
 */
#include "gateway/config/options.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int has_letter(const struct fg_help_option *option)
{
    return option->code < FG_OPTION_LONG_ONLY;
}

void fg_options_init(struct fg_options *options, const struct fg_help_command *command, int argc,
                     char **argv)
{
    *options = (struct fg_options){.command = command, .argc = argc, .argv = argv};

    /* '-': operands come in order. ':': a missing argument is told from an unknown option. */
    char *letter = options->letters;
    *letter++ = '-';
    *letter++ = ':';
    *letter++ = 'h';
    struct option *entry = options->table;
    *entry++ = (struct option){"help", no_argument, NULL, FG_OPTIONS_HELP};
    for (const struct fg_help_option *o = command->options; o != NULL && o->name != NULL; o++) {
        assert(entry < options->table + FG_OPTIONS_TABLE_MAX - 1);
        *entry++ = (struct option){o->name, o->argument != NULL ? required_argument : no_argument,
                                   NULL, o->code};
        if (has_letter(o)) {
            *letter++ = (char)o->code;
            if (o->argument != NULL) {
                *letter++ = ':';
            }
        }
    }
    opterr = 0;
    optind = 0; /* makes glibc forget an earlier command line */
}

int fg_options_fail(const struct fg_help_command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "framegate %s: ", command->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (see 'framegate %s --help')\n", command->name);
    va_end(arguments);
    return FG_OPTIONS_BAD;
}

/* The argument that getopt has just refused. */
static const char *refused(const struct fg_options *options)
{
    return optind > 0 && optind <= options->argc ? options->argv[optind - 1] : "";
}

int fg_options_next(struct fg_options *options)
{
    int code = -1;
    if (!options->only_operands) {
        code = getopt_long(options->argc, options->argv, options->letters, options->table, NULL);
        options->value = optarg;
    }
    switch (code) {
    case -1:
        options->only_operands = true; /* getopt would start again at what follows "--" */
        if (optind < options->argc) {
            options->value = options->argv[optind++];
            return FG_OPTIONS_OPERAND;
        }
        return FG_OPTIONS_END;
    case ':':
        return fg_options_fail(options->command, "option '%s' needs an argument", refused(options));
    case '?':
        if (optopt != 0 && optopt < FG_OPTION_LONG_ONLY) {
            /* Also a long switch that was given an argument, whose letter getopt reports. */
            const char *word = refused(options);
            if (word[0] == '-' && word[1] == '-') {
                return fg_options_fail(options->command, "option '%s' takes no argument", word);
            }
            return fg_options_fail(options->command, "unknown option '-%c'", optopt);
        }
        if (optopt != 0) {
            return fg_options_fail(options->command, "option '%s' takes no argument",
                                   refused(options));
        }
        return fg_options_fail(options->command, "unknown or ambiguous option '%s'",
                               refused(options));
    default:
        return code;
    }
}

enum fg_status fg_parse_number(const char *text, uint64_t minimum, uint64_t maximum,
                               uint64_t *ret_number)
{
    uint64_t number = 0;
    if (*text == '\0') {
        return FG_ERR_ARGUMENT;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9') {
            return FG_ERR_ARGUMENT;
        }
        uint64_t digit = (uint64_t)(*c - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return FG_ERR_ARGUMENT;
        }
        number = number * 10 + digit;
    }
    if (number < minimum || number > maximum) {
        return FG_ERR_ARGUMENT;
    }
    *ret_number = number;
    return FG_OK;
}
