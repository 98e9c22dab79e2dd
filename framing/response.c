/* Text output, progress, stream settings and error frames: made and parsed. */
#include "framing/response.h"

#include "framing/utf8.h"

#include <string.h>

/*
 * Appends a frame on a stream. On failure buffer and stream are as they were.
 */
static enum fg_status append_frame(struct fg_buffer *buffer, struct fg_stream *stream,
                                   uint16_t requestid, uint8_t type, uint8_t flags,
                                   struct fg_bytes payload, uint32_t max_frame_size,
                                   struct fg_error *error)
{
    if (payload.size > max_frame_size || payload.size > FG_FRAME_LENGTH_MAX) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "cannot encode data in a single frame");
    }
    const struct fg_stream before = *stream;
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    struct fg_frame_header header;
    enum fg_status status =
        fg_stream_make_header(stream, requestid, type, flags, (uint32_t)payload.size, &header);
    if (status == FG_OK) {
        status = fg_frame_append(buffer, &header, payload.data, max_frame_size);
    }
    if (fg_buffer_keep_if(status, buffer, mark) != FG_OK) {
        *stream = before;
        return fg_fail(error, status, 0, "%s", fg_status_text(status));
    }
    return FG_OK;
}

/* -- text output ------------------------------------------------------------------------------- */

static bool is_ascii(struct fg_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static enum fg_status put_args(struct fg_buffer *payload, const struct fg_text_atom *atom)
{
    fg_cbor_put_bytestring(payload, "args");
    fg_cbor_put_array(payload, atom->args_count);
    for (size_t i = 0; i < atom->args_count; i++) {
        /* A byte that is not UTF-8 becomes three. */
        struct fg_buffer repaired =
            FG_BUFFER_INIT(atom->args[i].size > SIZE_MAX / 3 ? SIZE_MAX : atom->args[i].size * 3);
        fg_buffer_fail(payload, fg_utf8_append_repaired(&repaired, atom->args[i]));
        fg_cbor_put_bytes(payload, repaired.data, repaired.size);
        fg_buffer_free(&repaired);
    }
    return fg_buffer_status(payload);
}

static enum fg_status put_labels(struct fg_buffer *payload, const struct fg_text_atom *atom)
{
    fg_cbor_put_bytestring(payload, "labels");
    fg_cbor_put_array(payload, atom->labels_count);
    for (size_t i = 0; i < atom->labels_count; i++) {
        fg_cbor_put_bytes(payload, atom->labels[i].data, atom->labels[i].size);
    }
    return fg_buffer_status(payload);
}

static enum fg_status check_ascii(const struct fg_text_atom *atom, struct fg_error *error)
{
    if (!is_ascii(atom->format)) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "text output format is not ASCII");
    }
    for (size_t i = 0; i < atom->labels_count; i++) {
        if (!is_ascii(atom->labels[i])) {
            return fg_fail(error, FG_ERR_ARGUMENT, 0, "text output label is not ASCII");
        }
    }
    return FG_OK;
}

static enum fg_status put_atom(struct fg_buffer *payload, const struct fg_text_atom *atom,
                               struct fg_error *error)
{
    enum fg_status status = check_ascii(atom, error);
    if (status != FG_OK) {
        return status;
    }
    struct fg_cbor_map map;
    fg_cbor_map_begin(payload, &map);
    fg_cbor_put_bytestring(payload, "msg");
    fg_cbor_put_bytes(payload, atom->format.data, atom->format.size);
    if (atom->args_count > 0) {
        put_args(payload, atom);
    }
    if (atom->labels_count > 0) {
        put_labels(payload, atom);
    }
    status = fg_cbor_map_end(payload, &map, false);
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "%s", fg_status_text(status));
}

/* A payload that reaches its ceiling is one that does not fit the frame. */
static enum fg_status refuse_large_payload(enum fg_status status, struct fg_error *error)
{
    return status == FG_ERR_LIMIT
               ? fg_fail(error, FG_ERR_ARGUMENT, 0, "cannot encode data in a single frame")
               : status;
}

enum fg_status fg_textoutput_encode(struct fg_buffer *payload, const struct fg_text_atom *atoms,
                                    size_t atoms_count, struct fg_error *error)
{
    enum fg_status status = fg_cbor_put_array(payload, atoms_count);
    for (size_t i = 0; i < atoms_count && status == FG_OK; i++) {
        status = put_atom(payload, &atoms[i], error);
    }
    return status;
}

enum fg_status fg_textoutput_append(struct fg_buffer *buffer, struct fg_stream *stream,
                                    uint16_t requestid, const struct fg_text_atom *atoms,
                                    size_t atoms_count, uint32_t max_frame_size,
                                    struct fg_error *error)
{
    struct fg_buffer payload = FG_BUFFER_INIT(max_frame_size);
    enum fg_status status = fg_textoutput_encode(&payload, atoms, atoms_count, error);
    status = refuse_large_payload(status, error);
    if (status == FG_OK) {
        status = append_frame(buffer, stream, requestid, FG_FRAME_TEXT_OUTPUT, 0,
                              fg_buffer_view(&payload), max_frame_size, error);
    }
    fg_buffer_free(&payload);
    return status;
}

/* The place of an argument in the atom's list, or NULL. */
static const struct fg_cbor_item *next_arg(const struct fg_cbor_value *value, uint32_t *arg,
                                           uint32_t end)
{
    if (*arg >= end) {
        return NULL;
    }
    const struct fg_cbor_item *item = &value->items[*arg];
    *arg = item->next;
    return item;
}

/* Appends one atom: the format with its arguments put in. args is the list's index or 0. */
static enum fg_status render_atom(const struct fg_cbor_value *value, struct fg_bytes format,
                                  uint32_t args, struct fg_buffer *buffer, struct fg_error *error)
{
    uint32_t arg = args + 1;
    uint32_t end = args != 0 ? value->items[args].next : arg;
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < format.size && status == FG_OK; i++) {
        if (format.data[i] != '%') {
            status = fg_buffer_append_byte(buffer, format.data[i]);
            continue;
        }
        uint8_t directive = ++i < format.size ? format.data[i] : 0;
        if (directive == '%') {
            status = fg_buffer_append_byte(buffer, '%');
            continue;
        }
        const struct fg_cbor_item *item = directive == 's' ? next_arg(value, &arg, end) : NULL;
        if (item == NULL || item->type != FG_CBOR_BYTES) {
            return fg_fail(error, FG_ERR_SYNTAX, i, "text output: %s",
                           directive != 's' ? "format has other directives than %s and %%"
                           : item == NULL   ? "fewer arguments than the format uses"
                                            : "argument is not a byte string");
        }
        status = fg_buffer_append(buffer, item->string.data, item->string.size);
    }
    if (status == FG_OK && arg < end) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "text output: more arguments than the format uses");
    }
    return status;
}

static enum fg_status render_atoms(const struct fg_cbor_value *value, struct fg_buffer *buffer,
                                   struct fg_error *error)
{
    const struct fg_cbor_item *items = value->items;
    if (items[0].type != FG_CBOR_ARRAY) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "text output is not a list");
    }
    for (uint32_t atom = 1; atom < items[0].next; atom = items[atom].next) {
        uint32_t msg = fg_cbor_map_find(value, atom, "msg");
        uint32_t args = fg_cbor_map_find(value, atom, "args");
        if (msg == 0 || items[msg].type != FG_CBOR_BYTES) {
            return fg_fail(error, FG_ERR_SYNTAX, 0,
                           "text output: msg is missing or no byte string");
        }
        if (args != 0 && items[args].type != FG_CBOR_ARRAY) {
            return fg_fail(error, FG_ERR_SYNTAX, 0, "text output: args is not a list");
        }
        enum fg_status status = render_atom(value, items[msg].string, args, buffer, error);
        if (status != FG_OK) {
            return status;
        }
    }
    return FG_OK;
}

enum fg_status fg_textoutput_render(struct fg_bytes payload, const struct fg_limits *limits,
                                    struct fg_buffer *buffer, struct fg_error *error)
{
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    struct fg_cbor_value value = {0};
    enum fg_status status = fg_cbor_decode(payload, limits, &value, error);
    if (status == FG_OK) {
        status = render_atoms(&value, buffer, error);
    }
    fg_cbor_clear(&value);
    status = fg_buffer_keep_if(status, buffer, mark);
    return status == FG_ERR_TRUNCATED ? FG_ERR_SYNTAX : status;
}

/* -- progress ---------------------------------------------------------------------------------- */

static enum fg_status put_pair_string(struct fg_buffer *buffer, const char *key,
                                      struct fg_bytes value)
{
    fg_cbor_put_bytestring(buffer, key);
    return fg_cbor_put_bytes(buffer, value.data, value.size);
}

static enum fg_status put_pair_integer(struct fg_buffer *buffer, const char *key, int64_t value)
{
    fg_cbor_put_bytestring(buffer, key);
    return value >= 0 ? fg_cbor_put_uint(buffer, (uint64_t)value)
                      : fg_cbor_put_negative(buffer, ~(uint64_t)value);
}

static enum fg_status put_progress(struct fg_buffer *buffer, const struct fg_progress *progress)
{
    struct fg_cbor_map map;
    fg_cbor_map_begin(buffer, &map);
    put_pair_string(buffer, "topic", progress->topic);
    put_pair_integer(buffer, "pos", progress->pos);
    put_pair_integer(buffer, "total", progress->total);
    if (progress->label.data != NULL) {
        put_pair_string(buffer, "label", progress->label);
    }
    if (progress->item.data != NULL) {
        put_pair_string(buffer, "item", progress->item);
    }
    return fg_cbor_map_end(buffer, &map, false);
}

enum fg_status fg_progress_append(struct fg_buffer *buffer, struct fg_stream *stream,
                                  uint16_t requestid, const struct fg_progress *progress,
                                  uint32_t max_frame_size, struct fg_error *error)
{
    struct fg_buffer payload = FG_BUFFER_INIT(max_frame_size);
    enum fg_status status = refuse_large_payload(put_progress(&payload, progress), error);
    if (status == FG_OK) {
        status = append_frame(buffer, stream, requestid, FG_FRAME_PROGRESS, 0,
                              fg_buffer_view(&payload), max_frame_size, error);
    }
    fg_buffer_free(&payload);
    return status;
}

static enum fg_status get_string(const struct fg_cbor_value *value, const char *key, bool required,
                                 struct fg_bytes *ret_string, struct fg_error *error)
{
    uint32_t index = fg_cbor_map_find(value, 0, key);
    if (index == 0 && !required) {
        return FG_OK;
    }
    if (index == 0 || value->items[index].type != FG_CBOR_BYTES) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "progress: %s is missing or no byte string", key);
    }
    *ret_string = value->items[index].string;
    return FG_OK;
}

static enum fg_status get_integer(const struct fg_cbor_value *value, const char *key,
                                  int64_t *ret_integer, struct fg_error *error)
{
    uint32_t index = fg_cbor_map_find(value, 0, key);
    const struct fg_cbor_item *item = &value->items[index];
    bool integer = index != 0 && (item->type == FG_CBOR_UINT || item->type == FG_CBOR_NEGATIVE);
    if (!integer || item->number > INT64_MAX) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "progress: %s is missing or no 64-bit integer",
                       key);
    }
    int64_t number = (int64_t)item->number;
    *ret_integer = item->type == FG_CBOR_UINT ? number : -1 - number;
    return FG_OK;
}

static enum fg_status get_progress(const struct fg_cbor_value *value,
                                   struct fg_progress *ret_progress, struct fg_error *error)
{
    if (value->items[0].type != FG_CBOR_MAP) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "progress is not a map");
    }
    struct fg_progress progress = {0};
    enum fg_status status = get_string(value, "topic", true, &progress.topic, error);
    if (status == FG_OK) {
        status = get_integer(value, "pos", &progress.pos, error);
    }
    if (status == FG_OK) {
        status = get_integer(value, "total", &progress.total, error);
    }
    if (status == FG_OK) {
        status = get_string(value, "label", false, &progress.label, error);
    }
    if (status == FG_OK) {
        status = get_string(value, "item", false, &progress.item, error);
    }
    if (status == FG_OK) {
        *ret_progress = progress;
    }
    return status;
}

enum fg_status fg_progress_parse(struct fg_bytes payload, const struct fg_limits *limits,
                                 struct fg_progress *ret_progress, struct fg_error *error)
{
    struct fg_cbor_value value = {0};
    enum fg_status status = fg_cbor_decode(payload, limits, &value, error);
    if (status == FG_OK && value.joined != NULL) {
        /* Strings in pieces would have to be owned by the result; canonical CBOR has none. */
        status = fg_fail(error, FG_ERR_SYNTAX, 0, "progress: string in pieces");
    }
    if (status == FG_OK) {
        status = get_progress(&value, ret_progress, error);
    }
    fg_cbor_clear(&value);
    return status == FG_ERR_TRUNCATED ? FG_ERR_SYNTAX : status;
}

/* -- stream settings --------------------------------------------------------------------------- */

enum fg_status fg_streamsettings_append(struct fg_buffer *buffer, struct fg_stream *stream,
                                        uint16_t requestid,
                                        const struct fg_stream_settings *settings,
                                        uint32_t max_frame_size, struct fg_error *error)
{
    if (stream->begun) {
        return fg_fail(error, FG_ERR_STATE, 0, "stream %u has begun without settings",
                       stream->streamid);
    }
    if (settings->profile.size > 255) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "profile name over 255 bytes");
    }
    struct fg_buffer payload = FG_BUFFER_INIT(max_frame_size);
    enum fg_status status = fg_buffer_append_byte(&payload, (uint8_t)settings->profile.size);
    if (status == FG_OK) {
        status = fg_buffer_append(&payload, settings->profile.data, settings->profile.size);
    }
    if (status == FG_OK) {
        status = fg_buffer_append(&payload, settings->extra.data, settings->extra.size);
    }
    status = refuse_large_payload(status, error);
    if (status == FG_OK) {
        status = append_frame(buffer, stream, requestid, FG_FRAME_STREAM_SETTINGS, 0,
                              fg_buffer_view(&payload), max_frame_size, error);
    }
    fg_buffer_free(&payload);
    return status;
}

enum fg_status fg_streamsettings_parse(struct fg_bytes payload,
                                       struct fg_stream_settings *ret_settings,
                                       struct fg_error *error)
{
    if (payload.size == 0 || payload.data[0] > payload.size - 1) {
        return fg_fail(error, FG_ERR_TRUNCATED, 0, "stream settings end inside the profile's name");
    }
    size_t length = payload.data[0];
    *ret_settings = (struct fg_stream_settings){
        .profile = {payload.data + 1, length},
        .extra = {payload.data + 1 + length, payload.size - 1 - length},
    };
    return FG_OK;
}

/* -- errors ------------------------------------------------------------------------------------ */

enum fg_status fg_errorresponse_append(struct fg_buffer *buffer, struct fg_stream *stream,
                                       uint16_t requestid, uint8_t flags, struct fg_bytes message)
{
    message.size = fg_utf8_cut(message, FG_DEFAULT_MAX_FRAME_SIZE);
    return append_frame(buffer, stream, requestid, FG_FRAME_ERROR_RESPONSE, flags, message,
                        FG_DEFAULT_MAX_FRAME_SIZE, NULL);
}

enum fg_status fg_errorresponse_parse(const struct fg_frame *frame,
                                      struct fg_error_response *ret_response,
                                      struct fg_error *error)
{
    unsigned flags = frame->header.flags;
    if (frame->header.type != FG_FRAME_ERROR_RESPONSE) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "frame of type %u is no error response",
                       frame->header.type);
    }
    if ((flags & (FG_ERROR_RESPONSE_PROTOCOL | FG_ERROR_RESPONSE_APPLICATION)) == 0) {
        return fg_fail(error, FG_ERR_SYNTAX, 0,
                       "error response has neither the protocol nor the application flag");
    }
    *ret_response = (struct fg_error_response){
        .protocol = (flags & FG_ERROR_RESPONSE_PROTOCOL) != 0,
        .application = (flags & FG_ERROR_RESPONSE_APPLICATION) != 0,
        .message = {frame->payload, frame->header.length},
    };
    return FG_OK;
}
