/*
 * Vectors of kind reactor: a list of events, each with the result it must have. Every vector runs
 * twice, with its frames given whole and byte by byte.
 */
#include "tests/conformance/conformance.h"

#include "framing/reactor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAMS = 128, HELD_MAX = 1024 };

struct run {
    struct vector *vector;
    size_t slice; /* bytes given to the reader at once */
    size_t event; /* its number, for reports */
    struct fg_reactor *reactor;
    struct fg_frame_reader reader;
    struct fg_stream *streams[STREAMS]; /* by id / 2 */
    struct fg_framegen *held[HELD_MAX]; /* generators from which nothing was taken yet */
    size_t held_count;
};

static void event_differs(struct run *run, const char *what, const char *expected,
                          const char *actual)
{
    vector_differs(run->vector, "event %zu%s: %s is %s, expected %s", run->event,
                   run->slice == 1 ? " (byte by byte)" : "", what, actual, expected);
}

static void expect_text(struct run *run, const char *what, const char *expected, const char *actual)
{
    if (expected == NULL || strcmp(expected, actual) != 0) {
        event_differs(run, what, expected != NULL ? expected : "(missing)", actual);
    }
}

static void expect_number(struct run *run, const json_t *expect, const char *key, unsigned actual)
{
    unsigned expected = get_number(run->vector, expect, key, UINT16_MAX);
    if (expected != actual) {
        char texts[2][16];
        snprintf(texts[0], sizeof texts[0], "%u", expected);
        snprintf(texts[1], sizeof texts[1], "%u", actual);
        event_differs(run, key, texts[0], texts[1]);
    }
}

/* -- comparing actions
 * ------------------------------------------------------------------------------ */

static void compare_command(struct run *run, const json_t *expect, const struct fg_command *command)
{
    const json_t *data = get_field(run->vector, expect, "data");
    struct fg_buffer args = FG_BUFFER_INIT(SIZE_MAX);
    expect_number(run, expect, "requestid", command->requestid);
    expect_bytes(run->vector, "command", get_field(run->vector, expect, "command"), command->name);
    if (fg_command_put_args(command, &args) == FG_OK) {
        expect_bytes(run->vector, "args", get_field(run->vector, expect, "args"),
                     fg_buffer_view(&args));
    } else {
        vector_differs(run->vector, "event %zu: args cannot be encoded", run->event);
    }
    if (json_is_null(data) == command->has_data) {
        event_differs(run, "data", command->has_data ? "null" : "bytes",
                      command->has_data ? "bytes" : "null");
    } else if (command->has_data) {
        expect_bytes(run->vector, "data", data, fg_buffer_view(&command->data));
    }
    fg_buffer_free(&args);
}

static void compare_incomplete(struct run *run, const json_t *expect,
                               const struct fg_action *action)
{
    const json_t *list = json_object_get(expect, "incomplete");
    if (json_array_size(list) != action->incomplete_count) {
        event_differs(run, "incomplete", "of another length", "this");
        return;
    }
    for (size_t i = 0; i < action->incomplete_count; i++) {
        if (json_integer_value(json_array_get(list, i)) != action->incomplete[i]) {
            event_differs(run, "incomplete", "another id", "this");
        }
    }
}

/* Takes the frames out now, or keeps the generator for a later drain. */
static void handle_frames(struct run *run, const json_t *event, const json_t *expect,
                          struct fg_framegen *framegen)
{
    if (json_is_true(json_object_get(event, "hold")) && run->held_count < HELD_MAX) {
        run->held[run->held_count++] = framegen;
        return;
    }
    size_t place = 0;
    const json_t *frames = get_list(run->vector, expect, "frames");
    expect_frames(run->vector, framegen, frames, &place);
    expect_no_more_frames(run->vector, frames, place);
    fg_framegen_free(framegen);
}

/* Takes over what the action owns. */
static void compare_action(struct run *run, const json_t *event, const json_t *expect,
                           const struct fg_action *action)
{
    expect_text(run, "action", get_string(run->vector, expect, "action"),
                fg_action_name(action->type));
    switch (action->type) {
    case FG_ACTION_WANTFRAME:
        expect_text(run, "state", get_string(run->vector, expect, "state"),
                    fg_reactor_state_name(action->state));
        break;
    case FG_ACTION_RUNCOMMAND:
        compare_command(run, expect, action->command);
        fg_command_free(action->command);
        break;
    case FG_ACTION_ERROR:
        if (!json_is_null(get_field(run->vector, expect, "message"))) {
            expect_text(run, "message", get_string(run->vector, expect, "message"),
                        action->message);
        }
        break;
    case FG_ACTION_SENDFRAMES:
        handle_frames(run, event, expect, action->framegen);
        break;
    default:
        break;
    }
    compare_incomplete(run, expect, action);
}

/* -- events
 * ------------------------------------------------------------------------------------------ */

static enum fg_status receive(struct run *run, const json_t *event, struct fg_action *ret_action)
{
    struct fg_buffer bytes = FG_BUFFER_INIT(SIZE_MAX);
    enum fg_status status = FG_NEED_MORE;
    if (get_hex(run->vector, event, "frame", &bytes)) {
        expect_round_trip(run->vector, fg_buffer_view(&bytes));
        struct fg_frame frame;
        for (size_t offset = 0; offset < bytes.size && status == FG_NEED_MORE;
             offset += run->slice) {
            size_t left = bytes.size - offset;
            struct fg_bytes input = {bytes.data + offset, left < run->slice ? left : run->slice};
            status = fg_frame_reader_next(&run->reader, &input, &frame, NULL, NULL);
        }
        if (status == FG_OK) {
            status = fg_reactor_onframerecv(run->reactor, &frame, ret_action);
        }
    }
    fg_buffer_free(&bytes);
    return status;
}

static enum fg_status respond(struct run *run, const json_t *event, bool application_error,
                              struct fg_action *ret_action)
{
    struct fg_buffer bytes = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_stream *stream = run->streams[get_number(run->vector, event, "stream", 255) / 2];
    uint16_t requestid = (uint16_t)get_number(run->vector, event, "requestid", UINT16_MAX);
    enum fg_status status = FG_ERR_ARGUMENT;
    if (stream != NULL &&
        get_hex(run->vector, event, application_error ? "message" : "data", &bytes)) {
        if (application_error) {
            status = fg_reactor_onapplicationerror(run->reactor, stream, requestid,
                                                   fg_buffer_view(&bytes), ret_action);
        } else {
            struct fg_source source = fg_source_from_buffer(&bytes);
            status = fg_reactor_onbytesresponseready(run->reactor, stream, requestid, 0, &source,
                                                     ret_action);
        }
    }
    fg_buffer_free(&bytes);
    return status;
}

static void make_output_stream(struct run *run, const json_t *expect)
{
    struct fg_stream *stream;
    if (fg_reactor_makeoutputstream(run->reactor, &stream) == FG_OK) {
        run->streams[stream->streamid / 2] = stream;
        expect_number(run, expect, "streamid", stream->streamid);
    } else {
        vector_differs(run->vector, "event %zu: no stream", run->event);
    }
}

static void drain(struct run *run, const json_t *expect)
{
    const json_t *frames = get_list(run->vector, expect, "frames");
    size_t place = 0;
    for (size_t i = 0; i < run->held_count; i++) {
        expect_frames(run->vector, run->held[i], frames, &place);
        fg_framegen_free(run->held[i]);
    }
    run->held_count = 0;
    expect_no_more_frames(run->vector, frames, place);
}

static void run_event(struct run *run, const json_t *event)
{
    const json_t *expect = get_field(run->vector, event, "expect");
    const char *name = get_string(run->vector, event, "event");
    struct fg_action action;
    enum fg_status status;
    if (expect == NULL || name == NULL) {
        return;
    }
    if (strcmp(name, "makeoutputstream") == 0) {
        make_output_stream(run, expect);
        return;
    }
    if (strcmp(name, "drain") == 0) {
        drain(run, expect);
        return;
    }
    if (strcmp(name, "recv") == 0) {
        status = receive(run, event, &action);
    } else if (strcmp(name, "bytesresponse") == 0) {
        status = respond(run, event, false, &action);
    } else if (strcmp(name, "applicationerror") == 0) {
        status = respond(run, event, true, &action);
    } else if (strcmp(name, "inputeof") == 0) {
        status = fg_reactor_oninputeof(run->reactor, &action);
    } else {
        vector_differs(run->vector, "event %zu: unknown event \"%s\"", run->event, name);
        return;
    }
    if (status == FG_OK) {
        compare_action(run, event, expect, &action);
    } else {
        vector_differs(run->vector, "event %zu: %s: %s", run->event, name, fg_status_text(status));
    }
}

static void run_sliced(struct vector *vector, size_t slice)
{
    struct fg_reactor_options options = {
        .deferoutput = get_bool(vector, vector->json, "deferoutput"),
        .data_mode = FG_DATA_KEEP,
        /* Some vectors have such bytes, and say what the seed makes of them. */
        .ignore_trailing_bytes = true,
        .limits = FG_LIMITS_NONE,
    };
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL || fg_reactor_new(&options, &run->reactor) != FG_OK) {
        vector_differs(vector, "out of memory");
        free(run);
        return;
    }
    run->vector = vector;
    run->slice = slice;
    fg_frame_reader_init(&run->reader, &options.limits);
    const json_t *event;
    json_array_foreach((json_t *)get_list(vector, vector->json, "events"), run->event, event)
    {
        run_event(run, event);
    }
    for (size_t i = 0; i < run->held_count; i++) {
        fg_framegen_free(run->held[i]);
    }
    fg_frame_reader_clear(&run->reader);
    fg_reactor_free(run->reactor);
    free(run);
}

void run_reactor(struct vector *vector)
{
    run_sliced(vector, SIZE_MAX / 2);
    run_sliced(vector, 1);
}
