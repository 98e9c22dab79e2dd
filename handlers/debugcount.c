/*
 * debugcount: how many bytes of command data came. For measuring and for tests: it takes its data
 * piece by piece and keeps none of it.
 */
#include "framing/cbor.h"
#include "handlers/commands.h"

#include <stdlib.h>

enum { ANSWER_MAX = 16 };

static enum fg_status answer(uint64_t count, struct fg_reply *ret_reply, struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(ANSWER_MAX);
    enum fg_status status = fg_cbor_put_uint(&buffer, count);
    return fg_reply_from_buffer(status, &buffer, ret_reply, error);
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    (void)call;
    return answer(0, ret_reply, error);
}

static enum fg_status begin(const struct fg_call *call, void **ret_context, struct fg_error *error)
{
    (void)call;
    uint64_t *count = calloc(1, sizeof *count);
    if (count == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    *ret_context = count;
    return FG_OK;
}

static enum fg_status take(void *context, struct fg_bytes piece, struct fg_error *error)
{
    (void)error;
    uint64_t *count = context;
    *count += piece.size;
    return FG_OK;
}

static enum fg_status end(void *context, struct fg_reply *ret_reply, struct fg_error *error)
{
    enum fg_status status = answer(*(uint64_t *)context, ret_reply, error);
    free(context);
    return status;
}

static const struct fg_data_taker taker = {begin, take, end, free, .alone = false};

static const struct fg_argument_spec arguments[] = {
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_debugcount = {
    .name = "debugcount",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
    .debug = true,
    .taker = &taker,
};
