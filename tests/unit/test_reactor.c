/*
 * The reactor beyond the seed: limits, the three ways of taking data, what can be looked at, and
 * what callers may not do. The seed's own rules are held by the vectors (tests/conformance).
 */
#include "tests/support/support.h"

#include "framing/humanstring.h"
#include "framing/reactor.h"

struct fixture {
    struct fg_reactor *reactor;
    struct fg_stream *out;
    struct fg_action action; /* of the last event */
};

static struct fixture start(const struct fg_reactor_options *options)
{
    struct fixture fixture = {0};
    assert_int_equal(fg_reactor_new(options, &fixture.reactor), FG_OK);
    assert_int_equal(fg_reactor_makeoutputstream(fixture.reactor, &fixture.out), FG_OK);
    return fixture;
}

static struct fixture start_deferred(void)
{
    return start(&(struct fg_reactor_options){.deferoutput = true, .limits = default_limits});
}

/* Feeds one frame, written as a human string. */
static enum fg_status receive(struct fixture *fixture, const char *human)
{
    struct fg_buffer bytes = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_error error = {0};
    if (fg_humanstring_encode(fg_bytes_from_string(human), &bytes, &error) != FG_OK) {
        fail_msg("%s: %s", human, error.message);
    }
    struct fg_frame frame = {.payload = bytes.data + 8};
    fg_frame_header_decode(bytes.data, &frame.header);
    enum fg_status status = fg_reactor_onframerecv(fixture->reactor, &frame, &fixture->action);
    fg_buffer_free(&bytes);
    return status;
}

static void assert_action(struct fixture *fixture, const char *human, enum fg_action_type type)
{
    assert_int_equal(receive(fixture, human), FG_OK);
    assert_string_equal(fg_action_name(fixture->action.type), fg_action_name(type));
}

static void assert_runs(struct fixture *fixture, const char *human)
{
    assert_action(fixture, human, FG_ACTION_RUNCOMMAND);
    fg_command_free(fixture->action.command);
}

static void assert_error(struct fixture *fixture, const char *human, const char *message)
{
    assert_action(fixture, human, FG_ACTION_ERROR);
    assert_string_equal(fixture->action.message, message);
    assert_int_equal(fixture->action.state, FG_REACTOR_ERRORED);
}

/* -- limits ----------------------------------------------------------------------------------- */

static void requests_being_received_are_limited(void **state)
{
    (void)state;
    struct fg_reactor_options options = {.limits = default_limits};
    options.limits.requests_receiving = 2;
    struct fixture fixture = start(&options);
    assert_action(&fixture, "1 1 1 command-request new|more a", FG_ACTION_WANTFRAME);
    assert_action(&fixture, "3 1 0 command-request new|have-data a", FG_ACTION_WANTFRAME);
    /* One that is complete at once is no burden. */
    assert_runs(&fixture, "5 1 0 command-request new cbor:{b'name': b'x'}");
    assert_error(&fixture, "7 1 0 command-request new|more a",
                 "too many requests being received at once: the limit is 2");
    assert_int_equal(fg_reactor_limit_hit(fixture.reactor), FG_LIMIT_REQUESTS_RECEIVING);
    fg_reactor_free(fixture.reactor);
}

static void active_commands_are_limited(void **state)
{
    (void)state;
    struct fg_reactor_options options = {.limits = default_limits};
    options.limits.requests_active = 2;
    struct fixture fixture = start(&options);
    assert_runs(&fixture, "1 1 1 command-request new cbor:{b'name': b'x'}");
    assert_runs(&fixture, "3 1 0 command-request new cbor:{b'name': b'x'}");
    assert_error(&fixture, "5 1 0 command-request new cbor:{b'name': b'x'}",
                 "too many commands: the limit is 2");
    assert_int_equal(fg_reactor_limit_hit(fixture.reactor), FG_LIMIT_REQUESTS_ACTIVE);
    fg_reactor_free(fixture.reactor);
}

static void bytes_of_a_request_are_limited(void **state)
{
    (void)state;
    struct fg_reactor_options options = {.limits = default_limits};
    options.limits.request_bytes = 9; /* cbor:{b'name': b'xy'} takes 9 */
    struct fixture fixture = start(&options);
    assert_runs(&fixture, "1 1 1 command-request new cbor:{b'name': b'xy'}");
    assert_error(&fixture, "3 1 0 command-request new cbor:{b'name': b'xyz'}",
                 "command request 3 over 9 bytes");
    assert_int_equal(fg_reactor_limit_hit(fixture.reactor), FG_LIMIT_REQUEST_BYTES);
    fg_reactor_free(fixture.reactor);
    /* Also where it comes in parts. */
    fixture = start(&options);
    assert_action(&fixture, "1 1 1 command-request new|more 123456789", FG_ACTION_WANTFRAME);
    assert_error(&fixture, "1 1 0 command-request continuation|more a",
                 "command request 1 over 9 bytes");
    fg_reactor_free(fixture.reactor);
}

static void nesting_of_a_request_is_limited(void **state)
{
    (void)state;
    struct fg_reactor_options options = {.limits = default_limits};
    options.limits.cbor_depth = 3;
    struct fixture fixture = start(&options);
    assert_runs(&fixture, "1 1 1 command-request new cbor:{b'name': b'x', b'args': {b'a': [1]}}");
    assert_action(&fixture, "3 1 0 command-request new cbor:{b'name': b'x', b'args': {b'a': [[]]}}",
                  FG_ACTION_RUNCOMMAND);
    fg_command_free(fixture.action.command);
    assert_error(&fixture, "5 1 0 command-request new cbor:{b'name': b'x', b'args': {1: [[2]]}}",
                 "command request: CBOR value nested deeper than 3 at byte 9");
    assert_int_equal(fg_reactor_limit_hit(fixture.reactor), FG_LIMIT_CBOR_DEPTH);
    fg_reactor_free(fixture.reactor);
}

static void items_of_a_request_are_limited(void **state)
{
    (void)state;
    struct fg_reactor_options options = {.limits = default_limits};
    options.limits.cbor_items = 9;
    struct fixture fixture = start(&options);
    /* A map, two keys, a string, a map, its key, and a list of so many. */
    assert_runs(&fixture, "1 1 1 command-request new cbor:{b'name': b'x', b'args': {b'a': [1]}}");
    assert_runs(&fixture,
                "3 1 0 command-request new cbor:{b'name': b'x', b'args': {b'a': [1, 2]}}");
    assert_error(&fixture,
                 "5 1 0 command-request new cbor:{b'name': b'x', b'args': {b'a': [1, 2, 3]}}",
                 "command request: CBOR value over 9 items at byte 18");
    assert_int_equal(fg_reactor_limit_hit(fixture.reactor), FG_LIMIT_CBOR_ITEMS);
    fg_reactor_free(fixture.reactor);
}

/* -- requests -----------------------------------------------------------------------------------
 */

static void requests_of_a_wrong_shape_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        const char *message;
    } cases[] = {
        {"", "command request: CBOR value ends too early at byte 0"},
        {"\\x81", "command request: CBOR value announces 1 elements in 0 bytes at byte 0"},
        {"cbor:[1]", "command request is not a map"},
        {"cbor:{b'nam': b'x'}", "command request missing \"name\" field"},
        {"cbor:{b'name': 'x'}", "command request \"name\" field is not a byte string"},
        {"cbor:{b'name': b'x', b'args': []}", "command request \"args\" field is not a map"},
        {"\\xa1Dname\\x41x\\x01", "command request: 1 bytes after the CBOR value at byte 8"},
        {"\\xa2Dname\\x41xDname\\x41y",
         "command request: CBOR map has the same key twice at byte 13"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture = start_deferred();
        char human[200];
        snprintf(human, sizeof human, "1 1 1 command-request new %s", cases[i].payload);
        assert_action(&fixture, human, FG_ACTION_ERROR);
        assert_string_equal(fixture.action.message, cases[i].message);
        assert_int_equal(fg_reactor_limit_hit(fixture.reactor), FG_LIMIT_NONE);
        assert_error(&fixture, "3 1 0 command-request new cbor:{b'name': b'x'}",
                     "server already errored");
        fg_reactor_free(fixture.reactor);
    }
}

static void trailing_bytes_are_ignored_only_where_asked(void **state)
{
    (void)state;
    struct fixture fixture = start(
        &(struct fg_reactor_options){.ignore_trailing_bytes = true, .limits = default_limits});
    assert_runs(&fixture, "1 1 1 command-request new \\xa1Dname\\x41x\\x01");
    fg_reactor_free(fixture.reactor);
}

static void a_stream_that_ended_must_begin_again(void **state)
{
    (void)state;
    struct fixture fixture = start_deferred();
    uint8_t ids[4];
    assert_runs(&fixture, "1 1 stream-begin command-request new cbor:{b'name': b'x'}");
    assert_runs(&fixture, "3 5 stream-begin command-request new cbor:{b'name': b'x'}");
    assert_int_equal(fg_reactor_incoming_streams(fixture.reactor, ids, 4), 2);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[1], 5);
    assert_int_equal(fg_reactor_incoming_streams(fixture.reactor, ids, 0), 2);
    /* Beginning an open stream again is accepted, as the seed does. */
    assert_runs(&fixture, "5 1 stream-begin command-request new cbor:{b'name': b'x'}");
    assert_int_equal(fg_reactor_streams_reopened(fixture.reactor), 1);
    assert_runs(&fixture, "7 1 stream-end command-request new cbor:{b'name': b'x'}");
    assert_int_equal(fg_reactor_incoming_streams(fixture.reactor, ids, 4), 1);
    assert_error(&fixture, "9 1 0 command-request new cbor:{b'name': b'x'}",
                 "received frame on unknown inactive stream without beginning of stream flag set");
    fg_reactor_free(fixture.reactor);
}

/* -- data -----------------------------------------------------------------------------------------
 */

static const char with_data[] = "1 1 1 command-request new|have-data cbor:{b'name': b'x'}";

static void kept_data_has_a_limit_that_fails_only_its_command(void **state)
{
    (void)state;
    struct fg_reactor_options options = {.limits = default_limits};
    options.limits.data_bytes = 4;
    for (unsigned over = 0; over <= 1; over++) {
        struct fixture fixture = start(&options);
        assert_action(&fixture, with_data, FG_ACTION_WANTFRAME);
        assert_action(&fixture, "1 1 0 command-data continuation abc", FG_ACTION_WANTFRAME);
        assert_action(&fixture,
                      over ? "1 1 0 command-data continuation de"
                           : "1 1 0 command-data continuation d",
                      FG_ACTION_WANTFRAME);
        assert_action(&fixture, "1 1 0 command-data eos ", FG_ACTION_RUNCOMMAND);
        assert_int_equal(fixture.action.command->data_over_limit, over);
        assert_int_equal(fixture.action.command->data.size, over ? 0 : 4);
        assert_int_equal(fixture.action.command->data_size, 4 + over);
        assert_int_equal(fixture.action.state, FG_REACTOR_IDLE);
        fg_command_free(fixture.action.command);
        fg_reactor_free(fixture.reactor);
    }
}

static struct fixture start_asking(void)
{
    return start(&(struct fg_reactor_options){.data_mode = FG_DATA_ASK, .limits = default_limits});
}

static void data_is_dropped_unless_somebody_wants_it(void **state)
{
    (void)state;
    struct fixture fixture = start_asking();
    assert_action(&fixture, with_data, FG_ACTION_EXPECTDATA);
    assert_bytes(fixture.action.command->name, "x");
    assert_int_equal(fixture.action.state, FG_REACTOR_COMMAND_RECEIVING);
    assert_action(&fixture, "1 1 0 command-data continuation abc", FG_ACTION_WANTFRAME);
    assert_int_equal(fg_reactor_buffered_bytes(fixture.reactor), 8);
    assert_action(&fixture, "1 1 0 command-data eos de", FG_ACTION_RUNCOMMAND);
    assert_int_equal(fixture.action.command->data_size, 5);
    assert_int_equal(fixture.action.command->data.size, 0);
    assert_true(fixture.action.command->has_data);
    fg_command_free(fixture.action.command);
    fg_reactor_free(fixture.reactor);
}

static void data_is_kept_for_a_command_that_wants_it(void **state)
{
    (void)state;
    struct fixture fixture = start_asking();
    assert_action(&fixture, with_data, FG_ACTION_EXPECTDATA);
    assert_int_equal(fg_reactor_set_data_mode(fixture.reactor, 1, FG_DATA_KEEP), FG_OK);
    assert_action(&fixture, "1 1 0 command-data continuation abc", FG_ACTION_WANTFRAME);
    assert_action(&fixture, "1 1 0 command-data eos de", FG_ACTION_RUNCOMMAND);
    assert_bytes(fg_buffer_view(&fixture.action.command->data), "abcde");
    fg_command_free(fixture.action.command);
    fg_reactor_free(fixture.reactor);
}

static void data_is_delivered_piece_by_piece(void **state)
{
    (void)state;
    struct fixture fixture = start_asking();
    uint16_t id = 0;
    assert_action(&fixture, with_data, FG_ACTION_EXPECTDATA);
    assert_int_equal(fg_reactor_set_data_mode(fixture.reactor, 1, FG_DATA_DELIVER), FG_OK);
    assert_action(&fixture, "1 1 0 command-data continuation abc", FG_ACTION_COMMANDDATA);
    assert_int_equal(fixture.action.data.size, 3);
    assert_false(fixture.action.data_eos);
    assert_int_equal(fg_reactor_active(fixture.reactor, &id, 1), 0);
    assert_action(&fixture, "1 1 0 command-data eos de", FG_ACTION_COMMANDDATA);
    assert_int_equal(fixture.action.data.size, 2);
    assert_true(fixture.action.data_eos);
    assert_int_equal(fixture.action.requestid, 1);
    assert_int_equal(fg_reactor_active(fixture.reactor, &id, 1), 1);
    assert_int_equal(id, 1);
    fg_reactor_free(fixture.reactor);
}

static void delivered_data_counts_as_a_command_too(void **state)
{
    (void)state;
    struct fg_reactor_options options = {.data_mode = FG_DATA_ASK, .limits = default_limits};
    options.limits.requests_active = 0;
    struct fixture fixture = start(&options);
    assert_action(&fixture, with_data, FG_ACTION_EXPECTDATA);
    assert_int_equal(fg_reactor_set_data_mode(fixture.reactor, 1, FG_DATA_DELIVER), FG_OK);
    assert_error(&fixture, "1 1 0 command-data eos de", "too many commands: the limit is 0");
    fg_reactor_free(fixture.reactor);
}

static void early_data_is_kept_until_the_request_is_complete(void **state)
{
    (void)state;
    for (int mode = FG_DATA_KEEP; mode <= FG_DATA_DROP; mode++) {
        if (mode == FG_DATA_ASK) {
            continue;
        }
        struct fixture fixture = start_asking();
        assert_action(&fixture, "1 1 1 command-request new|more|have-data \\xa1Dname",
                      FG_ACTION_WANTFRAME);
        assert_action(&fixture, "1 1 0 command-data continuation abc", FG_ACTION_WANTFRAME);
        assert_int_equal(fg_reactor_set_data_mode(fixture.reactor, 1, FG_DATA_KEEP), FG_ERR_STATE);
        assert_action(&fixture, "1 1 0 command-request continuation|have-data \\x41x",
                      FG_ACTION_EXPECTDATA);
        assert_bytes(fg_buffer_view(&fixture.action.command->data), "abc");
        assert_int_equal(fg_reactor_set_data_mode(fixture.reactor, 1, (enum fg_data_mode)mode),
                         FG_OK);
        assert_action(&fixture, "1 1 0 command-data eos de",
                      mode == FG_DATA_DELIVER ? FG_ACTION_COMMANDDATA : FG_ACTION_RUNCOMMAND);
        if (mode != FG_DATA_DELIVER) {
            assert_int_equal(fixture.action.command->data.size, mode == FG_DATA_KEEP ? 5 : 0);
            assert_int_equal(fixture.action.command->data_size, 5);
            fg_command_free(fixture.action.command);
        }
        fg_reactor_free(fixture.reactor);
    }
}

static void a_bad_request_with_data_is_refused_before_its_data(void **state)
{
    (void)state;
    struct fixture fixture = start_asking();
    assert_error(&fixture, "1 1 1 command-request new|have-data cbor:[]",
                 "command request is not a map");
    fg_reactor_free(fixture.reactor);
}

static void the_data_mode_is_set_only_where_asked(void **state)
{
    (void)state;
    struct fixture fixture = start_asking();
    assert_int_equal(fg_reactor_set_data_mode(fixture.reactor, 1, FG_DATA_KEEP), FG_ERR_STATE);
    assert_action(&fixture, with_data, FG_ACTION_EXPECTDATA);
    assert_int_equal(fg_reactor_set_data_mode(fixture.reactor, 1, FG_DATA_ASK), FG_ERR_STATE);
    fg_reactor_free(fixture.reactor);
    struct fg_reactor_options options = {.data_mode = FG_DATA_DROP, .limits = default_limits};
    struct fg_reactor *reactor = NULL;
    assert_int_equal(fg_reactor_new(&options, &reactor), FG_ERR_ARGUMENT);
    options = (struct fg_reactor_options){.max_frame_size = 1 << 24};
    assert_int_equal(fg_reactor_new(&options, &reactor), FG_ERR_ARGUMENT);
    assert_null(reactor);
    fg_reactor_free(NULL);
    fg_command_free(NULL);
}

/* -- responses
 * ------------------------------------------------------------------------------------- */

static enum fg_status respond(struct fixture *fixture, uint16_t requestid, struct fg_bytes data)
{
    struct fg_source source = fg_source_from_bytes(data);
    return fg_reactor_onbytesresponseready(fixture->reactor, fixture->out, requestid,
                                           FG_BYTES_RESPONSE_CBOR, &source, &fixture->action);
}

static void assert_frame(struct fg_framegen *framegen, uint16_t requestid, uint8_t type_and_flags)
{
    uint8_t frame[200];
    size_t size;
    assert_int_equal(fg_framegen_requestid(framegen), requestid);
    assert_int_equal(fg_framegen_next(framegen, frame, sizeof frame, &size), FG_OK);
    assert_int_equal(frame[3], requestid);
    assert_int_equal(frame[7], type_and_flags);
}

/* The next frame is this one, written as a human string. */
static void assert_next(struct fg_framegen *framegen, const char *human)
{
    uint8_t frame[128];
    size_t size;
    struct fg_buffer bytes = FG_BUFFER_INIT(sizeof frame);
    assert_int_equal(fg_humanstring_encode(fg_bytes_from_string(human), &bytes, NULL), FG_OK);
    assert_int_equal(fg_framegen_next(framegen, frame, sizeof frame, &size), FG_OK);
    assert_int_equal(size, bytes.size);
    assert_memory_equal(frame, bytes.data, size);
    fg_buffer_free(&bytes);
}

static void text_comes_before_the_response_and_in_its_stream(void **state)
{
    (void)state;
    struct fixture fixture = start_deferred();
    static const uint8_t long_text[FG_TEXT_OUTPUT_MAX + 1];
    assert_runs(&fixture, "1 1 1 command-request new cbor:{b'name': b'x'}");
    assert_int_equal(fg_reactor_ontextoutput(fixture.reactor, fixture.out, 1, BYTES("said\xff"),
                                             &fixture.action),
                     FG_OK);
    assert_int_equal(fixture.action.type, FG_ACTION_NOOP);
    assert_int_equal(fg_reactor_ontextoutput(fixture.reactor, fixture.out, 1,
                                             (struct fg_bytes){long_text, sizeof long_text},
                                             &fixture.action),
                     FG_ERR_ARGUMENT);
    assert_int_equal(fg_reactor_active(fixture.reactor, NULL, 0), 1);
    assert_int_equal(respond(&fixture, 1, BYTES("a")), FG_OK);
    assert_int_equal(
        fg_reactor_ontextoutput(fixture.reactor, fixture.out, 1, BYTES("late"), &fixture.action),
        FG_ERR_STATE);
    assert_int_equal(fg_reactor_oninputeof(fixture.reactor, &fixture.action), FG_OK);
    struct fg_framegen *framegen = fixture.action.framegen;
    assert_next(framegen, "1 2 stream-begin text-output 0 "
                          "cbor:[{b'msg': b'%s', b'args': [b'said\\xef\\xbf\\xbd']}]");
    assert_next(framegen, "1 2 0 bytes-response eos|cbor a");
    assert_int_equal(fg_framegen_next(framegen, NULL, 0, NULL), FG_END);
    fg_framegen_free(framegen);
    fg_reactor_free(fixture.reactor);
}

static void deferred_responses_come_out_in_the_order_in_which_they_were_ready(void **state)
{
    (void)state;
    struct fixture fixture = start_deferred();
    uint8_t rest[64];
    size_t size;
    assert_runs(&fixture, "1 1 1 command-request new cbor:{b'name': b'x'}");
    assert_runs(&fixture, "3 1 0 command-request new cbor:{b'name': b'x'}");
    assert_runs(&fixture, "5 1 0 command-request new cbor:{b'name': b'x'}");
    assert_int_equal(respond(&fixture, 3, BYTES("a")), FG_OK);
    assert_int_equal(fixture.action.type, FG_ACTION_NOOP);
    assert_int_equal(fg_reactor_onapplicationerror(fixture.reactor, fixture.out, 1, BYTES("no"),
                                                   &fixture.action),
                     FG_OK);
    assert_int_equal(
        fg_reactor_onprotocolerror(fixture.reactor, fixture.out, 99, BYTES("bad"), &fixture.action),
        FG_OK);
    assert_int_equal(fg_reactor_active(fixture.reactor, NULL, 0), 3);
    assert_int_equal(fg_reactor_oninputeof(fixture.reactor, &fixture.action), FG_OK);
    assert_int_equal(fixture.action.type, FG_ACTION_SENDFRAMES);
    struct fg_framegen *framegen = fixture.action.framegen;
    assert_frame(framegen, 3, 0x46);
    assert_frame(framegen, 1, 0x52);
    assert_int_equal(fg_reactor_active(fixture.reactor, NULL, 0), 1);
    assert_frame(framegen, 99, 0x51);
    assert_int_equal(fg_framegen_next(framegen, rest, sizeof rest, &size), FG_END);
    fg_framegen_free(framegen);
    /* A response that is ready after the end of input need not wait. */
    assert_int_equal(respond(&fixture, 5, BYTES("b")), FG_OK);
    assert_int_equal(fixture.action.type, FG_ACTION_SENDFRAMES);
    assert_frame(fixture.action.framegen, 5, 0x46);
    fg_framegen_free(fixture.action.framegen);
    assert_int_equal(fg_reactor_active(fixture.reactor, NULL, 0), 0);
    fg_reactor_free(fixture.reactor);
}

static enum fg_status failing_read(void *context, uint8_t *buffer, size_t capacity,
                                   size_t *ret_size)
{
    (void)context;
    (void)buffer;
    (void)capacity;
    (void)ret_size;
    return FG_ERR_IO;
}

static void a_response_that_fails_leaves_the_others_whole(void **state)
{
    (void)state;
    struct fixture fixture = start_deferred();
    static uint8_t frame[FG_FRAME_HEADER_SIZE + FG_DEFAULT_MAX_FRAME_SIZE];
    size_t size;
    struct fg_source failing = {.read = failing_read, .size = FG_SIZE_UNKNOWN};
    assert_runs(&fixture, "1 1 1 command-request new cbor:{b'name': b'x'}");
    assert_runs(&fixture, "3 1 0 command-request new cbor:{b'name': b'x'}");
    assert_int_equal(fg_reactor_onbytesresponseready(fixture.reactor, fixture.out, 1, 0, &failing,
                                                     &fixture.action),
                     FG_OK);
    assert_int_equal(respond(&fixture, 3, BYTES("a")), FG_OK);
    assert_int_equal(fg_reactor_oninputeof(fixture.reactor, &fixture.action), FG_OK);
    struct fg_framegen *framegen = fixture.action.framegen;
    assert_int_equal(fg_framegen_next(framegen, frame, sizeof frame, &size), FG_ERR_IO);
    assert_int_equal(fg_reactor_active(fixture.reactor, NULL, 0), 1);
    assert_frame(framegen, 3, 0x46);
    fg_framegen_free(framegen);
    fg_reactor_free(fixture.reactor);
}

static void responses_out_of_turn_are_refused(void **state)
{
    (void)state;
    struct fixture fixture = start_deferred();
    struct fg_stream client;
    assert_int_equal(fg_stream_init_client(&client, 1), FG_OK);
    assert_int_equal(respond(&fixture, 1, BYTES("a")), FG_ERR_STATE);
    assert_runs(&fixture, "1 1 1 command-request new cbor:{b'name': b'x'}");
    struct fg_source source = fg_source_empty();
    assert_int_equal(
        fg_reactor_onbytesresponseready(fixture.reactor, &client, 1, 0, &source, &fixture.action),
        FG_ERR_ARGUMENT);
    assert_int_equal(fg_reactor_onbytesresponseready(fixture.reactor, fixture.out, 1, 2, &source,
                                                     &fixture.action),
                     FG_ERR_ARGUMENT);
    assert_int_equal(
        fg_reactor_onprotocolerror(fixture.reactor, &client, 1, BYTES("x"), &fixture.action),
        FG_ERR_ARGUMENT);
    assert_int_equal(respond(&fixture, 1, BYTES("a")), FG_OK);
    assert_int_equal(respond(&fixture, 1, BYTES("a")), FG_ERR_STATE);
    assert_int_equal(
        fg_reactor_onapplicationerror(fixture.reactor, fixture.out, 1, BYTES("x"), &fixture.action),
        FG_ERR_STATE);
    /* Freed with a response that nobody took out. */
    fg_reactor_free(fixture.reactor);
}

static void the_end_of_input_tells_what_was_cut_short(void **state)
{
    (void)state;
    struct fixture fixture = start_deferred();
    struct fg_receiving_view views[4];
    assert_action(&fixture, "9 1 1 command-request new|more abc", FG_ACTION_WANTFRAME);
    assert_action(&fixture, "7 1 0 command-request new|have-data cbor:{b'name': b'x'}",
                  FG_ACTION_WANTFRAME);
    assert_action(&fixture, "7 1 0 command-data continuation 12", FG_ACTION_WANTFRAME);
    assert_int_equal(fg_reactor_receiving(fixture.reactor, views, 4), 2);
    assert_int_equal(views[0].requestid, 7);
    assert_int_equal(views[0].request_bytes, 8);
    assert_int_equal(views[0].data_bytes, 2);
    assert_true(views[0].requestdone && views[0].expectingdata);
    assert_int_equal(views[1].requestid, 9);
    assert_false(views[1].requestdone || views[1].expectingdata);
    assert_int_equal(fg_reactor_buffered_bytes(fixture.reactor), 3 + 8 + 2);
    assert_int_equal(fg_reactor_oninputeof(fixture.reactor, &fixture.action), FG_OK);
    assert_int_equal(fixture.action.type, FG_ACTION_NOOP);
    assert_int_equal(fixture.action.incomplete_count, 2);
    assert_int_equal(fixture.action.incomplete[0], 7);
    assert_int_equal(fixture.action.incomplete[1], 9);
    assert_int_equal(fg_reactor_state(fixture.reactor), FG_REACTOR_IDLE);
    assert_int_equal(fg_reactor_oninputeof(fixture.reactor, &fixture.action), FG_ERR_STATE);
    assert_int_equal(receive(&fixture, with_data), FG_ERR_STATE);
    fg_reactor_free(fixture.reactor);
}

static void there_are_127_output_streams(void **state)
{
    (void)state;
    struct fixture fixture = start_deferred();
    for (unsigned id = 4; id <= 254; id += 2) {
        assert_int_equal(fg_reactor_makeoutputstream(fixture.reactor, &fixture.out), FG_OK);
        assert_int_equal(fixture.out->streamid, id);
    }
    assert_int_equal(fg_reactor_makeoutputstream(fixture.reactor, &fixture.out), FG_ERR_LIMIT);
    fg_reactor_free(fixture.reactor);
}

/* 1,000 ids in a scattered order: each can run, none twice, all go away. */
static void many_requests_are_told_apart(void **state)
{
    (void)state;
    struct fixture fixture = start(&(struct fg_reactor_options){.limits = default_limits});
    char human[100];
    uint8_t frame[64];
    size_t size;
    for (unsigned i = 0; i < 1000; i++) {
        unsigned id = i * 37987 % 65536;
        snprintf(human, sizeof human, "%u 1 1 command-request new cbor:{b'name': b'x'}", id);
        assert_runs(&fixture, human);
    }
    assert_int_equal(fg_reactor_active(fixture.reactor, NULL, 0), 1000);
    for (unsigned i = 0; i < 1000; i++) {
        uint16_t id = (uint16_t)(i * 37987 % 65536);
        assert_int_equal(respond(&fixture, id, BYTES("a")), FG_OK);
        struct fg_framegen *framegen = fixture.action.framegen;
        assert_int_equal(fg_framegen_next(framegen, frame, sizeof frame, &size), FG_OK);
        fg_framegen_free(framegen);
    }
    assert_int_equal(fg_reactor_active(fixture.reactor, NULL, 0), 0);
    fg_reactor_free(fixture.reactor);
}

static void names_are_the_seeds(void **state)
{
    (void)state;
    assert_string_equal(fg_reactor_state_name(FG_REACTOR_IDLE), "idle");
    assert_string_equal(fg_reactor_state_name(FG_REACTOR_COMMAND_RECEIVING), "command-receiving");
    assert_string_equal(fg_reactor_state_name(FG_REACTOR_ERRORED), "errored");
    assert_string_equal(fg_action_name(FG_ACTION_COMMANDDATA), "commanddata");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_being_received_are_limited),
        cmocka_unit_test(active_commands_are_limited),
        cmocka_unit_test(bytes_of_a_request_are_limited),
        cmocka_unit_test(nesting_of_a_request_is_limited),
        cmocka_unit_test(items_of_a_request_are_limited),
        cmocka_unit_test(requests_of_a_wrong_shape_are_refused),
        cmocka_unit_test(trailing_bytes_are_ignored_only_where_asked),
        cmocka_unit_test(a_stream_that_ended_must_begin_again),
        cmocka_unit_test(kept_data_has_a_limit_that_fails_only_its_command),
        cmocka_unit_test(data_is_dropped_unless_somebody_wants_it),
        cmocka_unit_test(data_is_kept_for_a_command_that_wants_it),
        cmocka_unit_test(data_is_delivered_piece_by_piece),
        cmocka_unit_test(delivered_data_counts_as_a_command_too),
        cmocka_unit_test(early_data_is_kept_until_the_request_is_complete),
        cmocka_unit_test(a_bad_request_with_data_is_refused_before_its_data),
        cmocka_unit_test(the_data_mode_is_set_only_where_asked),
        cmocka_unit_test(text_comes_before_the_response_and_in_its_stream),
        cmocka_unit_test(deferred_responses_come_out_in_the_order_in_which_they_were_ready),
        cmocka_unit_test(a_response_that_fails_leaves_the_others_whole),
        cmocka_unit_test(responses_out_of_turn_are_refused),
        cmocka_unit_test(the_end_of_input_tells_what_was_cut_short),
        cmocka_unit_test(there_are_127_output_streams),
        cmocka_unit_test(many_requests_are_told_apart),
        cmocka_unit_test(names_are_the_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
