/* Mercurial's configuration: how files are parsed, which settings follow, and what is refused. */
#include "tests/support/support.h"

#include "handlers/repo/configpath.h"
#include "handlers/repo/configtext.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/settings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/framegate-test-XXXXXX");
    return mkdtemp(folder) == NULL || setenv("HGRCPATH", "", 1) != 0;
}

static void path_of(const char *name, char ret_path[128])
{
    (void)snprintf(ret_path, 128, "%s/%s", folder, name);
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"hgrc", "inner"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(names[i], path);
        unlink(path);
    }
    return rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    path_of(name, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* Reads an hgrc with this text; what it says is in *ret_settings, which lives as long as lines. */
static enum fg_status read_hgrc(const char *text, struct fg_config_lines *lines,
                                struct fg_site_settings *ret_settings, struct fg_error *error)
{
    *ret_settings = (struct fg_site_settings){.refused = {.file = NULL}};
    const struct fg_config_place place = {"no such program", folder, NULL};
    write_file("hgrc", text);
    enum fg_status status = fg_config_lines_read(&place, fg_settings_wants, lines, error);
    return status == FG_OK ? fg_settings_judge(lines, true, ret_settings, error) : status;
}

/* -- text -------------------------------------------------------------------------------------- */

static void items_are_told_apart_as_mercurial_does(void **state)
{
    (void)state;
    static const struct {
        enum fg_configtext_kind kind;
        const char *section;
        const char *name;
        const char *value;
    } expected[] = {
        {FG_CONFIGTEXT_SET, "", "first", "1"},
        {FG_CONFIGTEXT_SECTION, "a]b", "", ""},
        {FG_CONFIGTEXT_SET, "a]b", "some name", "x = y"},
        {FG_CONFIGTEXT_MORE, "a]b", "", "more"},
        {FG_CONFIGTEXT_MORE, "a]b", "", "[no section]"},
        {FG_CONFIGTEXT_SET, "a]b", "empty", ""},
        {FG_CONFIGTEXT_UNSET, "a]b", "one", ""},
        {FG_CONFIGTEXT_SET, "a]b", "%unset a", "b"},
        {FG_CONFIGTEXT_INCLUDE, "a]b", "", "a file"},
        {FG_CONFIGTEXT_SET, "a]b", "[c", "d"},
    };
    struct fg_configtext reader;
    struct fg_configtext_item item;
    fg_configtext_start(&reader, BYTES("\xef\xbb\xbf"
                                       "first=1\n[a]b]c\nsome name =  x = y \n"
                                       "  more\r\n# comment\n\t[no section]\n\nempty =\n"
                                       "%unset one two\n%unset a=b\n%include  a file \n[c = d"));
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(fg_configtext_next(&reader, &item), FG_OK);
        assert_int_equal(item.kind, expected[i].kind);
        assert_true(fg_bytes_equal_string(item.section, expected[i].section));
        assert_true(fg_bytes_equal_string(item.name, expected[i].name));
        assert_true(fg_bytes_equal_string(item.value, expected[i].value));
    }
    assert_int_equal(fg_configtext_next(&reader, &item), FG_END);
    assert_int_equal(reader.line, 12);
}

static enum fg_status gather(void *context, struct fg_bytes word)
{
    struct fg_buffer *buffer = context;
    (void)fg_buffer_append_byte(buffer, '<');
    (void)fg_buffer_append(buffer, word.data, word.size);
    return fg_buffer_append_byte(buffer, '>');
}

static void check_words(const char *list, const char *expected)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(1024);
    assert_int_equal(fg_config_words(fg_bytes_from_string(list), gather, &buffer), FG_OK);
    assert_true(fg_bytes_equal_string(fg_buffer_view(&buffer), expected));
    fg_buffer_free(&buffer);
}

static void lists_are_split_as_mercurial_does(void **state)
{
    (void)state;
    check_words("", "");
    check_words(" , a,b  c\nd , ", "<a><b><c><d>");
    check_words("this,is \"a small\" ,test", "<this><is><a small><test>");
    check_words("a\"b \\\"c\\\" d", "<a\"b><\"c\"><d>");
    check_words("\"open end", "<\"open><end>");
    check_words("\"", "<\">");
}

static void check_path(const char *path, const char *expected)
{
    char *found = NULL;
    assert_int_equal(fg_config_path_expand(fg_bytes_from_string(path), &found), FG_OK);
    assert_string_equal(found, expected);
    free(found);
}

static void paths_are_expanded(void **state)
{
    (void)state;
    char *joined;
    const char *home = getenv("HOME");
    char *before = home != NULL ? strdup(home) : NULL;
    setenv("HOME", "/h/", 1);
    setenv("FG_TEST", "$HOME", 1);
    check_path("~/x/${FG_TEST}y$FG_TEST-$FG_NONE$", "/h/x/$HOMEy$HOME-$FG_NONE$");
    check_path("~", "/h");
    check_path("~no-such-user/x", "~no-such-user/x");
    check_path("~root", "/root");
    if (before != NULL) {
        setenv("HOME", before, 1);
    }
    free(before);
    joined = fg_config_path_join("/a/b", "../c//./d");
    assert_string_equal(joined, "/a/c/d");
    free(joined);
    joined = fg_config_path_join("", "../../x");
    assert_string_equal(joined, "../../x");
    free(joined);
    joined = fg_config_path_join("/a", "/../b");
    assert_string_equal(joined, "/b");
    free(joined);
    assert_int_equal(fg_config_path_expand(BYTES("a\0b"), &joined), FG_ERR_ARGUMENT);
}

/* -- what follows ------------------------------------------------------------------------------ */

static void check_publishing(const char *hgrc, bool expected)
{
    struct fg_config_lines lines;
    struct fg_site_settings settings;
    assert_int_equal(read_hgrc(hgrc, &lines, &settings, NULL), FG_OK);
    assert_int_equal(settings.values.publishing, expected);
    fg_config_lines_clear(&lines);
}

static void hgrc_says_whether_to_publish(void **state)
{
    (void)state;
    write_file("inner", "[phases]\npublish = never\n");
    check_publishing("", true);
    check_publishing("[phases]\npublish=False", false);
    check_publishing("\xef\xbb\xbf[phases]\r\npublish = Off\r\n", false);
    check_publishing("[phases]\npublish = no\n[other]\npublish = yes\n", false);
    check_publishing("[phases]\npublish = no\n%unset publish\n", true);
    check_publishing("[phases]\npublish = no\n[phases]\npublish = always\n", true);
    check_publishing("# [phases]\n; x\n[ui]\na = b\n  publish = no\n\n[phases]\n", true);
    check_publishing("%include inner\n", false);
    check_publishing("[phases]\npublish = 0\n%include missing\n", false);
    check_publishing("%include inner\n[phases]\npublish = 1\n", true);
}

static unsigned web_line(const char *text, enum fg_site_access which)
{
    struct fg_config_lines lines;
    struct fg_site_settings settings;
    assert_int_equal(read_hgrc(text, &lines, &settings, NULL), FG_OK);
    unsigned line = settings.access[which].line;
    assert_int_equal(line > 0, settings.access[which].file != NULL);
    for (unsigned i = 0; i < FG_SITE_ACCESS_COUNT; i++) {
        assert_true(i == which || settings.access[i].file == NULL);
    }
    fg_config_lines_clear(&lines);
    return line;
}

/* Of two names of a setting that counts which is read later, but in one piece of a file the first.
 */
static void the_later_of_two_names_counts(void **state)
{
    (void)state;
    static const struct {
        const char *hgrc;
        bool expected;
    } cases[] = {
        {"[experimental]\nbundle2.stream = no\n", false},
        {"[server]\nbundle2.stream = no\n[experimental]\nbundle2.stream = yes\n", false},
        {"[server]\nbundle2.stream = no\n%include inner\n[experimental]\nbundle2.stream = yes\n",
         true},
        {"[experimental]\nbundle2.stream = yes\n%include inner\n[server]\nbundle2.stream = no\n",
         false},
    };
    write_file("inner", "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fg_config_lines lines;
        struct fg_site_settings settings;
        assert_int_equal(read_hgrc(cases[i].hgrc, &lines, &settings, NULL), FG_OK);
        assert_int_equal(settings.values.bundle2_stream, cases[i].expected);
        fg_config_lines_clear(&lines);
    }
}

static void hgrc_says_where_options_of_access_are(void **state)
{
    (void)state;
    assert_int_equal(web_line("[web]\ndeny_read = *\n", FG_SITE_DENY_READ), 2);
    assert_int_equal(web_line("[web]\nstyle = x\n\nallow_read = a\n", FG_SITE_ALLOW_READ), 4);
    assert_int_equal(web_line("[web]\nallow-push = a\n", FG_SITE_ALLOW_PUSH), 2);
    assert_int_equal(web_line("[web]\nallow_push = a\n", FG_SITE_ALLOW_PUSH), 2);
    assert_int_equal(web_line("[web]\ndeny_push=\n  x\n", FG_SITE_DENY_PUSH), 3);
    assert_int_equal(web_line("[web]\npush_ssl = false\n", FG_SITE_PUSH_SSL), 2);
    assert_int_equal(web_line("[web]\nallowpull = no\n", FG_SITE_ALLOW_PULL), 2);
    assert_int_equal(web_line("[web]\nallow-pull = yes\n", FG_SITE_ALLOW_PULL), 0);
    assert_int_equal(web_line("[web]\ndeny_read =\n", FG_SITE_DENY_READ), 0);
    assert_int_equal(web_line("[other]\ndeny_read = *\n", FG_SITE_DENY_READ), 0);
    assert_int_equal(web_line("[web]\ndeny_read=*\n%unset deny_read\n", FG_SITE_DENY_READ), 0);
    assert_int_equal(web_line("[web]\ndeny_read=*\ndeny_read=\n", FG_SITE_DENY_READ), 0);
    write_file("inner", "\n[web]\ndeny_read = x\n");
    assert_int_equal(web_line("%include inner\n", FG_SITE_DENY_READ), 3);
}

/* -- what does not ----------------------------------------------------------------------------- */

static void a_damaged_hgrc_is_an_error_with_its_line(void **state)
{
    (void)state;
    static const char *const damaged[] = {
        "[phases]\npublish = perhaps\n",
        "[ui]\nno item\n",
        "[ui]\n%nonsense\n",
        "[ui]\n[phases\n",
        "\n  indented = x",
        "[ui]\n= x\n",
        "[ui]\n%include .\n",
    };
    struct fg_error error;
    struct fg_config_lines lines;
    struct fg_site_settings settings;
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        assert_int_equal(read_hgrc(damaged[i], &lines, &settings, &error), FG_ERR_CORRUPT);
        assert_non_null(strstr(error.message, "/hgrc:2: "));
        fg_config_lines_clear(&lines);
    }
}

static void includes_are_bounded_together(void **state)
{
    (void)state;
    struct fg_error error;
    struct fg_config_lines lines;
    struct fg_site_settings settings;
    assert_int_equal(read_hgrc("%include hgrc\n", &lines, &settings, &error), FG_ERR_LIMIT);
    assert_non_null(strstr(error.message, "too deeply"));
    fg_config_lines_clear(&lines);
    struct fg_buffer text = FG_BUFFER_INIT(4 * FG_CONFIG_BYTES_MAX);
    for (unsigned i = 0; i < FG_CONFIG_FILES_MAX; i++) {
        assert_int_equal(fg_buffer_append_string(&text, "%include none\n"), FG_OK);
    }
    assert_int_equal(fg_buffer_append_byte(&text, '\0'), FG_OK);
    assert_int_equal(read_hgrc((char *)text.data, &lines, &settings, &error), FG_ERR_LIMIT);
    assert_non_null(strstr(error.message, "configuration files"));
    assert_int_equal(lines.files_count, FG_CONFIG_FILES_MAX);
    fg_config_lines_clear(&lines);
    fg_buffer_reset(&text);
    while (text.size < FG_CONFIG_BYTES_MAX / 2) {
        assert_int_equal(fg_buffer_append_string(&text, "# long\n"), FG_OK);
    }
    assert_int_equal(fg_buffer_append_byte(&text, '\0'), FG_OK);
    write_file("inner", (char *)text.data);
    assert_int_equal(read_hgrc("%include inner\n", &lines, &settings, &error), FG_OK);
    fg_config_lines_clear(&lines);
    assert_int_equal(read_hgrc("%include inner\n%include inner\n", &lines, &settings, &error),
                     FG_ERR_LIMIT);
    assert_non_null(strstr(error.message, "bytes together"));
    fg_config_lines_clear(&lines);
    fg_buffer_free(&text);
}

/* The line that is refused, or 0. */
static unsigned refused_line(const char *text)
{
    struct fg_config_lines lines;
    struct fg_site_settings settings;
    assert_int_equal(read_hgrc(text, &lines, &settings, NULL), FG_OK);
    unsigned line = settings.refused.line;
    assert_int_equal(line > 0, settings.refused.file != NULL);
    fg_config_lines_clear(&lines);
    return line;
}

static void what_restricts_readers_is_refused(void **state)
{
    (void)state;
    assert_int_equal(refused_line("[server]\nview = immutable\n"), 2);
    assert_int_equal(refused_line("[server]\nview = served\n"), 0);
    assert_int_equal(refused_line("[server]\nnew-one = 1\n"), 2);
    assert_int_equal(refused_line("[server]\nvalidate = 1\nzliblevel = 3\n"), 0);
    assert_int_equal(refused_line("[experimental]\nextra-filter-revs = draft()\n"), 2);
    assert_int_equal(refused_line("[experimental]\nextra-filter-revs =\n"), 2);
    assert_int_equal(refused_line("[narrowacl]\n"), 1);
    assert_int_equal(refused_line("[devel]\nserverrequirecert = yes\n"), 2);
    assert_int_equal(refused_line("[devel]\nlegacy.exchange = phases\n"), 2);
    assert_int_equal(refused_line("[devel]\nlegacy.exchange =\n"), 0);
    assert_int_equal(refused_line("[devel]\nserverrequirecert = no\nall-warnings = yes\n"), 0);
    assert_int_equal(refused_line("[hooks]\npreoutgoing = false\n"), 2);
    assert_int_equal(refused_line("[hooks]\noutgoing.log = x\n"), 2);
    assert_int_equal(refused_line("[hooks]\noutgoing.log =\npriority.outgoing = 1\n"), 0);
    assert_int_equal(refused_line("[hooks]\noutgoing2 = x\nlistkeys:run-with-plain = no\n"), 0);
    assert_int_equal(refused_line("[hooks]\npretxnchangegroup.x = false\nlistkeys = x\n"), 3);
    assert_int_equal(refused_line("[hooks]\nprelistkeys.a = x\n%unset prelistkeys.a\n"), 0);
}

static void unknown_extensions_are_refused(void **state)
{
    (void)state;
    assert_int_equal(refused_line("[extensions]\nrebase =\nhgext.strip=\nhgext/acl =\n"), 0);
    assert_int_equal(refused_line("[extensions]\nrebase = /some/where.py\n"), 2);
    assert_int_equal(refused_line("[extensions]\nrebase:required = yes\n"), 0);
    assert_int_equal(refused_line("[extensions]\nlargefiles =\n"), 2);
    assert_int_equal(refused_line("[extensions]\nlargefiles = !\nmine = !/x.py\n"), 0);
    assert_int_equal(refused_line("[extensions]\nmine = x.py\n"), 2);
    assert_int_equal(refused_line("[extensions]\nhgext3rd.mine =\n"), 2);
    assert_int_equal(refused_line("[extensions]\ncolor = /nothing/is/loaded\n"), 0);
    assert_int_equal(refused_line("[extensions]\n"), 0);
}

static bool exchanges(const char *text)
{
    struct fg_config_lines lines;
    struct fg_site_settings settings;
    assert_int_equal(read_hgrc(text, &lines, &settings, NULL), FG_OK);
    fg_config_lines_clear(&lines);
    return settings.values.exchange;
}

static void markers_are_exchanged_as_configured(void **state)
{
    (void)state;
    assert_false(exchanges(""));
    assert_true(exchanges("[experimental]\nevolution = all\n"));
    assert_true(exchanges("[experimental]\nevolution = yes\n"));
    assert_true(exchanges("[experimental]\nevolution = createmarkers, exchange\n"));
    assert_false(exchanges("[experimental]\nevolution = exchange\n"));
    assert_false(exchanges("[experimental]\nevolution = createmarkers\n"));
    assert_false(exchanges("[experimental]\nevolution = all\nevolution.exchange = no\n"));
    assert_false(exchanges("[experimental]\nevolution = all\nevolution.createmarkers = no\n"));
    assert_true(exchanges("[experimental]\nevolution.createmarkers=1\nevolution.exchange=1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_told_apart_as_mercurial_does),
        cmocka_unit_test(lists_are_split_as_mercurial_does),
        cmocka_unit_test(paths_are_expanded),
        cmocka_unit_test(hgrc_says_whether_to_publish),
        cmocka_unit_test(the_later_of_two_names_counts),
        cmocka_unit_test(hgrc_says_where_options_of_access_are),
        cmocka_unit_test(a_damaged_hgrc_is_an_error_with_its_line),
        cmocka_unit_test(includes_are_bounded_together),
        cmocka_unit_test(what_restricts_readers_is_refused),
        cmocka_unit_test(unknown_extensions_are_refused),
        cmocka_unit_test(markers_are_exchanged_as_configured),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
