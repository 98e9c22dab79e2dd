/*
 * The debugreflect log. Owns its reactor and the way CBOR is shown as JSON: byte strings are shown
 * as strings, and what JSON cannot say as a string with its Python literal.
 */
#include "gateway/tools/reflect.h"

#include "framing/humanstring.h"
#include "framing/literal.h"
#include "framing/reactor.h"
#include "framing/utf8.h"
#include "gateway/tools/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Keys sorted and the separators of jansson's default, which are those of Python's json.dumps. */
#define LOG_FLAGS (JSON_SORT_KEYS | JSON_ENSURE_ASCII)

/* Texts are made of one request's bytes, which limits bound; the buffers need no bound of their
 * own. */
#define TEXT_MAX (SIZE_MAX / 2)

struct fg_reflect {
    struct fg_reactor *reactor;
};

enum fg_status fg_reflect_new(bool deferred, const struct fg_limits *limits,
                              struct fg_reflect **ret_reflect)
{
    struct fg_reactor_options options = {
        .deferoutput = deferred,
        .data_mode = FG_DATA_KEEP,
        .limits = FG_LIMITS_DEFAULT,
    };
    if (limits != NULL) {
        options.limits = *limits;
    }
    struct fg_reflect *reflect = calloc(1, sizeof(*reflect));
    if (reflect == NULL) {
        return FG_ERR_MEMORY;
    }
    enum fg_status status = fg_reactor_new(&options, &reflect->reactor);
    if (status != FG_OK) {
        free(reflect);
        return status;
    }
    *ret_reflect = reflect;
    return FG_OK;
}

void fg_reflect_free(struct fg_reflect *reflect)
{
    if (reflect != NULL) {
        fg_reactor_free(reflect->reactor);
        free(reflect);
    }
}

/* -- bytes and CBOR as text ------------------------------------------------------------------ */

/* Appends bytes as they are, but each that is not part of UTF-8 as \xNN. */
static enum fg_status append_text(struct fg_buffer *out, struct fg_bytes bytes)
{
    enum fg_status status = FG_OK;
    while (bytes.size > 0 && status == FG_OK) {
        size_t ill_formed = 0;
        size_t size = fg_utf8_character(bytes, &ill_formed);
        if (size > 0) {
            status = fg_buffer_append(out, bytes.data, size);
        } else {
            size = 1;
            status = fg_buffer_append_format(out, "\\x%02x", (unsigned)bytes.data[0]);
        }
        bytes.data += size;
        bytes.size -= size;
    }
    return status;
}

/* The functions from here to action_json return NULL if memory is short. */

static json_t *string_json(struct fg_bytes bytes)
{
    struct fg_buffer text = FG_BUFFER_INIT(TEXT_MAX);
    json_t *string = NULL;
    if (append_text(&text, bytes) == FG_OK) {
        string = json_stringn(text.size > 0 ? (const char *)text.data : "", text.size);
    }
    fg_buffer_free(&text);
    return string;
}

/* A string with the item's literal, or with the name of its type where there is none. */
static json_t *literal_json(const struct fg_cbor_value *value, uint32_t index)
{
    struct fg_buffer text = FG_BUFFER_INIT(TEXT_MAX);
    enum fg_status status = fg_literal_decode(value, index, &text);
    if (status == FG_ERR_UNSUPPORTED) {
        status =
            fg_buffer_append_format(&text, "<%s>", fg_cbor_type_text(value->items[index].type));
    }
    json_t *string = status == FG_OK ? string_json(fg_buffer_view(&text)) : NULL;
    fg_buffer_free(&text);
    return string;
}

static json_t *item_json(const struct fg_cbor_value *value, uint32_t index);

static json_t *array_json(const struct fg_cbor_value *value, uint32_t index)
{
    json_t *array = json_array();
    uint32_t end = value->items[index].next;
    for (uint32_t i = index + 1; i < end && array != NULL; i = value->items[i].next) {
        if (json_array_append_new(array, item_json(value, i)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

/* The string under which a map's key is shown; the literal where that is taken already. */
static json_t *key_json(const struct fg_cbor_value *value, uint32_t index, const json_t *object)
{
    const struct fg_cbor_item *key = &value->items[index];
    if (key->type != FG_CBOR_BYTES && key->type != FG_CBOR_TEXT) {
        return literal_json(value, index);
    }
    json_t *string = string_json(key->string);
    if (string != NULL &&
        json_object_getn(object, json_string_value(string), json_string_length(string)) != NULL) {
        json_decref(string);
        return literal_json(value, index);
    }
    return string;
}

static json_t *map_json(const struct fg_cbor_value *value, uint32_t index)
{
    json_t *object = json_object();
    uint32_t end = value->items[index].next;
    for (uint32_t i = index + 1; i < end && object != NULL;) {
        uint32_t item = value->items[i].next;
        json_t *key = key_json(value, i, object);
        int failed = key == NULL
                         ? -1
                         : json_object_setn_new(object, json_string_value(key),
                                                json_string_length(key), item_json(value, item));
        json_decref(key);
        if (failed != 0) {
            json_decref(object);
            object = NULL;
        }
        i = value->items[item].next;
    }
    return object;
}

/* Recursion is bounded by limits->cbor_depth. */
static json_t *item_json(const struct fg_cbor_value *value, uint32_t index)
{
    const struct fg_cbor_item *item = &value->items[index];
    switch (item->type) {
    case FG_CBOR_BYTES:
    case FG_CBOR_TEXT:
        return string_json(item->string);
    case FG_CBOR_ARRAY:
        return array_json(value, index);
    case FG_CBOR_MAP:
        return map_json(value, index);
    case FG_CBOR_FALSE:
        return json_false();
    case FG_CBOR_TRUE:
        return json_true();
    case FG_CBOR_NULL:
        return json_null();
    case FG_CBOR_UINT:
        return item->number <= INT64_MAX ? json_integer((json_int_t)item->number)
                                         : literal_json(value, index);
    case FG_CBOR_NEGATIVE:
        return item->number <= INT64_MAX ? json_integer(-1 - (json_int_t)item->number)
                                         : literal_json(value, index);
    case FG_CBOR_FLOAT:
        return isfinite(item->real) ? json_real(item->real) : literal_json(value, index);
    default:
        return literal_json(value, index);
    }
}

/* -- actions --------------------------------------------------------------------------------- */

static int set_command(json_t *meta, const struct fg_command *command)
{
    json_t *args = command->args != 0 ? item_json(&command->request, command->args) : json_object();
    json_t *data = command->has_data ? string_json(fg_buffer_view(&command->data)) : json_null();
    int failed = json_object_set_new(meta, "requestid", json_integer(command->requestid));
    failed |= json_object_set_new(meta, "command", string_json(command->name));
    failed |= json_object_set_new(meta, "args", args);
    failed |= json_object_set_new(meta, "data", data);
    return failed;
}

static int set_incomplete(json_t *meta, const struct fg_action *action)
{
    if (action->incomplete_count == 0) {
        return 0;
    }
    json_t *list = json_array();
    int failed = 0;
    for (size_t i = 0; i < action->incomplete_count; i++) {
        failed |= json_array_append_new(list, json_integer(action->incomplete[i]));
    }
    return failed | json_object_set_new(meta, "incomplete", list);
}

/* What goes with an action, as a new object. */
static json_t *meta_json(const struct fg_action *action)
{
    json_t *meta = json_object();
    int failed = meta == NULL;
    if (!failed && action->type == FG_ACTION_WANTFRAME) {
        failed =
            json_object_set_new(meta, "state", json_string(fg_reactor_state_name(action->state)));
    } else if (!failed && action->type == FG_ACTION_RUNCOMMAND) {
        failed = set_command(meta, action->command);
    } else if (!failed && action->type == FG_ACTION_ERROR) {
        failed = json_object_set_new(meta, "message",
                                     string_json(fg_bytes_from_string(action->message)));
    }
    if (!failed) {
        failed = set_incomplete(meta, action);
    }
    if (failed) {
        json_decref(meta);
        return NULL;
    }
    return meta;
}

static void clear_action(struct fg_action *action)
{
    if (action->type == FG_ACTION_RUNCOMMAND) {
        fg_command_free(action->command);
    } else if (action->type == FG_ACTION_SENDFRAMES) {
        fg_framegen_free(action->framegen);
    }
}

/* Appends the value and a line break, and gives the reference back. NULL is a lack of memory. */
static enum fg_status append_json_line(struct fg_buffer *out, json_t *value)
{
    enum fg_status status = FG_ERR_MEMORY;
    if (value != NULL) {
        status = fg_json_append(out, value, LOG_FLAGS);
    }
    json_decref(value);
    return status == FG_OK ? fg_buffer_append_byte(out, '\n') : status;
}

static enum fg_status append_received(struct fg_buffer *out, const struct fg_frame *frame)
{
    enum fg_status status =
        fg_buffer_append_format(out, "received: %u %u %u ", (unsigned)frame->header.type,
                                (unsigned)frame->header.flags, (unsigned)frame->header.requestid);
    if (status == FG_OK) {
        status = append_text(out, (struct fg_bytes){frame->payload, frame->header.length});
    }
    return status == FG_OK ? fg_buffer_append_byte(out, '\n') : status;
}

/* Takes back what a failure left in the log. */
static enum fg_status settle(struct fg_buffer *out, struct fg_buffer_mark mark,
                             enum fg_status status, struct fg_error *error)
{
    if (fg_buffer_keep_if(status, out, mark) == FG_OK) {
        return FG_OK;
    }
    return fg_fail(error, status, 0, "cannot write the log: %s", fg_status_text(status));
}

enum fg_status fg_reflect_frame(struct fg_reflect *reflect, const struct fg_frame *frame,
                                struct fg_buffer *out, struct fg_error *error)
{
    const struct fg_buffer_mark mark = fg_buffer_mark(out);
    struct fg_action action;
    enum fg_status status = fg_reactor_onframerecv(reflect->reactor, frame, &action);
    if (status != FG_OK) {
        return settle(out, mark, status, error);
    }
    json_t *meta = meta_json(&action);
    json_t *line = meta == NULL ? NULL : json_pack("[so]", fg_action_name(action.type), meta);
    clear_action(&action);
    status = append_received(out, frame);
    if (status == FG_OK) {
        status = append_json_line(out, line);
    } else {
        json_decref(line);
    }
    return settle(out, mark, status, error);
}

enum fg_status fg_reflect_end(struct fg_reflect *reflect, struct fg_buffer *out,
                              struct fg_error *error)
{
    const struct fg_buffer_mark mark = fg_buffer_mark(out);
    struct fg_action action;
    enum fg_status status = fg_reactor_oninputeof(reflect->reactor, &action);
    if (status != FG_OK) {
        return settle(out, mark, status, error);
    }
    json_t *meta = meta_json(&action);
    if (meta != NULL &&
        json_object_set_new(meta, "action", json_string(fg_action_name(action.type))) != 0) {
        json_decref(meta);
        meta = NULL;
    }
    clear_action(&action);
    status = fg_buffer_append_string(out, "received: <no frame>\n");
    if (status == FG_OK) {
        status = append_json_line(out, meta);
    } else {
        json_decref(meta);
    }
    return settle(out, mark, status, error);
}
