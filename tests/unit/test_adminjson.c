/*
 * The documents of the admin listener where memory runs out: each allocation of theirs, jansson's
 * and ours, fails in turn, and nothing crashes or leaks. What they say is tested over HTTP
 * (tests/admin).
 */
#include "gateway/access/access.h"
#include "gateway/admin/adminpost.h"
#include "gateway/admin/exchangejson.h"
#include "gateway/admin/metrics.h"
#include "gateway/admin/vocabulary.h"

#include "tests/support/allocation.h"
#include "tests/support/support.h"

static struct fg_gateway gateway;
static struct fg_exchange *live; /* in flight during all tests */

/* An exchange of the body, which has come; it is not over. */
static struct fg_exchange *begin(struct fg_bytes body)
{
    char length[24];
    struct fg_exchange *exchange = NULL;
    struct fg_address peer = {.size = 0};
    snprintf(length, sizeof(length), "%zu", body.size);
    assert_int_equal(fg_exchange_new(&gateway,
                                     fg_bytes_from_string("/api/" FG_API_NAME "/ro/multirequest"),
                                     &peer, &exchange),
                     FG_OK);
    const struct fg_field fields[] = {
        {fg_bytes_from_string("Content-Length"), fg_bytes_from_string(length)},
        {fg_bytes_from_string("Content-Type"), fg_bytes_from_string(FG_MEDIA_TYPE)},
        {fg_bytes_from_string("Accept"), fg_bytes_from_string("*/*")},
    };
    struct fg_head head = {
        .method = fg_bytes_from_string("POST"), .fields = fields, .fields_count = 3};
    assert_int_equal(fg_exchange_head(exchange, &head), FG_EXCHANGE_GO_ON);
    assert_int_equal(fg_exchange_receive(exchange, &body), FG_EXCHANGE_GO_ON);
    return exchange;
}

static const char lines[] =
    "1 1 stream-begin command-request new cbor:{b'name': b'heads'}\n"
    "3 1 0 command-request new|more cbor:{b'args': {b'a': [1, -1, 2.5, None, True, u'x', {}]}}\n";

static int setup(void **state)
{
    (void)state;
    struct fg_access *access = NULL;
    struct fg_buffer body = FG_BUFFER_INIT(10000);
    char *document = NULL;
    memset(&gateway, 0, sizeof(gateway));
    /* jansson is a shared library: the linker's wrapping does not reach it. */
    json_set_alloc_funcs(__wrap_malloc, free);
    if (fg_config_init(&gateway.config, NULL) != FG_OK ||
        fg_access_load(&gateway.config, &access, NULL) != FG_OK ||
        fg_repository_open("x", &gateway.repository, NULL) != FG_OK ||
        fg_workers_new(1, 1, &gateway.workers) != FG_OK ||
        fg_workers_new(1, 1, &gateway.push_workers) != FG_OK ||
        fg_state_new(1, UINT64_MAX / 2, UINT64_MAX / 2, NULL, &gateway.state) != FG_OK ||
        fg_admin_encode(fg_bytes_from_string(lines), &body, &document) != FG_OK) {
        return -1;
    }
    atomic_init(&gateway.access, access);
    struct fg_exchange *over = begin(fg_buffer_view(&body));
    struct fg_answer answer;
    fg_exchange_finish(over, &answer);
    fg_exchange_end(over, fg_now_microseconds(), FG_END_ANSWERED);
    live = begin(fg_buffer_view(&body));
    fg_buffer_free(&body);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fg_exchange_end(live, fg_now_microseconds(), FG_END_PEER);
    fg_workers_free(gateway.push_workers);
    fg_workers_free(gateway.workers);
    fg_state_free(gateway.state);
    fg_repository_close(gateway.repository);
    fg_access_unref(gateway.access);
    fg_config_clear(&gateway.config);
    return 0;
}

/*
 * Makes the document with every step-th allocation failing; it must be NULL then, but where memory
 * that is short only hides more (tolerant).
 */
static void fail_each(char *(*make)(void), long step, bool tolerant)
{
    long allocation = 0;
    for (;; allocation += step) {
        fails_in = allocation;
        char *text = make();
        bool reached = fails_in < 0;
        fails_in = -1;
        if (!reached) {
            assert_non_null(text);
            free(text);
            break;
        }
        assert_true(text == NULL || tolerant);
        free(text);
    }
    /* A document that takes no memory would show that nothing was failed. */
    assert_true(allocation > 10);
}

static char *make_state(void)
{
    const struct fg_listening listening = {.connections = 1};
    return fg_state_json(&gateway, &listening);
}

static char *make_digest(void)
{
    const struct fg_listening listening = {.connections = 1};
    return fg_digest_json(&gateway, &listening);
}

static char *make_vocabulary(void)
{
    return fg_vocabulary_json(&gateway.config);
}

static char *make_exchange(uint64_t id)
{
    char *text = NULL;
    enum fg_status status = fg_exchange_document(&gateway, id, &text);
    assert_true(status == FG_OK || status == FG_ERR_MEMORY);
    return text;
}

static char *make_live(void)
{
    return make_exchange(2);
}

static char *make_over(void)
{
    return make_exchange(1);
}

static char *make_decoded(void)
{
    static const char text[] = "\x0c\0\0\1\0\1\1\x11\xa1"
                               "DnameEheads\5\0\0\1\0\2\0\x51hello\1";
    unsigned status = 0;
    char *document =
        fg_admin_decode((struct fg_bytes){(const uint8_t *)text, sizeof(text) - 1}, &status);
    if (document != NULL) {
        assert_int_equal(status, 400); /* a byte is left over */
    }
    return document;
}

static char *make_metrics(void)
{
    struct fg_buffer text = FG_BUFFER_INIT(1 << 20);
    const struct fg_listening listening = {.connections = 1};
    if (fg_metrics_append(&gateway, &listening, &text) != FG_OK) {
        fg_buffer_free(&text);
        return NULL;
    }
    return (char *)fg_buffer_detach(&text);
}

static void documents_without_memory(void **state)
{
    (void)state;
    fail_each(make_state, 7, false);
    fail_each(make_digest, 1, false);
    fail_each(make_vocabulary, 3, false);
    fail_each(make_live, 1, true);
    fail_each(make_over, 1, true);
    fail_each(make_decoded, 1, false);
}

static void metrics_without_memory(void **state)
{
    (void)state;
    for (long allocation = 0;; allocation++) {
        fails_in = allocation;
        char *text = make_metrics();
        bool reached = fails_in < 0;
        fails_in = -1;
        assert_true((text == NULL) == reached);
        free(text);
        if (!reached) {
            assert_true(allocation > 3);
            return;
        }
    }
}

/* -- the log itself ------------------------------------------------------------------------------
 */

static void a_log_without_memory_is_shorter(void **state)
{
    (void)state;
    static const uint8_t payload[200];
    struct fg_frame_log log;
    struct fg_frame_log_entry entry = {.header = {.length = sizeof(payload), .type = 4},
                                       .event = FG_EVENT_FRAME_OUT};
    fg_frame_log_init(&log, 16384, 256, false);
    fg_frame_log_add(&log, &entry, payload, NULL);
    fg_frame_log_add(&log, &entry, payload, NULL);
    fails_in = 0;
    fg_frame_log_add(&log, &entry, payload, NULL); /* no longer fits in what is there */
    assert_true(fails_in < 0);
    fg_frame_log_add(&log, &entry, payload, NULL);
    struct fg_frame_log_entry got;
    struct fg_bytes kept;
    struct fg_bytes message;
    const uint32_t numbers[] = {1, 2, 4};
    uint32_t position = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fg_frame_log_next(&log, &position, &got, &kept, &message), FG_OK);
        assert_int_equal(got.number, numbers[i]);
        assert_int_equal(kept.size, sizeof(payload));
    }
    assert_int_equal(fg_frame_log_next(&log, &position, &got, &kept, &message), FG_END);
    fg_frame_log_clear(&log);
}

static void every_size_of_log_is_bounded(void **state)
{
    (void)state;
    static const uint8_t payload[300];
    for (uint32_t ceiling = 0; ceiling < 3000; ceiling += 13) {
        struct fg_frame_log log;
        struct fg_frame_log moved;
        fg_frame_log_init(&log, ceiling, 256, false);
        for (uint32_t i = 0; i < 40; i++) {
            struct fg_frame_log_entry entry = {
                .header = {.length = i * 7, .type = i % 5 == 0 ? FG_FRAME_ERROR_RESPONSE : 4},
                .event = FG_EVENT_FRAME_OUT};
            fg_frame_log_add(&log, &entry, payload, i % 9 == 0 ? "wrong" : NULL);
            assert_true(log.size <= ceiling);
        }
        assert_int_equal(log.count, ceiling > 0 ? 40 : 0);
        const uint32_t size = log.size;
        fg_frame_log_move(&log, &moved);
        assert_int_equal(moved.size, size);
        assert_int_equal(log.size, 0);
        fg_frame_log_clear(&moved);
        fg_frame_log_clear(&log);
    }
}

static void names_of_secrets(void **state)
{
    (void)state;
    const char *const secret[] = {"password", "PASSWD", "x-api-Token", "client_secret", "Cookie"};
    const char *const plain[] = {"", "pass", "key", "namespace", "tok", "nodes", "heads"};
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
        assert_true(fg_is_secret_name(fg_bytes_from_string(secret[i])));
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        assert_false(fg_is_secret_name(fg_bytes_from_string(plain[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_without_memory),
        cmocka_unit_test(metrics_without_memory),
        cmocka_unit_test(a_log_without_memory_is_shorter),
        cmocka_unit_test(every_size_of_log_is_bounded),
        cmocka_unit_test(names_of_secrets),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
