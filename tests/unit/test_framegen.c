/* Frame generators: cutting, pauses, failures, memory. */
#include "tests/support/support.h"

#include "framing/framegen.h"

/* A source that gives pieces of a script: a count of bytes, or one of the outcomes below zero. */
enum { PAUSE = -1, FAIL = -2, OVER = -3 };

struct script {
    const int *steps;
    unsigned destroyed;
};

static enum fg_status script_read(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct script *script = context;
    int step = *script->steps;
    if (step == OVER) {
        return FG_END;
    }
    script->steps++;
    if (step == PAUSE || step == FAIL) {
        return step == PAUSE ? FG_PENDING : FG_ERR_IO;
    }
    assert_true(capacity > 0);
    *ret_size = (size_t)step < capacity ? (size_t)step : capacity;
    memset(buffer, 'x', *ret_size);
    return FG_OK;
}

static void script_destroy(void *context)
{
    ((struct script *)context)->destroyed++;
}

static struct fg_source scripted(struct script *script, uint64_t size)
{
    return (struct fg_source){
        .read = script_read, .destroy = script_destroy, .context = script, .size = size};
}

/* Expects the next frame to have these flags and payload size. */
static void assert_next(struct fg_framegen *framegen, uint8_t flags, size_t payload_size)
{
    uint8_t frame[200];
    size_t size;
    struct fg_frame_header header;
    assert_int_equal(fg_framegen_next(framegen, frame, sizeof frame, &size), FG_OK);
    fg_frame_header_decode(frame, &header);
    assert_int_equal(header.flags, flags);
    assert_int_equal(header.length, payload_size);
    assert_int_equal(size, 8 + payload_size);
}

static void assert_outcome(struct fg_framegen *framegen, enum fg_status expected)
{
    uint8_t frame[200];
    size_t size;
    assert_int_equal(fg_framegen_next(framegen, frame, sizeof frame, &size), expected);
}

static struct fg_framegen *response_of(struct fg_stream *stream, struct fg_source source)
{
    struct fg_framegen *framegen = NULL;
    assert_int_equal(fg_bytesresponse_new(stream, 5, 0, &source, 100, &framegen), FG_OK);
    return framegen;
}

static void a_source_of_unknown_size_ends_with_eos(void **state)
{
    (void)state;
    struct fg_stream stream;
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    struct script script = {.steps = (const int[]){70, 60, 50, OVER}};
    struct fg_framegen *framegen = response_of(&stream, scripted(&script, FG_SIZE_UNKNOWN));
    assert_int_equal(fg_framegen_requestid(framegen), 5);
    assert_int_equal(fg_framegen_frame_size_max(framegen), 108);
    assert_next(framegen, FG_BYTES_RESPONSE_CONTINUATION, 100);
    assert_next(framegen, FG_BYTES_RESPONSE_EOS, 50);
    assert_outcome(framegen, FG_END);
    assert_int_equal(fg_framegen_requestid(framegen), 0);
    fg_framegen_free(framegen);
    assert_int_equal(script.destroyed, 1);
}

static void a_full_last_frame_of_unknown_size_is_followed_by_an_empty_one(void **state)
{
    (void)state;
    struct fg_stream stream;
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    struct script script = {.steps = (const int[]){100, OVER}};
    struct fg_framegen *framegen = response_of(&stream, scripted(&script, FG_SIZE_UNKNOWN));
    assert_next(framegen, FG_BYTES_RESPONSE_CONTINUATION, 100);
    assert_next(framegen, FG_BYTES_RESPONSE_EOS, 0);
    assert_outcome(framegen, FG_END);
    fg_framegen_free(framegen);
}

static void a_pause_makes_a_frame_shorter_and_loses_nothing(void **state)
{
    (void)state;
    struct fg_stream stream;
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    struct script script = {.steps = (const int[]){PAUSE, 30, PAUSE, PAUSE, 40, OVER}};
    struct fg_framegen *framegen = response_of(&stream, scripted(&script, 70));
    assert_outcome(framegen, FG_PENDING);
    assert_next(framegen, FG_BYTES_RESPONSE_CONTINUATION, 30);
    assert_outcome(framegen, FG_PENDING);
    assert_next(framegen, FG_BYTES_RESPONSE_EOS, 40);
    assert_outcome(framegen, FG_END);
    fg_framegen_free(framegen);
}

static void a_frame_that_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    struct fg_stream stream;
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    struct fg_framegen *framegen = response_of(&stream, fg_source_from_bytes(BYTES("abcdef")));
    uint8_t frame[14];
    size_t size = 0;
    assert_int_equal(fg_framegen_next(framegen, frame, 13, &size), FG_NEED_MORE);
    assert_int_equal(size, 14);
    assert_int_equal(fg_framegen_next(framegen, frame, 14, &size), FG_OK);
    assert_memory_equal(frame,
                        "\6\0\0\5\0\2\1\x42"
                        "abcdef",
                        14);
    fg_framegen_free(framegen);
}

static void a_source_is_drained(void **state)
{
    (void)state;
    static const struct {
        int steps[4];
        enum fg_status status;
        size_t size;
    } rows[] = {{{5000, 3, OVER}, FG_OK, 3 + 4096 + 3},
                {{OVER}, FG_OK, 3},
                {{70, PAUSE}, FG_ERR_IO, 3 + 70},
                {{70, FAIL}, FG_ERR_IO, 3 + 70},
                {{4096, 7, 1, OVER}, FG_ERR_LIMIT, 3 + 4103}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fg_buffer buffer = FG_BUFFER_INIT(8198);
        struct fg_source source = fg_source_from_bytes(BYTES("abc"));
        assert_int_equal(fg_source_drain(&source, &buffer), FG_OK);
        struct script script = {.steps = rows[i].steps};
        source = scripted(&script, FG_SIZE_UNKNOWN);
        assert_int_equal(fg_source_drain(&source, &buffer), rows[i].status);
        assert_int_equal(buffer.size, rows[i].size);
        assert_memory_equal(buffer.data, "abc", 3);
        assert_int_equal(script.destroyed, 0);
        fg_buffer_free(&buffer);
    }
}

static void a_failing_source_ends_its_response(void **state)
{
    (void)state;
    struct fg_stream stream;
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    struct script script = {.steps = (const int[]){100, FAIL}};
    struct fg_framegen *framegen = response_of(&stream, scripted(&script, FG_SIZE_UNKNOWN));
    assert_next(framegen, FG_BYTES_RESPONSE_CONTINUATION, 100);
    assert_outcome(framegen, FG_ERR_IO);
    assert_outcome(framegen, FG_END);
    fg_framegen_free(framegen);
    /* Fewer bytes than announced are a failure too. */
    script.steps = (const int[]){10, OVER};
    framegen = response_of(&stream, scripted(&script, 20));
    assert_outcome(framegen, FG_ERR_IO);
    fg_framegen_free(framegen);
    assert_int_equal(script.destroyed, 2);
}

static void data_of_a_command_ends_with_a_frame_that_is_not_full(void **state)
{
    (void)state;
    static uint8_t data[2 * FG_DEFAULT_MAX_FRAME_SIZE];
    static uint8_t frame[FG_DEFAULT_MAX_FRAME_SIZE + 8];
    struct fg_stream stream;
    struct fg_source source = fg_source_from_bytes((struct fg_bytes){data, sizeof data});
    struct fg_framegen *framegen;
    assert_int_equal(fg_stream_init_client(&stream, 1), FG_OK);
    assert_int_equal(
        fg_commandframes_new(&stream, 1, BYTES("x"), BYTES(""), &source, 1000, &framegen), FG_OK);
    assert_int_equal(fg_framegen_frame_size_max(framegen), sizeof frame);
    static const uint8_t last_bytes[] = {0x19, 0x31, 0x31, 0x32};
    for (size_t i = 0; i < 4; i++) {
        size_t size;
        assert_int_equal(fg_framegen_next(framegen, frame, sizeof frame, &size), FG_OK);
        assert_int_equal(frame[7], last_bytes[i]);
        assert_int_equal(size, i == 0 ? 8 + 8 : i == 3 ? 8 : sizeof frame);
    }
    fg_framegen_free(framegen);
}

static void arguments_out_of_range_are_refused_and_the_source_freed(void **state)
{
    (void)state;
    struct fg_stream server;
    struct fg_stream client;
    struct fg_framegen *framegen = NULL;
    struct script script = {.steps = (const int[]){OVER}};
    assert_int_equal(fg_stream_init_server(&server, 2), FG_OK);
    assert_int_equal(fg_stream_init_client(&client, 1), FG_OK);
    struct fg_source source = scripted(&script, 0);
    assert_int_equal(fg_bytesresponse_new(&client, 1, 0, &source, 100, &framegen), FG_ERR_ARGUMENT);
    source = scripted(&script, 0);
    assert_int_equal(fg_bytesresponse_new(&server, 1, 2, &source, 100, &framegen), FG_ERR_ARGUMENT);
    source = scripted(&script, 0);
    assert_int_equal(fg_bytesresponse_new(&server, 1, 0, &source, 0, &framegen), FG_ERR_ARGUMENT);
    source = scripted(&script, 0);
    assert_int_equal(
        fg_commandframes_new(&client, 1, BYTES("x"), BYTES(""), &source, 1 << 24, &framegen),
        FG_ERR_ARGUMENT);
    source = scripted(&script, 0);
    assert_int_equal(
        fg_commandframes_new(&client, 1, BYTES("x"), BYTES("\xa1"), &source, 100, &framegen),
        FG_ERR_ARGUMENT);
    assert_int_equal(script.destroyed, 5);
    assert_int_equal(fg_errorframe_new(&client, 1, 1, BYTES("x"), &framegen), FG_ERR_ARGUMENT);
    assert_int_equal(fg_errorframe_new(&server, 1, 16, BYTES("x"), &framegen), FG_ERR_ARGUMENT);
    assert_null(framegen);
    fg_framegen_free(NULL);
}

static void an_ended_stream_makes_no_more_frames(void **state)
{
    (void)state;
    struct fg_stream stream;
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    fg_stream_end(&stream);
    struct fg_framegen *framegen = response_of(&stream, fg_source_empty());
    assert_next(framegen, FG_BYTES_RESPONSE_EOS, 0);
    fg_framegen_free(framegen);
    framegen = response_of(&stream, fg_source_empty());
    assert_outcome(framegen, FG_ERR_STATE);
    fg_framegen_free(framegen);
}

static void a_long_message_is_cut_at_a_character(void **state)
{
    (void)state;
    static uint8_t message[FG_DEFAULT_MAX_FRAME_SIZE + 100];
    static uint8_t frame[FG_DEFAULT_MAX_FRAME_SIZE + 8];
    struct fg_stream stream;
    struct fg_framegen *framegen;
    size_t size;
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    memset(message, 'x', sizeof message);
    memcpy(message + FG_DEFAULT_MAX_FRAME_SIZE - 1, "\xc3\xa9", 2);
    assert_int_equal(fg_errorframe_new(&stream, 3, FG_ERROR_RESPONSE_APPLICATION,
                                       (struct fg_bytes){message, sizeof message}, &framegen),
                     FG_OK);
    assert_int_equal(fg_framegen_next(framegen, frame, sizeof frame, &size), FG_OK);
    assert_int_equal(size, 8 + FG_DEFAULT_MAX_FRAME_SIZE - 1);
    assert_int_equal(frame[7], 0x52);
    fg_framegen_free(framegen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_of_unknown_size_ends_with_eos),
        cmocka_unit_test(a_full_last_frame_of_unknown_size_is_followed_by_an_empty_one),
        cmocka_unit_test(a_pause_makes_a_frame_shorter_and_loses_nothing),
        cmocka_unit_test(a_frame_that_does_not_fit_changes_nothing),
        cmocka_unit_test(a_source_is_drained),
        cmocka_unit_test(a_failing_source_ends_its_response),
        cmocka_unit_test(data_of_a_command_ends_with_a_frame_that_is_not_full),
        cmocka_unit_test(arguments_out_of_range_are_refused_and_the_source_freed),
        cmocka_unit_test(an_ended_stream_makes_no_more_frames),
        cmocka_unit_test(a_long_message_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
