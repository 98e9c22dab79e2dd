/*
 * unbundle: a push. The bundle is kept in a file without a name until all of it came; then a real
 * Mercurial serves the request. A pusher that leaves early has changed nothing, and one that leaves
 * late has pushed.
 */
#include "handlers/bundle/replycaps.h"
#include "handlers/commands.h"
#include "handlers/hgprogram.h"
#include "handlers/registry.h"
#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/repository.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A push whose bundle is coming. */
struct push {
    struct fg_repository *repository;
    const struct fg_caller *caller;
    struct fg_push_limits limits;
    struct fg_replycaps_walk walk;
    int file;                /* the body of the request for hg */
    uint64_t arguments_size; /* bytes of the file before the bundle */
    uint64_t size;           /* bytes of the bundle */
    struct fg_holding disk;  /* of the bundle in the file */
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
    fg_holding_set(&push->disk, 0);
    free(push);
}

/* -- the bundle comes -------------------------------------------------------------------------- */

/* Writes to the end of the file. */
static enum fg_status write_all(struct push *push, struct fg_bytes data, struct fg_error *error)
{
    while (data.size > 0) {
        ssize_t written = write(push->file, data.data, data.size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return fg_fail(error, FG_ERR_IO, 0, "unbundle: the bundle cannot be kept: %s",
                           strerror(errno));
        }
        data.data += written;
        data.size -= (size_t)written;
    }
    return FG_OK;
}

/* The heads as clients send them: in hex, with blanks between them. */
static enum fg_status put_heads(const struct fg_call *call, struct fg_buffer *form)
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
        status = fg_hg_put_argument(form, "heads", fg_buffer_view(&heads));
    }
    fg_buffer_free(&heads);
    return status;
}

static enum fg_status write_arguments(struct push *push, const struct fg_call *call,
                                      struct fg_error *error)
{
    struct fg_buffer form = FG_BUFFER_INIT(FG_ANSWER_MAX);
    enum fg_status status = put_heads(call, &form);
    if (status != FG_OK) {
        fg_fail(error, status, 0, "unbundle: the heads: %s", fg_status_text(status));
    } else {
        status = write_all(push, fg_buffer_view(&form), error);
    }
    push->arguments_size = form.size;
    fg_buffer_free(&form);
    return status;
}

static enum fg_status begin(const struct fg_call *call, void **ret_context, struct fg_error *error)
{
    struct push *push = calloc(1, sizeof *push);
    if (push == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    push->repository = call->repository;
    push->caller = call->caller;
    push->limits = fg_repository_push_limits(call->repository);
    push->disk.memory = push->limits.disk;
    push->file = -1;
    enum fg_status status =
        fg_file_unnamed("unbundle: there is no file for the bundle", &push->file, error);
    if (status == FG_OK) {
        status = write_arguments(push, call, error);
    }
    if (status != FG_OK) {
        push_free(push);
        return status;
    }
    *ret_context = push;
    return FG_OK;
}

static enum fg_status take(void *context, struct fg_bytes piece, struct fg_error *error)
{
    struct push *push = context;
    if (piece.size > push->limits.bytes - push->size) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "the bundle exceeds the limit of %llu bytes",
                       (unsigned long long)push->limits.bytes);
    }
    if (!fg_holding_fits(&push->disk, push->size + piece.size)) {
        /* As if the disk were full, which this keeps it from. */
        return fg_fail(error, FG_ERR_IO, 0,
                       "unbundle: the pushes in progress hold too much disk, try again later");
    }
    push->size += piece.size;
    fg_replycaps_take(&push->walk, piece);
    return write_all(push, piece, error);
}

/* -- hg takes it ------------------------------------------------------------------------------- */

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
    struct fg_buffer reply = FG_BUFFER_INIT(FG_PUSH_REPLY_MAX);
    const struct fg_hg_request request = {.command = "unbundle",
                                          .caller = push->caller,
                                          .body = push->file,
                                          .body_size = push->arguments_size + push->size,
                                          .arguments_size = push->arguments_size,
                                          .seconds = push->limits.seconds};
    enum fg_status status = check_answerable(push, error);
    if (status == FG_OK) {
        status = fg_hg_serve(push->repository, &request, &reply, error);
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
