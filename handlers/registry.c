/* The list of commands, and the checking of arguments. */
#include "handlers/registry.h"

#include "framing/utf8.h"
#include "handlers/commands.h"

#include <string.h>

/* Ascending by name. */
static const struct fg_command_spec *const commands[] = {
    &fg_command_branchmap,
    &fg_command_capabilities,
    &fg_command_clonebundles,
    &fg_command_clonebundles_manifest,
    &fg_command_debugbytes,
    &fg_command_debugcount,
    &fg_command_get_cached_bundle_inline,
    &fg_command_getbundle,
    &fg_command_heads,
    &fg_command_known,
    &fg_command_listkeys,
    &fg_command_lookup,
    &fg_command_pushkey,
    &fg_command_stream_out,
    &fg_command_unbundle,
};

enum { COMMANDS_COUNT = sizeof commands / sizeof commands[0] };

const struct fg_command_spec *fg_registry_find(struct fg_bytes name)
{
    for (size_t i = 0; name.size > 0 && i < COMMANDS_COUNT; i++) {
        /* The first byte tells most apart: measuring each name was 150 instructions a request. */
        if (commands[i]->name[0] == (char)name.data[0] &&
            fg_bytes_equal_string(name, commands[i]->name)) {
            return commands[i];
        }
    }
    return NULL;
}

const struct fg_command_spec *const *fg_registry_all(size_t *ret_count)
{
    *ret_count = COMMANDS_COUNT;
    return commands;
}

enum fg_status fg_command_argument(const struct fg_command *command, const char *name,
                                   uint32_t *ret_index)
{
    uint32_t index =
        command->args == 0 ? 0 : fg_cbor_map_find(&command->request, command->args, name);
    if (index == 0) {
        return FG_ERR_NOT_FOUND;
    }
    *ret_index = index;
    return FG_OK;
}

/* -- checking --------------------------------------------------------------------------------- */

static const char *type_text(enum fg_argument_type type)
{
    switch (type) {
    case FG_ARGUMENT_BYTES:
        return "a byte string";
    case FG_ARGUMENT_BOOL:
        return "a boolean";
    case FG_ARGUMENT_INT:
        return "an integer";
    case FG_ARGUMENT_LIST_OF_BYTES:
        return "a list of byte strings";
    case FG_ARGUMENT_DICT:
        return "a map with byte strings as keys";
    }
    return "something else";
}

/* True if each of the count items from index on, step apart in depth-first order, is bytes. */
static bool are_bytes(const struct fg_cbor_value *value, uint32_t index, uint64_t count,
                      bool skip_values)
{
    for (uint64_t i = 0; i < count; i++) {
        if (value->items[index].type != FG_CBOR_BYTES) {
            return false;
        }
        index = value->items[index].next;
        if (skip_values) {
            index = value->items[index].next;
        }
    }
    return true;
}

static bool has_type(const struct fg_cbor_value *value, uint32_t index, enum fg_argument_type type)
{
    const struct fg_cbor_item *item = &value->items[index];
    switch (type) {
    case FG_ARGUMENT_BYTES:
        return item->type == FG_CBOR_BYTES;
    case FG_ARGUMENT_BOOL:
        return item->type == FG_CBOR_TRUE || item->type == FG_CBOR_FALSE;
    case FG_ARGUMENT_INT:
        return item->type == FG_CBOR_UINT || item->type == FG_CBOR_NEGATIVE;
    case FG_ARGUMENT_LIST_OF_BYTES:
        return item->type == FG_CBOR_ARRAY && are_bytes(value, index + 1, item->count, false);
    case FG_ARGUMENT_DICT:
        return item->type == FG_CBOR_MAP && are_bytes(value, index + 1, item->count, true);
    }
    return false;
}

static const struct fg_argument_spec *find_argument(const struct fg_command_spec *spec,
                                                    struct fg_bytes name)
{
    for (const struct fg_argument_spec *argument = spec->arguments; argument->name != NULL;
         argument++) {
        if (fg_bytes_equal_string(name, argument->name)) {
            return argument;
        }
    }
    return NULL;
}

static enum fg_status refuse_unknown(const struct fg_command_spec *spec, struct fg_bytes name,
                                     struct fg_error *error)
{
    enum { SHOWN_MAX = 100 };
    struct fg_buffer shown = FG_BUFFER_INIT(4 * SHOWN_MAX);
    struct fg_bytes start = {name.data, name.size < SHOWN_MAX ? name.size : SHOWN_MAX};
    if (fg_utf8_append_repaired(&shown, start) != FG_OK) {
        fg_buffer_reset(&shown);
    }
    fg_fail(error, FG_ERR_ARGUMENT, 0, "%s: unknown argument '%.*s'", spec->name, (int)shown.size,
            shown.size > 0 ? (const char *)shown.data : "");
    fg_buffer_free(&shown);
    return FG_ERR_ARGUMENT;
}

/* Every argument that came is one of the command's, and of its type. */
static enum fg_status check_given(const struct fg_command_spec *spec,
                                  const struct fg_command *command, struct fg_error *error)
{
    const struct fg_cbor_value *value = &command->request;
    uint64_t count = value->items[command->args].count;
    uint32_t key = command->args + 1;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t index = value->items[key].next;
        if (value->items[key].type != FG_CBOR_BYTES) {
            return fg_fail(error, FG_ERR_ARGUMENT, 0,
                           "%s: the name of an argument is not a byte string", spec->name);
        }
        const struct fg_argument_spec *argument = find_argument(spec, value->items[key].string);
        if (argument == NULL) {
            return refuse_unknown(spec, value->items[key].string, error);
        }
        if (!has_type(value, index, argument->type)) {
            return fg_fail(error, FG_ERR_ARGUMENT, 0, "%s: argument '%s' must be %s", spec->name,
                           argument->name, type_text(argument->type));
        }
        key = value->items[index].next;
    }
    return FG_OK;
}

enum fg_status fg_registry_check_arguments(const struct fg_command_spec *spec,
                                           const struct fg_command *command, struct fg_error *error)
{
    if (command->args != 0) {
        enum fg_status status = check_given(spec, command, error);
        if (status != FG_OK) {
            return status;
        }
    }
    for (const struct fg_argument_spec *argument = spec->arguments; argument->name != NULL;
         argument++) {
        uint32_t index;
        if (argument->required && fg_command_argument(command, argument->name, &index) != FG_OK) {
            return fg_fail(error, FG_ERR_ARGUMENT, 0, "%s: argument '%s' is missing", spec->name,
                           argument->name);
        }
    }
    return FG_OK;
}
