/*
 * The work of one scenario, ROUNDS times in the function "measured", for callgrind to count. What
 * comes before it, such as growing buffers for the first time, is not counted.
 *
 * Usage: instructions SCENARIO. Prints how often the counted thing was done.
 */
#include "framing/framegen.h"
#include "framing/reactor.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 50, FRAMES = 1000, COMMANDS = 100, NODES = 1000, NODE_SIZE = 20, OUT = 65536 };

static struct fg_limits limits = FG_LIMITS_DEFAULT;
static struct fg_buffer input = FG_BUFFER_INIT(64u << 20);
static uint8_t out[OUT];

static void expect(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "instructions: %s\n", what);
        exit(1);
    }
}

/* -- input --------------------------------------------------------------------------------------
 */

static void put_data_frames(uint32_t size)
{
    uint8_t *payload = calloc(1, size);
    expect(payload != NULL, "memory");
    const struct fg_frame_header header = {
        size, 1, 1, 0, FG_FRAME_COMMAND_DATA, FG_COMMAND_DATA_CONTINUATION};
    for (int i = 0; i < FRAMES; i++) {
        expect(fg_frame_append(&input, &header, payload, size) == FG_OK, "a data frame");
    }
    free(payload);
}

/* Requests for known with count nodes each. */
static void put_requests(int requests, size_t count)
{
    struct fg_buffer args = FG_BUFFER_INIT(1u << 20);
    uint8_t node[NODE_SIZE] = {0};
    struct fg_cbor_map map;
    struct fg_stream stream;
    expect(fg_stream_init_client(&stream, 1) == FG_OK, "a stream");
    fg_cbor_map_begin(&args, &map);
    fg_cbor_put_bytestring(&args, "nodes");
    fg_cbor_put_array(&args, count);
    for (size_t i = 0; i < count; i++) {
        memcpy(node, &i, sizeof i);
        fg_cbor_put_bytes(&args, node, sizeof node);
    }
    expect(fg_cbor_map_end(&args, &map, false) == FG_OK, "arguments");
    for (int i = 0; i < requests; i++) {
        struct fg_framegen *framegen;
        size_t size;
        expect(fg_commandframes_new(&stream, (uint16_t)(2 * i + 1), fg_bytes_from_string("known"),
                                    fg_buffer_view(&args), NULL, FG_DEFAULT_MAX_FRAME_SIZE,
                                    &framegen) == FG_OK,
               "a request");
        while (fg_framegen_next(framegen, out, sizeof out, &size) == FG_OK) {
            fg_buffer_append(&input, out, size);
        }
        fg_framegen_free(framegen);
    }
    fg_buffer_free(&args);
}

/* -- scenarios ----------------------------------------------------------------------------------
 */

static void read_frames(void)
{
    struct fg_frame_reader reader;
    struct fg_bytes rest = fg_buffer_view(&input);
    struct fg_frame frame;
    int count = 0;
    fg_frame_reader_init(&reader, &limits);
    while (fg_frame_reader_next(&reader, &rest, &frame, NULL, NULL) == FG_OK) {
        count++;
    }
    expect(count == FRAMES, "all frames are read");
    fg_frame_reader_clear(&reader);
}

static void take_frames_out(struct fg_framegen *framegen, int expected)
{
    size_t size;
    int count = 0;
    while (fg_framegen_next(framegen, out, sizeof out, &size) == FG_OK) {
        count++;
    }
    fg_framegen_free(framegen);
    expect(count == expected, "every command has its answer");
}

/* What a server does for one body: requests in, an empty answer to each, frames out. */
static void run_body(struct fg_bytes body, int commands)
{
    const struct fg_reactor_options options = {
        .deferoutput = true, .data_mode = FG_DATA_ASK, .limits = limits};
    struct fg_frame_reader reader;
    struct fg_reactor *reactor;
    struct fg_stream *stream;
    struct fg_frame frame;
    struct fg_action action;
    fg_frame_reader_init(&reader, &limits);
    expect(fg_reactor_new(&options, &reactor) == FG_OK, "a reactor");
    expect(fg_reactor_makeoutputstream(reactor, &stream) == FG_OK, "a stream");
    while (fg_frame_reader_next(&reader, &body, &frame, NULL, NULL) == FG_OK) {
        expect(fg_reactor_onframerecv(reactor, &frame, &action) == FG_OK, "a frame");
        if (action.type == FG_ACTION_RUNCOMMAND) {
            struct fg_source source = fg_source_empty();
            uint16_t requestid = action.command->requestid;
            fg_command_free(action.command);
            expect(fg_reactor_onbytesresponseready(reactor, stream, requestid,
                                                   FG_BYTES_RESPONSE_CBOR, &source,
                                                   &action) == FG_OK,
                   "an answer");
        }
    }
    expect(fg_reactor_oninputeof(reactor, &action) == FG_OK, "the end");
    expect(action.type == FG_ACTION_SENDFRAMES, "answers");
    take_frames_out(action.framegen, commands);
    fg_reactor_free(reactor);
    fg_frame_reader_clear(&reader);
}

static void run_many(void)
{
    run_body(fg_buffer_view(&input), COMMANDS);
}

static void run_one(void)
{
    run_body(fg_buffer_view(&input), 1);
}

/* Frames of 32 KiB; the copying of their payload is most of it. */
static void make_frames(void)
{
    struct fg_stream stream;
    struct fg_framegen *framegen;
    struct fg_bytes bytes = {input.data, (size_t)COMMANDS * FG_DEFAULT_MAX_FRAME_SIZE};
    struct fg_source source = fg_source_from_bytes(bytes);
    expect(fg_stream_init_server(&stream, 2) == FG_OK, "a stream");
    expect(fg_bytesresponse_new(&stream, 1, 0, &source, FG_DEFAULT_MAX_FRAME_SIZE, &framegen) ==
               FG_OK,
           "a response");
    take_frames_out(framegen, COMMANDS);
}

/* -- counting -----------------------------------------------------------------------------------
 */

static const struct scenario {
    const char *name;
    uint32_t payload; /* the input is data frames of this payload */
    int requests;     /* the input is requests */
    size_t nodes;     /* of each request */
    int each;         /* things that are counted in one round */
    void (*run)(void);
} scenarios[] = {
    {"frame of 16 bytes read", 16, 0, 0, FRAMES, read_frames},
    {"frame of 512 bytes read", 512, 0, 0, FRAMES, read_frames},
    {"frame of 32768 bytes read", 32768, 0, 0, FRAMES, read_frames},
    {"frame of 32768 bytes made", 32768, 0, 0, COMMANDS, make_frames},
    {"command of a body with 100", 0, COMMANDS, 1, COMMANDS, run_many},
    {"command that is the whole body", 0, 1, 1, 1, run_one},
    {"node of a request with 1000", 0, 1, NODES, NODES, run_one},
};

void measured(const struct scenario *scenario);

__attribute__((noinline)) void measured(const struct scenario *scenario)
{
    for (int i = 0; i < ROUNDS; i++) {
        scenario->run();
    }
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        const struct scenario *scenario = &scenarios[i];
        if (argc < 2) {
            printf("%s\n", scenario->name);
        } else if (strcmp(argv[1], scenario->name) == 0) {
            if (scenario->payload > 0) {
                put_data_frames(scenario->payload);
            } else {
                put_requests(scenario->requests, scenario->nodes);
            }
            scenario->run();
            measured(scenario);
            printf("%d\n", ROUNDS * scenario->each);
            fg_buffer_free(&input);
            return 0;
        }
    }
    return argc < 2 ? 0 : 1;
}
