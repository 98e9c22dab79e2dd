/* lookup: the node that a name stands for. */
#include "handlers/commands.h"
#include "handlers/repo/snapshot.h"

struct question {
    struct fg_bytes key;
    struct fg_node node;
};

static enum fg_status look_up(struct fg_snapshot *snapshot, void *context, struct fg_error *error)
{
    struct question *question = context;
    return fg_snapshot_lookup(snapshot, question->key, &question->node, error);
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(2 * FG_NODE_SIZE);
    struct question question = {.key = fg_call_bytes(call, "key")};
    if (error != NULL) {
        error->message[0] = '\0';
    }
    enum fg_status status = fg_call_with_snapshot(call, look_up, &question, error);
    if (status == FG_OK) {
        status = fg_cbor_put_bytes(&buffer, question.node.bytes, FG_NODE_SIZE);
    }
    return fg_reply_from_buffer(status, &buffer, ret_reply, error);
}

/* Unless tags and branches are known, all that they are in may have to be read for a name. */
static bool is_quick(const struct fg_call *call)
{
    struct fg_node node;
    struct fg_bytes key = fg_call_bytes(call, "key");
    return fg_snapshot_is_ready(call->snapshot, true) ||
           (fg_node_from_hex(key, &node) && fg_snapshot_knows(call->snapshot, &node));
}

static const struct fg_argument_spec arguments[] = {
    {"key", FG_ARGUMENT_BYTES, true, "b'foo'"},
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_lookup = {
    .name = "lookup",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
    .slow = true,
    .quick = is_quick,
};
