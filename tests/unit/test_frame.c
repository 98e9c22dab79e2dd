/* The header codec, names, and the incremental reader. */
#include "tests/support/support.h"

#include "framing/frame.h"

/* -- headers ---------------------------------------------------------------------------------- */

static void a_header_survives_encoding(void **state)
{
    (void)state;
    const struct fg_frame_header header = {0xabcdef, 0x1234, 0x56, 0x78, 0x9, 0xa};
    struct fg_frame_header again;
    uint8_t bytes[FG_FRAME_HEADER_SIZE];
    assert_int_equal(fg_frame_header_encode(&header, bytes), FG_OK);
    assert_memory_equal(bytes, "\xef\xcd\xab\x34\x12\x56\x78\x9a", sizeof bytes);
    fg_frame_header_decode(bytes, &again);
    assert_int_equal(again.length, 0xabcdef);
    assert_int_equal(again.requestid, 0x1234);
    assert_int_equal(again.streamid, 0x56);
    assert_int_equal(again.streamflags, 0x78);
    assert_int_equal(again.type, 0x9);
    assert_int_equal(again.flags, 0xa);
}

static void fields_that_do_not_fit_are_refused_not_wrapped(void **state)
{
    (void)state;
    uint8_t bytes[FG_FRAME_HEADER_SIZE] = {0};
    assert_int_equal(fg_frame_header_encode(&(struct fg_frame_header){.length = 1 << 24}, bytes),
                     FG_ERR_ARGUMENT);
    assert_int_equal(fg_frame_header_encode(&(struct fg_frame_header){.type = 16}, bytes),
                     FG_ERR_ARGUMENT);
    assert_int_equal(fg_frame_header_encode(&(struct fg_frame_header){.flags = 16}, bytes),
                     FG_ERR_ARGUMENT);
    assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0", sizeof bytes);
}

static void a_payload_over_the_frame_size_is_refused(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(1 << 20);
    static const uint8_t payload[101];
    struct fg_frame_header header = {.length = 101, .streamid = 1, .type = 1};
    assert_int_equal(fg_frame_append(&buffer, &header, payload, 100), FG_ERR_ARGUMENT);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(fg_buffer_status(&buffer), FG_ERR_ARGUMENT);
    fg_buffer_reset(&buffer);
    assert_int_equal(fg_frame_append(&buffer, &header, payload, 101), FG_OK);
    assert_int_equal(buffer.size, 109);
    header.type = 16;
    assert_int_equal(fg_frame_append(&buffer, &header, payload, 101), FG_ERR_ARGUMENT);
    assert_int_equal(buffer.size, 109);
    fg_buffer_free(&buffer);
}

/* -- names ------------------------------------------------------------------------------------ */

static void names_and_numbers_of_types_agree(void **state)
{
    (void)state;
    unsigned named = 0;
    for (uint8_t type = 0; type < 20; type++) {
        const char *name = fg_frame_type_name(type);
        uint8_t again;
        if (name != NULL) {
            named++;
            assert_int_equal(fg_frame_type_from_name(fg_bytes_from_string(name), &again), FG_OK);
            assert_int_equal(again, type);
        }
    }
    assert_int_equal(named, 7);
    uint8_t untouched = 99;
    assert_int_equal(fg_frame_type_from_name(BYTES("nope"), &untouched), FG_ERR_NOT_FOUND);
    assert_int_equal(fg_stream_flag_from_name(BYTES("more"), &untouched), FG_ERR_NOT_FOUND);
    assert_int_equal(fg_frame_flag_from_name(FG_FRAME_COMMAND_REQUEST, BYTES("eos"), &untouched),
                     FG_ERR_NOT_FOUND);
    assert_int_equal(fg_frame_flag_from_name(200, BYTES("eos"), &untouched), FG_ERR_NOT_FOUND);
    assert_int_equal(untouched, 99);
}

static void assert_flag_names(uint8_t type, uint8_t flags, const char *names)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(200);
    assert_int_equal(fg_frame_flags_append_names(&buffer, type, flags), FG_OK);
    assert_true(fg_bytes_equal_string(fg_buffer_view(&buffer), names));
    fg_buffer_free(&buffer);
}

static void flags_are_named_lowest_bit_first_and_unknown_ones_shown(void **state)
{
    (void)state;
    assert_flag_names(FG_FRAME_COMMAND_REQUEST, 15, "new|continuation|more|have-data");
    assert_flag_names(FG_FRAME_BYTES_RESPONSE, 6, "eos|cbor");
    assert_flag_names(FG_FRAME_BYTES_RESPONSE, 0, "");
    assert_flag_names(FG_FRAME_COMMAND_DATA, 14, "eos|<unknown 0x0c>");
    assert_flag_names(FG_FRAME_PROGRESS, 1, "<unknown 0x01>");
    assert_flag_names(2, 3, "<unknown 0x03>");
    assert_flag_names(77, 3, "<unknown 0x03>");
    assert_int_equal(fg_frame_flags_known(FG_FRAME_ERROR_RESPONSE), 3);
    assert_int_equal(fg_frame_flags_known(15), 0);
    assert_int_equal(fg_frame_flags_known(16), 0);
}

static void assert_repr(const struct fg_frame_header *header, const char *text)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(200);
    assert_int_equal(fg_frame_append_repr(&buffer, header), FG_OK);
    assert_true(fg_bytes_equal_string(fg_buffer_view(&buffer), text));
    fg_buffer_free(&buffer);
}

static void the_repr_is_the_seeds(void **state)
{
    (void)state;
    assert_repr(&(struct fg_frame_header){10, 1, 3, 1, 1, 9},
                "frame(size=10; request=1; stream=3; streamflags=stream-begin; "
                "type=command-request; flags=new|have-data)");
    assert_repr(&(struct fg_frame_header){0, 1, 2, 0xff, 2, 1},
                "frame(size=0; request=1; stream=2; "
                "streamflags=stream-begin|stream-end|encoded|<unknown 0xf8>; "
                "type=<unknown 0x02>; flags=<unknown 0x01>)");
    for (size_t ceiling = 0; ceiling < 100; ceiling++) {
        struct fg_buffer small = FG_BUFFER_INIT(ceiling);
        assert_int_equal(fg_frame_append_repr(&small, &(struct fg_frame_header){0, 1, 2, 7, 1, 7}),
                         FG_ERR_LIMIT);
        assert_true(small.size <= ceiling);
        fg_buffer_free(&small);
    }
}

/* -- reader ----------------------------------------------------------------------------------- */

static const uint8_t two_frames[] = "\x03\x00\x00\x01\x00\x01\x01\x11"
                                    "abc"
                                    "\x00\x00\x00\x01\x00\x01\x00\x32";
enum { TWO_FRAMES_SIZE = sizeof two_frames - 1 };

static void any_slicing_gives_the_same_frames(void **state)
{
    (void)state;
    for (size_t slice = 1; slice <= TWO_FRAMES_SIZE; slice++) {
        struct fg_frame_reader reader;
        fg_frame_reader_init(&reader, &default_limits);
        size_t frames = 0;
        for (size_t offset = 0; offset < TWO_FRAMES_SIZE; offset += slice) {
            size_t left = TWO_FRAMES_SIZE - offset;
            struct fg_bytes input = {two_frames + offset, left < slice ? left : slice};
            struct fg_frame frame;
            while (fg_frame_reader_next(&reader, &input, &frame, NULL, NULL) == FG_OK) {
                frames++;
                assert_int_equal(frame.header.length, frames == 1 ? 3 : 0);
                if (frames == 1) {
                    assert_memory_equal(frame.payload, "abc", 3);
                }
            }
            assert_int_equal(input.size, 0);
        }
        assert_int_equal(frames, 2);
        assert_int_equal(fg_frame_reader_finish(&reader, NULL, NULL), FG_OK);
        fg_frame_reader_clear(&reader);
    }
}

static void the_reader_says_how_much_is_missing(void **state)
{
    (void)state;
    struct fg_frame_reader reader;
    struct fg_frame frame;
    size_t need = 0;
    fg_frame_reader_init(&reader, &default_limits);
    struct fg_bytes nothing = {NULL, 0};
    assert_int_equal(fg_frame_reader_next(&reader, &nothing, &frame, &need, NULL), FG_NEED_MORE);
    assert_int_equal(need, 8);
    struct fg_bytes part = {two_frames, 5};
    assert_int_equal(fg_frame_reader_next(&reader, &part, &frame, &need, NULL), FG_NEED_MORE);
    assert_int_equal(need, 3);
    part = (struct fg_bytes){two_frames + 5, 4};
    assert_int_equal(fg_frame_reader_next(&reader, &part, &frame, &need, NULL), FG_NEED_MORE);
    assert_int_equal(need, 2);
    fg_frame_reader_clear(&reader);
}

static void a_payload_that_lies_whole_in_the_input_is_borrowed(void **state)
{
    (void)state;
    struct fg_frame_reader reader;
    struct fg_frame frame;
    fg_frame_reader_init(&reader, &default_limits);
    struct fg_bytes input = {two_frames, TWO_FRAMES_SIZE};
    assert_int_equal(fg_frame_reader_next(&reader, &input, &frame, NULL, NULL), FG_OK);
    assert_ptr_equal(frame.payload, two_frames + 8);
    assert_ptr_equal(input.data, two_frames + 11);
    /* Also where only the header came before. */
    fg_frame_reader_clear(&reader);
    fg_frame_reader_init(&reader, &default_limits);
    input = (struct fg_bytes){two_frames, 8};
    assert_int_equal(fg_frame_reader_next(&reader, &input, &frame, NULL, NULL), FG_NEED_MORE);
    input = (struct fg_bytes){two_frames + 8, 3};
    assert_int_equal(fg_frame_reader_next(&reader, &input, &frame, NULL, NULL), FG_OK);
    assert_ptr_equal(frame.payload, two_frames + 8);
    fg_frame_reader_clear(&reader);
    fg_frame_reader_clear(NULL);
}

static void a_frame_over_the_limit_is_refused_at_its_header(void **state)
{
    (void)state;
    struct fg_limits limits = default_limits;
    for (uint32_t limit = 2; limit <= 4; limit++) {
        struct fg_frame_reader reader;
        struct fg_frame frame;
        struct fg_error error;
        limits.frame_payload = limit;
        fg_frame_reader_init(&reader, &limits);
        struct fg_bytes header = {two_frames, 8};
        enum fg_status status = fg_frame_reader_next(&reader, &header, &frame, NULL, &error);
        if (limit < 3) {
            assert_int_equal(status, FG_ERR_LIMIT);
            assert_string_equal(error.message, "frame payload too large: 3, the limit is 2");
            assert_int_equal(error.limit, FG_LIMIT_FRAME_PAYLOAD);
            assert_int_equal(fg_frame_reader_header(&reader)->requestid, 1);
            assert_null(reader.payload.data);
            struct fg_bytes rest = {two_frames + 8, 3};
            assert_int_equal(fg_frame_reader_next(&reader, &rest, &frame, NULL, &error),
                             FG_ERR_LIMIT);
            assert_int_equal(fg_frame_reader_finish(&reader, NULL, &error), FG_ERR_LIMIT);
        } else {
            assert_int_equal(status, FG_NEED_MORE);
        }
        fg_frame_reader_clear(&reader);
    }
}

/* Feeds count frames of this payload size; returns how many were accepted. */
static unsigned feed(const struct fg_limits *limits, unsigned count, uint8_t payload_size,
                     struct fg_error *error)
{
    uint8_t bytes[FG_FRAME_HEADER_SIZE + 255] = {payload_size, 0, 0, 1, 0, 1, 1, 0x11};
    struct fg_frame_reader reader;
    unsigned accepted = 0;
    fg_frame_reader_init(&reader, limits);
    for (unsigned i = 0; i < count; i++) {
        struct fg_bytes input = {bytes, FG_FRAME_HEADER_SIZE + (size_t)payload_size};
        struct fg_frame frame;
        if (fg_frame_reader_next(&reader, &input, &frame, NULL, error) != FG_OK) {
            break;
        }
        accepted++;
    }
    fg_frame_reader_clear(&reader);
    return accepted;
}

static void empty_frames_in_a_row_are_limited(void **state)
{
    (void)state;
    struct fg_error error;
    assert_int_equal(feed(&default_limits, 2, 0, &error), 2);
    assert_int_equal(feed(&default_limits, 3, 0, &error), 2);
    assert_string_equal(error.message, "too many empty frames in a row: 3, the limit is 2");
    assert_int_equal(error.limit, FG_LIMIT_EMPTY_FRAMES);
    assert_int_equal(error.offset, 16);
}

static void framing_overhead_is_limited(void **state)
{
    (void)state;
    struct fg_error error;
    /* Each one-byte frame exceeds its payload by seven bytes. */
    unsigned allowed = 65536 / 7;
    assert_int_equal(feed(&default_limits, allowed, 1, &error), allowed);
    assert_int_equal(feed(&default_limits, allowed + 1, 1, &error), allowed);
    assert_non_null(strstr(error.message, "frame headers exceed payload by too much"));
    assert_int_equal(error.limit, FG_LIMIT_FRAME_OVERHEAD);
    /* Frames that carry as much as their headers may be any number. */
    assert_int_equal(feed(&default_limits, 100000, 8, &error), 100000);
}

static void the_end_inside_a_frame_is_told(void **state)
{
    (void)state;
    struct fg_error error;
    for (size_t size = 0; size <= TWO_FRAMES_SIZE; size++) {
        struct fg_frame_reader reader;
        struct fg_frame frame;
        struct fg_frame_header header = {.requestid = 77};
        struct fg_bytes input = {two_frames, size};
        fg_frame_reader_init(&reader, &default_limits);
        while (fg_frame_reader_next(&reader, &input, &frame, NULL, NULL) == FG_OK) {
        }
        enum fg_status status = fg_frame_reader_finish(&reader, &header, &error);
        char text[64];
        if (size == 0 || size == 11 || size == 19) {
            assert_int_equal(status, FG_OK);
            assert_int_equal(header.requestid, 77);
        } else if (size < 8 || size > 11) {
            snprintf(text, sizeof text, "received incomplete frame: got %zu bytes",
                     size < 8 ? size : size - 11);
            assert_int_equal(status, FG_ERR_TRUNCATED);
            assert_string_equal(error.message, text);
            assert_int_equal(header.requestid, 0);
            assert_int_equal(error.offset, size < 8 ? 0 : 11);
        } else {
            snprintf(text, sizeof text, "frame length error: expected 3; got %zu", size - 8);
            assert_int_equal(status, FG_ERR_TRUNCATED);
            assert_string_equal(error.message, text);
            assert_int_equal(header.requestid, 1);
        }
        fg_frame_reader_clear(&reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_survives_encoding),
        cmocka_unit_test(fields_that_do_not_fit_are_refused_not_wrapped),
        cmocka_unit_test(a_payload_over_the_frame_size_is_refused),
        cmocka_unit_test(names_and_numbers_of_types_agree),
        cmocka_unit_test(flags_are_named_lowest_bit_first_and_unknown_ones_shown),
        cmocka_unit_test(the_repr_is_the_seeds),
        cmocka_unit_test(any_slicing_gives_the_same_frames),
        cmocka_unit_test(the_reader_says_how_much_is_missing),
        cmocka_unit_test(a_payload_that_lies_whole_in_the_input_is_borrowed),
        cmocka_unit_test(a_frame_over_the_limit_is_refused_at_its_header),
        cmocka_unit_test(empty_frames_in_a_row_are_limited),
        cmocka_unit_test(framing_overhead_is_limited),
        cmocka_unit_test(the_end_inside_a_frame_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
