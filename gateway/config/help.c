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

typedef enum fg_status (*option_appender)(struct fg_buffer *buffer,
                                          const struct fg_help_option *option);

/* Appends what a setting is, its default and what happens beyond it, as one sentence. */
static enum fg_status append_setting_text(struct fg_buffer *text, const struct fg_setting *setting)
{
    const struct fg_config defaults = {.framing = FG_LIMITS_DEFAULT};
    bool has_default = setting->initial != NULL ||
                       (setting->type != FG_SETTING_TEXT && setting->type != FG_SETTING_WORDS);
    enum fg_status status = fg_buffer_append_byte(text, (uint8_t)toupper(setting->text[0]));
    if (status == FG_OK) {
        status = fg_buffer_append_string(text, setting->text + 1);
    }
    if (status == FG_OK && (setting->flags & FG_SETTING_WEB) != 0) {
        status = fg_buffer_append_string(text, " (in a file under [web])");
    }
    if (!has_default || setting->type == FG_SETTING_SWITCH || status != FG_OK) {
        return status == FG_OK ? fg_buffer_append(text, ".", 2) : status;
    }
    if (setting->initial != NULL) {
        status = fg_buffer_append_format(text, " (default %s", setting->initial);
    } else {
        status = fg_buffer_append_format(text, " (default %llu",
                                         (unsigned long long)fg_config_number(&defaults, setting));
    }
    if (status == FG_OK && setting->reached != NULL) {
        status = fg_buffer_append_format(text, "; otherwise: %s", setting->reached);
    }
    return status == FG_OK ? fg_buffer_append(text, ").", 3) : status; /* with the final NUL */
}

static enum fg_status append_settings(struct fg_buffer *buffer, option_appender append)
{
    size_t count;
    const struct fg_setting *settings = fg_config_settings(&count);
    struct fg_buffer text = FG_BUFFER_INIT(64 * 1024);
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < count && status == FG_OK; i++) {
        fg_buffer_reset(&text);
        status = append_setting_text(&text, &settings[i]);
        if (status == FG_OK) {
            const struct fg_help_option option = {FG_OPTION_LONG_ONLY, settings[i].key,
                                                  settings[i].argument, (const char *)text.data};
            status = append(buffer, &option);
        }
    }
    fg_buffer_free(&text);
    return status;
}

/* Appends all options of a command in one of the two forms. */
static enum fg_status append_options(struct fg_buffer *buffer,
                                     const struct fg_help_command *command, option_appender append)
{
    static const struct fg_help_option help = {'h', "help", NULL, "Print this text and exit."};
    enum fg_status status = FG_OK;
    for (const struct fg_help_option *o = command->options; o != NULL && o->name != NULL; o++) {
        if (status == FG_OK) {
            status = append(buffer, o);
        }
    }
    if (status == FG_OK && command->has_settings) {
        status = append_settings(buffer, append);
    }
    return status == FG_OK ? append(buffer, &help) : status;
}

/* -- text ----------------------------------------------------------------------------------- */

static enum fg_status append_blanks(struct fg_buffer *buffer, size_t count)
{
    return fg_buffer_append_format(buffer, "%*s", (int)count, "");
}

/*
 * Appends words with line breaks so that no line is wider than TEXT_WIDTH; each line but the first
 * starts with indent blanks. column is where the first word goes.
 */
static enum fg_status append_wrapped(struct fg_buffer *buffer, const char *text, size_t indent,
                                     size_t column)
{
    enum fg_status status = FG_OK;
    bool first = true;
    while (*text != '\0' && status == FG_OK) {
        size_t size = strcspn(text, " ");
        if (!first && column + 1 + size > TEXT_WIDTH) {
            status = fg_buffer_append_byte(buffer, '\n');
            if (status == FG_OK) {
                status = append_blanks(buffer, indent);
            }
            column = indent;
        } else if (!first) {
            status = fg_buffer_append_byte(buffer, ' ');
            column++;
        }
        if (status == FG_OK) {
            status = fg_buffer_append(buffer, text, size);
        }
        column += size;
        first = false;
        text += size + strspn(text + size, " ");
    }
    return status == FG_OK ? fg_buffer_append_byte(buffer, '\n') : status;
}

static enum fg_status append_paragraph(struct fg_buffer *buffer, const char *paragraph)
{
    enum fg_status status = fg_buffer_append_byte(buffer, '\n');
    if (status != FG_OK) {
        return status;
    }
    if (is_verbatim(paragraph)) {
        return fg_buffer_append_format(buffer, "%s\n", paragraph);
    }
    return append_wrapped(buffer, paragraph, 0, 0);
}

static enum fg_status append_paragraphs(struct fg_buffer *buffer, const char *const *paragraphs)
{
    enum fg_status status = FG_OK;
    for (; *paragraphs != NULL && status == FG_OK; paragraphs++) {
        status = append_paragraph(buffer, *paragraphs);
    }
    return status;
}

static enum fg_status append_option(struct fg_buffer *buffer, const struct fg_help_option *option)
{
    enum fg_status status = append_blanks(buffer, 2);
    if (status == FG_OK && option->code < FG_OPTION_LONG_ONLY) {
        status = fg_buffer_append_format(buffer, "-%c, ", option->code);
    }
    if (status == FG_OK) {
        status = fg_buffer_append_format(buffer, "--%s%s%s\n", option->name,
                                         option->argument != NULL ? " " : "",
                                         option->argument != NULL ? option->argument : "");
    }
    if (status == FG_OK) {
        status = append_blanks(buffer, OPTION_INDENT);
    }
    if (status == FG_OK) {
        status = append_wrapped(buffer, option->text, OPTION_INDENT, OPTION_INDENT);
    }
    return status;
}

enum fg_status fg_help_append_command(struct fg_buffer *buffer,
                                      const struct fg_help_command *command)
{
    enum fg_status status =
        fg_buffer_append_format(buffer, "Usage: framegate %s %s\n\n%s.\n", command->name,
                                command->synopsis, command->summary);
    if (status == FG_OK) {
        status = append_paragraphs(buffer, command->description);
    }
    if (status == FG_OK) {
        status = fg_buffer_append_string(buffer, "\nOptions:\n");
    }
    return status == FG_OK ? append_options(buffer, command, append_option) : status;
}

enum fg_status fg_help_append_program(struct fg_buffer *buffer)
{
    enum fg_status status =
        fg_buffer_append_string(buffer, "Usage: framegate COMMAND [OPTION]...\n"
                                        "       framegate --help | --version\n");
    if (status == FG_OK) {
        status = append_paragraphs(buffer, fg_help_program_description);
    }
    if (status == FG_OK) {
        status = fg_buffer_append_string(buffer, "\nCommands:\n");
    }
    for (const struct fg_help_command *const *c = fg_help_commands(); *c != NULL; c++) {
        if (status == FG_OK) {
            status = fg_buffer_append_format(buffer, "  %-*s%s\n", COMMAND_COLUMN, (*c)->name,
                                             (*c)->summary);
        }
    }
    if (status == FG_OK) {
        status = fg_buffer_append_string(buffer, "\n'framegate COMMAND --help' says more about "
                                                 "each.\n");
    }
    if (status == FG_OK) {
        status = append_paragraphs(buffer, fg_help_exit_status);
    }
    return status == FG_OK ? append_paragraphs(buffer, fg_help_examples) : status;
}

/* -- man page ------------------------------------------------------------------------------- */

/* Appends text so that roff shows it as it is, whatever it starts with or contains. */
static enum fg_status append_roff(struct fg_buffer *buffer, const char *text)
{
    enum fg_status status = FG_OK;
    bool line_start = true;
    for (; *text != '\0' && status == FG_OK; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            status = fg_buffer_append_string(buffer, "\\&");
        }
        line_start = *text == '\n';
        if (status != FG_OK) {
            break;
        }
        switch (*text) {
        case '\\':
            status = fg_buffer_append_string(buffer, "\\e");
            break;
        case '-':
            status = fg_buffer_append_string(buffer, "\\-");
            break;
        case '\'':
            status = fg_buffer_append_string(buffer, "\\(aq");
            break;
        default:
            status = fg_buffer_append_byte(buffer, (uint8_t)*text);
        }
    }
    return status;
}

/* Appends before, the text as roff, and after. */
static enum fg_status append_roff_line(struct fg_buffer *buffer, const char *before,
                                       const char *text, const char *after)
{
    enum fg_status status = fg_buffer_append_string(buffer, before);
    if (status == FG_OK) {
        status = append_roff(buffer, text);
    }
    return status == FG_OK ? fg_buffer_append_string(buffer, after) : status;
}

static enum fg_status append_roff_paragraphs(struct fg_buffer *buffer,
                                             const char *const *paragraphs)
{
    enum fg_status status = FG_OK;
    for (; *paragraphs != NULL && status == FG_OK; paragraphs++) {
        bool verbatim = is_verbatim(*paragraphs);
        status = append_roff_line(buffer, verbatim ? ".PP\n.nf\n" : ".PP\n", *paragraphs,
                                  verbatim ? "\n.fi\n" : "\n");
    }
    return status;
}

static enum fg_status append_roff_option(struct fg_buffer *buffer,
                                         const struct fg_help_option *option)
{
    enum fg_status status = fg_buffer_append_string(buffer, ".TP\n.B ");
    if (status == FG_OK && option->code < FG_OPTION_LONG_ONLY) {
        status = fg_buffer_append_format(buffer, "\\-%c, ", option->code);
    }
    if (status == FG_OK) {
        status = append_roff_line(buffer, "\\-\\-", option->name, "");
    }
    if (status == FG_OK && option->argument != NULL) {
        status = append_roff_line(buffer, " \\fI", option->argument, "\\fR");
    }
    return status == FG_OK ? append_roff_line(buffer, "\n", option->text, "\n") : status;
}

static enum fg_status append_roff_command(struct fg_buffer *buffer,
                                          const struct fg_help_command *command)
{
    enum fg_status status = append_roff_line(buffer, ".SS ", command->name, "\n");
    if (status == FG_OK) {
        status = append_roff_line(buffer, ".B framegate ", command->name, "\n");
    }
    if (status == FG_OK) {
        status = append_roff_line(buffer, "", command->synopsis, "\n");
    }
    if (status == FG_OK) {
        status = append_roff_line(buffer, ".PP\n", command->summary, ".\n");
    }
    if (status == FG_OK) {
        status = append_roff_paragraphs(buffer, command->description);
    }
    return status == FG_OK ? append_options(buffer, command, append_roff_option) : status;
}

static enum fg_status append_roff_section(struct fg_buffer *buffer, const char *title,
                                          const char *const *paragraphs)
{
    enum fg_status status = fg_buffer_append_format(buffer, ".SH %s\n", title);
    return status == FG_OK ? append_roff_paragraphs(buffer, paragraphs) : status;
}

enum fg_status fg_help_append_man(struct fg_buffer *buffer)
{
    enum fg_status status = fg_buffer_append_format(
        buffer,
        ".TH FRAMEGATE 1 \"\" \"framegate %s\" \"User Commands\"\n"
        ".SH NAME\nframegate \\- HTTP gateway for Mercurial's frame\\-based wire protocol\n"
        ".SH SYNOPSIS\n.B framegate\n.I COMMAND\n[\\fIOPTION\\fR]...\n.br\n"
        ".B framegate \\-\\-help\n|\n.B \\-\\-version\n",
        fg_version());
    if (status == FG_OK) {
        status = append_roff_section(buffer, "DESCRIPTION", fg_help_program_description);
    }
    if (status == FG_OK) {
        status = fg_buffer_append_string(buffer, ".SH COMMANDS\n");
    }
    for (const struct fg_help_command *const *c = fg_help_commands(); *c != NULL; c++) {
        if (status == FG_OK) {
            status = append_roff_command(buffer, *c);
        }
    }
    if (status == FG_OK) {
        status = append_roff_section(buffer, "EXIT STATUS", fg_help_exit_status);
    }
    if (status == FG_OK) {
        status = append_roff_section(buffer, "EXAMPLES", fg_help_examples);
    }
    return status == FG_OK
               ? fg_buffer_append_string(buffer, ".SH SEE ALSO\n.BR hg (1),\n.BR curl (1)\n")
               : status;
}
