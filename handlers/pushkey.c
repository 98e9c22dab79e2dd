/*
 * pushkey: sets a key if it has a given value now. Writing is Mercurial's own business (locks,
 * transactions, hooks), so this runs the real one.
 */
#include "handlers/commands.h"
#include "handlers/hgprogram.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/process.h"
#include "handlers/repo/snapshot.h"

#include <stdlib.h>
#include <string.h>

/* The arguments as they stand behind "hg debugpushkey REPO". */
static const char *const names[] = {"namespace", "key", "old", "new"};

enum {
    NAMES_COUNT = sizeof names / sizeof names[0],
    NAMES_START = 4, /* hg debugpushkey -- REPO */
    EXIT_TRUE = 0,
    EXIT_FALSE = 1,
};

/* Copies the arguments behind the fixed ones; a zero byte cannot be passed on. */
static enum fg_status fill_arguments(const struct fg_call *call, char **argv,
                                     struct fg_error *error)
{
    for (size_t i = 0; i < NAMES_COUNT; i++) {
        struct fg_bytes value = fg_call_bytes(call, names[i]);
        if (value.size > 0 && memchr(value.data, '\0', value.size) != NULL) {
            return fg_fail(error, FG_ERR_ARGUMENT, 0, "pushkey: argument '%s' has a zero byte",
                           names[i]);
        }
        /* Not strndup: the value is not a string, and strict checks take that for an overrun. */
        char *argument = calloc(1, value.size + 1);
        if (argument == NULL) {
            return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
        }
        if (value.size > 0) {
            memcpy(argument, value.data, value.size);
        }
        argv[NAMES_START + i] = argument;
    }
    return FG_OK;
}

/* The last line that is not empty. */
static struct fg_bytes last_line(struct fg_bytes text)
{
    while (text.size > 0 && text.data[text.size - 1] == '\n') {
        text.size--;
    }
    size_t start = text.size;
    while (start > 0 && text.data[start - 1] != '\n') {
        start--;
    }
    return (struct fg_bytes){text.data + start, text.size - start};
}

static enum fg_status run_hg(const struct fg_call *call, char **argv, bool *ret_result,
                             struct fg_error *error)
{
    struct fg_hg_environment environment;
    struct fg_buffer output = FG_BUFFER_INIT(FG_PUSHKEY_OUTPUT_MAX);
    struct fg_buffer errors = FG_BUFFER_INIT(FG_PUSHKEY_OUTPUT_MAX);
    int exit_status = 0;
    const struct fg_process job = {.argv = argv,
                                   .environment = environment.items,
                                   .seconds = fg_repository_writer_seconds(call->repository),
                                   .stop = fg_repository_writers_stop(call->repository),
                                   .extra = -1,
                                   .output = &output,
                                   .errors = &errors};
    enum fg_status status = fg_hg_environment_make(&environment, "");
    if (status != FG_OK) {
        fg_fail(error, status, 0, "out of memory");
    } else {
        status = fg_process_run(&job, &exit_status, error);
    }
    if (status == FG_OK) {
        /* The last line, since hooks may print before it. */
        struct fg_bytes line = last_line(fg_buffer_view(&output));
        bool is_true = exit_status == EXIT_TRUE && fg_bytes_equal_string(line, "True");
        bool is_false = exit_status == EXIT_FALSE && fg_bytes_equal_string(line, "False");
        if (is_true || is_false) {
            *ret_result = is_true;
        } else {
            status = fg_hg_failure(call->repository, "pushkey", exit_status,
                                   fg_buffer_view(errors.size > 0 ? &errors : &output), error);
        }
    }
    fg_hg_environment_clear(&environment);
    fg_buffer_free(&output);
    fg_buffer_free(&errors);
    return status;
}

static enum fg_status push(const struct fg_call *call, bool *ret_result, struct fg_error *error)
{
    char *argv[NAMES_START + NAMES_COUNT + 1] = {NULL};
    static char command[] = "debugpushkey";
    static char separator[] = "--";
    /* posix_spawn takes them as not constant, but does not change them. */
    argv[0] = (char *)(uintptr_t)fg_repository_writer(call->repository);
    argv[1] = command;
    argv[2] = separator;
    argv[3] = (char *)(uintptr_t)fg_repository_path(call->repository);
    enum fg_status status = fill_arguments(call, argv, error);
    if (status == FG_OK) {
        status = run_hg(call, argv, ret_result, error);
    }
    for (size_t i = 0; i < NAMES_COUNT; i++) {
        free(argv[NAMES_START + i]);
    }
    return status;
}

/* -- what hg would fail at --------------------------------------------------------------------- */

static enum fg_status refuse(const char *name, struct fg_bytes value, const char *expected,
                             struct fg_error *error)
{
    enum { SHOWN_MAX = 60 };
    return fg_fail(error, FG_ERR_ARGUMENT, 0, "pushkey: argument '%s' is '%.*s', expected %s", name,
                   value.size > SHOWN_MAX ? SHOWN_MAX : (int)value.size,
                   value.size > 0 ? (const char *)value.data : "", expected);
}

static enum fg_status check_bookmark(const struct fg_call *call, struct fg_error *error)
{
    static const char *const values[] = {"old", "new"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct fg_node node;
        struct fg_bytes value = fg_call_bytes(call, values[i]);
        if (value.size > 0 && !fg_node_from_hex(value, &node)) {
            return refuse(values[i], value, "40 hexadecimal digits or nothing", error);
        }
    }
    return FG_OK;
}

/* *ret_known is false for a changeset that there is not: that is an answer, not a failure. */
static enum fg_status check_phase(const struct fg_call *call, bool *ret_known,
                                  struct fg_error *error)
{
    static const char *const values[] = {"old", "new"};
    enum { DIGITS_MAX = 9 };
    struct fg_node node;
    struct fg_bytes key = fg_call_bytes(call, "key");
    if (!fg_node_from_hex(key, &node)) {
        return refuse("key", key, "40 hexadecimal digits", error);
    }
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct fg_bytes value = fg_call_bytes(call, values[i]);
        bool number = value.size > 0 && value.size <= DIGITS_MAX;
        for (size_t j = 0; number && j < value.size; j++) {
            number = value.data[j] >= '0' && value.data[j] <= '9';
        }
        if (!number) {
            return refuse(values[i], value, "the number of a phase", error);
        }
    }
    *ret_known = fg_snapshot_knows(call->snapshot, &node);
    return FG_OK;
}

/* *ret_known: whether hg is to be asked at all. */
static enum fg_status check(const struct fg_call *call, bool *ret_known, struct fg_error *error)
{
    struct fg_bytes space = fg_call_bytes(call, "namespace");
    *ret_known = true;
    if (fg_bytes_equal_string(space, "bookmarks")) {
        return check_bookmark(call, error);
    }
    return fg_bytes_equal_string(space, "phases") ? check_phase(call, ret_known, error) : FG_OK;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(16);
    if (error != NULL) {
        error->message[0] = '\0';
    }
    bool result = false;
    bool known = false;
    enum fg_status status = check(call, &known, error);
    if (status == FG_OK && known) {
        status = push(call, &result, error);
    }
    if (status == FG_OK) {
        /* Who asks next sees what was done. What cannot be read is for him to hear of. */
        (void)fg_repository_refresh(call->repository, NULL);
        status = fg_cbor_put_bool(&buffer, result);
    }
    return fg_reply_from_buffer(status, &buffer, ret_reply, error);
}

static const struct fg_argument_spec arguments[] = {
    {"namespace", FG_ARGUMENT_BYTES, true, "b'ns'"}, {"key", FG_ARGUMENT_BYTES, true, "b'key'"},
    {"old", FG_ARGUMENT_BYTES, true, "b'old'"},      {"new", FG_ARGUMENT_BYTES, true, "b'new'"},
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_pushkey = {
    .name = "pushkey",
    .permission = FG_PERMISSION_PUSH,
    .arguments = arguments,
    .run = run,
    .slow = true,
};
