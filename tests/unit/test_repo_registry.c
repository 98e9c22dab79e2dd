/* The registry: finding commands, checking arguments. */
#include "tests/support/support.h"

#include "framing/literal.h"
#include "handlers/registry.h"

static void commands_are_listed_in_order_and_found(void **state)
{
    (void)state;
    size_t count;
    const struct fg_command_spec *const *all = fg_registry_all(&count);
    assert_int_equal(count, 15);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(fg_registry_find(fg_bytes_from_string(all[i]->name)), all[i]);
        assert_true(i == 0 || strcmp(all[i - 1]->name, all[i]->name) < 0);
    }
    assert_null(fg_registry_find(BYTES("head")));
    assert_null(fg_registry_find(BYTES("headss")));
    assert_null(fg_registry_find(BYTES("")));
}

static void commands_that_write_or_wait_say_so(void **state)
{
    (void)state;
    size_t count;
    const struct fg_command_spec *const *all = fg_registry_all(&count);
    for (size_t i = 0; i < count; i++) {
        bool writes = strcmp(all[i]->name, "pushkey") == 0 || strcmp(all[i]->name, "unbundle") == 0;
        /* What runs another program, or goes over all of history. */
        static const char *const long_ones[] = {"branchmap", "getbundle", "lookup", "stream_out"};
        bool waits = writes;
        for (size_t k = 0; k < sizeof long_ones / sizeof long_ones[0]; k++) {
            waits = waits || strcmp(all[i]->name, long_ones[k]) == 0;
        }
        assert_int_equal(all[i]->permission, writes ? FG_PERMISSION_PUSH : FG_PERMISSION_PULL);
        assert_int_equal(all[i]->slow, waits);
        assert_false(all[i]->takes_data);
    }
}

static const struct fg_argument_spec arguments[] = {
    {"bytes", FG_ARGUMENT_BYTES, true, "b''"}, {"bool", FG_ARGUMENT_BOOL, false, "True"},
    {"int", FG_ARGUMENT_INT, false, "1"},      {"list", FG_ARGUMENT_LIST_OF_BYTES, false, "[]"},
    {"dict", FG_ARGUMENT_DICT, false, "{}"},   {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

static const struct fg_command_spec spec = {.name = "made-up", .arguments = arguments};

/* The message for arguments, as a literal of a whole request; NULL if they are right. */
static const char *fault(const char *request)
{
    static struct fg_error error;
    struct fg_command command = {.encoded = FG_BUFFER_INIT(10000)};
    assert_int_equal(
        fg_literal_encode(fg_bytes_from_string(request), &default_limits, &command.encoded, NULL),
        FG_OK);
    assert_int_equal(
        fg_cbor_decode(fg_buffer_view(&command.encoded), &default_limits, &command.request, NULL),
        FG_OK);
    command.args = fg_cbor_map_find(&command.request, 0, "args");
    enum fg_status status = fg_registry_check_arguments(&spec, &command, &error);
    fg_cbor_clear(&command.request);
    fg_buffer_free(&command.encoded);
    assert_true(status == FG_OK || status == FG_ERR_ARGUMENT);
    return status == FG_OK ? NULL : error.message;
}

static void right_arguments_pass(void **state)
{
    (void)state;
    assert_null(fault("{b'args': {b'bytes': b'x'}}"));
    assert_null(fault("{b'args': {b'bytes': b'', b'bool': False, b'int': -5, b'list': [b'', b'a'],"
                      " b'dict': {b'k': [1, [2]], b'l': {}}}}"));
}

static void each_fault_is_named(void **state)
{
    (void)state;
    assert_string_equal(fault("{b'name': b'x'}"), "made-up: argument 'bytes' is missing");
    assert_string_equal(fault("{b'args': {}}"), "made-up: argument 'bytes' is missing");
    assert_string_equal(fault("{b'args': {b'bytes': 'x'}}"),
                        "made-up: argument 'bytes' must be a byte string");
    assert_string_equal(fault("{b'args': {b'bytes': b'x', b'bool': 1}}"),
                        "made-up: argument 'bool' must be a boolean");
    assert_string_equal(fault("{b'args': {b'bytes': b'x', b'int': True}}"),
                        "made-up: argument 'int' must be an integer");
    assert_string_equal(fault("{b'args': {b'bytes': b'x', b'list': [b'a', [b'b']]}}"),
                        "made-up: argument 'list' must be a list of byte strings");
    assert_string_equal(fault("{b'args': {b'bytes': b'x', b'dict': {b'a': 1, 2: 3}}}"),
                        "made-up: argument 'dict' must be a map with byte strings as keys");
    assert_string_equal(fault("{b'args': {b'bytes': b'x', b'by\\xfftes': b'x'}}"),
                        "made-up: unknown argument 'by\xef\xbf\xbdtes'");
    assert_string_equal(fault("{b'args': {b'bytes': b'x', 'text': b'x'}}"),
                        "made-up: the name of an argument is not a byte string");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_listed_in_order_and_found),
        cmocka_unit_test(commands_that_write_or_wait_say_so),
        cmocka_unit_test(right_arguments_pass),
        cmocka_unit_test(each_fault_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
