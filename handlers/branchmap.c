/* branchmap: the heads of each named branch of the served view, open and closed. */
#include "handlers/commands.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/snapshot.h"

static enum fg_status put_branch(const struct fg_snapshot *snapshot, const struct fg_branch *branch,
                                 struct fg_buffer *buffer)
{
    enum fg_status status = fg_cbor_put_bytes(buffer, branch->name.data, branch->name.size);
    if (status == FG_OK) {
        status = fg_cbor_put_array(buffer, branch->heads_count);
    }
    for (uint32_t i = 0; i < branch->heads_count && status == FG_OK; i++) {
        status = fg_cbor_put_bytes(buffer, fg_snapshot_node(snapshot, branch->heads[i])->bytes,
                                   FG_NODE_SIZE);
    }
    return status;
}

static enum fg_status put_branches(struct fg_snapshot *snapshot, void *context,
                                   struct fg_error *error)
{
    struct fg_buffer *buffer = context;
    const struct fg_branches *branches;
    enum fg_status status = fg_snapshot_branches(snapshot, &branches, error);
    if (status != FG_OK) {
        return status;
    }
    struct fg_cbor_map map;
    fg_cbor_map_begin(buffer, &map);
    for (uint32_t i = 0; i < branches->count && status == FG_OK; i++) {
        status = put_branch(snapshot, &branches->items[i], buffer);
    }
    return status == FG_OK ? fg_cbor_map_end(buffer, &map, false) : status;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(FG_ANSWER_MAX);
    if (error != NULL) {
        error->message[0] = '\0';
    }
    enum fg_status status = fg_call_with_snapshot(call, put_branches, &buffer, error);
    return fg_reply_from_buffer(status, &buffer, ret_reply, error);
}

/* Unless they are known, all changesets have to be read for it. */
static bool is_quick(const struct fg_call *call)
{
    return fg_snapshot_is_ready(call->snapshot, false);
}

static const struct fg_argument_spec arguments[] = {
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_branchmap = {
    .name = "branchmap",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
    .slow = true,
    .quick = is_quick,
};
