/* listkeys: the keys and values of a namespace: namespaces, bookmarks, phases. */
#include "handlers/commands.h"
#include "handlers/keys.h"
#include "handlers/repo/limits.h"

static enum fg_status put_pair(void *context, struct fg_bytes key, struct fg_bytes value)
{
    struct fg_buffer *buffer = context;
    enum fg_status status = fg_cbor_put_bytes(buffer, key.data, key.size);
    return status == FG_OK ? fg_cbor_put_bytes(buffer, value.data, value.size) : status;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(FG_ANSWER_MAX);
    if (error != NULL) {
        error->message[0] = '\0';
    }
    struct fg_cbor_map map;
    fg_cbor_map_begin(&buffer, &map);
    enum fg_status status =
        fg_keys_walk(call->snapshot, fg_call_bytes(call, "namespace"), put_pair, &buffer, error);
    if (status == FG_OK) {
        /* A root that the file names twice is one key. */
        status = fg_cbor_map_end(&buffer, &map, true);
    }
    return fg_reply_from_buffer(status, &buffer, ret_reply, error);
}

static const struct fg_argument_spec arguments[] = {
    {"namespace", FG_ARGUMENT_BYTES, true, "b'ns'"},
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_listkeys = {
    .name = "listkeys",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
};
