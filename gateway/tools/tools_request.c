/*
 * `framegate request`: the frames that ask for commands. The command line is read and checked whole
 * before the first byte is written, so bad usage never leaves half a request behind.
 */
#include "framing/cbor.h"
#include "framing/framegen.h"
#include "framing/literal.h"
#include "gateway/tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ids are odd and have 16 bits. */
enum { REQUESTS_MAX = 32768 };

/* Arguments come from one command line, whose size the system bounds. */
#define ARGS_MAX ((size_t)64 * 1024 * 1024)

/* One command that is asked for. Strings point into argv. */
struct request {
    const char *name;
    struct fg_buffer args;  /* inside of the map while reading options, then the whole map */
    struct fg_cbor_map map; /* args while it is not ended */
    const char *data_name;  /* FILE of --data, NULL without */
    int data;               /* its descriptor, -1 without */
};

struct request_list {
    struct request *items; /* owned */
    size_t count;
    size_t capacity;
    uint32_t max_frame_size;
    bool stdin_used;
};

/* -- the command line ------------------------------------------------------------------------ */

/* Makes room for one more. */
static int grow(struct request_list *list, const struct fg_options *options)
{
    if (list->count < list->capacity) {
        return FG_EXIT_OK;
    }
    size_t capacity = list->capacity > 0 ? 2 * list->capacity : 8;
    struct request *items = realloc(list->items, capacity * sizeof(*items));
    if (items == NULL) {
        fg_options_fail(options->command, "%s", fg_status_text(FG_ERR_MEMORY));
        return FG_EXIT_FAILURE;
    }
    list->items = items;
    list->capacity = capacity;
    return FG_EXIT_OK;
}

static int add_request(struct request_list *list, const struct fg_options *options)
{
    if (options->value[0] == '\0') {
        fg_options_fail(options->command, "the NAME of a command is empty");
        return FG_EXIT_USAGE;
    }
    if (list->count == REQUESTS_MAX) {
        fg_options_fail(options->command, "expected at most %d commands", REQUESTS_MAX);
        return FG_EXIT_USAGE;
    }
    int result = grow(list, options);
    if (result != FG_EXIT_OK) {
        return result;
    }
    struct request *request = &list->items[list->count++];
    *request = (struct request){.name = options->value, .data = -1};
    fg_buffer_init(&request->args, ARGS_MAX);
    fg_cbor_map_begin(&request->args, &request->map);
    return FG_EXIT_OK;
}

static int add_argument(struct request *request, const struct fg_options *options)
{
    const char *equals = strchr(options->value, '=');
    if (equals == NULL || equals == options->value) {
        fg_options_fail(options->command, "--arg: expected KEY=LITERAL, not '%s'", options->value);
        return FG_EXIT_USAGE;
    }
    const struct fg_limits limits = FG_LIMITS_NONE;
    size_t key_size = (size_t)(equals - options->value);
    struct fg_error error;
    enum fg_status status = fg_cbor_put_bytes(&request->args, options->value, key_size);
    if (status == FG_OK) {
        status =
            fg_literal_encode(fg_bytes_from_string(equals + 1), &limits, &request->args, &error);
        if (status == FG_ERR_SYNTAX || status == FG_ERR_LIMIT) {
            fg_options_fail(options->command, "--arg %.*s: column %zu of the literal: %s",
                            (int)key_size, options->value, error.offset + 1, error.message);
            return FG_EXIT_USAGE;
        }
    }
    if (status != FG_OK) {
        fg_options_fail(options->command, "--arg %.*s: %s", (int)key_size, options->value,
                        fg_status_text(status));
        return FG_EXIT_FAILURE;
    }
    return FG_EXIT_OK;
}

static int set_data(struct request_list *list, struct request *request,
                    const struct fg_options *options)
{
    bool is_stdin = strcmp(options->value, "-") == 0;
    if (request->data_name != NULL) {
        fg_options_fail(options->command, "--data was given twice for '%s'", request->name);
        return FG_EXIT_USAGE;
    }
    if (is_stdin && list->stdin_used) {
        fg_options_fail(options->command, "--data - can be given once");
        return FG_EXIT_USAGE;
    }
    request->data_name = is_stdin ? "standard input" : options->value;
    request->data = is_stdin ? STDIN_FILENO : open(options->value, O_RDONLY | O_CLOEXEC);
    list->stdin_used = list->stdin_used || is_stdin;
    if (request->data < 0) {
        const struct fg_tool tool = {.command = options->command};
        return fg_tool_fail(&tool, "cannot open '%s': %s", options->value, strerror(errno));
    }
    return FG_EXIT_OK;
}

static int set_max_frame_size(struct request_list *list, const struct fg_options *options)
{
    uint64_t number;
    if (fg_parse_number(options->value, 1, FG_FRAME_LENGTH_MAX, &number) != FG_OK) {
        fg_options_fail(options->command, "--max-frame-size: expected 1 to %d, not '%s'",
                        FG_FRAME_LENGTH_MAX, options->value);
        return FG_EXIT_USAGE;
    }
    list->max_frame_size = (uint32_t)number;
    return FG_EXIT_OK;
}

/* Applies one option of the command line. */
static int apply_option(struct request_list *list, const struct fg_options *options, int code)
{
    struct request *last = list->count > 0 ? &list->items[list->count - 1] : NULL;
    if (last == NULL && (code == FG_REQUEST_OPTION_ARG || code == FG_REQUEST_OPTION_DATA ||
                         code == FG_REQUEST_OPTION_THEN)) {
        fg_options_fail(options->command, "expected the NAME of a command before its options");
        return FG_EXIT_USAGE;
    }
    switch (code) {
    case FG_OPTIONS_OPERAND:
        if (last != NULL) {
            fg_options_fail(options->command,
                            "unexpected operand '%s': further commands need --then",
                            options->value);
            return FG_EXIT_USAGE;
        }
        return add_request(list, options);
    case FG_REQUEST_OPTION_THEN:
        return add_request(list, options);
    case FG_REQUEST_OPTION_ARG:
        return add_argument(last, options);
    case FG_REQUEST_OPTION_DATA:
        return set_data(list, last, options);
    case FG_REQUEST_OPTION_MAX_FRAME_SIZE:
        return set_max_frame_size(list, options);
    default:
        return FG_EXIT_USAGE;
    }
}

/* Closes the argument maps. */
static int end_arguments(struct request_list *list, const struct fg_options *options)
{
    if (list->count == 0) {
        fg_options_fail(options->command, "expected the NAME of a command");
        return FG_EXIT_USAGE;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct request *request = &list->items[i];
        enum fg_status status = fg_cbor_map_end(&request->args, &request->map, false);
        if (status == FG_ERR_SYNTAX) {
            fg_options_fail(options->command, "--arg was given twice for one key of '%s'",
                            request->name);
            return FG_EXIT_USAGE;
        }
        if (status != FG_OK) {
            fg_options_fail(options->command, "%s", fg_status_text(status));
            return FG_EXIT_FAILURE;
        }
    }
    return FG_EXIT_OK;
}

/* -- the frames ------------------------------------------------------------------------------ */

/* The data of a command as a source of frames. */
static enum fg_status read_data(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    const struct request *request = context;
    return fg_tool_read(request->data, buffer, capacity, ret_size);
}

static int write_frames(struct fg_tool *tool, struct fg_framegen *framegen,
                        const struct request *request)
{
    size_t capacity = fg_framegen_frame_size_max(framegen);
    for (;;) {
        uint8_t *space;
        size_t size;
        enum fg_status status = fg_buffer_reserve(&tool->out, capacity, &space);
        if (status == FG_OK) {
            errno = 0;
            status = fg_framegen_next(framegen, space, capacity, &size);
        }
        if (status == FG_END) {
            return FG_EXIT_OK;
        }
        if (status == FG_ERR_IO) {
            return fg_tool_fail(tool, "cannot read %s: %s", request->data_name, strerror(errno));
        }
        if (status != FG_OK) {
            return fg_tool_fail(tool, "%s: %s", request->name, fg_status_text(status));
        }
        tool->out.size += size;
        int result = fg_tool_flush_if_large(tool);
        if (result != FG_EXIT_OK) {
            return result;
        }
    }
}

static int write_request(struct fg_tool *tool, const struct request_list *list, size_t index,
                         struct fg_stream *stream)
{
    struct request *request = &list->items[index];
    struct fg_source data = {.read = read_data, .context = request, .size = FG_SIZE_UNKNOWN};
    struct fg_framegen *framegen = NULL;
    enum fg_status status =
        fg_commandframes_new(stream, (uint16_t)(2 * index + 1), fg_bytes_from_string(request->name),
                             fg_buffer_view(&request->args), request->data >= 0 ? &data : NULL,
                             list->max_frame_size, &framegen);
    if (status != FG_OK) {
        return fg_tool_fail(tool, "%s: %s", request->name, fg_status_text(status));
    }
    int result = write_frames(tool, framegen, request);
    fg_framegen_free(framegen);
    return result;
}

static int write_requests(const struct request_list *list, const struct fg_help_command *command)
{
    struct fg_tool tool = {.command = command, .out = FG_BUFFER_INIT(FG_TOOL_OUTPUT_MAX)};
    struct fg_stream stream;
    int result = FG_EXIT_OK;
    if (fg_stream_init_client(&stream, 1) != FG_OK) {
        result = FG_EXIT_FAILURE;
    }
    for (size_t i = 0; i < list->count && result == FG_EXIT_OK; i++) {
        result = write_request(&tool, list, i, &stream);
    }
    return fg_tool_finish(&tool, result);
}

static void clear_list(struct request_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        fg_buffer_free(&list->items[i].args);
        if (list->items[i].data > STDIN_FILENO) {
            close(list->items[i].data);
        }
    }
    free(list->items);
}

int fg_request_main(int argc, char **argv)
{
    struct request_list list = {.max_frame_size = FG_DEFAULT_MAX_FRAME_SIZE};
    struct fg_options options;
    int result = FG_EXIT_OK;
    fg_options_init(&options, fg_help_find("request"), argc, argv);
    for (int code; result == FG_EXIT_OK && (code = fg_options_next(&options)) != FG_OPTIONS_END;) {
        if (code == FG_OPTIONS_HELP) {
            clear_list(&list);
            return fg_tool_help(options.command);
        }
        result = apply_option(&list, &options, code);
    }
    if (result == FG_EXIT_OK) {
        result = end_arguments(&list, &options);
    }
    if (result == FG_EXIT_OK) {
        result = write_requests(&list, options.command);
    }
    clear_list(&list);
    return result;
}
