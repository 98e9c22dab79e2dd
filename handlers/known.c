/* known: for each node a '1' if it is a changeset of the served view, else a '0'. */
#include "handlers/commands.h"
#include "handlers/registry.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/snapshot.h"

#include <string.h>

static bool knows(const struct fg_snapshot *snapshot, struct fg_bytes bytes)
{
    struct fg_node node;
    if (bytes.size != FG_NODE_SIZE) {
        return false;
    }
    memcpy(node.bytes, bytes.data, FG_NODE_SIZE);
    return fg_snapshot_knows(snapshot, &node);
}

/* Where the node at place of the list will be looked for; the list itself if there is none. */
static const void *place_of(const struct fg_snapshot *snapshot, const struct fg_cbor_value *request,
                            uint32_t list, size_t place)
{
    const struct fg_cbor_item *items = &request->items[list];
    struct fg_node node;
    if (place >= items[0].count || items[1 + place].string.size != FG_NODE_SIZE) {
        return items;
    }
    memcpy(node.bytes, items[1 + place].string.data, FG_NODE_SIZE);
    return fg_nodetable_place(&snapshot->history->table, &node);
}

static enum fg_status answer(const struct fg_call *call, struct fg_buffer *encoded)
{
    const struct fg_cbor_value *request = &call->command->request;
    uint32_t list;
    enum fg_status status = fg_command_argument(call->command, "nodes", &list);
    if (status != FG_OK) {
        return status;
    }
    size_t count = (size_t)request->items[list].count;
    uint8_t *marks;
    status = fg_cbor_put_space(encoded, count, &marks);
    if (status != FG_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(place_of(call->snapshot, request, list, i + FG_NODES_AHEAD));
        /* Byte strings have nothing inside: they stand side by side. */
        marks[i] = knows(call->snapshot, request->items[list + 1 + i].string) ? '1' : '0';
    }
    return FG_OK;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct fg_buffer encoded = FG_BUFFER_INIT(FG_ANSWER_MAX);
    if (error != NULL) {
        error->message[0] = '\0';
    }
    return fg_reply_from_buffer(answer(call, &encoded), &encoded, ret_reply, error);
}

static const struct fg_argument_spec arguments[] = {
    {"nodes", FG_ARGUMENT_LIST_OF_BYTES, true, "[b'deadbeef']"},
    {NULL, FG_ARGUMENT_LIST_OF_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_known = {
    .name = "known",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
};
