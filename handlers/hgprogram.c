/* Having hg serve a request: its environment, its answer, and its failures. */
#define _GNU_SOURCE /* asprintf, environ, memfd_create, memmem */

#include "handlers/hgprogram.h"

#include "framing/utf8.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/process.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* -- what hg sees ------------------------------------------------------------------------------ */

struct environment {
    char **items; /* owned, and what is in it; ends with NULL */
    size_t count;
    size_t capacity;
    enum fg_status status; /* FG_ERR_MEMORY: not all are there */
};

static void environment_clear(struct environment *environment)
{
    for (size_t i = 0; i < environment->count; i++) {
        free(environment->items[i]);
    }
    free(environment->items);
}

/* Takes over an item "NAME=VALUE"; NULL: there was no memory for it. */
static void put_item(struct environment *environment, char *item)
{
    if (item != NULL && environment->count + 1 >= environment->capacity) {
        size_t capacity = 2 * environment->capacity + 32;
        char **items = realloc(environment->items, capacity * sizeof *items);
        if (items != NULL) {
            environment->items = items;
            environment->capacity = capacity;
        }
    }
    if (item == NULL || environment->count + 1 >= environment->capacity) {
        free(item);
        environment->status = FG_ERR_MEMORY;
        return;
    }
    environment->items[environment->count++] = item;
    environment->items[environment->count] = NULL;
}

/* Adds "NAME=VALUE", unless there is no value. */
static void put_text(struct environment *environment, const char *name, const char *value)
{
    char *item = NULL;
    if (value != NULL && asprintf(&item, "%s=%s", name, value) < 0) {
        item = NULL;
    }
    if (value != NULL) {
        put_item(environment, item);
    }
}

static void put_number(struct environment *environment, const char *name, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    put_text(environment, name, text);
}

/*
 * Our own environment, since configuration may name any variable, and hooks may need it, but for
 * what would change what hg is or what the request says, and what systemd has told us alone.
 */
static void put_inherited(struct environment *environment)
{
    /* How a name begins; with the sign, all of it. */
    static const char *const others[] = {"AUTH_TYPE=",
                                         "CONTENT_",
                                         "CREDENTIALS_DIRECTORY=",
                                         "GATEWAY_",
                                         "HG_",
                                         "HGENCODING",
                                         "HTTP_",
                                         "HTTPS=",
                                         "LANG",
                                         "LC_",
                                         "LD_",
                                         "LISTEN_",
                                         "NOTIFY_SOCKET=",
                                         "PATH_INFO=",
                                         "PATH_TRANSLATED=",
                                         "PYTHON",
                                         "QUERY_STRING=",
                                         "REMOTE_",
                                         "REPO_NAME=",
                                         "REQUEST_",
                                         "SCRIPT_",
                                         "SERVER_",
                                         "WATCHDOG_",
                                         "wsgi."};
    for (char **item = environ; *item != NULL; item++) {
        size_t i = 0;
        const size_t count = sizeof others / sizeof others[0];
        while (i < count && strncmp(*item, others[i], strlen(others[i])) != 0) {
            i++;
        }
        if (i == count) {
            put_item(environment, strdup(*item));
        }
    }
    put_text(environment, "HGENCODING", "UTF-8");
    put_text(environment, "LC_ALL", "C.UTF-8");
}

/* The head of the request, as CGI has it. */
static void put_request(struct environment *environment, const struct fg_hg_request *request)
{
    static const struct fg_caller nobody = {0};
    const struct fg_caller *caller = request->caller != NULL ? request->caller : &nobody;
    char query[64];
    snprintf(query, sizeof query, "cmd=%s", request->command);
    put_text(environment, "GATEWAY_INTERFACE", "CGI/1.1");
    put_text(environment, "SERVER_PROTOCOL", "HTTP/1.1");
    put_text(environment, "SERVER_NAME", caller->server != NULL ? caller->server : "localhost");
    put_number(environment, "SERVER_PORT", caller->port);
    put_text(environment, "HTTPS", caller->secure ? "on" : NULL);
    put_text(environment, "REMOTE_ADDR", caller->address);
    put_text(environment, "REMOTE_HOST", caller->address);
    put_text(environment, "REMOTE_USER", caller->user);
    put_text(environment, "REQUEST_METHOD", "POST");
    put_text(environment, "SCRIPT_NAME", "");
    put_text(environment, "PATH_INFO", "/");
    put_text(environment, "QUERY_STRING", query);
    put_text(environment, "CONTENT_TYPE", "application/mercurial-0.1");
    put_number(environment, "CONTENT_LENGTH", request->body_size);
    put_number(environment, "HTTP_X_HGARGS_POST", request->arguments_size);
}

enum fg_status fg_hg_put_argument(struct fg_buffer *form, const char *name, struct fg_bytes value)
{
    enum fg_status status = fg_buffer_append_format(form, "%s%s=", form->size > 0 ? "&" : "", name);
    for (size_t i = 0; status == FG_OK && i < value.size; i++) {
        uint8_t byte = value.data[i];
        bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z');
        status = plain ? fg_buffer_append_byte(form, byte)
                       : fg_buffer_append_format(form, "%%%02x", byte);
    }
    return status;
}

/* hgrequest.py, as a file that hg can load. -1, with errno. */
static int open_extension(void)
{
    extern const uint8_t fg_hg_extension[];
    extern const uint8_t fg_hg_extension_end[];
    size_t size = (size_t)(fg_hg_extension_end - fg_hg_extension);
    int fd = memfd_create("hgrequest.py", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, fg_hg_extension, size) != (ssize_t)size) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* -- failures --------------------------------------------------------------------------------- */

/* Takes a line off the front, and gives it without its break. False if there is none. */
static bool take_line(struct fg_bytes *rest, struct fg_bytes *ret_line)
{
    if (rest->size == 0) {
        return false;
    }
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    *ret_line = (struct fg_bytes){rest->data, size};
    size_t gone = end != NULL ? size + 1 : size;
    rest->data += gone;
    rest->size -= gone;
    return true;
}

/* What is for whoever asked: all that hg and hooks said, but of a traceback the end. */
static struct fg_bytes message_in(struct fg_bytes said)
{
    struct fg_bytes rest = said;
    struct fg_bytes line;
    struct fg_bytes last = {said.data, 0};
    bool traceback = false;
    bool aborts = false;
    while (take_line(&rest, &line)) {
        traceback = traceback || fg_bytes_start_with(line, "Traceback (most recent call last)");
        aborts = aborts || fg_bytes_start_with(line, "abort: ");
        if (fg_bytes_start_with(line, "abort: ") || (line.size > 0 && !aborts)) {
            last = line;
        }
    }
    return traceback ? last : said;
}

/* What hg wrote to its standard error. */
static void tell_operator(const struct fg_repository *repository, const char *command,
                          struct fg_bytes said)
{
    struct fg_bytes line;
    while (take_line(&said, &line)) {
        fg_repository_tell(repository, "%s: hg: %.*s", command, (int)line.size,
                           (const char *)line.data);
    }
}

/* Appends text with the path of the repository left out. */
static enum fg_status append_pathless(struct fg_buffer *buffer, struct fg_bytes text,
                                      const char *path)
{
    enum fg_status status = FG_OK;
    size_t size = strlen(path);
    while (status == FG_OK && text.size > 0) {
        const uint8_t *found = memmem(text.data, text.size, path, size);
        size_t before = found != NULL ? (size_t)(found - text.data) : text.size;
        status = fg_utf8_append_repaired(buffer, (struct fg_bytes){text.data, before});
        if (status == FG_OK && found != NULL) {
            status = fg_buffer_append_string(buffer, "REPOSITORY");
        }
        size_t gone = found != NULL ? before + size : before;
        text.data += gone;
        text.size -= gone;
    }
    return status;
}

/*
 * FG_ERR_IO, with hg's exit status and the message in what it said, made printable: of a traceback
 * only its last line, and no path of the repository.
 */
static enum fg_status fail(const struct fg_repository *repository, const char *command,
                           int exit_status, struct fg_bytes said, struct fg_error *error)
{
    enum { SHOWN_MAX = 180 };
    fg_repository_tell(repository, "%s: hg failed with status %d in %s", command, exit_status,
                       fg_repository_path(repository));
    said = message_in(said);
    while (said.size > 0 && said.data[said.size - 1] == '\n') {
        said.size--;
    }
    if (said.size > SHOWN_MAX) {
        said.data += said.size - SHOWN_MAX;
        said.size = SHOWN_MAX;
    }
    struct fg_buffer shown = FG_BUFFER_INIT(16 * SHOWN_MAX);
    if (append_pathless(&shown, said, fg_repository_path(repository)) != FG_OK) {
        fg_buffer_reset(&shown);
    }
    for (size_t i = 0; i < shown.size; i++) {
        shown.data[i] = shown.data[i] == '\n' ? ' ' : shown.data[i];
    }
    fg_fail(error, FG_ERR_IO, 0, "%s: hg failed with status %d: %.*s", command, exit_status,
            (int)shown.size, shown.size > 0 ? (const char *)shown.data : "");
    fg_buffer_free(&shown);
    return FG_ERR_IO;
}

/* -- answers ----------------------------------------------------------------------------------- */

/* Takes a line and its break, CR LF, off the front of a head. False if there is none. */
static bool take_field(struct fg_bytes *rest, struct fg_bytes *ret_field)
{
    const uint8_t *end = rest->size > 0 ? memmem(rest->data, rest->size, "\r\n", 2) : NULL;
    if (end == NULL) {
        return false;
    }
    size_t size = (size_t)(end - rest->data);
    *ret_field = (struct fg_bytes){rest->data, size};
    rest->data += size + 2;
    rest->size -= size + 2;
    return true;
}

/*
 * Takes the answer apart. False if it is none. *ret_plain: it is what the command answers, and not
 * a message about a refusal.
 */
static bool read_answer(struct fg_bytes output, struct fg_bytes *ret_body, bool *ret_plain)
{
    struct fg_bytes field;
    if (!take_field(&output, &field) || !fg_bytes_start_with(field, "Status: ")) {
        return false;
    }
    *ret_plain = fg_bytes_start_with(field, "Status: 200");
    while (take_field(&output, &field)) {
        if (field.size == 0) {
            *ret_body = output;
            return true;
        }
        if (fg_bytes_equal_string(field, "Content-Type: application/hg-error")) {
            *ret_plain = false;
        }
    }
    return false;
}

/* hg, or an extension, refuses: its text is for the client. */
static enum fg_status refuse(const struct fg_repository *repository, const char *command,
                             struct fg_bytes text, struct fg_error *error)
{
    struct fg_buffer shown = FG_BUFFER_INIT(FG_PUSH_REPLY_MAX);
    if (fg_bytes_start_with(text, "0\n")) {
        text.data += 2;
        text.size -= 2;
    }
    while (text.size > 0 && text.data[text.size - 1] == '\n') {
        text.size--;
    }
    if (append_pathless(&shown, text, fg_repository_path(repository)) != FG_OK || shown.size == 0) {
        fg_fail(error, FG_ERR_ARGUMENT, 0, "%s: hg refused it", command);
    } else {
        fg_fail(error, FG_ERR_ARGUMENT, 0, "%.*s", (int)shown.size, (const char *)shown.data);
    }
    fg_buffer_free(&shown);
    return FG_ERR_ARGUMENT;
}

/* Makes hg's output the answer, or says why there is none. */
static enum fg_status take_answer(struct fg_repository *repository,
                                  const struct fg_hg_request *request, int exit_status,
                                  struct fg_bytes output, struct fg_bytes errors,
                                  struct fg_buffer *answer, struct fg_error *error)
{
    struct fg_bytes body;
    bool plain = false;
    tell_operator(repository, request->command, errors);
    if (exit_status != 0 || !read_answer(output, &body, &plain)) {
        return fail(repository, request->command, exit_status, errors, error);
    }
    if (!plain) {
        return refuse(repository, request->command, body, error);
    }
    enum fg_status status = fg_buffer_append(answer, body.data, body.size);
    return status == FG_OK ? FG_OK
                           : fg_fail(error, status, 0, "%s: the answer: %s", request->command,
                                     fg_status_text(status));
}

static enum fg_status run(struct fg_repository *repository, const struct fg_hg_request *request,
                          struct environment *environment, int extension, struct fg_buffer *answer,
                          struct fg_error *error)
{
    static char option[] = "-R";
    static char setting[] = "--config";
    static char value[] = "extensions.framegate=" FG_PROCESS_EXTRA_PATH;
    static char command[] = "debugframegaterequest";
    /* posix_spawn takes them as not constant, but does not change them. */
    char *argv[] = {(char *)(uintptr_t)fg_repository_writer(repository),
                    option,
                    (char *)(uintptr_t)fg_repository_path(repository),
                    setting,
                    value,
                    command,
                    NULL};
    struct fg_buffer output = FG_BUFFER_INIT(FG_PUSH_REPLY_MAX);
    struct fg_buffer errors = FG_BUFFER_INIT(FG_HG_ERRORS_MAX);
    const struct fg_process job = {.argv = argv,
                                   .environment = environment->items,
                                   .seconds = request->seconds,
                                   .stop = fg_repository_writers_stop(repository),
                                   .input = request->body,
                                   .extra = extension,
                                   .output = &output,
                                   .errors = &errors};
    int exit_status = 0;
    enum fg_status status = fg_process_run(&job, &exit_status, error);
    if (status == FG_OK && output.size == output.ceiling) {
        status = fg_fail(error, FG_ERR_IO, 0, "%s: hg answered with more than %zu bytes",
                         request->command, output.ceiling);
    }
    if (status == FG_OK) {
        status = take_answer(repository, request, exit_status, fg_buffer_view(&output),
                             fg_buffer_view(&errors), answer, error);
    }
    fg_buffer_free(&output);
    fg_buffer_free(&errors);
    return status;
}

enum fg_status fg_hg_serve(struct fg_repository *repository, const struct fg_hg_request *request,
                           struct fg_buffer *answer, struct fg_error *error)
{
    struct environment environment = {.status = FG_OK};
    put_inherited(&environment);
    put_request(&environment, request);
    enum fg_status status = environment.status;
    int extension = -1;
    if (status != FG_OK) {
        fg_fail(error, status, 0, "out of memory");
    } else if ((extension = open_extension()) < 0) {
        status = fg_fail(error, FG_ERR_IO, 0, "%s: hg cannot be run: %s", request->command,
                         strerror(errno));
    } else {
        status = run(repository, request, &environment, extension, answer, error);
        close(extension);
        /* Who asks next sees what was done. What cannot be read is for him to hear of. */
        (void)fg_repository_refresh(repository, NULL);
    }
    environment_clear(&environment);
    return status;
}
