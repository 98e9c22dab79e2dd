/* capabilities: what this server can do, made from the registry. */
#include "handlers/capabilities.h"

#include "framing/cbor.h"
#include "framing/literal.h"
#include "handlers/commands.h"
#include "handlers/registry.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/snapshot.h"

#define MEDIA_TYPE "application/mercurial-exp-framing-0003"

/* In the order in which the server would rather use them. */
static const char *const compressions[] = {"zstd", "zlib"};

enum { COMPRESSIONS_COUNT = sizeof compressions / sizeof compressions[0] };

static enum fg_status put_arguments(const struct fg_command_spec *spec, struct fg_buffer *buffer)
{
    const struct fg_limits limits = FG_LIMITS_DEFAULT;
    struct fg_cbor_map map;
    fg_cbor_map_begin(buffer, &map);
    for (const struct fg_argument_spec *argument = spec->arguments; argument->name != NULL;
         argument++) {
        fg_cbor_put_bytestring(buffer, argument->name);
        fg_buffer_fail(buffer, fg_literal_encode(fg_bytes_from_string(argument->example), &limits,
                                                 buffer, NULL));
    }
    return fg_cbor_map_end(buffer, &map, false);
}

static enum fg_status put_command(const struct fg_command_spec *spec, struct fg_buffer *buffer)
{
    struct fg_cbor_map map;
    fg_cbor_put_bytestring(buffer, spec->name);
    fg_cbor_map_begin(buffer, &map);
    fg_cbor_put_bytestring(buffer, "args");
    put_arguments(spec, buffer);
    fg_cbor_put_bytestring(buffer, "permissions");
    fg_cbor_put_array(buffer, 1);
    fg_cbor_put_bytestring(buffer, spec->permission == FG_PERMISSION_PULL ? "pull" : "push");
    return fg_cbor_map_end(buffer, &map, false);
}

static enum fg_status put_commands(struct fg_buffer *buffer)
{
    size_t count;
    const struct fg_command_spec *const *commands = fg_registry_all(&count);
    struct fg_cbor_map map;
    fg_cbor_map_begin(buffer, &map);
    for (size_t i = 0; i < count; i++) {
        if (!commands[i]->debug) {
            put_command(commands[i], buffer);
        }
    }
    return fg_cbor_map_end(buffer, &map, false);
}

static enum fg_status put_compression(struct fg_buffer *buffer)
{
    fg_cbor_put_array(buffer, COMPRESSIONS_COUNT);
    for (size_t i = 0; i < COMPRESSIONS_COUNT; i++) {
        struct fg_cbor_map map;
        fg_cbor_map_begin(buffer, &map);
        fg_cbor_put_bytestring(buffer, "name");
        fg_cbor_put_bytestring(buffer, compressions[i]);
        fg_cbor_map_end(buffer, &map, false);
    }
    return fg_buffer_status(buffer);
}

static enum fg_status put_formats(const struct fg_layout *layout, struct fg_buffer *buffer)
{
    unsigned count = 0;
    while (fg_layout_format(layout, count) != NULL) {
        count++;
    }
    fg_cbor_put_array(buffer, count);
    for (unsigned i = 0; i < count; i++) {
        fg_cbor_put_bytestring(buffer, fg_layout_format(layout, i));
    }
    return fg_buffer_status(buffer);
}

enum fg_status fg_capabilities_put(const struct fg_snapshot *snapshot, struct fg_buffer *buffer)
{
    struct fg_cbor_map map;
    fg_cbor_map_begin(buffer, &map);
    fg_cbor_put_bytestring(buffer, "commands");
    put_commands(buffer);
    fg_cbor_put_bytestring(buffer, "compression");
    put_compression(buffer);
    fg_cbor_put_bytestring(buffer, "framingmediatypes");
    fg_cbor_put_array(buffer, 1);
    fg_cbor_put_bytestring(buffer, MEDIA_TYPE);
    fg_cbor_put_bytestring(buffer, "rawrepoformats");
    put_formats(snapshot->layout, buffer);
    return fg_cbor_map_end(buffer, &map, false);
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(FG_ANSWER_MAX);
    if (error != NULL) {
        error->message[0] = '\0';
    }
    enum fg_status status = fg_capabilities_put(call->snapshot, &buffer);
    return fg_reply_from_buffer(status, &buffer, ret_reply, error);
}

static const struct fg_argument_spec arguments[] = {
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_capabilities = {
    .name = "capabilities",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
};
