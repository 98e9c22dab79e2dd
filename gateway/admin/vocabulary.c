/*
 * The names that the codec and the registry know, and the examples.
 */
#include "gateway/admin/vocabulary.h"

#include "framing/frame.h"
#include "gateway/exchange/route.h"
#include "gateway/tools/json.h"
#include "handlers/registry.h"

#define API_PATH "/api/" FG_API_NAME

enum { TYPES = 16, FLAG_BITS = 8 };

struct example {
    const char *title;
    const char *path;
    const char *text;
};

static const struct example examples[] = {
    {"The heads of the repository", API_PATH "/ro/heads",
     "1 1 stream-begin command-request new cbor:{b'name': b'heads'}\n"},
    {"What a name stands for", API_PATH "/ro/lookup",
     "1 1 stream-begin command-request new "
     "cbor:{b'args': {b'key': b'tip'}, b'name': b'lookup'}\n"},
    {"The bookmarks", API_PATH "/ro/listkeys",
     "1 1 stream-begin command-request new "
     "cbor:{b'args': {b'namespace': b'bookmarks'}, b'name': b'listkeys'}\n"},
    {"Two commands at once", API_PATH "/ro/multirequest",
     "1 1 stream-begin command-request new cbor:{b'name': b'heads'}\n"
     "3 1 0 command-request new cbor:{b'name': b'branchmap'}\n"},
    {"A request that ends too early", API_PATH "/ro/heads",
     "1 1 stream-begin command-request new|more cbor:{b'name': b'heads'}\n"},
    {"A stream with an even number, which is the server's", API_PATH "/ro/heads",
     "1 2 stream-begin command-request new cbor:{b'name': b'heads'}\n"},
};

/* The names of the bits of all; a bit without one is left out. type is used for frame flags. */
static json_t *flags_json(uint8_t all, bool of_stream, uint8_t type, bool *ok)
{
    json_t *array = json_array();
    for (unsigned bit = 0; bit < FLAG_BITS; bit++) {
        const uint8_t flag = (uint8_t)(1U << bit);
        struct fg_buffer name = FG_BUFFER_INIT(64);
        if ((all & flag) == 0) {
            continue;
        }
        enum fg_status status = of_stream ? fg_stream_flags_append_names(&name, flag)
                                          : fg_frame_flags_append_names(&name, type, flag);
        json_t *object = json_object();
        fg_json_put(object, ok, "name",
                    status == FG_OK ? fg_json_printable(fg_buffer_view(&name)) : NULL);
        fg_json_put_number(object, ok, "bit", flag);
        fg_json_add(array, ok, object);
        fg_buffer_free(&name);
    }
    return array;
}

static json_t *types_json(bool *ok)
{
    json_t *array = json_array();
    for (uint8_t type = 0; type < TYPES; type++) {
        const char *name = fg_frame_type_name(type);
        if (name != NULL) {
            json_t *object = json_object();
            fg_json_put_text(object, ok, "name", name);
            fg_json_put_number(object, ok, "number", type);
            fg_json_put(object, ok, "flags",
                        flags_json(fg_frame_flags_known(type), false, type, ok));
            fg_json_add(array, ok, object);
        }
    }
    return array;
}

static json_t *command_json(const struct fg_command_spec *spec, bool *ok)
{
    const bool push = spec->permission == FG_PERMISSION_PUSH;
    json_t *object = json_object();
    json_t *arguments = json_array();
    for (const struct fg_argument_spec *one = spec->arguments; one != NULL && one->name != NULL;
         one++) {
        json_t *argument = json_object();
        fg_json_put_text(argument, ok, "name", one->name);
        fg_json_put_bool(argument, ok, "required", one->required);
        fg_json_put_text(argument, ok, "example", one->example);
        fg_json_add(arguments, ok, argument);
    }
    fg_json_put_text(object, ok, "name", spec->name);
    fg_json_put_text(object, ok, "permission", push ? "push" : "pull");
    fg_json_put(object, ok, "path",
                json_sprintf("%s/%s/%s", API_PATH, push ? "rw" : "ro", spec->name));
    fg_json_put(object, ok, "arguments", arguments);
    return object;
}

static json_t *commands_json(const struct fg_config *config, bool *ok)
{
    size_t count = 0;
    const struct fg_command_spec *const *all = fg_registry_all(&count);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!all[i]->debug || config->debugreflect) {
            fg_json_add(array, ok, command_json(all[i], ok));
        }
    }
    return array;
}

static json_t *examples_json(bool *ok)
{
    json_t *array = json_array();
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        json_t *object = json_object();
        fg_json_put_text(object, ok, "title", examples[i].title);
        fg_json_put_text(object, ok, "path", examples[i].path);
        fg_json_put_text(object, ok, "text", examples[i].text);
        fg_json_add(array, ok, object);
    }
    return array;
}

char *fg_vocabulary_json(const struct fg_config *config)
{
    bool ok = true;
    json_t *root = json_object();
    fg_json_put_text(root, &ok, "media_type", FG_MEDIA_TYPE);
    fg_json_put_text(root, &ok, "api", API_PATH);
    fg_json_put(root, &ok, "frame_types", types_json(&ok));
    fg_json_put(root, &ok, "stream_flags",
                flags_json(FG_STREAM_BEGIN | FG_STREAM_END | FG_STREAM_ENCODED, true, 0, &ok));
    fg_json_put(root, &ok, "commands", commands_json(config, &ok));
    fg_json_put(root, &ok, "examples", examples_json(&ok));
    return fg_json_finish(root, ok);
}
