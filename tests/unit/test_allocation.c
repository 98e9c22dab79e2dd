/*
 * Each allocation of a scenario fails in turn: nothing crashes, nothing leaks, and whoever asked
 * is told FG_ERR_MEMORY. The scenario goes through every module of framing/.
 */
#include "tests/support/allocation.h"
#include "tests/support/support.h"

#include "framing/humanstring.h"
#include "framing/literal.h"
#include "framing/reactor.h"
#include "framing/response.h"

/* -- scenarios ------------------------------------------------------------------------------------
 */

/* Runs the scenario with the first, second, … allocation failing, until none does. */
static unsigned fail_each(enum fg_status (*scenario)(void))
{
    unsigned allocations = 0;
    for (;; allocations++) {
        fails_in = (long)allocations;
        enum fg_status status = scenario();
        bool failed = fails_in < 0;
        fails_in = -1;
        if (!failed) {
            assert_int_equal(status, FG_OK);
            return allocations;
        }
        assert_int_equal(status, FG_ERR_MEMORY);
    }
}

static enum fg_status human_strings(void)
{
    struct fg_buffer bytes = FG_BUFFER_INIT(10000);
    struct fg_buffer human = FG_BUFFER_INIT(10000);
    struct fg_frame frame;
    enum fg_status status = fg_humanstring_encode(
        BYTES("1 1 stream-begin command-request new "
              "cbor:{b'name': b'known', b'args': {b'nodes': [b'x', u'y', 1.5, None, 2]}}"),
        &bytes, NULL);
    if (status == FG_OK) {
        fg_frame_header_decode(bytes.data, &frame.header);
        frame.payload = bytes.data + 8;
        status = fg_humanstring_decode(&frame, &human);
    }
    if (status == FG_OK) {
        status = fg_frame_append_repr(&human, &frame.header);
    }
    fg_buffer_free(&bytes);
    fg_buffer_free(&human);
    return status;
}

static void human_strings_survive_failing_allocations(void **state)
{
    (void)state;
    assert_in_range(fail_each(human_strings), 5, 1000);
}

/* A reader that gets one frame byte by byte. */
static enum fg_status slow_reader(void)
{
    static const uint8_t bytes[] = "\3\0\0\1\0\1\1\x11xyz";
    struct fg_frame_reader reader;
    struct fg_frame frame;
    enum fg_status status = FG_NEED_MORE;
    fg_frame_reader_init(&reader, &default_limits);
    for (size_t i = 0; i < sizeof bytes - 1 && status == FG_NEED_MORE; i++) {
        struct fg_bytes input = {bytes + i, 1};
        status = fg_frame_reader_next(&reader, &input, &frame, NULL, NULL);
    }
    fg_frame_reader_clear(&reader);
    return status;
}

static void the_reader_survives_failing_allocations(void **state)
{
    (void)state;
    assert_int_equal(fail_each(slow_reader), 1);
}

static enum fg_status cbor(void)
{
    struct fg_cbor_value value = {0};
    struct fg_buffer buffer = FG_BUFFER_INIT(10000);
    struct fg_bytes input = BYTES("\x84\xbf\x42zz\x01\x41z\x02\xff\x5f\x41q\xff\x9f\x01\x02\x03\x04"
                                  "\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\xff\xf6");
    enum fg_status status = fg_cbor_decode(input, &default_limits, &value, NULL);
    if (status == FG_OK) {
        status = fg_cbor_put_item(&buffer, &value, 0);
    }
    fg_cbor_clear(&value);
    fg_buffer_free(&buffer);
    return status;
}

static void cbor_survives_failing_allocations(void **state)
{
    (void)state;
    assert_in_range(fail_each(cbor), 4, 1000);
}

static enum fg_status responses(void)
{
    const struct fg_bytes strings[] = {BYTES("a\xff")};
    const struct fg_text_atom atom = {BYTES("%s"), strings, 1, strings, 0};
    const struct fg_progress progress = {.topic = BYTES("t")};
    const struct fg_stream_settings settings = {BYTES("zstd"), BYTES("")};
    struct fg_progress parsed;
    struct fg_stream stream;
    struct fg_buffer buffer = FG_BUFFER_INIT(10000);
    struct fg_buffer text = FG_BUFFER_INIT(10000);
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    enum fg_status status = fg_streamsettings_append(&buffer, &stream, 0, &settings, 32768, NULL);
    if (status == FG_OK) {
        status = fg_errorresponse_append(&buffer, &stream, 1, 2, BYTES("oops"));
    }
    if (status == FG_OK) {
        fg_buffer_reset(&buffer);
        status = fg_textoutput_append(&buffer, &stream, 1, &atom, 1, 32768, NULL);
    }
    if (status == FG_OK) {
        status = fg_textoutput_render((struct fg_bytes){buffer.data + 8, buffer.size - 8},
                                      &default_limits, &text, NULL);
    }
    if (status == FG_OK) {
        fg_buffer_reset(&buffer);
        status = fg_progress_append(&buffer, &stream, 1, &progress, 32768, NULL);
    }
    if (status == FG_OK) {
        status = fg_progress_parse((struct fg_bytes){buffer.data + 8, buffer.size - 8},
                                   &default_limits, &parsed, NULL);
    }
    fg_buffer_free(&buffer);
    fg_buffer_free(&text);
    return status;
}

static void responses_survive_failing_allocations(void **state)
{
    (void)state;
    assert_in_range(fail_each(responses), 8, 1000);
}

/* -- a client and a server
 * ----------------------------------------------------------------------------- */

/* Answers what the reactor asks for; takes over what the action owns. */
static enum fg_status act(struct fg_reactor *reactor, struct fg_stream *out,
                          struct fg_action *action)
{
    struct fg_buffer copy = FG_BUFFER_INIT(1000);
    if (action->type == FG_ACTION_EXPECTDATA) {
        return fg_reactor_set_data_mode(reactor, action->requestid, FG_DATA_KEEP);
    }
    if (action->type != FG_ACTION_RUNCOMMAND) {
        return FG_OK;
    }
    uint16_t requestid = action->requestid;
    enum fg_status status = fg_command_put_args(action->command, &copy);
    fg_command_free(action->command);
    if (status != FG_OK) {
        fg_buffer_free(&copy);
        return status;
    }
    if (requestid == 5) {
        fg_buffer_free(&copy);
        return fg_reactor_onapplicationerror(reactor, out, requestid, BYTES("no"), action);
    }
    status = fg_reactor_ontextoutput(reactor, out, requestid, BYTES("said"), action);
    if (status != FG_OK) {
        fg_buffer_free(&copy);
        return status;
    }
    struct fg_source source = fg_source_from_buffer(&copy);
    return fg_reactor_onbytesresponseready(reactor, out, requestid, 0, &source, action);
}

static enum fg_status drain(struct fg_framegen *framegen)
{
    uint8_t frame[256];
    size_t size;
    enum fg_status status;
    do {
        status = fg_framegen_next(framegen, frame, sizeof frame, &size);
    } while (status == FG_OK);
    fg_framegen_free(framegen);
    return status == FG_END ? FG_OK : status;
}

/* Sends one command, its frames straight into the reactor. */
static enum fg_status send_command(struct fg_reactor *reactor, struct fg_stream *out,
                                   struct fg_stream *in, uint16_t requestid)
{
    struct fg_framegen *framegen;
    struct fg_source data = fg_source_from_bytes(BYTES("data"));
    enum fg_status status = fg_commandframes_new(in, requestid, BYTES("known"),
                                                 BYTES("\xa1\x45nodes\x80"), &data, 10, &framegen);
    if (status != FG_OK) {
        return status;
    }
    /* Data frames are offered room for a full one. */
    static uint8_t bytes[FG_DEFAULT_MAX_FRAME_SIZE + FG_FRAME_HEADER_SIZE];
    size_t size;
    while ((status = fg_framegen_next(framegen, bytes, sizeof bytes, &size)) == FG_OK) {
        struct fg_frame frame = {.payload = bytes + FG_FRAME_HEADER_SIZE};
        struct fg_action action;
        fg_frame_header_decode(bytes, &frame.header);
        status = fg_reactor_onframerecv(reactor, &frame, &action);
        if (status == FG_OK) {
            status = act(reactor, out, &action);
        }
        if (status != FG_OK) {
            break;
        }
    }
    fg_framegen_free(framegen);
    return status == FG_END ? FG_OK : status;
}

static enum fg_status converse(struct fg_reactor *reactor)
{
    struct fg_stream *out;
    struct fg_stream in;
    struct fg_action action;
    assert_int_equal(fg_stream_init_client(&in, 1), FG_OK);
    enum fg_status status = fg_reactor_makeoutputstream(reactor, &out);
    for (uint16_t requestid = 1; requestid <= 11 && status == FG_OK; requestid += 2) {
        status = send_command(reactor, out, &in, requestid);
    }
    static const struct fg_frame cut = {{1, 13, 1, 0, 1, 5}, (const uint8_t *)"x"};
    if (status == FG_OK) {
        status = fg_reactor_onframerecv(reactor, &cut, &action);
    }
    if (status == FG_OK) {
        status = fg_reactor_onprotocolerror(reactor, out, 13, BYTES("cut"), &action);
    }
    if (status == FG_OK) {
        status = fg_reactor_oninputeof(reactor, &action);
    }
    if (status == FG_OK) {
        assert_int_equal(action.incomplete_count, 1);
        status = drain(action.framegen);
    }
    return status;
}

static enum fg_status exchange(void)
{
    const struct fg_reactor_options options = {
        .deferoutput = true, .data_mode = FG_DATA_ASK, .limits = default_limits};
    struct fg_reactor *reactor;
    enum fg_status status = fg_reactor_new(&options, &reactor);
    if (status == FG_OK) {
        status = converse(reactor);
        fg_reactor_free(reactor);
    }
    return status;
}

static void an_exchange_survives_failing_allocations(void **state)
{
    (void)state;
    assert_in_range(fail_each(exchange), 50, 1000);
}

static enum fg_status generators(void)
{
    struct fg_stream stream;
    struct fg_framegen *framegen;
    struct fg_source source = fg_source_from_bytes(BYTES("abc"));
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    enum fg_status status = fg_bytesresponse_new(&stream, 1, 0, &source, 2, &framegen);
    if (status == FG_OK) {
        status = drain(framegen);
    }
    if (status == FG_OK) {
        status = fg_errorframe_new(&stream, 1, 1, BYTES("oops"), &framegen);
    }
    return status == FG_OK ? drain(framegen) : status;
}

static void generators_survive_failing_allocations(void **state)
{
    (void)state;
    assert_in_range(fail_each(generators), 5, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(human_strings_survive_failing_allocations),
        cmocka_unit_test(the_reader_survives_failing_allocations),
        cmocka_unit_test(cbor_survives_failing_allocations),
        cmocka_unit_test(responses_survive_failing_allocations),
        cmocka_unit_test(an_exchange_survives_failing_allocations),
        cmocka_unit_test(generators_survive_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
