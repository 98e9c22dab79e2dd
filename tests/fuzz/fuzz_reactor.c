/*
 * The reactor, driven by a script: the first byte gives the options, then each event is one byte
 * that says what happens and what it needs. After every event its invariants are checked:
 * nothing but errors after an error, no request both receiving and active, what is buffered within
 * the limits.
 */
#include "tests/fuzz/fuzz.h"

#include "framing/reactor.h"

#include <string.h>

enum { REQUESTS_MAX = 8, HELD_MAX = 16 };

struct script {
    const uint8_t *data;
    size_t size;
};

struct run {
    struct fg_reactor *reactor;
    struct fg_reactor_options options;
    struct fg_stream *out;
    struct fg_framegen *held[HELD_MAX];
    size_t held_count;
    bool errored;
    bool input_ended;
};

static uint8_t next_byte(struct script *script)
{
    if (script->size == 0) {
        return 0;
    }
    script->size--;
    return *script->data++;
}

/* Few ids and streams, so that they meet often. */
static struct fg_frame next_frame(struct script *script)
{
    uint8_t type_and_flags = next_byte(script);
    uint8_t ids = next_byte(script);
    uint8_t length = next_byte(script);
    if (length > script->size) {
        length = (uint8_t)script->size;
    }
    struct fg_frame frame = {
        .header = {.length = length,
                   .requestid = ids & 7,
                   .streamid = ids >> 3 & 3,
                   .streamflags = ids >> 5,
                   .type = type_and_flags >> 4,
                   .flags = type_and_flags & 15},
        .payload = script->data,
    };
    script->data += length;
    script->size -= length;
    return frame;
}

static void take_frames(struct fg_framegen *framegen)
{
    static uint8_t frame[FG_FRAME_HEADER_SIZE + FG_DEFAULT_MAX_FRAME_SIZE];
    size_t size;
    enum fg_status status;
    while ((status = fg_framegen_next(framegen, frame, sizeof frame, &size)) == FG_OK) {
        struct fg_frame_header header;
        fg_frame_header_decode(frame, &header);
        HOLDS(header.length + FG_FRAME_HEADER_SIZE == size);
        HOLDS(header.streamid % 2 == 0);
    }
    HOLDS(status == FG_END);
    fg_framegen_free(framegen);
}

static void handle_action(struct run *run, struct script *script, const struct fg_action *action)
{
    switch (action->type) {
    case FG_ACTION_RUNCOMMAND:
        HOLDS(action->command->request.count > 0);
        HOLDS(action->command->data.size <= run->options.limits.data_bytes);
        fg_command_free(action->command);
        break;
    case FG_ACTION_EXPECTDATA: {
        static const enum fg_data_mode modes[] = {FG_DATA_KEEP, FG_DATA_DELIVER, FG_DATA_DROP};
        enum fg_data_mode mode = modes[next_byte(script) % 3];
        HOLDS(fg_reactor_set_data_mode(run->reactor, action->requestid, mode) == FG_OK);
        break;
    }
    case FG_ACTION_SENDFRAMES:
        if (run->held_count < HELD_MAX && next_byte(script) % 2 == 0) {
            run->held[run->held_count++] = action->framegen;
        } else {
            take_frames(action->framegen);
        }
        break;
    case FG_ACTION_ERROR:
        HOLDS(action->message[0] != '\0');
        run->errored = true;
        break;
    default:
        break;
    }
}

static void receive(struct run *run, struct script *script)
{
    struct fg_frame frame = next_frame(script);
    struct fg_action action;
    enum fg_status status = fg_reactor_onframerecv(run->reactor, &frame, &action);
    HOLDS(status == (run->input_ended ? FG_ERR_STATE : FG_OK));
    if (status == FG_OK) {
        HOLDS(!run->errored || action.type == FG_ACTION_ERROR);
        handle_action(run, script, &action);
    }
}

static void respond(struct run *run, struct script *script)
{
    uint8_t choice = next_byte(script);
    uint16_t requestid = choice & 7;
    struct fg_bytes text = {(const uint8_t *)"response", 8};
    struct fg_action action;
    enum fg_status status;
    if (choice & 0x80) {
        status = fg_reactor_onapplicationerror(run->reactor, run->out, requestid, text, &action);
    } else if (choice & 0x40) {
        status = fg_reactor_onprotocolerror(run->reactor, run->out, requestid, text, &action);
        HOLDS(status == FG_OK);
    } else {
        struct fg_source source = fg_source_from_bytes(text);
        status =
            fg_reactor_onbytesresponseready(run->reactor, run->out, requestid, 0, &source, &action);
    }
    HOLDS(status == FG_OK || status == FG_ERR_STATE);
    if (status == FG_OK) {
        bool deferred = run->options.deferoutput && !run->input_ended;
        HOLDS(action.type == (deferred ? FG_ACTION_NOOP : FG_ACTION_SENDFRAMES));
        handle_action(run, script, &action);
    }
}

static void end_input(struct run *run, struct script *script)
{
    struct fg_action action;
    size_t receiving = fg_reactor_receiving(run->reactor, NULL, 0);
    enum fg_status status = fg_reactor_oninputeof(run->reactor, &action);
    HOLDS(status == (run->input_ended ? FG_ERR_STATE : FG_OK));
    if (status == FG_OK) {
        HOLDS(action.incomplete_count == receiving);
        HOLDS(fg_reactor_buffered_bytes(run->reactor) == 0);
        run->input_ended = true;
        handle_action(run, script, &action);
    }
}

static void check(const struct run *run)
{
    const struct fg_limits *limits = &run->options.limits;
    struct fg_receiving_view receiving[REQUESTS_MAX];
    uint16_t active[REQUESTS_MAX];
    size_t receiving_count = fg_reactor_receiving(run->reactor, receiving, REQUESTS_MAX);
    size_t active_count = fg_reactor_active(run->reactor, active, REQUESTS_MAX);
    HOLDS(receiving_count <= limits->requests_receiving);
    HOLDS(active_count <= limits->requests_active);
    for (size_t i = 0; i < receiving_count; i++) {
        HOLDS(i == 0 || receiving[i - 1].requestid < receiving[i].requestid);
        HOLDS(receiving[i].request_bytes <= limits->request_bytes);
        for (size_t j = 0; j < active_count; j++) {
            HOLDS(receiving[i].requestid != active[j]);
        }
    }
    HOLDS(fg_reactor_buffered_bytes(run->reactor) <=
          receiving_count * (limits->request_bytes + limits->data_bytes));
    enum fg_reactor_state state = fg_reactor_state(run->reactor);
    HOLDS((state == FG_REACTOR_ERRORED) == run->errored);
    HOLDS(run->errored || (state == FG_REACTOR_COMMAND_RECEIVING) == (receiving_count > 0));
}

static void run_events(struct run *run, struct script *script)
{
    while (script->size > 0) {
        uint8_t event = next_byte(script) % 16;
        if (event < 11) {
            receive(run, script);
        } else if (event < 14) {
            respond(run, script);
        } else if (event == 14 && run->held_count > 0) {
            take_frames(run->held[--run->held_count]);
        } else if (event == 15) {
            end_input(run, script);
        }
        check(run);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, size};
    uint8_t choices = next_byte(&script);
    struct run run = {
        .options = {.deferoutput = choices & 1,
                    .data_mode = choices & 2 ? FG_DATA_ASK : FG_DATA_KEEP,
                    .ignore_trailing_bytes = choices & 4,
                    .limits = FG_LIMITS_DEFAULT},
    };
    run.options.limits.requests_receiving = 3;
    run.options.limits.requests_active = 4;
    run.options.limits.request_bytes = 64;
    run.options.limits.data_bytes = 16;
    HOLDS(fg_reactor_new(&run.options, &run.reactor) == FG_OK);
    HOLDS(fg_reactor_makeoutputstream(run.reactor, &run.out) == FG_OK);
    run_events(&run, &script);
    for (size_t i = 0; i < run.held_count; i++) {
        fg_framegen_free(run.held[i]);
    }
    fg_reactor_free(run.reactor);
    return 0;
}
