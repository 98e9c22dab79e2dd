/* Emptying frame generators into buffers of every size gives the same bytes. */
#include "gateway/exchange/respond.h"

#include "tests/support/support.h"

static struct fg_stream stream;
static struct fg_respond respond;

static int setup(void **state)
{
    (void)state;
    fg_respond_init(&respond);
    return fg_stream_init_server(&stream, 2) == FG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    fg_respond_clear(&respond);
    return 0;
}

/* A response of size bytes of value. */
static void add(uint16_t requestid, size_t size, uint8_t value)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(1 << 20);
    uint8_t *space = NULL;
    assert_int_equal(fg_buffer_reserve(&buffer, size + 1, &space), FG_OK);
    memset(space, value, size);
    buffer.size = size;
    struct fg_source source = fg_source_from_buffer(&buffer);
    struct fg_framegen *framegen = NULL;
    assert_int_equal(fg_bytesresponse_new(&stream, requestid, 0, &source, 1000, &framegen), FG_OK);
    assert_int_equal(fg_respond_add(&respond, framegen), FG_OK);
}

static void add_all(void)
{
    setup(NULL);
    add(1, 0, 'a');
    add(3, 1, 'b');
    add(5, 2500, 'c');
    add(7, 992, 'd');
    add(9, 20, 'e');
}

static void take_all(struct fg_buffer *all, size_t capacity)
{
    uint8_t *piece = malloc(capacity);
    assert_non_null(piece);
    enum fg_status status = FG_OK;
    while (status == FG_OK) {
        size_t size = 0;
        status = fg_respond_take(&respond, piece, capacity, &size);
        if (status == FG_OK) {
            assert_true(size >= 1 && size <= capacity);
            assert_int_equal(fg_buffer_append(all, piece, size), FG_OK);
        }
    }
    assert_int_equal(status, FG_END);
    size_t size = 77;
    assert_int_equal(fg_respond_take(&respond, piece, capacity, &size), FG_END);
    assert_int_equal(size, 77);
    free(piece);
}

static void any_buffer_size_gives_the_same_bytes(void **state)
{
    (void)state;
    struct fg_buffer expected = FG_BUFFER_INIT(1 << 20);
    add_all();
    take_all(&expected, 100000);
    assert_int_equal(expected.size, 7 * 8 + 1 + 2500 + 992 + 20);
    assert_int_equal(respond.frames, 7);
    for (size_t capacity = 1; capacity < 4000; capacity += capacity < 40 ? 1 : 37) {
        for (int whole_first = 0; whole_first < 2; whole_first++) {
            struct fg_buffer all = FG_BUFFER_INIT(1 << 20);
            struct fg_bytes answer;
            fg_respond_clear(&respond);
            add_all();
            assert_false(whole_first && fg_respond_whole(&respond, &answer));
            take_all(&all, capacity);
            assert_true(fg_bytes_equal(fg_buffer_view(&all), fg_buffer_view(&expected)));
            assert_int_equal(respond.bytes, expected.size);
            fg_buffer_free(&all);
        }
    }
    fg_buffer_free(&expected);
}

static void frames_are_not_split_where_more_than_one_fits(void **state)
{
    (void)state;
    uint8_t piece[2500];
    size_t size = 0;
    add(1, 3000, 'x');
    assert_int_equal(fg_respond_take(&respond, piece, sizeof(piece), &size), FG_OK);
    assert_int_equal(size, 2 * 1008);
    assert_null(respond.staging);
}

static void no_buffer_is_left_half_empty(void **state)
{
    (void)state;
    uint8_t piece[1000];
    size_t size = 0;
    add(1, 10000, 'x');
    /* Ten frames of 1,008 bytes: none fits, and what is left of each is next to nothing. */
    for (uint64_t left = 10000 + 10 * 8; left > 0; left -= size) {
        assert_int_equal(fg_respond_take(&respond, piece, sizeof(piece), &size), FG_OK);
        assert_int_equal(size, left < sizeof(piece) ? left : sizeof(piece));
    }
    assert_int_equal(fg_respond_take(&respond, piece, sizeof(piece), &size), FG_END);
}

static void a_small_answer_is_whole(void **state)
{
    (void)state;
    struct fg_bytes answer = {NULL, 1};
    assert_true(fg_respond_whole(&respond, &answer));
    assert_int_equal(answer.size, 0);
    fg_respond_clear(&respond);
    add(1, 5, 'x');
    add(3, FG_RESPOND_SMALL - 3 * 8 - 5 - 1, 'y');
    add(5, 1, 'z');
    /* The second response is two frames: 4 headers in all, 8 bytes too many. */
    assert_false(fg_respond_whole(&respond, &answer));
    fg_respond_clear(&respond);
    add(1, 5, 'x');
    add(3, 900, 'y');
    add(5, FG_RESPOND_SMALL - 3 * 8 - 905 - 300, 'z');
    assert_true(fg_respond_whole(&respond, &answer));
    assert_int_equal(answer.size, FG_RESPOND_SMALL - 300);
    assert_int_equal(respond.bytes, answer.size);
}

static enum fg_status read_and_fail(void *context, uint8_t *buffer, size_t capacity,
                                    size_t *ret_size)
{
    int *reads = context;
    if ((*reads)++ == 2) {
        return FG_ERR_IO;
    }
    memset(buffer, 'f', capacity);
    *ret_size = capacity;
    return FG_OK;
}

static void a_failing_source_fails_for_good_after_what_was_made(void **state)
{
    (void)state;
    int reads = 0;
    uint8_t piece[1500];
    size_t size = 0;
    struct fg_source source = {.read = read_and_fail, .context = &reads, .size = 10000};
    struct fg_framegen *framegen = NULL;
    assert_int_equal(fg_bytesresponse_new(&stream, 1, 0, &source, 1000, &framegen), FG_OK);
    assert_int_equal(fg_respond_add(&respond, framegen), FG_OK);
    add(3, 1, 'x');
    size_t total = 0;
    enum fg_status status;
    while ((status = fg_respond_take(&respond, piece, sizeof(piece), &size)) == FG_OK) {
        total += size;
    }
    assert_int_equal(status, FG_ERR_IO);
    assert_true(total >= 1000 && total <= 2 * 1008);
    assert_int_equal(fg_respond_take(&respond, piece, sizeof(piece), &size), FG_ERR_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_buffer_size_gives_the_same_bytes),
        TEST(frames_are_not_split_where_more_than_one_fits),
        TEST(a_small_answer_is_whole),
        TEST(no_buffer_is_left_half_empty),
        TEST(a_failing_source_fails_for_good_after_what_was_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
