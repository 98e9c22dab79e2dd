/*
 * What the command-line tools share: reading, writing, messages, and the loop over the frames of
 * standard input.
 */
#include "gateway/tools/tools.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    INPUT_SIZE = 64 * 1024,         /* bytes asked for at once; a pipe holds no more */
    FLUSH_SIZE = 64 * 1024,         /* output that is worth a system call */
    EXCERPT_SIZE = 60,              /* bytes shown of input that is not frames */
    HELP_SIZE_MAX = 4 * 1024 * 1024 /* far above any help text */
};

int fg_tool_fail(const struct fg_tool *tool, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "framegate %s: ", tool->command->name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return FG_EXIT_FAILURE;
}

/* True if the call is worth repeating: it was interrupted, or has to wait for the descriptor. */
static bool should_retry(int descriptor, short events)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        struct pollfd descriptors = {.fd = descriptor, .events = events};
        return poll(&descriptors, 1, -1) >= 0 || errno == EINTR;
    }
    return errno == EINTR;
}

enum fg_status fg_tool_read(int descriptor, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    ssize_t size;
    do {
        size = read(descriptor, buffer, capacity);
    } while (size < 0 && should_retry(descriptor, POLLIN));
    if (size < 0) {
        return FG_ERR_IO;
    }
    if (size == 0) {
        return FG_END;
    }
    *ret_size = (size_t)size;
    return FG_OK;
}

int fg_tool_flush(struct fg_tool *tool)
{
    const uint8_t *data = tool->out.data;
    size_t left = tool->out.size;
    while (left > 0) {
        ssize_t written = write(STDOUT_FILENO, data, left);
        if (written < 0) {
            if (should_retry(STDOUT_FILENO, POLLOUT)) {
                continue;
            }
            fg_buffer_reset(&tool->out);
            return fg_tool_fail(tool, "cannot write standard output: %s", strerror(errno));
        }
        data += written;
        left -= (size_t)written;
    }
    fg_buffer_reset(&tool->out);
    return FG_EXIT_OK;
}

int fg_tool_flush_if_large(struct fg_tool *tool)
{
    return tool->out.size >= FLUSH_SIZE ? fg_tool_flush(tool) : FG_EXIT_OK;
}

int fg_tool_finish(struct fg_tool *tool, int result)
{
    int flushed = fg_tool_flush(tool);
    if (flushed == FG_EXIT_OK && close(STDOUT_FILENO) != 0) {
        flushed = fg_tool_fail(tool, "cannot write standard output: %s", strerror(errno));
    }
    fg_buffer_free(&tool->out);
    return result != FG_EXIT_OK ? result : flushed;
}

int fg_tool_help(const struct fg_help_command *command)
{
    struct fg_tool tool = {.command = command, .out = FG_BUFFER_INIT(HELP_SIZE_MAX)};
    enum fg_status status = fg_help_append_command(&tool.out, command);
    int result = FG_EXIT_OK;
    if (status != FG_OK) {
        result = fg_tool_fail(&tool, "%s", fg_status_text(status));
    }
    return fg_tool_finish(&tool, result);
}

/* -- the frames of standard input ------------------------------------------------------------ */

/* The first bytes of the input, kept to recognise text. */
struct input_start {
    char bytes[EXCERPT_SIZE];
    size_t size;
};

static void input_start_add(struct input_start *start, const uint8_t *data, size_t size)
{
    size_t room = sizeof(start->bytes) - start->size;
    size_t taken = size < room ? size : room;
    memcpy(start->bytes + start->size, data, taken);
    start->size += taken;
}

static bool is_text_byte(char c)
{
    return (c >= ' ' && c <= '~') || c == '\t' || c == '\n' || c == '\r';
}

/*
 * True if what would be the first header is all text. As a header that says a payload of more than
 * half a megabyte, which no peer sends; so where reading fails, this is why.
 */
static bool looks_like_text(const struct input_start *start)
{
    for (size_t i = 0; i < start->size && i < FG_FRAME_HEADER_SIZE; i++) {
        if (!is_text_byte(start->bytes[i])) {
            return false;
        }
    }
    return start->size > 0;
}

static int fail_with_text(const struct fg_tool *tool, const struct input_start *start)
{
    char excerpt[EXCERPT_SIZE + 1];
    for (size_t i = 0; i < start->size; i++) {
        char c = start->bytes[i];
        excerpt[i] = c;
        if (c == '\n' || c == '\r' || c == '\t') {
            excerpt[i] = ' ';
        } else if (!is_text_byte(c)) {
            excerpt[i] = '?';
        }
    }
    excerpt[start->size] = '\0';
    const char *advice = start->size >= 5 && memcmp(start->bytes, "HTTP/", 5) == 0
                             ? "leave out curl's -i"
                             : "an HTTP error? curl -i shows its status";
    return fg_tool_fail(tool, "input is not frames but text: \"%s\" (%s)", excerpt, advice);
}

/* Where the loop over the frames is. */
struct frame_position {
    uint64_t number; /* of the next frame, from 1 */
    uint64_t offset; /* of its header in the input */
};

static int fail_at(const struct fg_tool *tool, const struct input_start *start,
                   const struct frame_position *position, const struct fg_error *error)
{
    if (looks_like_text(start)) {
        return fail_with_text(tool, start);
    }
    return fg_tool_fail(tool, "frame %llu at byte %llu: %s", (unsigned long long)position->number,
                        (unsigned long long)position->offset, error->message);
}

/* Gives the frames that are complete with input to visit. */
static int visit_frames(struct fg_tool *tool, struct fg_frame_reader *reader, struct fg_bytes input,
                        const struct input_start *start, struct frame_position *position,
                        fg_tool_frame_visitor visit, void *context)
{
    for (;;) {
        struct fg_frame frame;
        struct fg_error error;
        enum fg_status status = fg_frame_reader_next(reader, &input, &frame, NULL, &error);
        if (status == FG_NEED_MORE) {
            return FG_EXIT_OK;
        }
        if (status != FG_OK) {
            return fail_at(tool, start, position, &error);
        }
        int result = visit(tool, &frame, position->number, context);
        if (result == FG_EXIT_OK) {
            result = fg_tool_flush_if_large(tool);
        }
        if (result != FG_EXIT_OK) {
            return result;
        }
        position->number++;
        position->offset += FG_FRAME_HEADER_SIZE + (uint64_t)frame.header.length;
    }
}

static int read_frames(struct fg_tool *tool, struct fg_frame_reader *reader,
                       fg_tool_frame_visitor visit, void *context)
{
    static uint8_t input[INPUT_SIZE];
    struct input_start start = {.size = 0};
    struct frame_position position = {.number = 1};
    for (;;) {
        size_t size;
        enum fg_status status = fg_tool_read(STDIN_FILENO, input, sizeof(input), &size);
        if (status == FG_END) {
            struct fg_error error;
            status = fg_frame_reader_finish(reader, NULL, &error);
            return status == FG_OK ? FG_EXIT_OK : fail_at(tool, &start, &position, &error);
        }
        if (status != FG_OK) {
            return fg_tool_fail(tool, "cannot read standard input: %s", strerror(errno));
        }
        input_start_add(&start, input, size);
        int result = visit_frames(tool, reader, (struct fg_bytes){input, size}, &start, &position,
                                  visit, context);
        if (result == FG_EXIT_OK) {
            result = fg_tool_flush(tool);
        }
        if (result != FG_EXIT_OK) {
            return result;
        }
    }
}

int fg_tool_each_frame(struct fg_tool *tool, const struct fg_limits *limits,
                       fg_tool_frame_visitor visit, void *context)
{
    struct fg_frame_reader reader;
    fg_frame_reader_init(&reader, limits);
    int result = read_frames(tool, &reader, visit, context);
    fg_frame_reader_clear(&reader);
    return result;
}
