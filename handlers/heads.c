/* heads: the nodes of the served view's heads, from the tip down. */
#include "handlers/commands.h"
#include "handlers/registry.h"
#include "handlers/repo/snapshot.h"

static void release(void *context)
{
    fg_snapshot_unref(context);
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    (void)error;
    uint32_t index;
    bool public_only = fg_command_argument(call->command, "publiconly", &index) == FG_OK &&
                       call->command->request.items[index].type == FG_CBOR_TRUE;
    const struct fg_buffer *answer =
        public_only ? &call->snapshot->public_heads_answer : &call->snapshot->heads_answer;
    /* The answer was made with the snapshot and stays as long as this reference. */
    ret_reply->body = fg_source_from_bytes(fg_buffer_view(answer));
    ret_reply->body.destroy = release;
    ret_reply->body.context = fg_snapshot_ref(call->snapshot);
    ret_reply->flags = FG_BYTES_RESPONSE_CBOR;
    return FG_OK;
}

static const struct fg_argument_spec arguments[] = {
    {"publiconly", FG_ARGUMENT_BOOL, false, "False"},
    {NULL, FG_ARGUMENT_BOOL, false, NULL},
};

const struct fg_command_spec fg_command_heads = {
    .name = "heads",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
};
