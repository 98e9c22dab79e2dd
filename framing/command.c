/*
 * Commands: the bytes of a request, and what was found in them.
 */
#include "framing/command_internal.h"

#include <stdlib.h>
#include <string.h>

void fg_command_free(struct fg_command *command)
{
    if (command != NULL) {
        fg_cbor_clear(&command->request);
        fg_buffer_free(&command->data);
        fg_buffer_free(&command->encoded);
        free(command);
    }
}

enum fg_status fg_command_put_args(const struct fg_command *command, struct fg_buffer *buffer)
{
    if (command->args != 0) {
        return fg_cbor_put_item(buffer, &command->request, command->args);
    }
    struct fg_cbor_map map;
    fg_cbor_map_begin(buffer, &map);
    return fg_cbor_map_end(buffer, &map, false);
}

struct fg_bytes fg_command_encoded(const struct fg_command *command)
{
    return command->encoded.data != NULL ? fg_buffer_view(&command->encoded)
                                         : (struct fg_bytes){command->whole, command->whole_size};
}

/* A command; with the request's bytes where they are whole already. */
struct fg_command *fg_command_new(const struct fg_limits *limits, uint16_t requestid, bool has_data,
                                  struct fg_bytes whole)
{
    /* Not calloc, which takes no block that was just freed: the last command's is to be reused. */
    struct fg_command *command = malloc(sizeof *command + whole.size);
    if (command != NULL) {
        /* But for the items, which are only read where they were written. */
        memset(command, 0, offsetof(struct fg_command, first_items));
        command->requestid = requestid;
        command->has_data = has_data;
        command->whole_size = whole.size;
        if (whole.size > 0) {
            memcpy(command->whole, whole.data, whole.size);
        }
        fg_cbor_lend(&command->request, command->first_items, FG_COMMAND_FIRST_ITEMS);
        fg_buffer_init(&command->encoded, limits->request_bytes);
        fg_buffer_init(&command->data, limits->data_bytes);
    }
    return command;
}

/* Takes name and args of a decoded request; says what is wrong with it, NULL if nothing is. */
const char *fg_command_look(struct fg_command *command)
{
    const struct fg_cbor_item *items = command->request.items;
    if (items[0].type != FG_CBOR_MAP) {
        return "command request is not a map";
    }
    uint32_t name = fg_cbor_map_find(&command->request, 0, "name");
    uint32_t args = fg_cbor_map_find(&command->request, 0, "args");
    if (name == 0) {
        return "command request missing \"name\" field";
    }
    if (items[name].type != FG_CBOR_BYTES) {
        return "command request \"name\" field is not a byte string";
    }
    if (args != 0 && items[args].type != FG_CBOR_MAP) {
        return "command request \"args\" field is not a map";
    }
    command->name = items[name].string;
    command->args = args;
    return NULL;
}

enum fg_status fg_command_from_request(const struct fg_limits *limits, uint16_t requestid,
                                       struct fg_bytes request, struct fg_command **ret_command,
                                       struct fg_error *error)
{
    struct fg_command *command = fg_command_new(limits, requestid, false, request);
    if (command == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    enum fg_status status =
        fg_cbor_decode(fg_command_encoded(command), limits, &command->request, error);
    const char *wrong = status == FG_OK ? fg_command_look(command) : NULL;
    if (wrong != NULL) {
        status = fg_fail(error, FG_ERR_SYNTAX, 0, "%s", wrong);
    }
    if (status != FG_OK) {
        fg_command_free(command);
        return status;
    }
    *ret_command = command;
    return FG_OK;
}

uint64_t fg_command_held_bytes(const struct fg_command *command)
{
    return command->whole_size + command->encoded.capacity + command->data.capacity +
           fg_cbor_held_bytes(&command->request);
}
