/*
 * The route function: each rule and row, and which of two broken ones is answered.
 */
#include "gateway/exchange/routememo.h"

#include "tests/support/support.h"

#define TYPE  FG_MEDIA_TYPE
#define HEADS "/api/exp-http-v2-0001/ro/heads"

struct given {
    struct fg_config config;
    struct fg_field fields[16];
    struct fg_head head;
};

static struct given *given;

static struct fg_bytes bytes(const char *text)
{
    return fg_bytes_from_string(text);
}

static int setup(void **state)
{
    (void)state;
    given = calloc(1, sizeof(*given));
    return given != NULL && fg_config_init(&given->config, NULL) == FG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    fg_config_clear(&given->config);
    free(given);
    return 0;
}

static void start(const char *method, const char *target)
{
    given->head =
        (struct fg_head){.method = bytes(method), .target = bytes(target), .fields = given->fields};
}

static void field(const char *name, const char *value)
{
    given->fields[given->head.fields_count++] = (struct fg_field){bytes(name), bytes(value)};
}

static void start_post(const char *target)
{
    start("POST", target);
    field("Content-Length", "8");
    field("Content-Type", TYPE);
    field("Accept", TYPE);
}

static struct fg_route route(void)
{
    struct fg_route result;
    fg_route(&given->config, &given->head, &result);
    return result;
}

static void expect(uint16_t status, bool at_once, const char *words)
{
    struct fg_route got = route();
    assert_int_equal(got.kind, FG_ROUTE_TEXT);
    assert_int_equal(got.status, status);
    assert_int_equal(got.at_once, at_once);
    if (strstr(got.message, words) == NULL) {
        fail_msg("%s is not in %s", words, got.message);
    }
    assert_int_equal(got.message[strlen(got.message) - 1], '\n');
}

static void the_rows_in_their_order(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *target;
        uint16_t status;
        const char *words;
    } rows[] = {
        {"GET", "/api", 200, "exp-http-v2-0001"},
        {"GET", "/api/", 200, "exp-http-v2-0001"},
        {"HEAD", "/api", 200, "exp-http-v2-0001"},
        {"GET", "/api?x=y", 200, "exp-http-v2-0001"},
        {"GET", "/api/foo", 404, "Unknown API: foo\nknown APIs:\nexp-http-v2-0001\n"},
        {"GET", "/api/foo/ro/heads", 404, "Unknown API: foo"},
        {"GET", "/api/exp-http-v2-0001", 200, "exp-http-v2-0001"},
        {"GET", "/api/exp-http-v2-0001/ro", 404,
         "do not know how to process api/exp-http-v2-0001/ro"},
        {"GET", "/api/exp-http-v2-0001/ro/", 404, "do not know how to process"},
        {"GET", "/api/exp-http-v2-0001/x/heads", 404, "unknown permission: x"},
        {"GET", "/api/exp-http-v2-0001/ro/heads/", 405, "commands require POST requests"},
        {"GET", "/api/exp-http-v2-0001/ro/nope", 405, "commands require POST requests"},
        {"GET", "/api/exp-http-v2-0001/ro/heads/x", 404, "do not know how to process"},
        {"GET", "/", 404, "/api"},
        {"GET", "/apix", 404, "/api"},
        {"GET", "//api", 404, "/api"},
        {"GET", "/?cmd=nope", 404, "unknown wire protocol command: nope"},
        {"GET", "/?cmd=", 404, "unknown wire protocol command: "},
        {"GET", "/?cmd=batc%68", 404, "unknown wire protocol command: batc%68"},
        {"GET", "/x?cmd=heads", 404, "/api"},
        {"GET", "api", 400, "slash"},
        {"GET", "", 400, "slash"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start(rows[i].method, rows[i].target);
        expect(rows[i].status, false, rows[i].words);
    }
}

static void other_methods_are_405_and_close(void **state)
{
    (void)state;
    start("PUT", HEADS);
    expect(405, true, "commands require POST requests");
    assert_string_equal(route().allow, "POST");
    start("OPTIONS", "/api");
    expect(405, true, "GET and HEAD");
    assert_string_equal(route().allow, "GET, HEAD");
    start("get", "/api");
    expect(405, true, "GET and HEAD");
}

static void a_command(void **state)
{
    (void)state;
    start_post(HEADS);
    struct fg_route got = route();
    assert_int_equal(got.kind, FG_ROUTE_COMMANDS);
    assert_string_equal(got.spec->name, "heads");
    assert_int_equal(got.permission, FG_PERMISSION_PULL);
    assert_int_equal(got.body_size, 8);
    start_post("/api/exp-http-v2-0001/rw/multirequest");
    got = route();
    assert_int_equal(got.kind, FG_ROUTE_COMMANDS);
    assert_null(got.spec);
    assert_int_equal(got.permission, FG_PERMISSION_PUSH);
    start_post("/%61pi/exp-http-v2-0001/r%6F/head%73?x");
    assert_string_equal(route().spec->name, "heads");
}

static void rw_needs_permission_before_anything_about_the_command(void **state)
{
    (void)state;
    start_post("/api/exp-http-v2-0001/rw/nope");
    given->head.verdicts[FG_PERMISSION_PUSH] = FG_VERDICT_DENIED;
    expect(403, false, "permission denied: everyone is in deny_push");
    given->head.verdicts[FG_PERMISSION_PUSH] = FG_VERDICT_ALLOWED;
    expect(404, false, "unknown wire protocol command: nope");
}

static void each_verdict_has_its_answer(void **state)
{
    (void)state;
    static const struct {
        enum fg_verdict verdict;
        uint16_t status;
        bool authenticate;
        const char *words;
    } rows[] = {
        {FG_VERDICT_DENIED, 403, false, "permission denied: alice is in deny_read"},
        {FG_VERDICT_UNLISTED, 403, false, "permission denied: alice is not in allow_read"},
        {FG_VERDICT_NAMELESS, 403, false, "permission denied: there are no passwords"},
        {FG_VERDICT_UNKNOWN, 401, true, "permission denied"},
        {FG_VERDICT_BUSY, 503, false, "limit of 32"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start_post(HEADS);
        given->head.verdicts[FG_PERMISSION_PULL] = rows[i].verdict;
        given->head.user = "alice";
        expect(rows[i].status, rows[i].verdict == FG_VERDICT_BUSY, rows[i].words);
        assert_false(route().tells_hg);
        assert_int_equal(route().authenticate, rows[i].authenticate);
        assert_int_equal(route().bound,
                         rows[i].verdict == FG_VERDICT_BUSY ? FG_BOUND_LOGINS : FG_BOUND_UNCOUNTED);
        start("GET", "/?cmd=capabilities");
        given->head.verdicts[FG_PERMISSION_PULL] = rows[i].verdict;
        assert_int_equal(route().status, rows[i].status);
        assert_int_equal(route().tells_hg, rows[i].status == 403);
    }
}

static void a_push_is_told_which_rule_refused(void **state)
{
    (void)state;
    static const struct {
        enum fg_verdict pull;
        enum fg_verdict push;
        const char *words;
    } rows[] = {
        {FG_VERDICT_ALLOWED, FG_VERDICT_CLOSED, "permission denied: pushing is not configured"},
        {FG_VERDICT_ALLOWED, FG_VERDICT_INSECURE, "permission denied: pushing needs TLS"},
        {FG_VERDICT_ALLOWED, FG_VERDICT_DENIED, "permission denied: bob is in deny_push"},
        {FG_VERDICT_ALLOWED, FG_VERDICT_UNLISTED, "permission denied: bob is not in allow-push"},
        {FG_VERDICT_DENIED, FG_VERDICT_DENIED, "permission denied: bob is in deny_read"},
        {FG_VERDICT_UNLISTED, FG_VERDICT_UNLISTED, "permission denied: bob is not in allow_read"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start_post("/api/exp-http-v2-0001/rw/pushkey");
        given->head.verdicts[FG_PERMISSION_PULL] = rows[i].pull;
        given->head.verdicts[FG_PERMISSION_PUSH] = rows[i].push;
        given->head.user = "bob";
        expect(403, false, rows[i].words);
    }
}

static void a_password_is_checked_for_no_request_that_is_refused_anyway(void **state)
{
    (void)state;
    start_post(HEADS);
    given->head.verdicts[FG_PERMISSION_PULL] = FG_VERDICT_UNCHECKED;
    assert_int_equal(route().kind, FG_ROUTE_LOGIN);
    assert_int_equal(route().body_size, 8);
    start("GET", HEADS);
    given->head.verdicts[FG_PERMISSION_PULL] = FG_VERDICT_UNCHECKED;
    expect(405, false, "POST");
    start_post("/api/exp-http-v2-0001/x/heads");
    given->head.verdicts[FG_PERMISSION_PULL] = FG_VERDICT_UNCHECKED;
    expect(404, false, "unknown permission");
    start_post("/?cmd=capabilities");
    given->head.verdicts[FG_PERMISSION_PULL] = FG_VERDICT_UNCHECKED;
    expect(405, false, "GET");
}

static void names_are_matched_with_their_length(void **state)
{
    (void)state;
    start_post("/api/exp-http-v2-0001/ro/heads%00");
    expect(404, false, "unknown wire protocol command: heads%00");
    start_post("/api/exp-http-v2-0001/ro/heads%0");
    expect(404, false, "unknown");
    start_post("/api/exp-http-v2-0001/ro/heads%4");
    expect(404, false, "unknown");
    start_post("/api/exp-http-v2-0001/ro/head%g3");
    expect(404, false, "unknown");
    static const char with_nul[] = "/api\0";
    start("GET", "");
    given->head.target = (struct fg_bytes){(const uint8_t *)with_nul, 5};
    expect(404, false, "/api");
}

static void the_peers_words_come_back_printable_and_cut(void **state)
{
    (void)state;
    char target[600] = "/api/\x01\xff<";
    memset(target + strlen(target), 'x', 500);
    start("GET", target);
    struct fg_route got = route();
    assert_non_null(strstr(got.message, "Unknown API: \\x01\\xff<xxx"));
    assert_non_null(strstr(got.message, "xxx...\nknown APIs:"));
    memset(target + 5, 0xff, 500);
    start("GET", target);
    got = route();
    assert_non_null(strstr(got.message, "\\xff...\n"));
    assert_non_null(strstr(got.message, "exp-http-v2-0001\n"));
}

static void debugreflect(void **state)
{
    (void)state;
    start_post("/api/exp-http-v2-0001/ro/debugreflect");
    expect(404, false, "debugreflect service not available");
    given->config.debugreflect = true;
    assert_int_equal(route().kind, FG_ROUTE_REFLECT);
    field("Content-Length", "8");
    expect(411, true, "Content-Length");
}

static void accept_then_content_type_then_size(void **state)
{
    (void)state;
    given->config.body_bytes = 7;
    start("POST", HEADS);
    field("Content-Length", "8");
    expect(406, false, "client MUST specify Accept header with value: " TYPE);
    field("accept", "text/html;q=0.5,application/*;q=0.1");
    expect(415, false, "client MUST send Content-Type header with value: " TYPE);
    field("CONTENT-TYPE", TYPE ";x=y");
    expect(413, true, "7");
    assert_int_equal(route().bound, FG_BOUND_BODY);
    given->config.body_bytes = 8;
    assert_int_equal(route().kind, FG_ROUTE_COMMANDS);
    field("Content-Type", TYPE);
    assert_int_equal(route().kind, FG_ROUTE_COMMANDS);
    field("Content-Type", "text/plain");
    expect(415, false, "Content-Type");
}

static void a_large_or_awaited_body_is_refused_before_it_comes(void **state)
{
    (void)state;
    start("POST", HEADS);
    field("Content-Length", "65536");
    expect(406, false, "Accept");
    start("POST", HEADS);
    field("Content-Length", "65537");
    expect(406, true, "Accept");
    start("POST", HEADS);
    field("Content-Length", "5");
    field("Expect", "100-continue");
    expect(406, true, "Accept");
}

static void what_is_ambiguous_about_the_body_is_refused_at_once(void **state)
{
    (void)state;
    static const char *const lengths[] = {"", "x", "-1", "+1", "1,1", "1 ", "0x1"};
    start("POST", "/api/unknown");
    expect(411, true, "Content-Length");
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        start("POST", HEADS);
        field("Content-Length", lengths[i]);
        expect(411, true, "Content-Length");
    }
    start_post(HEADS);
    field("content-length", "8");
    expect(411, true, "Content-Length");
    start_post(HEADS);
    field("Transfer-Encoding", "identity");
    expect(411, true, "Transfer-Encoding");
    start("GET", "/api");
    field("Content-Length", "0");
    expect(200, false, "");
    start("GET", "/api");
    field("Content-Length", "1");
    expect(400, true, "body");
    start("HEAD", "/api");
    field("Transfer-Encoding", "chunked");
    expect(400, true, "body");
}

static void a_length_beyond_64_bits_is_the_largest(void **state)
{
    (void)state;
    start("POST", HEADS);
    field("Content-Length", "18446744073709551616");
    field("Content-Type", TYPE);
    field("Accept", TYPE);
    expect(413, true, "limit");
    assert_int_equal(route().body_size, UINT64_MAX);
}

static void limits_of_the_head(void **state)
{
    (void)state;
    given->config.target_bytes = 4;
    start("GET", "/api");
    expect(200, false, "");
    start("GET", "/api/");
    expect(414, true, "4");
    given->config.target_bytes = 100;
    given->config.header_fields = 1;
    field("A", "b");
    expect(200, false, "");
    field("A", "b");
    expect(431, true, "1");
    given->config.header_fields = 10;
    given->config.header_bytes = 4;
    expect(200, false, "");
    given->config.header_bytes = 3;
    expect(431, true, "3");
    given->config.header_bytes = 100;
    start("GET", "/api");
    field("A b", "c");
    expect(400, true, "name");
    start("GET", "/api");
    field("", "c");
    expect(400, true, "name");
    start("GET", "/api");
    given->head.target_cut = true;
    expect(400, true, "NUL");
    start("GET", "/api");
    given->head.fields_cut = true;
    expect(400, true, "folded");
}

static void new_work_is_refused_while_memory_is_short(void **state)
{
    (void)state;
    start_post(HEADS);
    given->head.memory_short = true;
    expect(503, true, "limit");
    start("GET", "/api");
    given->head.memory_short = true;
    expect(200, false, "");
}

static void the_handshake(void **state)
{
    (void)state;
    start("GET", "/?cmd=capabilities");
    assert_int_equal(route().kind, FG_ROUTE_HANDSHAKE);
    start("GET", "/?a=b&cmd=capabilities&c");
    assert_int_equal(route().kind, FG_ROUTE_HANDSHAKE);
    start("GET", "/?cmd=capabilitiesx");
    expect(404, false, "");
    start("GET", "/?xcmd=capabilities");
    expect(404, false, "");
    start_post("/?cmd=capabilities");
    expect(405, false, "GET and HEAD");
}

static void absolute_uris(void **state)
{
    (void)state;
    start("GET", "http://x/api");
    expect(200, false, "");
    start("GET", "https://x:1/api");
    expect(200, false, "");
    start("GET", "http://x?cmd=capabilities");
    assert_int_equal(route().kind, FG_ROUTE_HANDSHAKE);
    start("GET", "ftp://x/api");
    expect(400, false, "slash");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Lays the fields out as the library does: "NAME\0VALUE\0\n" for each, one behind the other. */
static void lay_together(char *buffer)
{
    for (size_t i = 0; i < given->head.fields_count; i++) {
        struct fg_bytes *parts[] = {&given->fields[i].name, &given->fields[i].value};
        for (size_t part = 0; part < 2; part++) {
            memcpy(buffer, parts[part]->data, parts[part]->size);
            parts[part]->data = (const uint8_t *)buffer;
            buffer += parts[part]->size;
            *buffer++ = '\0';
        }
        *buffer++ = '\n';
    }
    given->head.fields_together = true;
}

/* The memo is told that bodies have 99 bytes: who says so used it. */
static void expect_remembered(struct fg_route_memo *memo, bool remembered)
{
    struct fg_route got;
    struct fg_route fresh = route();
    memo->route.body_size = 99;
    fg_route_remembered(memo, &given->config, &given->head, &got);
    assert_int_equal(got.kind, fresh.kind);
    assert_int_equal(got.status, fresh.status);
    assert_string_equal(got.message, fresh.message);
    assert_ptr_equal(got.spec, fresh.spec);
    assert_int_equal(got.body_size, remembered ? 99 : fresh.body_size);
}

static void a_head_that_repeats_is_remembered(void **state)
{
    (void)state;
    char buffer[512];
    struct fg_route_memo memo = {0};
    start_post(HEADS);
    lay_together(buffer);
    expect_remembered(&memo, false);
    expect_remembered(&memo, true);
    given->head.memory_short = true;
    expect_remembered(&memo, false);
    given->head.memory_short = false;
    given->head.verdicts[FG_PERMISSION_PULL] = FG_VERDICT_DENIED;
    expect_remembered(&memo, false);
    given->head.verdicts[FG_PERMISSION_PULL] = FG_VERDICT_ALLOWED;
    given->head.fields_together = false;
    expect_remembered(&memo, false);
    given->head.fields_together = true;
    given->head.fields_cut = true;
    expect_remembered(&memo, false);
    given->head.fields_cut = false;
    given->head.method = bytes("GET");
    expect_remembered(&memo, false);
    given->head.method = bytes("POST");
    expect_remembered(&memo, true);
}

static void a_head_that_differs_is_not_remembered(void **state)
{
    (void)state;
    char buffer[512];
    struct fg_route_memo memo = {0};
    start_post(HEADS);
    lay_together(buffer);
    expect_remembered(&memo, false);
    buffer[strlen("Content-Length") + 1] = '9';
    expect_remembered(&memo, false);
    expect_remembered(&memo, true);
    given->head.target = bytes("/api/exp-http-v2-0001/ro/known");
    expect_remembered(&memo, false);
    expect_remembered(&memo, true);
    given->head.fields_count--;
    expect_remembered(&memo, false);
}

static void a_head_that_is_too_long_is_not_remembered(void **state)
{
    (void)state;
    char buffer[2 * FG_MEMO_SIZE];
    char value[FG_MEMO_SIZE];
    struct fg_route_memo memo = {0};
    memset(value, 'x', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    start_post(HEADS);
    field("X", value);
    lay_together(buffer);
    expect_remembered(&memo, false);
    expect_remembered(&memo, false);
}

static void a_head_with_credentials_is_not_remembered(void **state)
{
    (void)state;
    char buffer[512];
    struct fg_route_memo memo = {0};
    start_post(HEADS);
    field("Authorization", "Bearer secret");
    lay_together(buffer);
    expect_remembered(&memo, false);
    expect_remembered(&memo, false);
    assert_int_equal(memo.fields_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_rows_in_their_order),
        TEST(other_methods_are_405_and_close),
        TEST(a_command),
        TEST(rw_needs_permission_before_anything_about_the_command),
        TEST(each_verdict_has_its_answer),
        TEST(a_push_is_told_which_rule_refused),
        TEST(a_password_is_checked_for_no_request_that_is_refused_anyway),
        TEST(names_are_matched_with_their_length),
        TEST(the_peers_words_come_back_printable_and_cut),
        TEST(debugreflect),
        TEST(accept_then_content_type_then_size),
        TEST(a_large_or_awaited_body_is_refused_before_it_comes),
        TEST(what_is_ambiguous_about_the_body_is_refused_at_once),
        TEST(a_length_beyond_64_bits_is_the_largest),
        TEST(limits_of_the_head),
        TEST(new_work_is_refused_while_memory_is_short),
        TEST(the_handshake),
        TEST(absolute_uris),
        TEST(a_head_that_repeats_is_remembered),
        TEST(a_head_that_differs_is_not_remembered),
        TEST(a_head_that_is_too_long_is_not_remembered),
        TEST(a_head_with_credentials_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
