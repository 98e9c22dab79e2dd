/*
 * Who may do what: lists, the Authorization field, networks, the rules, and the memory of right
 * passwords.
 */
#include "gateway/access/access.h"
#include "gateway/access/network.h"

#include "tests/support/support.h"

#include <unistd.h>

static struct fg_error error;

/* -- words ------------------------------------------------------------------------------------ */

static void words_are_cut_at_blanks_and_commas(void **state)
{
    (void)state;
    static const char *const texts[] = {"a b c", " a,b , c,", ",,a\tb\nc\r\n", "a  b,,c"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct fg_words words;
        assert_int_equal(fg_words_parse(texts[i], &words, &error), FG_OK);
        const char *word = fg_words_next(&words, NULL);
        assert_string_equal(word, "a");
        word = fg_words_next(&words, word);
        assert_string_equal(word, "b");
        word = fg_words_next(&words, word);
        assert_string_equal(word, "c");
        assert_null(fg_words_next(&words, word));
        assert_true(fg_words_contain(&words, "b"));
        assert_false(fg_words_contain(&words, "ab"));
        assert_false(fg_words_are_only(&words, "a"));
        fg_words_clear(&words);
    }
}

static void words_may_be_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " ", ",", " , "};
    struct fg_words none = {.text = NULL};
    assert_true(fg_words_are_none(&none));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct fg_words words;
        assert_int_equal(fg_words_parse(texts[i], &words, &error), FG_OK);
        assert_true(fg_words_are_none(&words));
        assert_true(fg_words_equal(&words, &none));
        fg_words_clear(&words);
    }
    struct fg_words words;
    assert_int_equal(fg_words_parse("a 'b'", &words, &error), FG_ERR_ARGUMENT);
    assert_int_equal(fg_words_parse("a \"b\"", &words, &error), FG_ERR_ARGUMENT);
    assert_int_equal(fg_words_parse("a\x01", &words, &error), FG_ERR_ARGUMENT);
}

/* -- credentials ------------------------------------------------------------------------------ */

static struct fg_credentials parse(const char *value)
{
    struct fg_credentials credentials;
    fg_credentials_parse(fg_bytes_from_string(value), &credentials);
    return credentials;
}

static void the_authorization_field(void **state)
{
    (void)state;
    struct fg_credentials got = parse("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_int_equal(got.kind, FG_CREDENTIALS_PASSWORD);
    assert_string_equal(got.user, "Aladdin");
    assert_string_equal(got.secret, "open sesame");
    got = parse("bAsIc   YTpiOmM= ");
    assert_int_equal(got.kind, FG_CREDENTIALS_PASSWORD);
    assert_string_equal(got.user, "a");
    assert_string_equal(got.secret, "b:c");
    got = parse("BEARER abc.def");
    assert_int_equal(got.kind, FG_CREDENTIALS_TOKEN);
    assert_string_equal(got.secret, "abc.def");
    static const char *const bad[] = {"",
                                      "Basic",
                                      "Basic ",
                                      "Bearer",
                                      "Bearer ",
                                      "BasicYTpi",
                                      "Digest x",
                                      "Basic YQ==",
                                      /* a */ "Basic YTp!",
                                      "Basic YTpiA",
                                      "Basic YTpiAGM=" /* a NUL */,
                                      "Bearer a\tb"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(bad[i]).kind, FG_CREDENTIALS_BAD);
    }
}

static void a_field_of_any_length(void **state)
{
    (void)state;
    for (size_t size = 0; size < 3000; size++) {
        char value[3100] = "Bearer ";
        memset(value + 7, 'x', size);
        value[7 + size] = '\0';
        assert_int_equal(parse(value).kind, size > 0 && size < FG_SECRET_SIZE ? FG_CREDENTIALS_TOKEN
                                                                              : FG_CREDENTIALS_BAD);
        memcpy(value, "Basic  ", 7);
        memset(value + 7, 'A', size);
        assert_int_equal(parse(value).kind, FG_CREDENTIALS_BAD);
    }
}

/* -- networks --------------------------------------------------------------------------------- */

static bool has(const char *network, const char *address)
{
    struct fg_network parsed;
    struct fg_address host;
    assert_int_equal(fg_network_parse(network, &parsed, &error), FG_OK);
    assert_true(fg_network_parse_host(fg_bytes_from_string(address), &host));
    return fg_network_has(&parsed, &host);
}

static void networks(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.0.1"));
    assert_false(has("10.0.0.0/8", "11.0.0.1"));
    assert_true(has("10.128.0.0/9", "10.128.0.1:80"));
    assert_false(has("10.128.0.0/9", "10.127.0.1"));
    assert_true(has("192.0.2.1", "192.0.2.1"));
    assert_false(has("192.0.2.1", "192.0.2.0"));
    assert_true(has("0.0.0.0/0", "192.0.2.1"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("::/0", "192.0.2.1"));
    assert_true(has("192.0.2.1", "::ffff:192.0.2.1"));
    assert_true(has("2001:db8::/32", "[2001:db8:1::1]:443"));
    assert_true(has("2001:db8::/32", "[2001:db8:1::1]"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::"));
    assert_true(has("::1/128", " ::1 "));
    static const char *const bad[] = {"",          "x",           "10.0.0.0/33", "::/129",
                                      "10.0.0.0/", "10.0.0/8",    "::/x",        "1.2.3.4:80",
                                      "/8",        "10.0.0.0/-1", "10.0.0.0/8 "};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fg_network network;
        assert_int_equal(fg_network_parse(bad[i], &network, &error), FG_ERR_ARGUMENT);
    }
    static const char *const no_hosts[] = {"",          " ",     "unknown", "_hidden",
                                           "[1.2.3.4]", "1.2.3", "[::1",    "1.2.3.4, 1.2.3.5"};
    for (size_t i = 0; i < sizeof(no_hosts) / sizeof(no_hosts[0]); i++) {
        struct fg_address host;
        assert_false(fg_network_parse_host(fg_bytes_from_string(no_hosts[i]), &host));
    }
}

/* -- the rules -------------------------------------------------------------------------------- */

/* The SHA-256 of "token". */
#define TOKEN_HASH "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0"

static char token_file[] = "/tmp/framegate-unit-XXXXXX";

static int make_token_file(void **state)
{
    (void)state;
    int fd = mkstemp(token_file);
    static const char line[] = "alice:" TOKEN_HASH "\n";
    bool ok = fd >= 0 && write(fd, line, sizeof(line) - 1) == (ssize_t)sizeof(line) - 1;
    close(fd);
    return ok ? 0 : -1;
}

static int remove_token_file(void **state)
{
    (void)state;
    return unlink(token_file);
}

struct rules {
    const char *allow_read;
    const char *deny_read;
    const char *allow_push;
    const char *deny_push;
    const char *push_ssl;
};

static struct fg_access *load(const struct rules *rules, bool credentials)
{
    const struct {
        const char *key;
        const char *value;
    } rows[] = {{"allow-read", rules->allow_read}, {"deny-read", rules->deny_read},
                {"allow-push", rules->allow_push}, {"deny-push", rules->deny_push},
                {"push-ssl", rules->push_ssl},     {"token-file", credentials ? token_file : NULL}};
    struct fg_config config;
    struct fg_access *access = NULL;
    assert_int_equal(fg_config_init(&config, &error), FG_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].value != NULL) {
            assert_int_equal(fg_config_set(&config,
                                           fg_config_find(fg_bytes_from_string(rows[i].key)),
                                           rows[i].value, FG_ORIGIN_ARGUMENTS, &error),
                             FG_OK);
        }
    }
    assert_int_equal(fg_access_load(&config, &access, &error), FG_OK);
    fg_config_clear(&config);
    return access;
}

#define OK   FG_VERDICT_ALLOWED
#define NO   FG_VERDICT_DENIED
#define ELSE FG_VERDICT_UNLISTED
#define SHUT FG_VERDICT_CLOSED
#define WHO  FG_VERDICT_UNKNOWN

static void every_rule(void **state)
{
    (void)state;
    /* What nobody, alice and bob get for reading, and for pushing over TLS. */
    static const struct {
        struct rules rules;
        enum fg_verdict read[3];
        enum fg_verdict push[3];
    } rows[] = {
        {{.allow_read = NULL}, {OK, OK, OK}, {SHUT, SHUT, SHUT}},
        {{.allow_push = "alice"}, {OK, OK, OK}, {WHO, OK, ELSE}},
        {{.allow_push = "*"}, {OK, OK, OK}, {WHO, OK, OK}},
        {{.allow_push = "* alice"}, {OK, OK, OK}, {WHO, OK, ELSE}},
        {{.allow_push = "*", .deny_push = "bob"}, {OK, OK, OK}, {WHO, OK, NO}},
        {{.allow_push = "*", .deny_push = "*"}, {OK, OK, OK}, {NO, NO, NO}},
        {{.allow_push = "alice", .deny_push = "alice"}, {OK, OK, OK}, {WHO, NO, ELSE}},
        {{.allow_read = "*", .allow_push = "bob"}, {OK, OK, OK}, {WHO, ELSE, OK}},
        {{.allow_read = "alice"}, {WHO, OK, ELSE}, {SHUT, SHUT, SHUT}},
        {{.allow_read = "alice", .allow_push = "*"}, {WHO, OK, ELSE}, {WHO, OK, ELSE}},
        {{.deny_read = "alice"}, {WHO, NO, OK}, {SHUT, SHUT, SHUT}},
        {{.deny_read = "alice", .allow_read = "*"}, {WHO, NO, OK}, {SHUT, SHUT, SHUT}},
        {{.deny_read = "alice", .allow_read = "alice"}, {WHO, NO, ELSE}, {SHUT, SHUT, SHUT}},
        {{.deny_read = "*", .allow_push = "*"}, {WHO, NO, NO}, {WHO, NO, NO}},
    };
    static const struct fg_identity who[3] = {
        {FG_LOGIN_NONE, ""}, {FG_LOGIN_USER, "alice"}, {FG_LOGIN_USER, "bob"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fg_access *access = load(&rows[i].rules, true);
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(fg_access_judge(access, &who[j], true, FG_PERMISSION_PULL),
                             rows[i].read[j]);
            assert_int_equal(fg_access_judge(access, &who[j], true, FG_PERMISSION_PUSH),
                             rows[i].push[j]);
            enum fg_verdict insecure = fg_access_judge(access, &who[j], false, FG_PERMISSION_PUSH);
            /* What no credentials and no TLS change comes first. */
            bool never = rows[i].push[0] == SHUT || rows[i].push[0] == NO;
            assert_int_equal(insecure, never ? rows[i].push[0] : FG_VERDICT_INSECURE);
        }
        fg_access_unref(access);
    }
}

static void each_state_of_a_login(void **state)
{
    (void)state;
    struct fg_access *access = load(&(struct rules){.allow_push = "*", .push_ssl = "off"}, true);
    static const enum fg_verdict expected[] = {[FG_LOGIN_NONE] = FG_VERDICT_UNKNOWN,
                                               [FG_LOGIN_WRONG] = FG_VERDICT_UNKNOWN,
                                               [FG_LOGIN_UNCHECKED] = FG_VERDICT_UNCHECKED,
                                               [FG_LOGIN_BUSY] = FG_VERDICT_BUSY,
                                               [FG_LOGIN_USER] = FG_VERDICT_ALLOWED};
    for (unsigned login = FG_LOGIN_NONE; login <= FG_LOGIN_USER; login++) {
        const struct fg_identity identity = {(enum fg_login)login, ""};
        assert_int_equal(fg_access_judge(access, &identity, false, FG_PERMISSION_PUSH),
                         expected[login]);
        assert_int_equal(fg_access_judge(access, &identity, false, FG_PERMISSION_PULL),
                         FG_VERDICT_ALLOWED);
    }
    fg_access_unref(access);
    /* Where there are no credentials at all, none are asked for. */
    access = load(&(struct rules){.allow_read = "alice"}, false);
    const struct fg_identity nobody = {.login = FG_LOGIN_NONE};
    assert_int_equal(fg_access_judge(access, &nobody, true, FG_PERMISSION_PULL),
                     FG_VERDICT_NAMELESS);
    fg_access_unref(access);
}

static void tokens_are_known_at_once(void **state)
{
    (void)state;
    struct fg_access *access = load(&(struct rules){.allow_read = NULL}, true);
    struct fg_identity identity;
    struct fg_credentials credentials = parse("Bearer token");
    fg_access_recall(access, &credentials, &identity);
    assert_int_equal(identity.login, FG_LOGIN_USER);
    assert_string_equal(identity.user, "alice");
    credentials = parse("Bearer tokem");
    fg_access_recall(access, &credentials, &identity);
    assert_int_equal(identity.login, FG_LOGIN_WRONG);
    assert_string_equal(identity.user, "");
    /* Without a password file there is nothing to check. */
    credentials = parse("Basic YTpi");
    fg_access_recall(access, &credentials, &identity);
    assert_int_equal(identity.login, FG_LOGIN_WRONG);
    fg_access_unref(access);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_cut_at_blanks_and_commas),
        cmocka_unit_test(words_may_be_none),
        cmocka_unit_test(the_authorization_field),
        cmocka_unit_test(a_field_of_any_length),
        cmocka_unit_test(networks),
        cmocka_unit_test(every_rule),
        cmocka_unit_test(each_state_of_a_login),
        cmocka_unit_test(tokens_are_known_at_once),
    };
    return cmocka_run_group_tests(tests, make_token_file, remove_token_file);
}
