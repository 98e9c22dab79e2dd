/*
 * `framegate decode`: frames to human strings, the seed's form, JSON or payloads. Owns the choice
 * and the rules of --payload; JSON is gateway/tools/tools_json.c.
 */
#include "framing/humanstring.h"
#include "gateway/tools/tools.h"
#include "gateway/tools/tools_json.h"

#include <stdbool.h>

enum decode_form { FORM_HUMAN, FORM_JSON, FORM_REPR, FORM_PAYLOAD };

struct decode {
    enum decode_form form;
    bool filtered; /* only frames of filter_requestid count */
    uint16_t filter_requestid;
    bool response_open;          /* FORM_PAYLOAD: a response has begun and not ended */
    uint16_t response_requestid; /* whose */
    uint64_t responses;          /* responses that ended */
};

static int fail_error_response(const struct fg_tool *tool, const struct fg_frame *frame)
{
    /* The message is the peer's: fg_fail makes it one line without control characters. */
    struct fg_error error;
    fg_fail(&error, FG_ERR_STATE, 0, "request %u was answered with an error: %.*s",
            (unsigned)frame->header.requestid, (int)frame->header.length,
            frame->header.length > 0 ? (const char *)frame->payload : "");
    return fg_tool_fail(tool, "%s", error.message);
}

/* Writes a frame's part of a response; refuses what would put wrong bytes together. */
static int decode_payload(struct fg_tool *tool, struct decode *decode, const struct fg_frame *frame,
                          uint64_t number)
{
    const struct fg_frame_header *header = &frame->header;
    unsigned long long n = (unsigned long long)number;
    if (header->type == FG_FRAME_ERROR_RESPONSE) {
        return fail_error_response(tool, frame);
    }
    if (header->type != FG_FRAME_BYTES_RESPONSE) {
        return FG_EXIT_OK;
    }
    if (decode->response_open && header->requestid != decode->response_requestid) {
        return fg_tool_fail(tool,
                            "frame %llu: the response to request %u begins inside that to request "
                            "%u; choose one with --request",
                            n, (unsigned)header->requestid, (unsigned)decode->response_requestid);
    }
    if ((header->streamflags & FG_STREAM_ENCODED) != 0) {
        return fg_tool_fail(tool, "frame %llu: stream flags: the payload is encoded", n);
    }
    if ((header->flags & (FG_BYTES_RESPONSE_CONTINUATION | FG_BYTES_RESPONSE_EOS)) == 0) {
        return fg_tool_fail(tool, "frame %llu: flags: expected continuation or eos", n);
    }
    if (fg_buffer_append(&tool->out, frame->payload, header->length) != FG_OK) {
        return fg_tool_fail(tool, "frame %llu: %s", n, fg_status_text(FG_ERR_MEMORY));
    }
    decode->response_requestid = header->requestid;
    decode->response_open = (header->flags & FG_BYTES_RESPONSE_EOS) == 0;
    decode->responses += decode->response_open ? 0 : 1;
    return FG_EXIT_OK;
}

static enum fg_status append_line(struct fg_buffer *out, const struct decode *decode,
                                  const struct fg_frame *frame)
{
    enum fg_status status;
    switch (decode->form) {
    case FORM_JSON:
        status = fg_json_append_frame(out, frame);
        break;
    case FORM_REPR:
        status = fg_frame_append_repr(out, &frame->header);
        break;
    default:
        status = fg_humanstring_decode(frame, out);
    }
    return status == FG_OK ? fg_buffer_append_byte(out, '\n') : status;
}

static int decode_frame(struct fg_tool *tool, const struct fg_frame *frame, uint64_t number,
                        void *context)
{
    struct decode *decode = context;
    if (decode->filtered && frame->header.requestid != decode->filter_requestid) {
        return FG_EXIT_OK;
    }
    if (decode->form == FORM_PAYLOAD) {
        return decode_payload(tool, decode, frame, number);
    }
    const struct fg_buffer_mark mark = fg_buffer_mark(&tool->out);
    enum fg_status status = append_line(&tool->out, decode, frame);
    if (fg_buffer_keep_if(status, &tool->out, mark) != FG_OK) { /* no part of a line */
        return fg_tool_fail(tool, "frame %llu: %s", (unsigned long long)number,
                            fg_status_text(status));
    }
    return FG_EXIT_OK;
}

/* What --payload needs to hold at the end of the input. */
static int check_end(const struct fg_tool *tool, const struct decode *decode)
{
    if (decode->form != FORM_PAYLOAD) {
        return FG_EXIT_OK;
    }
    if (decode->response_open) {
        return fg_tool_fail(tool, "the input ends inside the response to request %u",
                            (unsigned)decode->response_requestid);
    }
    if (decode->responses == 0 && decode->filtered) {
        return fg_tool_fail(tool, "the input has no response to request %u",
                            (unsigned)decode->filter_requestid);
    }
    return decode->responses == 0 ? fg_tool_fail(tool, "the input has no response") : FG_EXIT_OK;
}

static bool set_form(struct decode *decode, const struct fg_options *options, enum decode_form form)
{
    if (decode->form != FORM_HUMAN && decode->form != form) {
        fg_options_fail(options->command, "expected one of --json, --repr and --payload");
        return false;
    }
    decode->form = form;
    return true;
}

static bool set_filter(struct decode *decode, const struct fg_options *options)
{
    uint64_t number;
    if (fg_parse_number(options->value, 0, UINT16_MAX, &number) != FG_OK) {
        fg_options_fail(options->command, "--request: expected 0 to 65535, not '%s'",
                        options->value);
        return false;
    }
    decode->filtered = true;
    decode->filter_requestid = (uint16_t)number;
    return true;
}

/* Applies one option; false if it is bad usage. */
static bool apply_option(struct decode *decode, const struct fg_options *options, int code)
{
    switch (code) {
    case FG_DECODE_OPTION_JSON:
        return set_form(decode, options, FORM_JSON);
    case FG_DECODE_OPTION_REPR:
        return set_form(decode, options, FORM_REPR);
    case FG_DECODE_OPTION_PAYLOAD:
        return set_form(decode, options, FORM_PAYLOAD);
    case FG_DECODE_OPTION_REQUEST:
        return set_filter(decode, options);
    case FG_OPTIONS_OPERAND:
        fg_options_fail(options->command, "unexpected operand '%s': input is standard input",
                        options->value);
        return false;
    default:
        return false;
    }
}

int fg_decode_main(int argc, char **argv)
{
    struct decode decode = {.form = FORM_HUMAN};
    struct fg_options options;
    fg_options_init(&options, fg_help_find("decode"), argc, argv);
    for (int code; (code = fg_options_next(&options)) != FG_OPTIONS_END;) {
        if (code == FG_OPTIONS_HELP) {
            return fg_tool_help(options.command);
        }
        if (!apply_option(&decode, &options, code)) {
            return FG_EXIT_USAGE;
        }
    }
    struct fg_tool tool = {.command = options.command, .out = FG_BUFFER_INIT(FG_TOOL_OUTPUT_MAX)};
    const struct fg_limits limits = FG_LIMITS_NONE;
    int result = fg_tool_each_frame(&tool, &limits, decode_frame, &decode);
    if (result == FG_EXIT_OK) {
        result = check_end(&tool, &decode);
    }
    return fg_tool_finish(&tool, result);
}
