/* The text forms of the classic transport. */
#include "gateway/exchange/classic.h"

#include "tests/support/support.h"

#include "framing/literal.h"

static struct fg_bytes bytes(const char *text)
{
    return fg_bytes_from_string(text);
}

/* "name=value|…" of what was read, or the message. */
static void expect_form(const char *text, const char *expected)
{
    struct fg_classic_arguments arguments = {.count = 0};
    struct fg_error error;
    struct fg_buffer got = FG_BUFFER_INIT(4096);
    if (fg_classic_read_form(bytes(text), &arguments, &error) != FG_OK) {
        assert_int_equal(fg_buffer_append_string(&got, error.message), FG_OK);
    }
    for (size_t i = 0; i < arguments.count; i++) {
        const struct fg_classic_argument *item = &arguments.items[i];
        assert_int_equal(fg_buffer_append(&got, item->name.data, item->name.size), FG_OK);
        assert_int_equal(fg_buffer_append_byte(&got, '='), FG_OK);
        assert_int_equal(fg_buffer_append(&got, item->value.data, item->value.size), FG_OK);
        assert_int_equal(fg_buffer_append_byte(&got, '|'), FG_OK);
    }
    if (!fg_bytes_equal_string(fg_buffer_view(&got), expected)) {
        fail_msg("%s: got %.*s, not %s", text, (int)got.size, (char *)got.data, expected);
    }
    fg_classic_arguments_clear(&arguments);
    fg_buffer_free(&got);
}

static void forms_are_decoded(void **state)
{
    (void)state;
    expect_form("", "");
    expect_form("a=b", "a=b|");
    expect_form("&&a=b&", "a=b|");
    expect_form("a=b&a=c&d", "a=b|a=c|d=|");
    expect_form("a=b=c", "a=b=c|");
    expect_form("=x", "=x|");
    expect_form("a+b=%26%3d+%2B", "a b=&= +|");
    expect_form("a=%", "argument 'a=%' is badly encoded");
    expect_form("a=%4", "argument 'a=%4' is badly encoded");
    expect_form("a=%4g", "argument 'a=%4g' is badly encoded");
    expect_form("%x=\x01", "argument '%x=?' is badly encoded");
}

static void forms_are_bounded(void **state)
{
    (void)state;
    struct fg_classic_arguments arguments;
    struct fg_error error;
    char text[4 * (FG_CLASSIC_ARGUMENTS_MAX + 1) + 1] = "";
    for (int i = 0; i < FG_CLASSIC_ARGUMENTS_MAX; i++) {
        memcpy(text + 4 * i, "a=b&", 5);
    }
    assert_int_equal(fg_classic_read_form(bytes(text), &arguments, &error), FG_OK);
    assert_int_equal(arguments.count, FG_CLASSIC_ARGUMENTS_MAX);
    fg_classic_arguments_clear(&arguments);
    memcpy(text + 4 * FG_CLASSIC_ARGUMENTS_MAX, "a=b&", 5);
    assert_int_equal(fg_classic_read_form(bytes(text), &arguments, &error), FG_ERR_LIMIT);
    assert_string_equal(error.message, "more than 32 arguments");
}

static void batches_are_cut_and_unescaped(void **state)
{
    (void)state;
    struct fg_classic_arguments arguments;
    struct fg_error error;
    struct fg_bytes name;
    struct fg_bytes rest = bytes("heads ;lookup key=a:cb:oc:sd:ee:x:,k:e=;x");
    assert_int_equal(fg_classic_read_batch(&rest, &name, &arguments, &error), FG_OK);
    assert_bytes(name, "heads");
    assert_int_equal(arguments.count, 0);
    fg_classic_arguments_clear(&arguments);
    assert_int_equal(fg_classic_read_batch(&rest, &name, &arguments, &error), FG_OK);
    assert_bytes(name, "lookup");
    assert_int_equal(arguments.count, 2);
    assert_bytes(fg_classic_argument(&arguments, "key")->value, "a:b,c;d=e:x:");
    assert_bytes(fg_classic_argument(&arguments, "k=")->value, "");
    assert_null(fg_classic_argument(&arguments, "x"));
    fg_classic_arguments_clear(&arguments);
    assert_int_equal(fg_classic_read_batch(&rest, &name, &arguments, &error), FG_ERR_SYNTAX);
    assert_string_equal(error.message, "batch: there is no blank after the command 'x'");
    rest = bytes("known nodes");
    assert_int_equal(fg_classic_read_batch(&rest, &name, &arguments, &error), FG_ERR_SYNTAX);
    assert_string_equal(error.message, "argument 'nodes' has no value");
}

/* What goes into a batch comes out of it, whatever it is. */
static void escaping_loses_nothing(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int round = 0; round < 2000; round++) {
        char value[20];
        size_t size = (size_t)(next_random(&random) % sizeof(value));
        for (size_t i = 0; i < size; i++) {
            value[i] = ":,;=cose a"[next_random(&random) % 10];
        }
        struct fg_buffer text = FG_BUFFER_INIT(200);
        struct fg_bytes given = {(const uint8_t *)value, size};
        assert_int_equal(fg_buffer_append_string(&text, "x k="), FG_OK);
        assert_int_equal(fg_classic_put_escaped(&text, given), FG_OK);
        struct fg_classic_arguments arguments;
        struct fg_bytes rest = fg_buffer_view(&text);
        struct fg_bytes name;
        assert_int_equal(fg_classic_read_batch(&rest, &name, &arguments, NULL), FG_OK);
        assert_int_equal(rest.size, 0);
        assert_true(fg_bytes_equal(fg_classic_argument(&arguments, "k")->value, given));
        fg_classic_arguments_clear(&arguments);
        fg_buffer_free(&text);
    }
}

/* -- requests and answers --------------------------------------------------------------------- */

static const struct fg_argument_spec spec_arguments[] = {
    {"bundlecaps", FG_ARGUMENT_LIST_OF_BYTES, false, NULL},
    {"cg", FG_ARGUMENT_BOOL, false, NULL},
    {"common", FG_ARGUMENT_LIST_OF_BYTES, false, NULL},
    {"key", FG_ARGUMENT_BYTES, false, NULL},
    {"map", FG_ARGUMENT_DICT, false, NULL},
    {"size", FG_ARGUMENT_INT, false, NULL},
    {.name = NULL},
};
static const struct fg_command_spec spec = {.name = "cmd", .arguments = spec_arguments};

/* The request for these arguments is the CBOR of this literal; or the message. */
static void expect_request(const char *form, const char *literal)
{
    struct fg_classic_arguments arguments;
    struct fg_error error = {.message = ""};
    struct fg_buffer got = FG_BUFFER_INIT(4096);
    struct fg_buffer expected = FG_BUFFER_INIT(4096);
    assert_int_equal(fg_classic_read_form(bytes(form), &arguments, &error), FG_OK);
    if (fg_classic_put_request(&spec, &arguments, &got, &error) != FG_OK) {
        assert_string_equal(error.message, literal);
    } else {
        assert_int_equal(fg_literal_encode(bytes(literal), &no_limits, &expected, NULL), FG_OK);
        assert_true(fg_bytes_equal(fg_buffer_view(&got), fg_buffer_view(&expected)));
    }
    fg_classic_arguments_clear(&arguments);
    fg_buffer_free(&got);
    fg_buffer_free(&expected);
}

#define NODE "00112233445566778899aabbccddeeff00112233"
#define BYTES_OF_NODE                                                                              \
    "\\x00\\x11\\x22\\x33\\x44\\x55\\x66\\x77\\x88\\x99\\xaa\\xbb\\xcc\\xdd\\xee\\xff\\x00\\x11\\" \
    "x22\\x33"

static void requests_have_types(void **state)
{
    (void)state;
    expect_request("", "{b'name': b'cmd', b'args': {}}");
    expect_request("other=1", "{b'name': b'cmd', b'args': {}}");
    expect_request("key=a&key=b", "{b'name': b'cmd', b'args': {b'key': b'a'}}");
    expect_request("cg=1", "{b'name': b'cmd', b'args': {b'cg': True}}");
    expect_request("cg=0", "{b'name': b'cmd', b'args': {b'cg': False}}");
    expect_request("cg=", "{b'name': b'cmd', b'args': {b'cg': False}}");
    expect_request("size=12", "{b'name': b'cmd', b'args': {b'size': 12}}");
    expect_request("bundlecaps=a,b%3Dc",
                   "{b'name': b'cmd', b'args': {b'bundlecaps': [b'a', b'b=c']}}");
    expect_request("common=", "{b'name': b'cmd', b'args': {b'common': []}}");
    expect_request("common=" NODE "+" NODE,
                   "{b'name': b'cmd', b'args': {b'common': [b'" BYTES_OF_NODE "', b'" BYTES_OF_NODE
                   "']}}");
    expect_request("common=" NODE "0", "argument 'common': '" NODE "0' is not a node in hex");
    expect_request("common=x", "argument 'common': 'x' is not a node in hex");
    expect_request("size=1x", "argument 'size' is not a number");
    expect_request("size=1234567890123456789", "argument 'size' is not a number");
    expect_request("map=x", "argument 'map' has no form as text");
}

/* The text for the answer with the CBOR of this literal. NULL: it is none of the command's. */
static void expect_answer(const char *name, const char *literal, const char *expected)
{
    struct fg_buffer cbor = FG_BUFFER_INIT(4096);
    struct fg_buffer text = FG_BUFFER_INIT(4096);
    struct fg_cbor_value value = {.items = NULL};
    assert_int_equal(fg_literal_encode(bytes(literal), &no_limits, &cbor, NULL), FG_OK);
    assert_int_equal(fg_cbor_decode(fg_buffer_view(&cbor), &no_limits, &value, NULL), FG_OK);
    enum fg_status status = fg_classic_put_answer(name, &value, &text);
    if (expected == NULL) {
        assert_int_equal(status, FG_ERR_CORRUPT);
    } else {
        assert_int_equal(status, FG_OK);
        assert_true(fg_bytes_equal_string(fg_buffer_view(&text), expected));
    }
    fg_cbor_clear(&value);
    fg_buffer_free(&cbor);
    fg_buffer_free(&text);
}

static void answers_have_their_forms(void **state)
{
    (void)state;
    expect_answer("heads", "[b'\\xab\\x01', b'\\x00']", "ab01 00\n");
    expect_answer("heads", "[]", "\n");
    expect_answer("heads", "[1]", NULL);
    expect_answer("heads", "{}", NULL);
    expect_answer("known", "b'0110'", "0110");
    expect_answer("known", "True", NULL);
    expect_answer("lookup", "b'\\xfe'", "1 fe\n");
    expect_answer("lookup", "[]", NULL);
    expect_answer("pushkey", "True", "1\n");
    expect_answer("pushkey", "False", "0\n");
    expect_answer("pushkey", "b''", NULL);
    expect_answer("branchmap", "{}", "");
    expect_answer("branchmap", "{b'a b': [b'\\x01'], b'\\xc3\\xa4/_.-~%': [b'\\x02', b'\\x03']}",
                  "a%20b 01\n%C3%A4/_.-~%25 02 03");
    expect_answer("branchmap", "{b'a': b'b'}", NULL);
    expect_answer("branchmap", "[]", NULL);
    expect_answer("listkeys", "{}", "");
    expect_answer("listkeys", "{b'b': b'1', b'aaa': b'2', b'aa': b''}", "aa\t\naaa\t2\nb\t1");
    expect_answer("listkeys", "{b'b': 1}", NULL);
    expect_answer("nonsense", "[]", NULL);
}

static void failures_have_a_form_where_hg_has_one(void **state)
{
    (void)state;
    struct fg_buffer text = FG_BUFFER_INIT(100);
    assert_true(fg_classic_put_failure("lookup", "no", &text));
    assert_bytes(fg_buffer_view(&text), "0 no\n");
    fg_buffer_reset(&text);
    assert_true(fg_classic_put_failure("pushkey", "no", &text));
    assert_bytes(fg_buffer_view(&text), "0\nno\n");
    assert_false(fg_classic_put_failure("heads", "no", &text));
    fg_buffer_free(&text);
}

static void the_engine_is_what_both_know(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        bool dense;
        enum fg_classic_engine engine;
    } rows[] = {
        {"", false, FG_CLASSIC_ENGINE_LEGACY},
        {"", true, FG_CLASSIC_ENGINE_LEGACY},
        {"0.1", false, FG_CLASSIC_ENGINE_LEGACY},
        {"0.1 comp=zstd", false, FG_CLASSIC_ENGINE_LEGACY},
        {"0.2", false, FG_CLASSIC_ENGINE_ZLIB},
        {"0.1 0.2 comp=zstd,zlib,none,bzip2 partial-pull", false, FG_CLASSIC_ENGINE_ZSTD},
        {"comp=none,zlib 0.2", false, FG_CLASSIC_ENGINE_ZLIB},
        {"0.2 comp=none", false, FG_CLASSIC_ENGINE_NONE},
        {"0.2 comp=bzip2", false, FG_CLASSIC_ENGINE_LEGACY},
        {"0.2 comp=", false, FG_CLASSIC_ENGINE_LEGACY},
        {"0.2 comp=zstd", true, FG_CLASSIC_ENGINE_NONE},
        {"0.2 comp=zstdx", false, FG_CLASSIC_ENGINE_LEGACY},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(fg_classic_choose_engine(bytes(rows[i].words), rows[i].dense),
                         rows[i].engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_decoded),
        cmocka_unit_test(forms_are_bounded),
        cmocka_unit_test(batches_are_cut_and_unescaped),
        cmocka_unit_test(escaping_loses_nothing),
        cmocka_unit_test(requests_have_types),
        cmocka_unit_test(answers_have_their_forms),
        cmocka_unit_test(failures_have_a_form_where_hg_has_one),
        cmocka_unit_test(the_engine_is_what_both_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
