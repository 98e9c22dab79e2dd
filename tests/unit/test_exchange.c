/*
 * An exchange without a socket: the order of its steps, and each of its allocations failing in
 * turn. malloc, calloc and realloc are wrapped by the linker.
 */
#include "gateway/access/access.h"
#include "gateway/exchange/exchange.h"

#include "tests/support/allocation.h"
#include "tests/support/support.h"

static struct fg_gateway gateway;

static int setup(void **state)
{
    (void)state;
    struct fg_access *access = NULL;
    memset(&gateway, 0, sizeof(gateway));
    bool ok = fg_config_init(&gateway.config, NULL) == FG_OK &&
              fg_access_load(&gateway.config, &access, NULL) == FG_OK;
    atomic_init(&gateway.access, access);
    return ok && fg_repository_open("x", &gateway.repository, NULL) == FG_OK &&
                   fg_state_new(2, gateway.config.memory_bytes, UINT64_MAX / 2, NULL,
                                &gateway.state) == FG_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    fg_state_free(gateway.state);
    fg_repository_close(gateway.repository);
    fg_access_unref(gateway.access);
    fg_config_clear(&gateway.config);
    return 0;
}

/* Appends a request of the command, in two frames, with data in two more. */
static void put_request(struct fg_buffer *body, uint16_t requestid, const char *name, bool first)
{
    struct fg_buffer map = FG_BUFFER_INIT(1000);
    struct fg_cbor_map keys;
    fg_cbor_map_begin(&map, &keys);
    assert_int_equal(fg_cbor_put_bytestring(&map, "name"), FG_OK);
    assert_int_equal(fg_cbor_put_bytestring(&map, name), FG_OK);
    assert_int_equal(fg_cbor_map_end(&map, &keys, false), FG_OK);
    struct fg_frame_header header = {
        3, requestid, 1, first ? FG_STREAM_BEGIN : 0, FG_FRAME_COMMAND_REQUEST, 1 | 4 | 8};
    assert_int_equal(fg_frame_append(body, &header, map.data, 65535), FG_OK);
    header.length = (uint32_t)map.size - 3;
    header.streamflags = 0;
    header.flags = 2 | 8;
    assert_int_equal(fg_frame_append(body, &header, map.data + 3, 65535), FG_OK);
    header.type = FG_FRAME_COMMAND_DATA;
    header.length = 2;
    header.flags = FG_COMMAND_DATA_CONTINUATION;
    assert_int_equal(fg_frame_append(body, &header, map.data, 65535), FG_OK);
    header.flags = FG_COMMAND_DATA_EOS;
    assert_int_equal(fg_frame_append(body, &header, map.data, 65535), FG_OK);
    fg_buffer_free(&map);
}

static struct fg_buffer make_body(void)
{
    struct fg_buffer body = FG_BUFFER_INIT(100000);
    put_request(&body, 1, "heads", true);
    put_request(&body, 3, "echo", false);
    put_request(&body, 5, "nonexistent", false);
    put_request(&body, 7, "sleep", false); /* fails its arguments */
    return body;
}

/* A whole exchange; its status, 0 if it did not begin. Answers are appended to out. */
static uint16_t converse(struct fg_bytes body, size_t slice, struct fg_buffer *out)
{
    char length[24];
    struct fg_exchange *exchange = NULL;
    struct fg_address peer = {.size = 0};
    snprintf(length, sizeof(length), "%zu", body.size);
    if (fg_exchange_new(&gateway, fg_bytes_from_string("/api/" FG_API_NAME "/ro/multirequest"),
                        &peer, &exchange) != FG_OK) {
        return 0;
    }
    const struct fg_field fields[] = {
        {fg_bytes_from_string("Content-Length"), fg_bytes_from_string(length)},
        {fg_bytes_from_string("Content-Type"), fg_bytes_from_string(FG_MEDIA_TYPE)},
        {fg_bytes_from_string("Accept"), fg_bytes_from_string("*/*")},
    };
    struct fg_head head = {
        .method = fg_bytes_from_string("POST"), .fields = fields, .fields_count = 3};
    assert_int_equal(fg_exchange_head(exchange, &head), FG_EXCHANGE_GO_ON);
    while (body.size > 0) {
        struct fg_bytes input = {body.data, slice < body.size ? slice : body.size};
        size_t before = input.size;
        assert_int_equal(fg_exchange_receive(exchange, &input), FG_EXCHANGE_GO_ON);
        assert_int_equal(input.size, 0);
        body.data += before;
        body.size -= before;
    }
    struct fg_answer answer;
    fg_exchange_finish(exchange, &answer);
    assert_true(answer.whole || answer.status != 500);
    long saved = fails_in;
    fails_in = -1;
    if (answer.whole) {
        assert_int_equal(fg_buffer_append(out, answer.body.data, answer.body.size), FG_OK);
    }
    fails_in = saved;
    fg_exchange_end(exchange, fg_now_microseconds(), FG_END_ANSWERED);
    return answer.status;
}

static void any_slicing_gives_the_same_answer(void **state)
{
    (void)state;
    struct fg_buffer body = make_body();
    struct fg_buffer expected = FG_BUFFER_INIT(10000);
    assert_int_equal(converse(fg_buffer_view(&body), body.size, &expected), 200);
    for (size_t slice = 1; slice < body.size; slice++) {
        struct fg_buffer got = FG_BUFFER_INIT(10000);
        assert_int_equal(converse(fg_buffer_view(&body), slice, &got), 200);
        assert_true(fg_bytes_equal(fg_buffer_view(&got), fg_buffer_view(&expected)));
        fg_buffer_free(&got);
    }
    fg_buffer_free(&body);
    fg_buffer_free(&expected);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct fg_buffer body = make_body();
    struct fg_buffer expected = FG_BUFFER_INIT(10000);
    assert_int_equal(converse(fg_buffer_view(&body), 13, &expected), 200);
    long allocation = 0;
    size_t failures = 0;
    for (;; allocation++) {
        struct fg_buffer got = FG_BUFFER_INIT(10000);
        fails_in = allocation;
        uint16_t status = converse(fg_buffer_view(&body), 13, &got);
        bool reached = fails_in < 0;
        fails_in = -1;
        assert_int_equal(fg_state_in_flight(gateway.state), 0);
        assert_int_equal(fg_memory_bytes(fg_state_memory(gateway.state)), 0);
        bool same = fg_bytes_equal(fg_buffer_view(&got), fg_buffer_view(&expected));
        bool said = got.size > 0 && memmem(got.data, got.size, "memory", 6) != NULL;
        fg_buffer_free(&got);
        if (!reached) {
            assert_int_equal(status, 200);
            assert_true(same);
            break;
        }
        /* No answer, an internal error, or a command that failed, and says so: never less. */
        assert_true(status == 0 || said || (status == 200 && same));
        assert_true(status == 0 || status == 500 || status == 200);
        failures += status == 0 || said;
    }
    assert_true(allocation > 20);
    assert_true(failures > 15);
    fg_buffer_free(&body);
    fg_buffer_free(&expected);
}

static void count_view(const struct fg_in_flight *entry, void *ret_view)
{
    fg_exchange_describe(entry, ret_view);
}

static void what_is_in_flight_can_be_seen(void **state)
{
    (void)state;
    struct fg_exchange *exchanges[3];
    struct fg_address peer = {.size = 0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            fg_exchange_new(&gateway, fg_bytes_from_string("/x"), &peer, &exchanges[i]), FG_OK);
    }
    struct fg_state_view view;
    assert_int_equal(
        fg_state_look(gateway.state, sizeof(struct fg_exchange_view), count_view, &view), FG_OK);
    assert_int_equal(view.in_flight_count, 3);
    const struct fg_exchange_view *first = view.in_flight;
    assert_string_equal(first->target, "/x");
    assert_string_equal(first->phase, "head");
    fg_state_view_clear(&view);
    /* The middle one, then the ends. */
    fg_exchange_end(exchanges[1], fg_now_microseconds(), FG_END_PEER);
    assert_int_equal(fg_state_in_flight(gateway.state), 2);
    fg_exchange_end(exchanges[2], fg_now_microseconds(), FG_END_PEER);
    fg_exchange_end(exchanges[0], fg_now_microseconds(), FG_END_ANSWERED);
    assert_int_equal(
        fg_state_look(gateway.state, sizeof(struct fg_exchange_view), count_view, &view), FG_OK);
    assert_int_equal(view.in_flight_count, 0);
    assert_int_equal(view.finished_count, 3);
    assert_int_equal(view.counters.requests, 3);
    assert_int_equal(view.counters.aborted, 2);
    assert_true(view.finished[0].id != view.finished[1].id);
    fg_state_view_clear(&view);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_slicing_gives_the_same_answer),
        TEST(every_allocation_may_fail),
        TEST(what_is_in_flight_can_be_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
