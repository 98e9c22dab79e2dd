/* What several commands need. */
#include "handlers/commands.h"

#include "handlers/registry.h"
#include "handlers/repo/lock.h"
#include "handlers/repo/notices.h"
#include "handlers/repo/snapshot.h"

#include <stdlib.h>

enum fg_status fg_reply_from_buffer(enum fg_status status, struct fg_buffer *buffer,
                                    struct fg_reply *ret_reply, struct fg_error *error)
{
    if (status != FG_OK) {
        fg_buffer_free(buffer);
        if (error != NULL && error->message[0] == '\0') {
            fg_fail(error, status, 0, "the answer cannot be made: %s", fg_status_text(status));
        }
        return status;
    }
    ret_reply->flags = FG_BYTES_RESPONSE_CBOR;
    ret_reply->body = fg_source_from_buffer(buffer);
    return FG_OK;
}

/* A body, and who is told if it fails. */
struct told {
    struct fg_source body;
    const struct fg_repository *repository;
    const char *command;
};

static enum fg_status read_told(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct told *told = context;
    enum fg_status status = fg_source_read(&told->body, buffer, capacity, ret_size);
    if (fg_failed(status) || (status == FG_END && fg_source_lacks(&told->body))) {
        struct fg_error error;
        fg_source_explain(&told->body, status, &error);
        fg_repository_tell(told->repository, "%s: the answer was cut: %s", told->command,
                           error.message);
    }
    return status;
}

static void destroy_told(void *context)
{
    struct told *told = context;
    fg_source_destroy(&told->body);
    free(told);
}

enum fg_status fg_reply_tell(const struct fg_call *call, struct fg_reply *reply,
                             struct fg_error *error)
{
    const struct fg_command_spec *spec = fg_registry_find(call->command->name);
    struct told *told = malloc(sizeof *told);
    if (told == NULL) {
        fg_source_destroy(&reply->body);
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    *told = (struct told){reply->body, call->repository, spec != NULL ? spec->name : "?"};
    reply->body = (struct fg_source){.read = read_told,
                                     .destroy = destroy_told,
                                     .context = told,
                                     .error = told->body.error,
                                     .size = told->body.size};
    return FG_OK;
}

struct fg_bytes fg_call_bytes(const struct fg_call *call, const char *name)
{
    uint32_t index;
    if (fg_command_argument(call->command, name, &index) != FG_OK) {
        return (struct fg_bytes){NULL, 0};
    }
    return call->command->request.items[index].string;
}

/* A failure that a snapshot of the past may be the reason for. */
static bool may_be_past(enum fg_status status)
{
    return status == FG_ERR_CORRUPT || status == FG_ERR_TRUNCATED || status == FG_ERR_UNSUPPORTED ||
           status == FG_ERR_IO || status == FG_ERR_LIMIT;
}

/* A file that is being written at this moment says nothing. */
static void tell_damage(const struct fg_layout *layout, enum fg_status status,
                        const struct fg_error *error)
{
    bool transaction;
    if (fg_is_damage(status) && !fg_layout_locked(layout, &transaction)) {
        fg_notices_damage(layout->notices, layout->store, "", error->message);
    }
}

enum fg_status fg_call_with_snapshot(const struct fg_call *call,
                                     enum fg_status (*function)(struct fg_snapshot *snapshot,
                                                                void *context,
                                                                struct fg_error *error),
                                     void *context, struct fg_error *error)
{
    /* Each further attempt needs somebody to rewrite history once more in the meantime. */
    enum { ATTEMPTS = 5 };
    struct fg_snapshot *snapshot = fg_snapshot_ref(call->snapshot);
    struct fg_error unheard;
    error = error != NULL ? error : &unheard;
    enum fg_status status = function(snapshot, context, error);
    for (int i = 1; i < ATTEMPTS && may_be_past(status); i++) {
        struct fg_snapshot *present;
        if (fg_repository_refresh(call->repository, NULL) != FG_OK ||
            fg_repository_snapshot(call->repository, &present, NULL) != FG_OK) {
            break;
        }
        bool same = present == snapshot;
        fg_snapshot_unref(snapshot);
        snapshot = present;
        if (same) {
            tell_damage(snapshot->layout, status, error);
            break;
        }
        status = function(snapshot, context, error);
    }
    fg_snapshot_unref(snapshot);
    return status;
}
