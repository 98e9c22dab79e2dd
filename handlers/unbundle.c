/*
 * unbundle: a push. The bundle is kept in a file without a name until all of it came; then a real
 * Mercurial takes it, since locks, transactions and hooks are its own: "hg serve --stdio", spoken
 * to as a client at the other end of ssh would. A pusher that leaves early has changed nothing, and
 * one that leaves late has pushed.
 */
#define _GNU_SOURCE /* memfd_create, O_TMPFILE */

#include "handlers/bundle/replycaps.h"
#include "handlers/commands.h"
#include "handlers/hgprogram.h"
#include "handlers/registry.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/node.h"
#include "handlers/repo/process.h"
#include "handlers/repo/repository.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    BLOCK = 64 << 10, /* bytes that are sent to hg at once, after a line with their number */
    BLOCK_HEAD_MAX = 16,
    ARGUMENTS = 5, /* hg -R REPO serve --stdio */
};

/* What hg says once it waits for the bundle. */
static const char ready[] = "0\n";

/*
 * hg allows no options beside --stdio, so what it must know stands in a file: what hooks say
 * belongs into the reply, as over HTTP, and the bundle need not be copied to one more file.
 */
static const char settings[] = "[experimental]\n"
                               "bundle2-output-capture = yes\n"
                               "[server]\n"
                               "streamunbundle = yes\n";

/* A push whose bundle is coming. */
struct push {
    struct fg_repository *repository;
    struct fg_push_limits limits;
    struct fg_buffer start; /* the command as hg is sent it */
    struct fg_buffer block; /* what is not in the file yet */
    struct fg_replycaps_walk walk;
    int file;      /* the bundle in blocks */
    uint64_t size; /* bytes of the bundle */
    uint64_t file_size;
    struct fg_holding holding; /* of start, and a block */
};

static void push_free(void *context)
{
    struct push *push = context;
    if (push == NULL) {
        return;
    }
    if (push->file >= 0) {
        close(push->file);
    }
    fg_buffer_free(&push->start);
    fg_buffer_free(&push->block);
    fg_holding_set(&push->holding, 0);
    free(push);
}

/* -- the bundle comes -------------------------------------------------------------------------- */

/* A file without a name, in the folder for temporary files. */
static enum fg_status open_file(int *ret_fd, struct fg_error *error)
{
    const char *folder = getenv("TMPDIR");
    folder = folder != NULL && folder[0] == '/' ? folder : "/tmp";
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        /* A file system that cannot: the name is there for a moment. */
        char *path;
        if (asprintf(&path, "%s/framegate-push-XXXXXX", folder) < 0) {
            return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
        }
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) {
            unlink(path);
        }
        free(path);
    }
    if (fd < 0) {
        return fg_fail(error, FG_ERR_IO, 0, "unbundle: there is no file for the bundle: %s",
                       strerror(errno));
    }
    *ret_fd = fd;
    return FG_OK;
}

/* The command as a client sends it: its name, and the heads in hex with blanks between them. */
static enum fg_status put_start(const struct fg_call *call, struct fg_buffer *start)
{
    uint32_t index;
    struct fg_buffer heads = FG_BUFFER_INIT(FG_ANSWER_MAX);
    enum fg_status status = fg_command_argument(call->command, "heads", &index);
    const struct fg_cbor_item *items = call->command->request.items;
    for (uint64_t i = 0; status == FG_OK && i < items[index].count; i++) {
        if (i > 0) {
            status = fg_buffer_append_byte(&heads, ' ');
        }
        if (status == FG_OK) {
            status = fg_buffer_append_hex(&heads, items[index + 1 + i].string);
        }
    }
    if (status == FG_OK) {
        status = fg_buffer_append_format(start, "unbundle\nheads %zu\n", heads.size);
    }
    if (status == FG_OK) {
        status = fg_buffer_append(start, heads.data, heads.size);
    }
    fg_buffer_free(&heads);
    return status;
}

static enum fg_status begin(const struct fg_call *call, void **ret_context, struct fg_error *error)
{
    struct push *push = calloc(1, sizeof *push);
    if (push == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    push->repository = call->repository;
    push->limits = fg_repository_push_limits(call->repository);
    push->file = -1;
    fg_buffer_init(&push->start, FG_ANSWER_MAX);
    fg_buffer_init(&push->block, BLOCK);
    enum fg_status status = put_start(call, &push->start);
    push->holding.memory = call->memory;
    fg_holding_set(&push->holding, push->start.capacity + BLOCK);
    if (status != FG_OK) {
        fg_fail(error, status, 0, "unbundle: the heads: %s", fg_status_text(status));
    } else {
        status = open_file(&push->file, error);
    }
    if (status != FG_OK) {
        push_free(push);
        return status;
    }
    *ret_context = push;
    return FG_OK;
}

static enum fg_status write_all(struct push *push, const void *data, size_t size,
                                struct fg_error *error)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t written = write(push->file, at, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return fg_fail(error, FG_ERR_IO, 0, "unbundle: the bundle cannot be kept: %s",
                           strerror(errno));
        }
        at += written;
        size -= (size_t)written;
        push->file_size += (size_t)written;
    }
    return FG_OK;
}

/* Writes the block, after its size. An empty one is the end. */
static enum fg_status write_block(struct push *push, struct fg_error *error)
{
    char head[BLOCK_HEAD_MAX];
    int size = snprintf(head, sizeof head, "%zu\n", push->block.size);
    enum fg_status status = write_all(push, head, (size_t)size, error);
    if (status == FG_OK) {
        status = write_all(push, push->block.data, push->block.size, error);
    }
    fg_buffer_reset(&push->block);
    return status;
}

static enum fg_status take(void *context, struct fg_bytes piece, struct fg_error *error)
{
    struct push *push = context;
    if (piece.size > push->limits.bytes - push->size) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "the bundle exceeds the limit of %llu bytes",
                       (unsigned long long)push->limits.bytes);
    }
    push->size += piece.size;
    fg_replycaps_take(&push->walk, piece);
    enum fg_status status = FG_OK;
    while (piece.size > 0 && status == FG_OK) {
        size_t room = BLOCK - push->block.size;
        size_t size = piece.size < room ? piece.size : room;
        status = fg_buffer_append(&push->block, piece.data, size);
        piece.data += size;
        piece.size -= size;
        if (status == FG_OK && push->block.size == BLOCK) {
            status = write_block(push, error);
        }
    }
    return status;
}

/* -- hg takes it ------------------------------------------------------------------------------- */

/* Takes "NUMBER\n" and as many bytes off the front; false if that is not what stands there. */
static bool take_answer(struct fg_bytes *rest, struct fg_bytes *ret_answer)
{
    size_t number = 0;
    size_t digits = 0;
    while (digits < rest->size && digits < 9 && rest->data[digits] >= '0' &&
           rest->data[digits] <= '9') {
        number = number * 10 + (size_t)(rest->data[digits++] - '0');
    }
    if (digits == 0 || digits == rest->size || rest->data[digits] != '\n' ||
        number > rest->size - digits - 1) {
        return false;
    }
    *ret_answer = (struct fg_bytes){rest->data + digits + 1, number};
    rest->data += digits + 1 + number;
    rest->size -= digits + 1 + number;
    return true;
}

/*
 * Puts hg's answer into the form that it has over HTTP. A bundle (of the second kind) stays what it
 * is. Else there is a number, 0 for a failure, and on lines of their own what the pusher is to see.
 */
static enum fg_status put_reply(const struct fg_repository *repository, struct fg_bytes said,
                                struct fg_bytes errors, int exit_status, struct fg_buffer *reply,
                                struct fg_error *error)
{
    static const char magic[] = "HG20";
    struct fg_bytes answer = {NULL, 0};
    struct fg_bytes rest = said;
    bool known = take_answer(&rest, &answer);
    if (known && answer.size == 0 && rest.size >= 4 && memcmp(rest.data, magic, 4) == 0) {
        return fg_buffer_append(reply, rest.data, rest.size);
    }
    if (known && answer.size == 0) {
        known = take_answer(&rest, &answer) && (answer.size > 0 || take_answer(&rest, &answer));
    }
    if (!known || answer.size == 0) {
        return fg_hg_failure(repository, "unbundle", exit_status, errors.size > 0 ? errors : said,
                             error);
    }
    bool number = true;
    for (size_t i = 0; i < answer.size; i++) {
        number = number && ((answer.data[i] >= '0' && answer.data[i] <= '9') ||
                            (i == 0 && answer.data[i] == '-'));
    }
    if (!number) {
        /* A race with another pusher: the answer is its description. */
        return fg_buffer_append_format(reply, "0\n%.*s\n", (int)answer.size,
                                       (const char *)answer.data);
    }
    enum fg_status status =
        fg_buffer_append_format(reply, "%.*s\n", (int)answer.size, (const char *)answer.data);
    return status == FG_OK ? fg_buffer_append(reply, errors.data, errors.size) : status;
}

/* The settings as a file that hg can open. */
static int open_settings(void)
{
    int fd = memfd_create("hgrc", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, settings, sizeof settings - 1) != (ssize_t)sizeof settings - 1) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static enum fg_status run_hg(struct push *push, struct fg_buffer *reply, struct fg_error *error)
{
    static char option[] = "-R";
    static char serve[] = "serve";
    static char stdio[] = "--stdio";
    /* posix_spawn takes them as not constant, but does not change them. */
    char *argv[ARGUMENTS + 1] = {(char *)(uintptr_t)fg_repository_writer(push->repository), option,
                                 (char *)(uintptr_t)fg_repository_path(push->repository), serve,
                                 stdio};
    struct fg_buffer output = FG_BUFFER_INIT(FG_PUSH_REPLY_MAX);
    struct fg_buffer errors = FG_BUFFER_INIT(FG_PUSHKEY_OUTPUT_MAX);
    struct fg_hg_environment environment;
    struct fg_process_input input = {.start = fg_buffer_view(&push->start),
                                     .go_on = ready,
                                     .file = push->file,
                                     .file_size = push->file_size};
    struct fg_process job = {.argv = argv,
                             .environment = environment.items,
                             .seconds = push->limits.seconds,
                             .input = &input,
                             .stop = fg_repository_writers_stop(push->repository),
                             .extra = open_settings(),
                             .output = &output,
                             .errors = &errors};
    int exit_status = 0;
    enum fg_status status = fg_hg_environment_make(&environment, FG_PROCESS_EXTRA_PATH);
    if (status == FG_OK && job.extra < 0) {
        status = FG_ERR_IO;
    }
    if (status != FG_OK) {
        fg_fail(error, status, 0, "unbundle: hg cannot be run: %s", fg_status_text(status));
    } else {
        status = fg_process_run(&job, &exit_status, error);
    }
    if (status == FG_OK && output.size == output.ceiling) {
        status = fg_fail(error, FG_ERR_IO, 0, "unbundle: hg answered with more than %zu bytes",
                         output.ceiling);
    }
    if (status == FG_OK) {
        status = put_reply(push->repository, fg_buffer_view(&output), fg_buffer_view(&errors),
                           exit_status, reply, error);
    }
    if (job.extra >= 0) {
        close(job.extra);
    }
    fg_hg_environment_clear(&environment);
    fg_buffer_free(&output);
    fg_buffer_free(&errors);
    return status;
}

/* What hg would take and then fail to answer must not come so far. */
static enum fg_status check_answerable(const struct push *push, struct fg_error *error)
{
    switch (push->walk.found) {
    case FG_REPLYCAPS_MISSING:
        return fg_fail(error, FG_ERR_ARGUMENT, 0,
                       "unbundle: the bundle2 has no part 'replycaps', without which a push is not "
                       "answered; nothing was changed");
    case FG_REPLYCAPS_HIDDEN:
        return fg_fail(error, FG_ERR_ARGUMENT, 0,
                       "unbundle: the parts of a pushed bundle2 may not be compressed; nothing was "
                       "changed");
    case FG_REPLYCAPS_UNKNOWN:
    case FG_REPLYCAPS_THERE:
        break;
    }
    return FG_OK;
}

static enum fg_status end(void *context, struct fg_reply *ret_reply, struct fg_error *error)
{
    struct push *push = context;
    struct fg_buffer reply = FG_BUFFER_INIT(FG_PUSH_REPLY_MAX + FG_PUSHKEY_OUTPUT_MAX);
    enum fg_status status = check_answerable(push, error);
    if (status == FG_OK && push->block.size > 0) {
        status = write_block(push, error);
    }
    if (status == FG_OK) {
        status = write_block(push, error);
    }
    if (status == FG_OK) {
        status = run_hg(push, &reply, error);
        /* Who asks next sees what was done. What cannot be read is for him to hear of. */
        (void)fg_repository_refresh(push->repository, NULL);
    }
    push_free(push);
    status = fg_reply_from_buffer(status, &reply, ret_reply, error);
    ret_reply->flags = 0; /* bytes of Mercurial's own, not CBOR */
    return status;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    (void)call;
    (void)ret_reply;
    return fg_fail(error, FG_ERR_ARGUMENT, 0, "unbundle: there is no bundle");
}

static const struct fg_data_taker taker = {begin, take, end, push_free, .alone = true};

static const struct fg_argument_spec arguments[] = {
    {"heads", FG_ARGUMENT_LIST_OF_BYTES, true, "[b'force']"},
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_unbundle = {
    .name = "unbundle",
    .permission = FG_PERMISSION_PUSH,
    .arguments = arguments,
    .run = run,
    .slow = true,
    .taker = &taker,
};
