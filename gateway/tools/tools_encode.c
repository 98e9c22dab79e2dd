/*
 * `framegate encode`: human strings, one per line, to frames. Owns the cutting into lines; what a
 * line means is framing/humanstring.h.
 */
#include "framing/humanstring.h"
#include "gateway/tools/tools.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* True for the lines that say no frame: blanks only, or a comment. */
static bool is_skipped(struct fg_bytes line)
{
    if (line.size > 0 && line.data[0] == '#') {
        return true;
    }
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t') {
            return false;
        }
    }
    return true;
}

enum fg_status fg_tool_encode_line(struct fg_bytes line, struct fg_buffer *buffer,
                                   struct fg_error *error)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    return is_skipped(line) ? FG_OK : fg_humanstring_encode(line, buffer, error);
}

static int encode_line(struct fg_tool *tool, struct fg_bytes line, uint64_t number)
{
    struct fg_error error = {.offset = 0};
    enum fg_status status = fg_tool_encode_line(line, &tool->out, &error);
    if (status == FG_ERR_MEMORY) {
        return fg_tool_fail(tool, "line %llu: %s", (unsigned long long)number,
                            fg_status_text(status));
    }
    if (status != FG_OK) {
        return fg_tool_fail(tool, "line %llu, column %zu: %s", (unsigned long long)number,
                            error.offset + 1, error.message);
    }
    return fg_tool_flush_if_large(tool);
}

/* A line that is not complete yet, and the number of lines before it. */
struct line_state {
    struct fg_buffer partial;
    uint64_t number;
};

/* Adds to the line that is not complete yet. */
static int keep(struct fg_tool *tool, struct line_state *state, const uint8_t *data, size_t size)
{
    enum fg_status status = fg_buffer_append(&state->partial, data, size);
    if (status == FG_OK) {
        return FG_EXIT_OK;
    }
    unsigned long long number = (unsigned long long)state->number + 1;
    if (status == FG_ERR_LIMIT) {
        return fg_tool_fail(tool, "line %llu: expected a line of at most %zu bytes", number,
                            FG_TOOL_LINE_MAX);
    }
    return fg_tool_fail(tool, "line %llu: %s", number, fg_status_text(status));
}

/* Encodes the lines that end in the input and keeps the rest. */
static int encode_input(struct fg_tool *tool, struct line_state *state, const uint8_t *data,
                        size_t size)
{
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end != NULL ? (size_t)(end - data) : size;
        if (end == NULL || state->partial.size > 0) {
            int result = keep(tool, state, data, length);
            if (result != FG_EXIT_OK || end == NULL) {
                return result;
            }
        }
        struct fg_bytes line = state->partial.size > 0 ? fg_buffer_view(&state->partial)
                                                       : (struct fg_bytes){data, length};
        int result = encode_line(tool, line, ++state->number);
        if (result != FG_EXIT_OK) {
            return result;
        }
        fg_buffer_reset(&state->partial);
        data += length + 1;
        size -= length + 1;
    }
    return FG_EXIT_OK;
}

static int encode_all(struct fg_tool *tool, struct line_state *state)
{
    static uint8_t input[64 * 1024];
    for (;;) {
        size_t size;
        enum fg_status status = fg_tool_read(STDIN_FILENO, input, sizeof(input), &size);
        if (status == FG_END) {
            return encode_line(tool, fg_buffer_view(&state->partial), state->number + 1);
        }
        if (status != FG_OK) {
            return fg_tool_fail(tool, "cannot read standard input: %s", strerror(errno));
        }
        int result = encode_input(tool, state, input, size);
        if (result == FG_EXIT_OK) {
            result = fg_tool_flush(tool);
        }
        if (result != FG_EXIT_OK) {
            return result;
        }
    }
}

int fg_encode_main(int argc, char **argv)
{
    struct fg_options options;
    fg_options_init(&options, fg_help_find("encode"), argc, argv);
    for (int code; (code = fg_options_next(&options)) != FG_OPTIONS_END;) {
        switch (code) {
        case FG_OPTIONS_HELP:
            return fg_tool_help(options.command);
        case FG_OPTIONS_OPERAND:
            fg_options_fail(options.command, "unexpected operand '%s': input is standard input",
                            options.value);
            return FG_EXIT_USAGE;
        default:
            return FG_EXIT_USAGE;
        }
    }
    struct fg_tool tool = {.command = options.command, .out = FG_BUFFER_INIT(FG_TOOL_OUTPUT_MAX)};
    struct line_state state = {.partial = FG_BUFFER_INIT(FG_TOOL_LINE_MAX)};
    int result = encode_all(&tool, &state);
    fg_buffer_free(&state.partial);
    return fg_tool_finish(&tool, result);
}
