/*
 * debugbytes: as many zero bytes as are asked for, made as they are sent. For measuring and for
 * tests.
 */
#include "handlers/commands.h"
#include "handlers/registry.h"

#include <stdlib.h>
#include <string.h>

/* Enough for any measurement, and no debug command runs for ever. */
#define SIZE_LIMIT ((uint64_t)1 << 36)

static enum fg_status read_zeros(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    uint64_t *left = context;
    size_t size = *left < capacity ? (size_t)*left : capacity;
    if (size == 0) {
        return FG_END;
    }
    memset(buffer, 0, size);
    *left -= size;
    *ret_size = size;
    return FG_OK;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    uint32_t index;
    enum fg_status status = fg_command_argument(call->command, "size", &index);
    if (status != FG_OK) {
        return status;
    }
    const struct fg_cbor_item *item = &call->command->request.items[index];
    if (item->type != FG_CBOR_UINT || item->number > SIZE_LIMIT) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "debugbytes: size must be from 0 to %llu",
                       (unsigned long long)SIZE_LIMIT);
    }
    uint64_t *left = malloc(sizeof *left);
    if (left == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    *left = item->number;
    uint32_t slow;
    ret_reply->slow_body = fg_command_argument(call->command, "slow", &slow) == FG_OK &&
                           call->command->request.items[slow].type == FG_CBOR_TRUE;
    ret_reply->flags = 0;
    ret_reply->body = (struct fg_source){
        .read = read_zeros, .destroy = free, .context = left, .size = item->number};
    return FG_OK;
}

static const struct fg_argument_spec arguments[] = {
    {"size", FG_ARGUMENT_INT, true, "1"},
    {"slow", FG_ARGUMENT_BOOL, false, "False"}, /* as if making them took long */
    {NULL, FG_ARGUMENT_INT, false, NULL},
};

const struct fg_command_spec fg_command_debugbytes = {
    .name = "debugbytes",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
    .debug = true,
};
