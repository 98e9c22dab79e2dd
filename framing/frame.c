/* Frame headers, their names, and the incremental reader. */
#include "framing/frame.h"

#include <string.h>

/* -- header codec ------------------------------------------------------------------------------ */

enum fg_status fg_frame_header_encode(const struct fg_frame_header *header,
                                      uint8_t ret_bytes[FG_FRAME_HEADER_SIZE])
{
    if (header->length > FG_FRAME_LENGTH_MAX || header->type > 15 || header->flags > 15) {
        return FG_ERR_ARGUMENT;
    }
    ret_bytes[0] = (uint8_t)(header->length & 0xff);
    ret_bytes[1] = (uint8_t)(header->length >> 8 & 0xff);
    ret_bytes[2] = (uint8_t)(header->length >> 16);
    ret_bytes[3] = (uint8_t)(header->requestid & 0xff);
    ret_bytes[4] = (uint8_t)(header->requestid >> 8);
    ret_bytes[5] = header->streamid;
    ret_bytes[6] = header->streamflags;
    ret_bytes[7] = (uint8_t)(header->type << 4 | header->flags);
    return FG_OK;
}

void fg_frame_header_decode(const uint8_t bytes[FG_FRAME_HEADER_SIZE],
                            struct fg_frame_header *ret_header)
{
    /* The third length byte weighs 65536; the seed's 16384 is a slip that its maker contradicts. */
    ret_header->length = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
    ret_header->requestid = (uint16_t)(bytes[3] | bytes[4] << 8);
    ret_header->streamid = bytes[5];
    ret_header->streamflags = bytes[6];
    ret_header->type = bytes[7] >> 4;
    ret_header->flags = bytes[7] & 0x0f;
}

enum fg_status fg_frame_append(struct fg_buffer *buffer, const struct fg_frame_header *header,
                               const uint8_t *payload, uint32_t max_frame_size)
{
    if (header->length > max_frame_size) {
        return fg_buffer_fail(buffer, FG_ERR_ARGUMENT);
    }
    uint8_t *space;
    enum fg_status status =
        fg_buffer_reserve(buffer, FG_FRAME_HEADER_SIZE + (size_t)header->length, &space);
    if (status == FG_OK) {
        status = fg_buffer_fail(buffer, fg_frame_header_encode(header, space));
    }
    if (status != FG_OK) {
        return status;
    }
    if (header->length > 0) {
        memcpy(space + FG_FRAME_HEADER_SIZE, payload, header->length);
    }
    buffer->size += FG_FRAME_HEADER_SIZE + (size_t)header->length;
    return FG_OK;
}

/* -- names ------------------------------------------------------------------------------------- */

enum { TYPES = 16, BITS_MAX = 4 };

struct type_names {
    const char *name;            /* NULL: the type is unknown */
    const char *flags[BITS_MAX]; /* name of bit 0, 1, …; NULL: the bit has no name */
};

static const struct type_names type_names[TYPES] = {
    [FG_FRAME_COMMAND_REQUEST] = {"command-request", {"new", "continuation", "more", "have-data"}},
    [FG_FRAME_COMMAND_DATA] = {"command-data", {"continuation", "eos"}},
    [FG_FRAME_BYTES_RESPONSE] = {"bytes-response", {"continuation", "eos", "cbor"}},
    [FG_FRAME_ERROR_RESPONSE] = {"error-response", {"protocol", "application"}},
    [FG_FRAME_TEXT_OUTPUT] = {"text-output", {NULL}},
    [FG_FRAME_PROGRESS] = {"progress", {NULL}},
    [FG_FRAME_STREAM_SETTINGS] = {"stream-settings", {NULL}},
};

static const char *const stream_flag_names[BITS_MAX] = {"stream-begin", "stream-end", "encoded"};

const char *fg_frame_type_name(uint8_t type)
{
    return type < TYPES ? type_names[type].name : NULL;
}

enum fg_status fg_frame_type_from_name(struct fg_bytes name, uint8_t *ret_type)
{
    for (uint8_t type = 0; type < TYPES; type++) {
        if (type_names[type].name != NULL && fg_bytes_equal_string(name, type_names[type].name)) {
            *ret_type = type;
            return FG_OK;
        }
    }
    return FG_ERR_NOT_FOUND;
}

static enum fg_status bit_from_name(const char *const names[BITS_MAX], struct fg_bytes name,
                                    uint8_t *ret_flag)
{
    for (unsigned bit = 0; bit < BITS_MAX; bit++) {
        if (names[bit] != NULL && fg_bytes_equal_string(name, names[bit])) {
            *ret_flag = (uint8_t)(1u << bit);
            return FG_OK;
        }
    }
    return FG_ERR_NOT_FOUND;
}

enum fg_status fg_stream_flag_from_name(struct fg_bytes name, uint8_t *ret_flag)
{
    return bit_from_name(stream_flag_names, name, ret_flag);
}

enum fg_status fg_frame_flag_from_name(uint8_t type, struct fg_bytes name, uint8_t *ret_flag)
{
    return type < TYPES ? bit_from_name(type_names[type].flags, name, ret_flag) : FG_ERR_NOT_FOUND;
}

uint8_t fg_frame_flags_known(uint8_t type)
{
    unsigned known = 0;
    for (unsigned bit = 0; bit < BITS_MAX && type < TYPES; bit++) {
        known |= type_names[type].flags[bit] != NULL ? 1u << bit : 0;
    }
    return (uint8_t)known;
}

static enum fg_status append_bit_names(struct fg_buffer *buffer, const char *const names[BITS_MAX],
                                       unsigned value)
{
    size_t before = buffer->size;
    unsigned unknown = value;
    for (unsigned bit = 0; bit < BITS_MAX; bit++) {
        if (names[bit] != NULL && (value & 1u << bit) != 0) {
            unknown &= ~(1u << bit);
            const char *separator = buffer->size > before ? "|" : "";
            fg_buffer_append_format(buffer, "%s%s", separator, names[bit]);
        }
    }
    if (unknown != 0) {
        const char *separator = buffer->size > before ? "|" : "";
        fg_buffer_append_format(buffer, "%s<unknown 0x%02x>", separator, unknown);
    }
    return fg_buffer_status(buffer);
}

enum fg_status fg_stream_flags_append_names(struct fg_buffer *buffer, uint8_t streamflags)
{
    return append_bit_names(buffer, stream_flag_names, streamflags);
}

enum fg_status fg_frame_flags_append_names(struct fg_buffer *buffer, uint8_t type, uint8_t flags)
{
    static const char *const no_names[BITS_MAX] = {NULL};
    return append_bit_names(buffer, type < TYPES ? type_names[type].flags : no_names, flags);
}

enum fg_status fg_frame_append_repr(struct fg_buffer *buffer, const struct fg_frame_header *header)
{
    fg_buffer_append_format(buffer,
                            "frame(size=%u; request=%u; stream=%u; streamflags=", header->length,
                            header->requestid, header->streamid);
    fg_stream_flags_append_names(buffer, header->streamflags);
    const char *name = fg_frame_type_name(header->type);
    if (name != NULL) {
        fg_buffer_append_format(buffer, "; type=%s; flags=", name);
    } else {
        fg_buffer_append_format(buffer, "; type=<unknown 0x%02x>; flags=", header->type);
    }
    fg_frame_flags_append_names(buffer, header->type, header->flags);
    return fg_buffer_append_byte(buffer, ')');
}

/* -- reader ------------------------------------------------------------------------------------ */

void fg_frame_reader_init(struct fg_frame_reader *reader, const struct fg_limits *limits)
{
    *reader = (struct fg_frame_reader){
        .max_payload = limits->frame_payload,
        .max_empty_frames = limits->empty_frames,
        .max_overhead = limits->frame_overhead,
    };
    fg_buffer_init(&reader->payload, limits->frame_payload);
}

void fg_frame_reader_clear(struct fg_frame_reader *reader)
{
    if (reader != NULL) {
        fg_buffer_free(&reader->payload);
    }
}

static enum fg_status over_limit(struct fg_frame_reader *reader, enum fg_limit which,
                                 struct fg_error *error, const char *what, uint64_t value,
                                 uint64_t limit)
{
    reader->failed = FG_ERR_LIMIT;
    return fg_fail_limit(error, which, (size_t)reader->offset, "%s: %llu, the limit is %llu", what,
                         (unsigned long long)value, (unsigned long long)limit);
}

/* The limits that a header can break, checked before any payload is kept. */
static enum fg_status check_header(struct fg_frame_reader *reader, struct fg_error *error)
{
    uint32_t length = reader->current.length;
    if (length > reader->max_payload) {
        return over_limit(reader, FG_LIMIT_FRAME_PAYLOAD, error, "frame payload too large", length,
                          reader->max_payload);
    }
    reader->empty_frames = length == 0 ? reader->empty_frames + 1 : 0;
    if (reader->empty_frames > reader->max_empty_frames) {
        return over_limit(reader, FG_LIMIT_EMPTY_FRAMES, error, "too many empty frames in a row",
                          reader->empty_frames, reader->max_empty_frames);
    }
    reader->header_bytes += FG_FRAME_HEADER_SIZE;
    reader->payload_bytes += length;
    if (reader->header_bytes > reader->payload_bytes &&
        reader->header_bytes - reader->payload_bytes > reader->max_overhead) {
        return over_limit(reader, FG_LIMIT_FRAME_OVERHEAD, error,
                          "frame headers exceed payload by too much",
                          reader->header_bytes - reader->payload_bytes, reader->max_overhead);
    }
    return FG_OK;
}

/* Moves header bytes over; FG_OK when the header is complete and checked. */
static enum fg_status take_header(struct fg_frame_reader *reader, struct fg_bytes *input,
                                  struct fg_error *error)
{
    if (reader->header_filled == 0 && input->size >= FG_FRAME_HEADER_SIZE) {
        /* Nearly always: no copy of it is needed. */
        fg_frame_header_decode(input->data, &reader->current);
        reader->header_filled = FG_FRAME_HEADER_SIZE;
        input->data += FG_FRAME_HEADER_SIZE;
        input->size -= FG_FRAME_HEADER_SIZE;
        return check_header(reader, error);
    }
    size_t missing = FG_FRAME_HEADER_SIZE - reader->header_filled;
    size_t size = input->size < missing ? input->size : missing;
    if (size > 0) {
        memcpy(reader->header + reader->header_filled, input->data, size);
        reader->header_filled += (uint32_t)size;
        input->data += size;
        input->size -= size;
    }
    if (reader->header_filled < FG_FRAME_HEADER_SIZE) {
        return FG_NEED_MORE;
    }
    fg_frame_header_decode(reader->header, &reader->current);
    return check_header(reader, error);
}

/* A frame is complete: hands it out and makes ready for the next. */
static enum fg_status give_frame(struct fg_frame_reader *reader, const uint8_t *payload,
                                 struct fg_frame *ret_frame)
{
    *ret_frame = (struct fg_frame){reader->current, payload};
    reader->offset += FG_FRAME_HEADER_SIZE + (uint64_t)reader->current.length;
    reader->header_filled = 0;
    return FG_OK;
}

enum { ROOM_AT_ONCE = 64 * 1024 }; /* bytes; as much as frames have unless more is allowed */

static enum fg_status take_payload(struct fg_frame_reader *reader, struct fg_bytes *input,
                                   struct fg_frame *ret_frame, struct fg_error *error)
{
    size_t length = reader->current.length;
    if (reader->payload.size == 0 && input->size >= length) {
        const uint8_t *payload = input->data;
        input->data += length;
        input->size -= length;
        return give_frame(reader, payload, ret_frame);
    }
    size_t missing = length - reader->payload.size;
    size_t size = input->size < missing ? input->size : missing;
    uint8_t *space = NULL;
    if (size == 0) {
        return FG_NEED_MORE;
    }
    /* Room for all of it at once: to grow leaves holes behind that no other peer's frame fits. Not
     * where more than usual is allowed: then a few bytes would take all that. */
    size_t room = missing <= ROOM_AT_ONCE ? missing : size;
    if (fg_buffer_reserve(&reader->payload, room, &space) != FG_OK) {
        reader->failed = FG_ERR_MEMORY;
        return fg_fail(error, FG_ERR_MEMORY, (size_t)reader->offset, "out of memory");
    }
    memcpy(space, input->data, size);
    reader->payload.size += size;
    input->data += size;
    input->size -= size;
    if (size < missing) {
        return FG_NEED_MORE;
    }
    reader->payload_lent = true;
    return give_frame(reader, reader->payload.data, ret_frame);
}

enum fg_status fg_frame_reader_next(struct fg_frame_reader *reader, struct fg_bytes *input,
                                    struct fg_frame *ret_frame, size_t *ret_need,
                                    struct fg_error *error)
{
    if (reader->failed != FG_OK) {
        return fg_fail(error, reader->failed, (size_t)reader->offset, "an earlier frame failed: %s",
                       fg_status_text(reader->failed));
    }
    if (reader->payload_lent) {
        fg_buffer_reset(&reader->payload);
        reader->payload_lent = false;
    }
    enum fg_status status = FG_OK;
    if (reader->header_filled < FG_FRAME_HEADER_SIZE) {
        status = take_header(reader, input, error);
    }
    if (status == FG_OK) {
        status = take_payload(reader, input, ret_frame, error);
    }
    if (status == FG_NEED_MORE && ret_need != NULL) {
        *ret_need = reader->header_filled < FG_FRAME_HEADER_SIZE
                        ? FG_FRAME_HEADER_SIZE - reader->header_filled
                        : reader->current.length - reader->payload.size;
    }
    return status;
}

size_t fg_frame_reader_held_bytes(const struct fg_frame_reader *reader)
{
    return reader->payload.capacity;
}

const struct fg_frame_header *fg_frame_reader_header(const struct fg_frame_reader *reader)
{
    return &reader->current;
}

enum fg_status fg_frame_reader_finish(const struct fg_frame_reader *reader,
                                      struct fg_frame_header *ret_header, struct fg_error *error)
{
    if (reader->failed != FG_OK) {
        return fg_fail(error, reader->failed, (size_t)reader->offset, "an earlier frame failed: %s",
                       fg_status_text(reader->failed));
    }
    if (reader->header_filled == 0) {
        return FG_OK;
    }
    bool in_payload = reader->header_filled == FG_FRAME_HEADER_SIZE;
    if (ret_header != NULL) {
        *ret_header = in_payload ? reader->current : (struct fg_frame_header){0};
    }
    if (in_payload) {
        return fg_fail(error, FG_ERR_TRUNCATED, (size_t)reader->offset,
                       "frame length error: expected %u; got %zu", (unsigned)reader->current.length,
                       reader->payload.size);
    }
    return fg_fail(error, FG_ERR_TRUNCATED, (size_t)reader->offset,
                   "received incomplete frame: got %u bytes", (unsigned)reader->header_filled);
}
