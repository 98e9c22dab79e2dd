/*
 * Frames as JSON. Every construction can fail (memory, text that is not UTF-8), and jansson's
 * json_object_set_new takes NULL for a failure, so that one check at each set is enough.
 */
#include "gateway/tools/tools_json.h"

#include "framing/humanstring.h"
#include "framing/response.h"
#include "framing/utf8.h"
#include "gateway/tools/json.h"

#include <string.h>

/* A string from well-formed UTF-8, with NULs if it has some; NULL if memory is short. */
static json_t *string_from(const struct fg_buffer *text)
{
    return json_stringn(text->data != NULL ? (const char *)text->data : "", text->size);
}

/* The names of the bits in flags; a bit without a name is its number. */
static json_t *flag_list(uint8_t flags, bool of_stream, uint8_t type)
{
    json_t *list = json_array();
    for (unsigned bit = 1; bit <= 0x80 && list != NULL; bit <<= 1) {
        if ((flags & bit) == 0) {
            continue;
        }
        struct fg_buffer name = FG_BUFFER_INIT(64);
        enum fg_status status = of_stream ? fg_stream_flags_append_names(&name, (uint8_t)bit)
                                          : fg_frame_flags_append_names(&name, type, (uint8_t)bit);
        json_t *item = NULL;
        if (status == FG_OK) {
            item = name.data[0] == '<' ? json_integer((json_int_t)bit) : string_from(&name);
        }
        fg_buffer_free(&name);
        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *type_value(uint8_t type)
{
    const char *name = fg_frame_type_name(type);
    return name != NULL ? json_string(name) : json_integer(type);
}

/* Sets key to the literal for the payload if it is CBOR that has one. */
static enum fg_status set_literal(json_t *object, struct fg_bytes payload)
{
    static const char prefix[] = "cbor:";
    const size_t prefix_size = sizeof(prefix) - 1;
    struct fg_buffer text = FG_BUFFER_INIT(4 * (size_t)FG_FRAME_LENGTH_MAX + 16);
    enum fg_status status = fg_humanstring_append_payload(&text, payload);
    if (status == FG_OK && text.size > prefix_size && memcmp(text.data, prefix, prefix_size) == 0) {
        json_t *literal =
            json_stringn((const char *)text.data + prefix_size, text.size - prefix_size);
        status = json_object_set_new(object, "literal", literal) == 0 ? FG_OK : FG_ERR_MEMORY;
    }
    fg_buffer_free(&text);
    return status;
}

/* Sets what the payload means to a person, for the types that carry text. */
static enum fg_status set_text(json_t *object, const struct fg_frame *frame,
                               struct fg_bytes payload)
{
    const struct fg_limits limits = FG_LIMITS_NONE;
    struct fg_buffer text = FG_BUFFER_INIT(3 * (size_t)FG_FRAME_LENGTH_MAX);
    enum fg_status status = FG_OK;
    const char *key = NULL;
    if (frame->header.type == FG_FRAME_ERROR_RESPONSE) {
        key = "message";
        status = fg_utf8_append_repaired(&text, payload);
    } else if (frame->header.type == FG_FRAME_TEXT_OUTPUT) {
        /* What cannot be rendered is shown by its payload alone. */
        enum fg_status rendered = fg_textoutput_render(payload, &limits, &text, NULL);
        key = rendered == FG_OK && fg_utf8_valid(fg_buffer_view(&text)) ? "text" : NULL;
        status = rendered == FG_ERR_MEMORY ? rendered : FG_OK;
    }
    if (status == FG_OK && key != NULL) {
        status = json_object_set_new(object, key, string_from(&text)) == 0 ? FG_OK : FG_ERR_MEMORY;
    }
    fg_buffer_free(&text);
    return status;
}

/* Sets the fields of the header and the payload. */
static enum fg_status set_fields(json_t *object, const struct fg_frame *frame,
                                 struct fg_bytes payload)
{
    const struct fg_frame_header *header = &frame->header;
    int failed = json_object_set_new(object, "requestid", json_integer(header->requestid));
    failed |= json_object_set_new(object, "streamid", json_integer(header->streamid));
    failed |= json_object_set_new(object, "streamflags", flag_list(header->streamflags, true, 0));
    failed |= json_object_set_new(object, "type", type_value(header->type));
    failed |= json_object_set_new(object, "flags", flag_list(header->flags, false, header->type));
    failed |= json_object_set_new(object, "length", json_integer(header->length));
    failed |= json_object_set_new(object, "payload", fg_json_hex(payload));
    return failed == 0 ? FG_OK : FG_ERR_MEMORY;
}

json_t *fg_json_frame(const struct fg_frame *frame)
{
    struct fg_bytes payload = {frame->payload, frame->header.length};
    json_t *object = json_object();
    if (object == NULL) {
        return NULL;
    }
    if (set_fields(object, frame, payload) != FG_OK || set_literal(object, payload) != FG_OK ||
        set_text(object, frame, payload) != FG_OK) {
        json_decref(object);
        return NULL;
    }
    return object;
}

enum fg_status fg_json_append_frame(struct fg_buffer *buffer, const struct fg_frame *frame)
{
    json_t *object = fg_json_frame(frame);
    if (object == NULL) {
        return FG_ERR_MEMORY;
    }
    enum fg_status status = fg_json_append(buffer, object, JSON_ENSURE_ASCII);
    json_decref(object);
    return status;
}
