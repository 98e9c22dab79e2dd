/* The settings table and what reads it; addresses. */
#include "gateway/config/config.h"

#include "tests/support/support.h"

#include <netinet/in.h>
#include <unistd.h>

static struct fg_config config;
static struct fg_error error;

static int setup(void **state)
{
    (void)state;
    return fg_config_init(&config, &error) == FG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    fg_config_clear(&config);
    return 0;
}

static enum fg_status set(const char *key, const char *value)
{
    const struct fg_setting *setting = fg_config_find(fg_bytes_from_string(key));
    assert_non_null(setting);
    return fg_config_set(&config, setting, value, FG_ORIGIN_ARGUMENTS, &error);
}

/* The table of limits that is promised to everyone. */
static void defaults(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        uint64_t value;
    } rows[] = {
        {"max-body", 16 << 20},
        {"max-frame", 65535},
        {"max-frame-sent", 31744},
        {"max-commands", 1000},
        {"max-receiving", 100},
        {"max-request", 4 << 20},
        {"max-data", 16 << 20},
        {"max-cbor-depth", 32},
        {"max-cbor-items", 262144},
        {"max-empty-frames", 2},
        {"max-frame-overhead", 64 << 10},
        {"max-reply", 64 << 20},
        {"max-memory", 256 << 20},
        {"header-time", 20},
        {"body-time", 20},
        {"body-rate", 500},
        {"body-time-max", 300},
        {"reply-time", 20},
        {"idle-time", 75},
        {"max-connections", 1000},
        {"max-connections-per-address", 100},
        {"max-header-fields", 100},
        {"max-header", 24 << 10},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct fg_setting *setting = fg_config_find(fg_bytes_from_string(rows[i].key));
        assert_non_null(setting);
        assert_int_equal(fg_config_number(&config, setting), rows[i].value);
    }
}

static void every_setting_takes_its_default_and_says_what_it_is(void **state)
{
    (void)state;
    size_t count = 0;
    const struct fg_setting *settings = fg_config_settings(&count);
    assert_true(count > 30);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(fg_config_find(fg_bytes_from_string(settings[i].key)), &settings[i]);
        assert_true(strlen(settings[i].text) > 5);
        assert_int_equal(settings[i].argument == NULL, settings[i].type == FG_SETTING_SWITCH);
        bool numeric = settings[i].type == FG_SETTING_NUMBER ||
                       settings[i].type == FG_SETTING_BYTES ||
                       settings[i].type == FG_SETTING_SECONDS;
        if (numeric) {
            uint64_t value = fg_config_number(&config, &settings[i]);
            assert_true(value >= settings[i].minimum && value <= settings[i].maximum);
        }
    }
}

static void numbers(void **state)
{
    (void)state;
    assert_int_equal(set("max-body", "1"), FG_OK);
    assert_int_equal(config.body_bytes, 1);
    assert_int_equal(set("max-body", "3K"), FG_OK);
    assert_int_equal(config.body_bytes, 3 << 10);
    assert_int_equal(set("max-body", "3M"), FG_OK);
    assert_int_equal(config.body_bytes, 3 << 20);
    assert_int_equal(set("max-body", "3G"), FG_OK);
    assert_int_equal(config.body_bytes, 3ULL << 30);
    assert_int_equal(set("max-body", "2T"), FG_OK);
    assert_int_equal(config.body_bytes, 2ULL << 40);
    assert_int_equal(set("max-body", "3G"), FG_OK);
    static const char *const bad[] = {"",
                                      "x",
                                      "-1",
                                      " 1",
                                      "1 ",
                                      "1k",
                                      "1KK",
                                      "K",
                                      "+1",
                                      "0x1",
                                      "1.5",
                                      "18446744073709551616",
                                      "18446744073709551615G"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(set("max-body", bad[i]), FG_ERR_ARGUMENT);
        assert_non_null(strstr(error.message, "max-body"));
    }
    assert_int_equal(config.body_bytes, 3ULL << 30);
    assert_int_equal(set("threads", "1024"), FG_OK);
    assert_int_equal(set("threads", "1025"), FG_ERR_ARGUMENT);
    assert_int_equal(set("threads", "1K"), FG_ERR_ARGUMENT);
    assert_int_equal(set("max-cbor-items", "4294967295"), FG_OK);
    assert_int_equal(config.framing.cbor_items, UINT32_MAX);
    assert_int_equal(set("max-cbor-items", "4294967296"), FG_ERR_ARGUMENT);
}

static void arguments(void **state)
{
    (void)state;
    char *const good[] = {"serve",          "--repository", "x", "--listen=[::1]:0",
                          "--debugreflect", "--max-body=5"};
    assert_int_equal(fg_config_parse_arguments(&config, 6, good, &error), FG_OK);
    assert_string_equal(config.repository, "x");
    assert_true(config.debugreflect);
    assert_int_equal(config.body_bytes, 5);
    char *const again[] = {"serve", "--repository", "y", "--debugreflect=off"};
    assert_int_equal(fg_config_parse_arguments(&config, 4, again, &error), FG_OK);
    assert_string_equal(config.repository, "y");
    assert_false(config.debugreflect);
    assert_int_equal(fg_config_complete(&config, &error), FG_OK);
    assert_true(config.threads >= 1);
    char *const help[] = {"serve", "--help"};
    assert_int_equal(fg_config_parse_arguments(&config, 2, help, &error), FG_END);
}

static void what_does_not_fit_together(void **state)
{
    (void)state;
    assert_int_equal(fg_config_complete(&config, &error), FG_ERR_ARGUMENT);
    assert_int_equal(set("repository", "x"), FG_OK);
    assert_int_equal(fg_config_complete(&config, &error), FG_OK);
    assert_int_equal(set("body-time-max", "19"), FG_OK);
    assert_int_equal(fg_config_complete(&config, &error), FG_ERR_ARGUMENT);
    assert_int_equal(set("body-time-max", "20"), FG_OK);
    assert_int_equal(set("max-connections", "3"), FG_OK);
    assert_int_equal(set("threads", "4"), FG_OK);
    assert_int_equal(fg_config_complete(&config, &error), FG_ERR_ARGUMENT);
    assert_int_equal(set("threads", "3"), FG_OK);
    assert_int_equal(fg_config_complete(&config, &error), FG_OK);
    assert_int_equal(set("admin-listen", "192.0.2.1:80"), FG_OK);
    assert_int_equal(fg_config_complete(&config, &error), FG_ERR_ARGUMENT);
}

static void memory_of_connections(void **state)
{
    (void)state;
    assert_int_equal(set("repository", "x"), FG_OK);
    assert_int_equal(fg_config_complete(&config, &error), FG_OK);
    assert_int_equal(config.connection_memory, 32 << 10);
    assert_int_equal(set("connection-memory", "0"), FG_OK);
    assert_int_equal(set("max-header", "25K"), FG_OK);
    assert_int_equal(fg_config_complete(&config, &error), FG_OK);
    assert_int_equal(config.connection_memory, 64 << 10);
    assert_int_equal(set("connection-memory", "4095"), FG_OK);
    assert_int_equal(fg_config_complete(&config, &error), FG_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "4096"));
    assert_int_equal(set("connection-memory", "4096"), FG_OK);
    assert_int_equal(fg_config_complete(&config, &error), FG_OK);
    assert_int_equal(config.connection_memory, 4096);
}

static void addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:8080", "[::1]:0", "0.0.0.0:65535",
                                       "[2001:db8::1]:1"};
    static const char *const bad[] = {
        "",      "8080",        ":8080",           "127.0.0.1",
        "::1:1", "[::1]",       "localhost:80",    "127.0.0.1:x",
        "1:",    "[1.2.3.4]:1", "127.0.0.1:65536", "127.0.0.1:000000080",
        "[]:1",  "127.0.0.1:-1"};
    char text[FG_ADDRESS_TEXT_SIZE];
    struct fg_address address;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(fg_address_parse(good[i], &address, &error), FG_OK);
        fg_address_format(&address, text);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(fg_address_parse(bad[i], &address, &error), FG_ERR_ARGUMENT);
    }
}

static bool loopback(const char *text)
{
    struct fg_address address;
    assert_int_equal(fg_address_parse(text, &address, &error), FG_OK);
    return fg_address_is_loopback(&address);
}

static void loopback_addresses(void **state)
{
    (void)state;
    assert_true(loopback("127.0.0.1:1"));
    assert_true(loopback("127.255.0.1:1"));
    assert_true(loopback("[::1]:1"));
    assert_true(loopback("[::ffff:127.0.0.1]:1"));
    assert_false(loopback("0.0.0.0:1"));
    assert_false(loopback("128.0.0.1:1"));
    assert_false(loopback("[::]:1"));
    assert_false(loopback("[::ffff:10.0.0.1]:1"));
    struct fg_address none;
    fg_address_copy(NULL, &none);
    assert_false(fg_address_is_loopback(&none));
}

static void listening_on_a_free_port(void **state)
{
    (void)state;
    struct fg_address address;
    struct fg_address taken;
    int first = -1;
    int second = -1;
    assert_int_equal(fg_address_parse("127.0.0.1:0", &address, &error), FG_OK);
    assert_int_equal(fg_address_bind(&address, &first, &taken, &error), FG_OK);
    assert_int_equal(fg_address_listen(first, &taken, &error), FG_OK);
    assert_true(((const struct sockaddr_in *)&taken.storage)->sin_port != 0);
    assert_int_equal(fg_address_bind(&taken, &second, &taken, &error), FG_ERR_IO);
    assert_non_null(strstr(error.message, "127.0.0.1:"));
    assert_int_equal(second, -1);
    close(first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(every_setting_takes_its_default_and_says_what_it_is),
        TEST(numbers),
        TEST(arguments),
        TEST(what_does_not_fit_together),
        TEST(memory_of_connections),
        TEST(addresses),
        TEST(loopback_addresses),
        TEST(listening_on_a_free_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
