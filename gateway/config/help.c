/*
 * Renders the help tables: as text for a terminal and as a man page. Knows the forms, not the
 * contents.
 */
#include "gateway/config/help.h"

#include "framing/version.h"
#include "gateway/config/config.h"

#include <ctype.h>
#include <string.h>

enum {
    TEXT_WIDTH = 79,    /* columns of --help */
    OPTION_INDENT = 6,  /* columns before an option's text */
    COMMAND_COLUMN = 10 /* columns for a command's name in the list of commands */
};

const char *fg_version(void)
{
    return FG_VERSION;
}

const struct fg_help_command *fg_help_find(const char *name)
{
    for (const struct fg_help_command *const *c = fg_help_commands(); *c != NULL; c++) {
        if (strcmp((*c)->name, name) == 0) {
            return *c;
        }
    }
    return NULL;
}

/* A paragraph that starts with blanks is an example, shown as it stands. */
static bool is_verbatim(const char *paragraph)
{
    return *paragraph == ' ';
}

/* -- options --------------------------------------------------------------------------------- */

typedef void (*option_appender)(struct fg_buffer *buffer, const struct fg_help_option *option);

/* Appends what a setting is, its default and what happens beyond it, as one sentence with a NUL. */
static void append_setting_text(struct fg_buffer *text, const struct fg_setting *setting)
{
    const struct fg_config defaults = {.framing = FG_LIMITS_DEFAULT};
    bool has_default = setting->initial != NULL ||
                       (setting->type != FG_SETTING_TEXT && setting->type != FG_SETTING_WORDS);
    fg_buffer_append_byte(text, (uint8_t)toupper(setting->text[0]));
    fg_buffer_append_string(text, setting->text + 1);
    if ((setting->flags & FG_SETTING_WEB) != 0) {
        fg_buffer_append_string(text, " (in a file under [web])");
    }
    if (has_default && setting->type != FG_SETTING_SWITCH) {
        if (setting->initial != NULL) {
            fg_buffer_append_format(text, " (default %s", setting->initial);
        } else {
            fg_buffer_append_format(text, " (default %llu",
                                    (unsigned long long)fg_config_number(&defaults, setting));
        }
        if (setting->reached != NULL) {
            fg_buffer_append_format(text, "; otherwise: %s", setting->reached);
        }
        fg_buffer_append_byte(text, ')');
    }
    fg_buffer_append(text, ".", 2);
}

static void append_settings(struct fg_buffer *buffer, option_appender append)
{
    size_t count;
    const struct fg_setting *settings = fg_config_settings(&count);
    struct fg_buffer text = FG_BUFFER_INIT(64 * 1024);
    for (size_t i = 0; i < count; i++) {
        fg_buffer_reset(&text);
        append_setting_text(&text, &settings[i]);
        if (fg_buffer_fail(buffer, fg_buffer_status(&text)) == FG_OK) {
            const struct fg_help_option option = {FG_OPTION_LONG_ONLY, settings[i].key,
                                                  settings[i].argument, (const char *)text.data};
            append(buffer, &option);
        }
    }
    fg_buffer_free(&text);
}

/* Appends all options of a command in one of the two forms. */
static void append_options(struct fg_buffer *buffer, const struct fg_help_command *command,
                           option_appender append)
{
    static const struct fg_help_option help = {'h', "help", NULL, "Print this text and exit."};
    for (const struct fg_help_option *o = command->options; o != NULL && o->name != NULL; o++) {
        append(buffer, o);
    }
    if (command->has_settings) {
        append_settings(buffer, append);
    }
    append(buffer, &help);
}

/* -- text ----------------------------------------------------------------------------------- */

static void append_blanks(struct fg_buffer *buffer, size_t count)
{
    fg_buffer_append_format(buffer, "%*s", (int)count, "");
}

/*
 * Appends words with line breaks so that no line is wider than TEXT_WIDTH; each line but the first
 * starts with indent blanks. column is where the first word goes.
 */
static void append_wrapped(struct fg_buffer *buffer, const char *text, size_t indent, size_t column)
{
    bool first = true;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (!first && column + 1 + size > TEXT_WIDTH) {
            fg_buffer_append_byte(buffer, '\n');
            append_blanks(buffer, indent);
            column = indent;
        } else if (!first) {
            fg_buffer_append_byte(buffer, ' ');
            column++;
        }
        fg_buffer_append(buffer, text, size);
        column += size;
        first = false;
        text += size + strspn(text + size, " ");
    }
    fg_buffer_append_byte(buffer, '\n');
}

static void append_paragraphs(struct fg_buffer *buffer, const char *const *paragraphs)
{
    for (; *paragraphs != NULL; paragraphs++) {
        fg_buffer_append_byte(buffer, '\n');
        if (is_verbatim(*paragraphs)) {
            fg_buffer_append_format(buffer, "%s\n", *paragraphs);
        } else {
            append_wrapped(buffer, *paragraphs, 0, 0);
        }
    }
}

static void append_option(struct fg_buffer *buffer, const struct fg_help_option *option)
{
    append_blanks(buffer, 2);
    if (option->code < FG_OPTION_LONG_ONLY) {
        fg_buffer_append_format(buffer, "-%c, ", option->code);
    }
    fg_buffer_append_format(buffer, "--%s%s%s\n", option->name, option->argument != NULL ? " " : "",
                            option->argument != NULL ? option->argument : "");
    append_blanks(buffer, OPTION_INDENT);
    append_wrapped(buffer, option->text, OPTION_INDENT, OPTION_INDENT);
}

enum fg_status fg_help_append_command(struct fg_buffer *buffer,
                                      const struct fg_help_command *command)
{
    fg_buffer_append_format(buffer, "Usage: framegate %s %s\n\n%s.\n", command->name,
                            command->synopsis, command->summary);
    append_paragraphs(buffer, command->description);
    fg_buffer_append_string(buffer, "\nOptions:\n");
    append_options(buffer, command, append_option);
    return fg_buffer_status(buffer);
}

enum fg_status fg_help_append_program(struct fg_buffer *buffer)
{
    fg_buffer_append_string(buffer, "Usage: framegate COMMAND [OPTION]...\n"
                                    "       framegate --help | --version\n");
    append_paragraphs(buffer, fg_help_program_description);
    fg_buffer_append_string(buffer, "\nCommands:\n");
    for (const struct fg_help_command *const *c = fg_help_commands(); *c != NULL; c++) {
        fg_buffer_append_format(buffer, "  %-*s%s\n", COMMAND_COLUMN, (*c)->name, (*c)->summary);
    }
    fg_buffer_append_string(buffer, "\n'framegate COMMAND --help' says more about each.\n");
    append_paragraphs(buffer, fg_help_exit_status);
    append_paragraphs(buffer, fg_help_examples);
    return fg_buffer_status(buffer);
}

/* -- man page ------------------------------------------------------------------------------- */

/* Appends text so that roff shows it as it is, whatever it starts with or contains. */
static void append_roff(struct fg_buffer *buffer, const char *text)
{
    bool line_start = true;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            fg_buffer_append_string(buffer, "\\&");
        }
        line_start = *text == '\n';
        switch (*text) {
        case '\\':
            fg_buffer_append_string(buffer, "\\e");
            break;
        case '-':
            fg_buffer_append_string(buffer, "\\-");
            break;
        case '\'':
            fg_buffer_append_string(buffer, "\\(aq");
            break;
        default:
            fg_buffer_append_byte(buffer, (uint8_t)*text);
        }
    }
}

/* Appends before, the text as roff, and after. */
static void append_roff_line(struct fg_buffer *buffer, const char *before, const char *text,
                             const char *after)
{
    fg_buffer_append_string(buffer, before);
    append_roff(buffer, text);
    fg_buffer_append_string(buffer, after);
}

static void append_roff_paragraphs(struct fg_buffer *buffer, const char *const *paragraphs)
{
    for (; *paragraphs != NULL; paragraphs++) {
        bool verbatim = is_verbatim(*paragraphs);
        append_roff_line(buffer, verbatim ? ".PP\n.nf\n" : ".PP\n", *paragraphs,
                         verbatim ? "\n.fi\n" : "\n");
    }
}

static void append_roff_option(struct fg_buffer *buffer, const struct fg_help_option *option)
{
    fg_buffer_append_string(buffer, ".TP\n.B ");
    if (option->code < FG_OPTION_LONG_ONLY) {
        fg_buffer_append_format(buffer, "\\-%c, ", option->code);
    }
    append_roff_line(buffer, "\\-\\-", option->name, "");
    if (option->argument != NULL) {
        append_roff_line(buffer, " \\fI", option->argument, "\\fR");
    }
    append_roff_line(buffer, "\n", option->text, "\n");
}

static void append_roff_command(struct fg_buffer *buffer, const struct fg_help_command *command)
{
    append_roff_line(buffer, ".SS ", command->name, "\n");
    append_roff_line(buffer, ".B framegate ", command->name, "\n");
    append_roff_line(buffer, "", command->synopsis, "\n");
    append_roff_line(buffer, ".PP\n", command->summary, ".\n");
    append_roff_paragraphs(buffer, command->description);
    append_options(buffer, command, append_roff_option);
}

static void append_roff_section(struct fg_buffer *buffer, const char *title,
                                const char *const *paragraphs)
{
    fg_buffer_append_format(buffer, ".SH %s\n", title);
    append_roff_paragraphs(buffer, paragraphs);
}

enum fg_status fg_help_append_man(struct fg_buffer *buffer)
{
    fg_buffer_append_format(
        buffer,
        ".TH FRAMEGATE 1 \"\" \"framegate %s\" \"User Commands\"\n"
        ".SH NAME\nframegate \\- HTTP gateway for Mercurial's frame\\-based wire protocol\n"
        ".SH SYNOPSIS\n.B framegate\n.I COMMAND\n[\\fIOPTION\\fR]...\n.br\n"
        ".B framegate \\-\\-help\n|\n.B \\-\\-version\n",
        fg_version());
    append_roff_section(buffer, "DESCRIPTION", fg_help_program_description);
    fg_buffer_append_string(buffer, ".SH COMMANDS\n");
    for (const struct fg_help_command *const *c = fg_help_commands(); *c != NULL; c++) {
        append_roff_command(buffer, *c);
    }
    append_roff_section(buffer, "EXIT STATUS", fg_help_exit_status);
    append_roff_section(buffer, "EXAMPLES", fg_help_examples);
    return fg_buffer_append_string(buffer, ".SH SEE ALSO\n.BR hg (1),\n.BR curl (1)\n");
}
