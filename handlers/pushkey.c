/*
 * pushkey: sets a key if it has a given value now. A real Mercurial serves the request.
 */
#define _GNU_SOURCE /* memfd_create */

#include "handlers/commands.h"
#include "handlers/hgprogram.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/snapshot.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Mercurial gives them to hooks in the environment, so a zero byte cannot be passed on. */
static enum fg_status put_arguments(const struct fg_call *call, struct fg_buffer *form,
                                    struct fg_error *error)
{
    static const char *const names[] = {"namespace", "key", "old", "new"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct fg_bytes value = fg_call_bytes(call, names[i]);
        if (value.size > 0 && memchr(value.data, '\0', value.size) != NULL) {
            return fg_fail(error, FG_ERR_ARGUMENT, 0, "pushkey: argument '%s' has a zero byte",
                           names[i]);
        }
        enum fg_status status = fg_hg_put_argument(form, names[i], value);
        if (status != FG_OK) {
            return fg_fail(error, status, 0, "pushkey: argument '%s': %s", names[i],
                           fg_status_text(status));
        }
    }
    return FG_OK;
}

/* The form as a file. */
static enum fg_status open_body(struct fg_bytes form, int *ret_fd, struct fg_error *error)
{
    int fd = memfd_create("pushkey", MFD_CLOEXEC);
    for (size_t done = 0; fd >= 0 && done < form.size;) {
        ssize_t written = write(fd, form.data + done, form.size - done);
        if (written < 0 && errno != EINTR) {
            close(fd);
            fd = -1;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    *ret_fd = fd;
    return fd >= 0 ? FG_OK
                   : fg_fail(error, FG_ERR_IO, 0, "pushkey: the arguments cannot be passed on: %s",
                             strerror(errno));
}

static enum fg_status serve(const struct fg_call *call, struct fg_bytes form,
                            struct fg_buffer *answer, struct fg_error *error)
{
    int body;
    enum fg_status status = open_body(form, &body, error);
    if (status == FG_OK) {
        const struct fg_hg_request request = {.command = "pushkey",
                                              .caller = call->caller,
                                              .body = body,
                                              .body_size = form.size,
                                              .arguments_size = form.size,
                                              .seconds =
                                                  fg_repository_writer_seconds(call->repository)};
        status = fg_hg_serve(call->repository, &request, answer, error);
        close(body);
    }
    return status;
}

/* The answer is "1" or "0" on a line, and then what hooks said. */
static enum fg_status push(const struct fg_call *call, bool *ret_result, struct fg_buffer *said,
                           struct fg_error *error)
{
    struct fg_buffer form = FG_BUFFER_INIT(FG_ANSWER_MAX);
    struct fg_buffer answer = FG_BUFFER_INIT(FG_PUSH_REPLY_MAX);
    enum fg_status status = put_arguments(call, &form, error);
    if (status == FG_OK) {
        status = serve(call, fg_buffer_view(&form), &answer, error);
    }
    struct fg_bytes text = fg_buffer_view(&answer);
    if (status == FG_OK && !fg_bytes_start_with(text, "0\n") && !fg_bytes_start_with(text, "1\n")) {
        status = fg_fail(error, FG_ERR_IO, 0, "pushkey: hg answered with something else");
    }
    if (status == FG_OK) {
        *ret_result = text.data[0] == '1';
        status = fg_buffer_append(said, text.data + 2, text.size - 2);
    }
    fg_buffer_free(&form);
    fg_buffer_free(&answer);
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
    fg_buffer_init(&ret_reply->said, FG_PUSH_REPLY_MAX);
    enum fg_status status = check(call, &known, error);
    if (status == FG_OK && known) {
        status = push(call, &result, &ret_reply->said, error);
    }
    if (status == FG_OK) {
        status = fg_cbor_put_bool(&buffer, result);
    }
    if (status != FG_OK) {
        fg_buffer_free(&ret_reply->said);
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
