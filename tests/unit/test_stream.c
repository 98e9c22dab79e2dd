/* Streams: begin and end flags, who may use which ids. */
#include "tests/support/support.h"

#include "framing/stream.h"

static void clients_have_odd_streams_and_servers_even_ones(void **state)
{
    (void)state;
    struct fg_stream stream;
    assert_int_equal(fg_stream_init_client(&stream, 1), FG_OK);
    assert_int_equal(fg_stream_init_client(&stream, 2), FG_ERR_ARGUMENT);
    assert_int_equal(fg_stream_init_server(&stream, 2), FG_OK);
    assert_int_equal(fg_stream_init_server(&stream, 255), FG_ERR_ARGUMENT);
}

static void the_first_frame_begins_and_the_last_ends_a_stream(void **state)
{
    (void)state;
    struct fg_stream stream;
    struct fg_frame_header header;
    assert_int_equal(fg_stream_init_server(&stream, 4), FG_OK);
    assert_int_equal(fg_stream_make_header(&stream, 9, 4, 2, 5, &header), FG_OK);
    assert_int_equal(header.streamid, 4);
    assert_int_equal(header.requestid, 9);
    assert_int_equal(header.length, 5);
    assert_int_equal(header.streamflags, FG_STREAM_BEGIN);
    assert_int_equal(fg_stream_make_header(&stream, 9, 4, 2, 5, &header), FG_OK);
    assert_int_equal(header.streamflags, 0);
    fg_stream_end(&stream);
    assert_int_equal(fg_stream_make_header(&stream, 9, 4, 2, 5, &header), FG_OK);
    assert_int_equal(header.streamflags, FG_STREAM_END);
    assert_int_equal(fg_stream_make_header(&stream, 9, 4, 2, 5, &header), FG_ERR_STATE);
}

static void a_refused_header_leaves_the_stream_unbegun(void **state)
{
    (void)state;
    struct fg_stream stream;
    struct fg_frame_header header;
    assert_int_equal(fg_stream_init_client(&stream, 1), FG_OK);
    assert_int_equal(fg_stream_make_header(&stream, 1, 16, 0, 0, &header), FG_ERR_ARGUMENT);
    assert_int_equal(fg_stream_make_header(&stream, 1, 1, 16, 0, &header), FG_ERR_ARGUMENT);
    assert_int_equal(fg_stream_make_header(&stream, 1, 1, 0, 1 << 24, &header), FG_ERR_ARGUMENT);
    fg_stream_end(&stream);
    assert_int_equal(fg_stream_make_header(&stream, 1, 1, 0, 0, &header), FG_OK);
    assert_int_equal(header.streamflags, FG_STREAM_BEGIN | FG_STREAM_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_have_odd_streams_and_servers_even_ones),
        cmocka_unit_test(the_first_frame_begins_and_the_last_ends_a_stream),
        cmocka_unit_test(a_refused_header_leaves_the_stream_unbegun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
