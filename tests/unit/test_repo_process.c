/* Running programs. */
#include "tests/support/support.h"

#include "handlers/repo/process.h"

#include <signal.h>
#include <unistd.h>

static struct fg_buffer output;
static struct fg_buffer errors;
static struct fg_error error;
static int input = -1;
static int extra = -1;
static const atomic_bool *stop;

/* Runs a shell script, the test's own. */
static enum fg_status run(const char *script, unsigned seconds, int *ret_exit)
{
    static char shell[] = "/bin/sh";
    static char option[] = "-c";
    static char variable[] = "ONLY=this";
    char *copy = strdup(script);
    char *argv[] = {shell, option, copy, NULL};
    char *environment[] = {variable, NULL};
    fg_buffer_free(&output);
    fg_buffer_free(&errors);
    fg_buffer_init(&output, 1000);
    fg_buffer_init(&errors, 1000);
    const struct fg_process process = {.argv = argv,
                                       .environment = environment,
                                       .seconds = seconds,
                                       .input = input,
                                       .stop = stop,
                                       .extra = extra,
                                       .output = &output,
                                       .errors = &errors};
    enum fg_status status = fg_process_run(&process, ret_exit, &error);
    free(copy);
    return status;
}

static void output_errors_and_status_are_kept_apart(void **state)
{
    (void)state;
    int exit_status;
    assert_int_equal(run("echo out; echo err >&2; exit 7", 60, &exit_status), FG_OK);
    assert_int_equal(exit_status, 7);
    assert_bytes(fg_buffer_view(&output), "out\n");
    assert_bytes(fg_buffer_view(&errors), "err\n");
}

static void nothing_is_inherited_but_what_is_given(void **state)
{
    (void)state;
    int exit_status;
    assert_int_equal(run("pwd; echo $ONLY $HOME; read line || echo empty", 60, &exit_status),
                     FG_OK);
    assert_bytes(fg_buffer_view(&output), "/\nthis\nempty\n");
}

static void of_much_output_the_end_is_kept(void **state)
{
    (void)state;
    int exit_status;
    assert_int_equal(run("i=0; while [ $i -lt 3000 ]; do echo 0123456789; i=$((i+1)); done; "
                         "echo last",
                         60, &exit_status),
                     FG_OK);
    assert_int_equal(output.size, 1000);
    assert_memory_equal(output.data + 995, "last\n", 5);
}

static void what_takes_too_long_is_ended_with_its_children(void **state)
{
    (void)state;
    int exit_status;
    assert_int_equal(run("echo $$; sleep 1000", 1, &exit_status), FG_ERR_LIMIT);
    assert_string_equal(error.message, "sh took longer than 1 seconds and was ended");
    assert_int_equal(fg_buffer_append_byte(&output, '\0'), FG_OK);
    int group = (int)strtol((const char *)output.data, NULL, 10);
    assert_true(group > 0);
    /* The killed child of the shell may still be waited for by the reaper of orphans. */
    for (int i = 0; i < 500 && kill(-group, 0) == 0; i++) {
        usleep(10000);
    }
    assert_int_equal(kill(-group, 0), -1);
}

static void what_does_not_listen_is_killed_though_its_parent_has_ended(void **state)
{
    (void)state;
    int exit_status;
    /* The child has started before its parent can be told to end. */
    assert_int_equal(
        run("(trap '' TERM; echo $$; while :; do sleep 1; done) & sleep 1000", 1, &exit_status),
        FG_ERR_LIMIT);
    assert_int_equal(fg_buffer_append_byte(&output, '\0'), FG_OK);
    int group = (int)strtol((const char *)output.data, NULL, 10);
    assert_true(group > 0);
    for (int i = 0; i < 500 && kill(-group, 0) == 0; i++) {
        usleep(10000);
    }
    assert_int_equal(kill(-group, 0), -1);
}

static void a_child_that_keeps_the_pipe_does_not_keep_us(void **state)
{
    (void)state;
    int exit_status;
    assert_int_equal(run("sleep 2 & echo done", 60, &exit_status), FG_OK);
    assert_bytes(fg_buffer_view(&output), "done\n");
}

/* Whether a process whose number the program printed ends soon. */
static bool printed_process_ends(void)
{
    assert_int_equal(fg_buffer_append_byte(&output, '\0'), FG_OK);
    pid_t pid = (pid_t)strtol((const char *)output.data, NULL, 10);
    char path[40];
    char line[200] = "";
    assert_true(pid > 0);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    for (int i = 0; i < 500; i++) {
        FILE *file = fopen(path, "r");
        bool there = file != NULL && fgets(line, sizeof line, file) != NULL;
        if (file != NULL) {
            fclose(file);
        }
        /* The reaper of orphans may be slow. */
        if (!there || strstr(line, ") Z ") != NULL) {
            return true;
        }
        usleep(10000);
    }
    kill(pid, SIGKILL);
    return false;
}

static void what_a_killed_program_has_started_is_killed(void **state)
{
    (void)state;
    int exit_status;
    assert_int_equal(run("sleep 600 >&- & echo $!; kill -KILL $$", 60, &exit_status), FG_OK);
    assert_int_equal(exit_status, 128 + SIGKILL);
    assert_true(printed_process_ends());
    assert_int_equal(
        run("sh -c 'sleep 600 >&- & echo $!; kill -KILL $$'; exit $?", 60, &exit_status), FG_OK);
    assert_int_equal(exit_status, 128 + SIGKILL);
    assert_true(printed_process_ends());
}

static void what_a_program_leaves_running_goes_on(void **state)
{
    (void)state;
    int exit_status;
    assert_int_equal(run("sleep 600 >&- & echo $!; exit 255", 60, &exit_status), FG_OK);
    assert_int_equal(fg_buffer_append_byte(&output, '\0'), FG_OK);
    pid_t pid = (pid_t)strtol((const char *)output.data, NULL, 10);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, 0), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
}

static void a_signal_shows_in_the_status(void **state)
{
    (void)state;
    int exit_status;
    assert_int_equal(run("kill -KILL $$", 60, &exit_status), FG_OK);
    assert_int_equal(exit_status, 128 + SIGKILL);
}

static void a_missing_program_is_an_error(void **state)
{
    (void)state;
    static char program[] = "/nonexistent/program";
    char *argv[] = {program, NULL};
    char *environment[] = {NULL};
    int exit_status;
    const struct fg_process process = {.argv = argv,
                                       .environment = environment,
                                       .seconds = 60,
                                       .input = -1,
                                       .extra = -1,
                                       .output = &output,
                                       .errors = &errors};
    assert_int_equal(fg_process_run(&process, &exit_status, &error), FG_ERR_IO);
    assert_string_equal(error.message, "cannot start program: No such file or directory");
}

/* A file of so many lines "line", without a name. */
static int make_file(unsigned lines)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    for (unsigned i = 0; i < lines; i++) {
        fputs("line\n", file);
    }
    fflush(file);
    int fd = dup(fileno(file));
    fclose(file);
    return fd;
}

static void the_input_is_a_file_from_its_beginning(void **state)
{
    (void)state;
    int exit_status;
    input = make_file(100000);
    assert_int_equal(lseek(input, 0, SEEK_END), 500000);
    assert_int_equal(run("wc -l", 60, &exit_status), FG_OK);
    assert_bytes(fg_buffer_view(&output), "100000\n");
    close(input);
    input = -1;
}

static void an_input_that_is_no_file_is_an_error(void **state)
{
    (void)state;
    int exit_status;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    input = ends[0];
    assert_int_equal(run("true", 60, &exit_status), FG_ERR_IO);
    assert_string_equal(error.message, "cannot start sh: Illegal seek");
    close(ends[0]);
    close(ends[1]);
    input = -1;
}

static void the_extra_file_can_be_opened(void **state)
{
    (void)state;
    int exit_status;
    extra = make_file(2);
    assert_int_equal(run("cat " FG_PROCESS_EXTRA_PATH, 60, &exit_status), FG_OK);
    close(extra);
    extra = -1;
    assert_bytes(fg_buffer_view(&output), "line\nline\n");
}

static void a_flag_ends_it(void **state)
{
    (void)state;
    int exit_status;
    atomic_bool now = true;
    stop = &now;
    assert_int_equal(run("sleep 600", 60, &exit_status), FG_ERR_STATE);
    stop = NULL;
    assert_string_equal(error.message, "sh was ended since the server stops");
}

static int clear(void **state)
{
    (void)state;
    fg_buffer_free(&output);
    fg_buffer_free(&errors);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_errors_and_status_are_kept_apart),
        cmocka_unit_test(nothing_is_inherited_but_what_is_given),
        cmocka_unit_test(of_much_output_the_end_is_kept),
        cmocka_unit_test(what_takes_too_long_is_ended_with_its_children),
        cmocka_unit_test(what_does_not_listen_is_killed_though_its_parent_has_ended),
        cmocka_unit_test(a_child_that_keeps_the_pipe_does_not_keep_us),
        cmocka_unit_test(what_a_killed_program_has_started_is_killed),
        cmocka_unit_test(what_a_program_leaves_running_goes_on),
        cmocka_unit_test(a_signal_shows_in_the_status),
        cmocka_unit_test(a_missing_program_is_an_error),
        cmocka_unit_test(the_input_is_a_file_from_its_beginning),
        cmocka_unit_test(an_input_that_is_no_file_is_an_error),
        cmocka_unit_test(the_extra_file_can_be_opened),
        cmocka_unit_test(a_flag_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, clear);
}
