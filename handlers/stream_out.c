/*
 * stream_out: the store's files as they lie on disk. The answer starts with a line that says
 * whether there will be any: 0, or 1 for not allowed, 2 for a lock that was not to be had.
 */
#include "handlers/commands.h"
#include "handlers/repo/snapshot.h"
#include "handlers/repo/streamclone.h"

#include <stdio.h>

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct fg_streamclone *clone;
    enum fg_status status =
        fg_streamclone_new(call->snapshot, FG_STREAMCLONE_V1, false, call->memory, &clone, error);
    if (status == FG_ERR_UNSUPPORTED || status == FG_ERR_STATE) {
        static const char not_allowed[] = "1\n";
        static const char not_locked[] = "2\n";
        ret_reply->body = fg_source_from_bytes(
            fg_bytes_from_string(status == FG_ERR_UNSUPPORTED ? not_allowed : not_locked));
        return FG_OK;
    }
    if (status != FG_OK) {
        return status;
    }
    char start[FG_STREAMCLONE_PREFIX_MAX];
    int size = snprintf(start, sizeof start, "0\n%llu %llu\n",
                        (unsigned long long)fg_streamclone_files(clone),
                        (unsigned long long)fg_streamclone_bytes(clone));
    ret_reply->body =
        fg_streamclone_source(clone, (struct fg_bytes){(const uint8_t *)start, (size_t)size});
    ret_reply->slow_body = true;
    ret_reply->dense = true;
    return fg_reply_tell(call, ret_reply, error);
}

static const struct fg_argument_spec arguments[] = {
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_stream_out = {
    .name = "stream_out",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
    .slow = true,
};
