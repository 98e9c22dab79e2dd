/*
 * clonebundles: the file in which a repository names bundles elsewhere that a clone may start from,
 * as it is. What its lines mean is between its author and the clients.
 */
#include "handlers/clonebundles.h"

#include "handlers/commands.h"
#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/snapshot.h"

#define MANIFEST "clonebundles.manifest"

bool fg_clonebundles_exist(const struct fg_snapshot *snapshot)
{
    struct fg_file_stamp stamp;
    return fg_file_stamp(snapshot->layout->hg, MANIFEST, &stamp, NULL) == FG_OK && stamp.exists;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(FG_SMALL_FILE_MAX);
    enum fg_status status = fg_file_read(call->snapshot->layout->hg, MANIFEST, &buffer, error);
    if (status == FG_ERR_NOT_FOUND) {
        status = FG_OK;
    }
    status = fg_reply_from_buffer(status, &buffer, ret_reply, error);
    ret_reply->flags = 0; /* text, not CBOR */
    return status;
}

static const struct fg_argument_spec arguments[] = {
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_clonebundles = {
    .name = "clonebundles",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
};
