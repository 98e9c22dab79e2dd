/*
 * The command-line tools: encode, decode, request, reflect and help, and what they share. All of
 * them stream standard input to standard output; memory is bounded by one line or one frame.
 */
#ifndef FRAMEGATE_GATEWAY_TOOLS_H
#define FRAMEGATE_GATEWAY_TOOLS_H

#include "framing/frame.h"
#include "gateway/config/options.h"

/* Exit status of every command. */
enum {
    FG_EXIT_OK = 0,
    FG_EXIT_FAILURE = 1, /* bad input, or reading or writing failed */
    FG_EXIT_USAGE = 2,
};

enum {
    FG_DECODE_OPTION_JSON = FG_OPTION_LONG_ONLY,
    FG_DECODE_OPTION_REPR,
    FG_DECODE_OPTION_PAYLOAD,
    FG_DECODE_OPTION_REQUEST,
    FG_REQUEST_OPTION_ARG,
    FG_REQUEST_OPTION_DATA,
    FG_REQUEST_OPTION_MAX_FRAME_SIZE,
    FG_REQUEST_OPTION_THEN,
    FG_REFLECT_OPTION_DEFERRED,
    FG_HELP_OPTION_MAN,
    FG_SERVE_OPTION_CONFIG,
    FG_SERVE_OPTION_CHECK_CONFIG,
};

/* Each runs its command; argv[0] is the command's name. The result is the exit status. */
int fg_encode_main(int argc, char **argv);
int fg_decode_main(int argc, char **argv);
int fg_request_main(int argc, char **argv);
int fg_reflect_main(int argc, char **argv);
int fg_help_main(int argc, char **argv);

/* -- what the tools share (tools_io.c) ------------------------------------------------------- */

/* The largest payload, 16 MiB, as \xNN escapes is 64 MiB; the rest of a human string is short. */
#define FG_TOOL_LINE_MAX ((size_t)65 * 1024 * 1024)

/*
 * What one frame or line may become before it is written. A payload of 16 MiB is 32 MiB as hex,
 * and 128 MiB as a literal whose backslashes JSON doubles.
 */
#define FG_TOOL_OUTPUT_MAX ((size_t)512 * 1024 * 1024)

/* A tool's run: its name for messages, and the output that was not written yet. */
struct fg_tool {
    const struct fg_help_command *command;
    struct fg_buffer out;
};

/* Prints "framegate COMMAND: MESSAGE" to standard error. Returns FG_EXIT_FAILURE. */
int fg_tool_fail(const struct fg_tool *tool, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Reads up to capacity bytes and waits for at least one. FG_END at the end. FG_ERR_IO: errno says
 * why.
 */
enum fg_status fg_tool_read(int descriptor, uint8_t *buffer, size_t capacity, size_t *ret_size);

/* Writes tool->out to standard output and empties it. FG_EXIT_FAILURE: the message is printed. */
int fg_tool_flush(struct fg_tool *tool);

/* As fg_tool_flush, but only once enough is there to be worth a system call. */
int fg_tool_flush_if_large(struct fg_tool *tool);

/*
 * Ends a run: writes what is left, closes standard output, since some errors show only then, and
 * frees the output. Returns result, or FG_EXIT_FAILURE where result is FG_EXIT_OK and this failed.
 */
int fg_tool_finish(struct fg_tool *tool, int result);

/* Prints a command's help to standard output. Returns the exit status. */
int fg_tool_help(const struct fg_help_command *command);

/*
 * Appends the frame that a line of human strings says; nothing for a comment and for blanks. A
 * carriage return at its end does not count. Errors of fg_humanstring_encode.
 */
enum fg_status fg_tool_encode_line(struct fg_bytes line, struct fg_buffer *buffer,
                                   struct fg_error *error);

/* What a tool does with a frame. Anything but FG_EXIT_OK ends the run with that exit status. */
typedef int (*fg_tool_frame_visitor)(struct fg_tool *tool, const struct fg_frame *frame,
                                     uint64_t number, void *context);

/*
 * Reads frames from standard input and gives each to visit (numbered from 1). Output is written
 * before each wait for input. Malformed input is reported with the number and place of the frame;
 * text that is not frames is said to be that.
 */
int fg_tool_each_frame(struct fg_tool *tool, const struct fg_limits *limits,
                       fg_tool_frame_visitor visit, void *context);

#endif
