/*
 * Frames and CBOR as JSON.
 */
#include "gateway/admin/framejson.h"

#include "framing/cbor.h"
#include "framing/humanstring.h"
#include "framing/literal.h"
#include "gateway/tools/json.h"
#include "gateway/tools/tools_json.h"

#include <inttypes.h>
#include <stdio.h>

enum { DEPTH_MAX = 64 }; /* of a tree: building one is recursive */

/* -- CBOR as a tree ---------------------------------------------------------------------------- */

static json_t *item_json(const struct fg_cbor_value *value, uint32_t index, bool *ok);

/* A number as text, since not every reader of JSON has 64 bits. */
static json_t *decimal(uint64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    return json_string(text);
}

/* A negative integer or a float, as Python writes it. */
static json_t *python_number(const struct fg_cbor_value *value, uint32_t index)
{
    struct fg_buffer text = FG_BUFFER_INIT(64);
    json_t *string = NULL;
    enum fg_status status = fg_literal_decode(value, index, &text);
    if (status == FG_OK) {
        string = json_stringn((const char *)text.data, text.size);
    } else if (status == FG_ERR_UNSUPPORTED) {
        string = json_string("nan");
    }
    fg_buffer_free(&text);
    return string;
}

static bool is_printable(struct fg_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] < ' ' || bytes.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static json_t *list_json(const struct fg_cbor_value *value, uint32_t index, bool *ok)
{
    json_t *items = json_array();
    uint32_t at = index + 1;
    for (uint64_t i = 0; i < value->items[index].count; i++) {
        fg_json_add(items, ok, item_json(value, at, ok));
        at = value->items[at].next;
    }
    return items;
}

static json_t *map_json(const struct fg_cbor_value *value, uint32_t index, bool *ok)
{
    json_t *entries = json_array();
    uint32_t at = index + 1;
    for (uint64_t i = 0; i < value->items[index].count; i++) {
        json_t *entry = json_object();
        fg_json_put(entry, ok, "key", item_json(value, at, ok));
        at = value->items[at].next;
        fg_json_put(entry, ok, "value", item_json(value, at, ok));
        at = value->items[at].next;
        fg_json_add(entries, ok, entry);
    }
    return entries;
}

/* What stands in an item that has no others inside it; returns its kind. */
static const char *put_scalar(json_t *object, const struct fg_cbor_value *value, uint32_t index,
                              bool *ok)
{
    const struct fg_cbor_item *item = &value->items[index];
    switch (item->type) {
    case FG_CBOR_UINT:
        fg_json_put(object, ok, "value", decimal(item->number));
        return "integer";
    case FG_CBOR_NEGATIVE:
        fg_json_put(object, ok, "value", python_number(value, index));
        return "integer";
    case FG_CBOR_FLOAT:
        fg_json_put(object, ok, "value", python_number(value, index));
        return "float";
    case FG_CBOR_BYTES:
        fg_json_put(object, ok, "hex", fg_json_hex(item->string));
        if (is_printable(item->string)) {
            fg_json_put(object, ok, "text", fg_json_repaired(item->string));
        }
        return "bytes";
    case FG_CBOR_TEXT:
        fg_json_put(object, ok, "value", fg_json_repaired(item->string));
        return "text";
    case FG_CBOR_FALSE:
    case FG_CBOR_TRUE:
        fg_json_put_bool(object, ok, "value", item->type == FG_CBOR_TRUE);
        return "bool";
    case FG_CBOR_NULL:
        return "null";
    case FG_CBOR_UNDEFINED:
        return "undefined";
    default:
        fg_json_put(object, ok, "value", decimal(item->number));
        return "simple";
    }
}

static json_t *item_json(const struct fg_cbor_value *value, uint32_t index, bool *ok)
{
    const struct fg_cbor_item *item = &value->items[index];
    json_t *object = json_object();
    const char *kind = NULL;
    switch (item->type) {
    case FG_CBOR_ARRAY:
        kind = "list";
        fg_json_put(object, ok, "items", list_json(value, index, ok));
        break;
    case FG_CBOR_MAP:
        kind = "map";
        fg_json_put(object, ok, "entries", map_json(value, index, ok));
        break;
    case FG_CBOR_TAG:
        kind = "tag";
        fg_json_put(object, ok, "tag", decimal(item->number));
        fg_json_put(object, ok, "value", item_json(value, index + 1, ok));
        break;
    default:
        kind = put_scalar(object, value, index, ok);
        break;
    }
    fg_json_put_text(object, ok, "kind", kind);
    return object;
}

/* Sets the tree, if the payload is one CBOR value and the budget allows it. */
static void put_tree(json_t *object, bool *ok, struct fg_bytes payload, uint32_t *budget)
{
    struct fg_limits limits = FG_LIMITS_NONE;
    limits.cbor_depth = DEPTH_MAX;
    limits.cbor_items = *budget;
    struct fg_cbor_value value = {.items = NULL};
    enum fg_status status = *budget == 0 || payload.size == 0
                                ? FG_ERR_LIMIT
                                : fg_cbor_decode(payload, &limits, &value, NULL);
    if (status == FG_OK) {
        *budget -= value.count < *budget ? value.count : *budget;
        fg_json_put(object, ok, "tree", item_json(&value, 0, ok));
    } else if (status == FG_ERR_MEMORY) {
        *ok = false;
    }
    fg_cbor_clear(&value);
}

/* Only these types carry a CBOR value; in others what looks like one is chance. */
static bool carries_cbor(const struct fg_frame_header *header)
{
    switch (header->type) {
    case FG_FRAME_COMMAND_REQUEST:
        return (header->flags & FG_COMMAND_REQUEST_NEW) != 0 &&
               (header->flags & FG_COMMAND_REQUEST_MORE_FRAMES) == 0;
    case FG_FRAME_BYTES_RESPONSE:
        return (header->flags & FG_BYTES_RESPONSE_CBOR) != 0;
    case FG_FRAME_TEXT_OUTPUT:
    case FG_FRAME_PROGRESS:
        return true;
    default:
        return false;
    }
}

/* -- frames ------------------------------------------------------------------------------------ */

json_t *fg_frame_json(const struct fg_frame *frame, uint32_t kept, uint32_t *budget)
{
    struct fg_frame shown = *frame;
    struct fg_buffer human = FG_BUFFER_INIT(SIZE_MAX / 4);
    shown.header.length = kept;
    bool ok = fg_humanstring_decode(&shown, &human) == FG_OK;
    json_t *object = fg_json_frame(&shown);
    if (ok && object != NULL) {
        fg_json_put_number(object, &ok, "length", frame->header.length);
        fg_json_put(object, &ok, "human", json_stringn((const char *)human.data, human.size));
        if (kept < frame->header.length) {
            /* The beginning of a value may look like one of its own. */
            (void)json_object_del(object, "literal");
        } else if (carries_cbor(&frame->header)) {
            put_tree(object, &ok, (struct fg_bytes){frame->payload, kept}, budget);
        }
    }
    fg_buffer_free(&human);
    if (!ok) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* Where reading frames is. */
struct position {
    uint64_t number; /* of the next frame, from 1 */
    uint64_t offset; /* of its header */
};

static json_t *error_json(const struct fg_error *error, const struct position *position, bool *ok)
{
    json_t *object = json_object();
    fg_json_put_text(object, ok, "message", error->message);
    fg_json_put_number(object, ok, "frame", position->number);
    fg_json_put_number(object, ok, "offset", position->offset);
    return object;
}

/* Appends frames up to the end or the first error. FG_END: all is well. */
static enum fg_status add_frames(json_t *frames, bool *ok, struct fg_frame_reader *reader,
                                 struct fg_bytes input, struct position *position,
                                 struct fg_error *error)
{
    uint32_t budget = FG_TREE_ITEMS_MAX;
    for (;;) {
        struct fg_frame frame;
        enum fg_status status = fg_frame_reader_next(reader, &input, &frame, NULL, error);
        if (status == FG_NEED_MORE) {
            status = fg_frame_reader_finish(reader, NULL, error);
            return status == FG_OK ? FG_END : status;
        }
        if (status != FG_OK) {
            return status;
        }
        if (position->number > FG_FRAMES_SHOWN_MAX) {
            return fg_fail(error, FG_ERR_LIMIT, 0,
                           "more than %d frames: give them in parts, or to framegate decode",
                           FG_FRAMES_SHOWN_MAX);
        }
        fg_json_add(frames, ok, fg_frame_json(&frame, frame.header.length, &budget));
        position->number++;
        position->offset += FG_FRAME_HEADER_SIZE + (uint64_t)frame.header.length;
    }
}

json_t *fg_frames_json(struct fg_bytes input, bool *ret_malformed)
{
    const struct fg_limits limits = FG_LIMITS_NONE;
    struct fg_frame_reader reader;
    struct fg_error error = {.message = ""};
    struct position position = {.number = 1};
    bool ok = true;
    json_t *document = json_object();
    json_t *frames = json_array();
    fg_frame_reader_init(&reader, &limits);
    enum fg_status status = add_frames(frames, &ok, &reader, input, &position, &error);
    fg_frame_reader_clear(&reader);
    fg_json_put(document, &ok, "frames", frames);
    fg_json_put(document, &ok, "error",
                status == FG_END ? json_null() : error_json(&error, &position, &ok));
    if (!ok || status == FG_ERR_MEMORY) {
        json_decref(document);
        return NULL;
    }
    *ret_malformed = status != FG_END;
    return document;
}
