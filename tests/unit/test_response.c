/* Text output, progress, stream settings and errors, made and parsed. */
#include "tests/support/support.h"

#include "framing/response.h"

/* -- text output ------------------------------------------------------------------------------ */

static void assert_renders(struct fg_bytes payload, const char *expected, const char *message)
{
    struct fg_buffer text = FG_BUFFER_INIT(1000);
    struct fg_error error = {0};
    enum fg_status status = fg_textoutput_render(payload, &default_limits, &text, &error);
    if (expected != NULL) {
        assert_int_equal(status, FG_OK);
        assert_true(fg_bytes_equal_string(fg_buffer_view(&text), expected));
    } else {
        assert_int_equal(status, FG_ERR_SYNTAX);
        assert_int_equal(text.size, 0);
        assert_non_null(strstr(error.message, message));
    }
    fg_buffer_free(&text);
}

static void text_output_is_made_and_rendered(void **state)
{
    (void)state;
    const struct fg_bytes args[] = {BYTES("a\xff"), BYTES("b%s")};
    const struct fg_bytes labels[] = {BYTES("ui.status")};
    const struct fg_text_atom atoms[] = {
        {BYTES("100%% of %s and %s\n"), args, 2, labels, 1},
        {BYTES("plain"), NULL, 0, NULL, 0},
    };
    struct fg_stream stream;
    struct fg_buffer frame = FG_BUFFER_INIT(1000);
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    assert_int_equal(fg_textoutput_append(&frame, &stream, 7, atoms, 2, 32768, NULL), FG_OK);
    assert_int_equal(frame.data[7], 0x60);
    assert_renders((struct fg_bytes){frame.data + 8, frame.size - 8},
                   "100% of a\xef\xbf\xbd and b%s\nplain", NULL);
    fg_buffer_free(&frame);
}

static void text_output_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    const struct fg_bytes labels[] = {BYTES("l\xc3\xa9")};
    const struct fg_text_atom format = {BYTES("caf\xc3\xa9"), NULL, 0, NULL, 0};
    const struct fg_text_atom label = {BYTES("cafe"), NULL, 0, labels, 1};
    const struct fg_text_atom fine = {BYTES("cafe"), NULL, 0, NULL, 0};
    struct fg_stream stream;
    struct fg_error error;
    struct fg_buffer frame = FG_BUFFER_INIT(1000);
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    assert_int_equal(fg_textoutput_append(&frame, &stream, 7, &format, 1, 32768, &error),
                     FG_ERR_ARGUMENT);
    assert_string_equal(error.message, "text output format is not ASCII");
    assert_int_equal(fg_textoutput_append(&frame, &stream, 7, &label, 1, 32768, &error),
                     FG_ERR_ARGUMENT);
    assert_string_equal(error.message, "text output label is not ASCII");
    /* The payload is 11 bytes: 81 a1 43 msg 44 cafe. */
    for (uint32_t size = 1; size < 11; size++) {
        assert_int_equal(fg_textoutput_append(&frame, &stream, 7, &fine, 1, size, &error),
                         FG_ERR_ARGUMENT);
        assert_string_equal(error.message, "cannot encode data in a single frame");
    }
    assert_int_equal(frame.size, 0);
    assert_false(stream.begun);
    assert_int_equal(fg_textoutput_append(&frame, &stream, 7, &fine, 1, 11, &error), FG_OK);
    fg_buffer_free(&frame);
    struct fg_buffer full = FG_BUFFER_INIT(18);
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    assert_int_equal(fg_textoutput_append(&full, &stream, 7, &fine, 1, 11, &error), FG_ERR_LIMIT);
    assert_false(stream.begun);
    fg_buffer_free(&full);
}

static void text_output_of_a_wrong_shape_is_refused(void **state)
{
    (void)state;
    assert_renders(BYTES("\x81"), NULL, "announces");
    assert_renders(BYTES("\xa0"), NULL, "is not a list");
    assert_renders(BYTES("\x81\x01"), NULL, "msg is missing");
    assert_renders(BYTES("\x81\xa1\x43msg\x01"), NULL, "msg is missing or no byte string");
    assert_renders(BYTES("\x81\xa2\x43msg\x41x\x44"
                         "args\x01"),
                   NULL, "args is not a list");
    assert_renders(BYTES("\x81\xa1\x43msg\x42%d"), NULL, "other directives");
    assert_renders(BYTES("\x81\xa1\x43msg\x41%"), NULL, "other directives");
    assert_renders(BYTES("\x81\xa1\x43msg\x42%s"), NULL, "fewer arguments");
    assert_renders(BYTES("\x81\xa2\x43msg\x42%s\x44"
                         "args\x81\x01"),
                   NULL, "argument is not a byte string");
    assert_renders(BYTES("\x81\xa2\x43msg\x41x\x44"
                         "args\x81\x41y"),
                   NULL, "more arguments");
}

/* -- progress --------------------------------------------------------------------------------- */

static void progress_is_made_and_parsed(void **state)
{
    (void)state;
    const struct fg_progress progress = {BYTES("bundle"), -1, 40000, BYTES("chunks"), BYTES("x")};
    struct fg_progress parsed;
    struct fg_stream stream;
    struct fg_buffer frame = FG_BUFFER_INIT(1000);
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    assert_int_equal(fg_progress_append(&frame, &stream, 7, &progress, 32768, NULL), FG_OK);
    assert_int_equal(frame.data[7], 0x70);
    struct fg_bytes payload = {frame.data + 8, frame.size - 8};
    assert_true(fg_cbor_is_canonical(payload, &default_limits));
    assert_int_equal(fg_progress_parse(payload, &default_limits, &parsed, NULL), FG_OK);
    assert_int_equal(parsed.pos, -1);
    assert_int_equal(parsed.total, 40000);
    assert_bytes(parsed.topic, "bundle");
    assert_bytes(parsed.label, "chunks");
    assert_bytes(parsed.item, "x");
    fg_buffer_reset(&frame);
    const struct fg_progress small = {.topic = BYTES("t"), .pos = INT64_MIN, .total = INT64_MAX};
    assert_int_equal(fg_progress_append(&frame, &stream, 7, &small, 10, NULL), FG_ERR_ARGUMENT);
    assert_int_equal(fg_progress_append(&frame, &stream, 7, &small, 32768, NULL), FG_OK);
    payload = (struct fg_bytes){frame.data + 8, frame.size - 8};
    assert_int_equal(fg_progress_parse(payload, &default_limits, &parsed, NULL), FG_OK);
    assert_true(parsed.pos == INT64_MIN && parsed.total == INT64_MAX);
    assert_null(parsed.label.data);
    fg_buffer_free(&frame);
}

static void assert_no_progress(struct fg_bytes payload, const char *message)
{
    struct fg_progress parsed = {.pos = 77};
    struct fg_error error = {0};
    assert_int_equal(fg_progress_parse(payload, &default_limits, &parsed, &error), FG_ERR_SYNTAX);
    assert_non_null(strstr(error.message, message));
    assert_int_equal(parsed.pos, 77);
}

static void progress_of_a_wrong_shape_is_refused(void **state)
{
    (void)state;
    assert_no_progress(BYTES("\x80"), "not a map");
    assert_no_progress(BYTES("\xa1"), "announces");
    assert_no_progress(BYTES("\xa0"), "topic is missing");
    assert_no_progress(BYTES("\xa1\x45topic\x01"), "topic is missing or no byte string");
    assert_no_progress(BYTES("\xa1\x45topic\x41t"), "pos is missing");
    assert_no_progress(BYTES("\xa2\x43pos\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x45topic\x41t"),
                       "pos is missing or no 64-bit integer");
    assert_no_progress(BYTES("\xa2\x43pos\x01\x45topic\x41t"), "total is missing");
    assert_no_progress(BYTES("\xa4\x43pos\x01\x45"
                             "label\x01\x45topic\x41t\x45total\x02"),
                       "label is missing or no byte string");
    assert_no_progress(BYTES("\xa4\x43pos\x01\x44item\x01\x45topic\x41t\x45total\x02"),
                       "item is missing or no byte string");
    assert_no_progress(BYTES("\xa1\x45topic\x5f\x41t\xff"), "in pieces");
}

/* -- stream settings and errors ------------------------------------------------------------------
 */

static void stream_settings_are_made_and_parsed(void **state)
{
    (void)state;
    const struct fg_stream_settings settings = {BYTES("zstd-8mb"), BYTES("\x01\x02")};
    struct fg_stream_settings parsed;
    struct fg_stream stream;
    struct fg_error error;
    struct fg_buffer frame = FG_BUFFER_INIT(1000);
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    assert_int_equal(fg_streamsettings_append(&frame, &stream, 0, &settings, 10, &error),
                     FG_ERR_ARGUMENT);
    assert_int_equal(fg_streamsettings_append(&frame, &stream, 0, &settings, 32768, &error), FG_OK);
    assert_bytes(fg_buffer_view(&frame), "\x0b\0\0\0\0\x02\x01\x80\x08zstd-8mb\x01\x02");
    struct fg_bytes payload = {frame.data + 8, frame.size - 8};
    assert_int_equal(fg_streamsettings_parse(payload, &parsed, NULL), FG_OK);
    assert_bytes(parsed.profile, "zstd-8mb");
    assert_bytes(parsed.extra, "\x01\x02");
    for (payload.size = 0; payload.size < 9; payload.size++) {
        assert_int_equal(fg_streamsettings_parse(payload, &parsed, &error), FG_ERR_TRUNCATED);
    }
    assert_int_equal(fg_streamsettings_append(&frame, &stream, 0, &settings, 32768, &error),
                     FG_ERR_STATE);
    assert_string_equal(error.message, "stream 2 has begun without settings");
    fg_buffer_free(&frame);
}

static void a_profile_name_has_at_most_255_bytes(void **state)
{
    (void)state;
    static const uint8_t name[256];
    struct fg_stream_settings settings = {.profile = {name, 256}};
    struct fg_stream stream;
    struct fg_buffer frame = FG_BUFFER_INIT(1000);
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    assert_int_equal(fg_streamsettings_append(&frame, &stream, 0, &settings, 32768, NULL),
                     FG_ERR_ARGUMENT);
    settings.profile.size = 255;
    assert_int_equal(fg_streamsettings_append(&frame, &stream, 0, &settings, 32768, NULL), FG_OK);
    fg_buffer_free(&frame);
}

static void errors_are_made_and_parsed(void **state)
{
    (void)state;
    struct fg_stream stream;
    struct fg_buffer frame = FG_BUFFER_INIT(100000);
    struct fg_error_response parsed;
    struct fg_error error;
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    assert_int_equal(
        fg_errorresponse_append(&frame, &stream, 9, FG_ERROR_RESPONSE_PROTOCOL, BYTES("oops")),
        FG_OK);
    assert_bytes(fg_buffer_view(&frame), "\4\0\0\x09\0\2\1\x51oops");
    struct fg_frame read = {.payload = frame.data + 8};
    fg_frame_header_decode(frame.data, &read.header);
    assert_int_equal(fg_errorresponse_parse(&read, &parsed, NULL), FG_OK);
    assert_true(parsed.protocol);
    assert_false(parsed.application);
    assert_bytes(parsed.message, "oops");
    read.header.flags = 4;
    assert_int_equal(fg_errorresponse_parse(&read, &parsed, &error), FG_ERR_SYNTAX);
    read.header.type = FG_FRAME_PROGRESS;
    assert_int_equal(fg_errorresponse_parse(&read, &parsed, &error), FG_ERR_SYNTAX);

    static uint8_t large[100000];
    fg_buffer_reset(&frame);
    assert_int_equal(
        fg_errorresponse_append(&frame, &stream, 9, 2, (struct fg_bytes){large, sizeof large}),
        FG_OK);
    assert_int_equal(frame.size, 8 + FG_DEFAULT_MAX_FRAME_SIZE);
    fg_stream_end(&stream);
    assert_int_equal(fg_errorresponse_append(&frame, &stream, 9, 2, BYTES("x")), FG_OK);
    assert_int_equal(fg_errorresponse_append(&frame, &stream, 9, 2, BYTES("x")), FG_ERR_STATE);
    fg_buffer_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_output_is_made_and_rendered),
        cmocka_unit_test(text_output_that_is_refused_changes_nothing),
        cmocka_unit_test(text_output_of_a_wrong_shape_is_refused),
        cmocka_unit_test(progress_is_made_and_parsed),
        cmocka_unit_test(progress_of_a_wrong_shape_is_refused),
        cmocka_unit_test(stream_settings_are_made_and_parsed),
        cmocka_unit_test(a_profile_name_has_at_most_255_bytes),
        cmocka_unit_test(errors_are_made_and_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
