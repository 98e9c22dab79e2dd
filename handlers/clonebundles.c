/*
 * clonebundles and clonebundles_manifest: the file in which a repository names bundles that a clone
 * may start from. What its lines mean is between its author and the clients; but clients that ask
 * by the older command do not know of bundles that the server itself has.
 */
#include "handlers/clonebundles.h"

#include "handlers/commands.h"
#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/snapshot.h"

#include <string.h>

#define MANIFEST "clonebundles.manifest"
#define INLINE   "peer-bundle-cache://"

bool fg_clonebundles_exist(const struct fg_snapshot *snapshot)
{
    struct fg_file_stamp stamp;
    return fg_file_stamp(snapshot->layout->hg, MANIFEST, &stamp, NULL) == FG_OK && stamp.exists;
}

/* Takes the lines of bundles that the server has out of the text. */
static void drop_inline(struct fg_buffer *buffer)
{
    struct fg_bytes rest = fg_buffer_view(buffer);
    struct fg_bytes line;
    size_t kept = 0;
    const uint8_t *start = rest.data;
    while (fg_line_next(&rest, &line)) {
        size_t size = (size_t)(rest.data - start);
        if (!fg_bytes_start_with(line, INLINE)) {
            memmove(buffer->data + kept, start, size);
            kept += size;
        }
        start = rest.data;
    }
    buffer->size = kept;
}

static enum fg_status answer(const struct fg_call *call, bool whole, struct fg_reply *ret_reply,
                             struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(FG_SMALL_FILE_MAX);
    enum fg_status status = fg_file_read(call->snapshot->layout->hg, MANIFEST, &buffer, error);
    if (status == FG_ERR_NOT_FOUND) {
        status = FG_OK;
    }
    if (!whole) {
        drop_inline(&buffer);
    }
    status = fg_reply_from_buffer(status, &buffer, ret_reply, error);
    ret_reply->flags = 0; /* text, not CBOR */
    return status;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    return answer(call, false, ret_reply, error);
}

static enum fg_status run_manifest(const struct fg_call *call, struct fg_reply *ret_reply,
                                   struct fg_error *error)
{
    return answer(call, true, ret_reply, error);
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

const struct fg_command_spec fg_command_clonebundles_manifest = {
    .name = "clonebundles_manifest",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run_manifest,
};
