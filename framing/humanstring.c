/* Human strings: the six fields of the line, and the payload's two forms. */
#include "framing/humanstring.h"

#include "framing/cbor.h"
#include "framing/escape.h"
#include "framing/literal.h"

#include <string.h>

enum field { REQUEST_ID, STREAM_ID, STREAM_FLAGS, TYPE, FLAGS, PAYLOAD, FIELDS };

static const char *const field_names[FIELDS] = {"request-id", "stream-id", "stream-flags",
                                                "type",       "flags",     "payload"};

static const char cbor_prefix[] = "cbor:";
enum { CBOR_PREFIX_SIZE = sizeof cbor_prefix - 1 };

/* -- encoding ---------------------------------------------------------------------------------- */

struct line {
    struct fg_bytes whole;
    struct fg_bytes fields[FIELDS];
    struct fg_error *error;
};

static size_t offset_of(const struct line *line, struct fg_bytes part)
{
    return (size_t)(part.data - line->whole.data);
}

/* Fields end at single blanks; the payload is all the rest and may be empty. */
static enum fg_status split(struct line *line)
{
    struct fg_bytes rest = line->whole;
    for (unsigned field = REQUEST_ID; field < PAYLOAD; field++) {
        const uint8_t *blank = rest.size > 0 ? memchr(rest.data, ' ', rest.size) : NULL;
        if (blank == NULL) {
            return fg_fail(line->error, FG_ERR_SYNTAX, line->whole.size,
                           "the line ends in field %s; expected <request-id> <stream-id> "
                           "<stream-flags> <type> <flags> <payload>",
                           field_names[field]);
        }
        size_t size = (size_t)(blank - rest.data);
        line->fields[field] = (struct fg_bytes){rest.data, size};
        rest.data += size + 1;
        rest.size -= size + 1;
    }
    line->fields[PAYLOAD] = rest;
    return FG_OK;
}

/* Decimal digits only, at most max. */
static bool read_number(struct fg_bytes text, unsigned max, unsigned *ret_number)
{
    unsigned number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (unsigned)(text.data[i] - '0');
        if (number > max) {
            return false;
        }
    }
    *ret_number = number;
    return text.size > 0;
}

/* Says which field is wrong, what stands there and what was expected. */
static enum fg_status field_error(const struct line *line, enum field field, struct fg_bytes part,
                                  const char *expectation)
{
    struct fg_buffer shown = FG_BUFFER_INIT(256);
    struct fg_bytes head = {part.data, part.size < 40 ? part.size : 40};
    enum fg_status status = fg_escape_encode(head, '"', &shown);
    if (status == FG_OK) {
        status = fg_fail(line->error, FG_ERR_SYNTAX, offset_of(line, part),
                         "%s \"%.*s\": expected %s", field_names[field], (int)shown.size,
                         shown.size > 0 ? (const char *)shown.data : "", expectation);
    }
    fg_buffer_free(&shown);
    return status;
}

static enum fg_status read_id(const struct line *line, enum field field, unsigned max,
                              unsigned *ret_number)
{
    if (read_number(line->fields[field], max, ret_number)) {
        return FG_OK;
    }
    return field_error(line, field, line->fields[field],
                       max > 255 ? "a number from 0 to 65535" : "a number from 0 to 255");
}

static enum fg_status read_stream_flag(const struct line *line, struct fg_bytes part,
                                       unsigned *ret_flag)
{
    uint8_t bit;
    if (fg_stream_flag_from_name(part, &bit) == FG_OK) {
        *ret_flag = bit;
        return FG_OK;
    }
    if (read_number(part, 255, ret_flag)) {
        return FG_OK;
    }
    return field_error(line, STREAM_FLAGS, part,
                       "stream-begin, stream-end, encoded or a number from 0 to 255");
}

static enum fg_status read_type(const struct line *line, uint8_t *ret_type)
{
    struct fg_bytes part = line->fields[TYPE];
    unsigned number;
    if (fg_frame_type_from_name(part, ret_type) == FG_OK) {
        return FG_OK;
    }
    if (read_number(part, 15, &number)) {
        *ret_type = (uint8_t)number;
        return FG_OK;
    }
    return field_error(line, TYPE, part, "the name of a frame type or a number from 0 to 15");
}

static enum fg_status read_frame_flag(const struct line *line, uint8_t type, struct fg_bytes part,
                                      unsigned *ret_flag)
{
    uint8_t bit;
    if (fg_frame_flag_from_name(type, part, &bit) == FG_OK) {
        *ret_flag = bit;
        return FG_OK;
    }
    if (read_number(part, 15, ret_flag)) {
        return FG_OK;
    }
    struct fg_buffer names = FG_BUFFER_INIT(256);
    enum fg_status status = fg_frame_flags_append_names(&names, type, fg_frame_flags_known(type));
    if (status == FG_OK && names.size > 0) {
        status = fg_buffer_append_string(&names, " or ");
    }
    if (status == FG_OK) {
        status = fg_buffer_append(&names, "a number from 0 to 15", sizeof "a number from 0 to 15");
    }
    if (status == FG_OK) {
        status = field_error(line, FLAGS, part, (const char *)names.data);
    }
    fg_buffer_free(&names);
    return status;
}

/* Flags joined by '|', each a name or a number. */
static enum fg_status read_flags(const struct line *line, enum field field, uint8_t type,
                                 uint8_t *ret_flags)
{
    struct fg_bytes rest = line->fields[field];
    unsigned flags = 0;
    for (;;) {
        const uint8_t *bar = rest.size > 0 ? memchr(rest.data, '|', rest.size) : NULL;
        struct fg_bytes part = {rest.data, bar != NULL ? (size_t)(bar - rest.data) : rest.size};
        unsigned flag;
        enum fg_status status = field == STREAM_FLAGS ? read_stream_flag(line, part, &flag)
                                                      : read_frame_flag(line, type, part, &flag);
        if (status != FG_OK) {
            return status;
        }
        flags |= flag;
        if (bar == NULL) {
            *ret_flags = (uint8_t)flags;
            return FG_OK;
        }
        rest.data += part.size + 1;
        rest.size -= part.size + 1;
    }
}

static enum fg_status read_header(const struct line *line, struct fg_frame_header *ret_header)
{
    struct fg_frame_header header = {0};
    unsigned requestid = 0;
    unsigned streamid = 0;
    enum fg_status status = read_id(line, REQUEST_ID, 65535, &requestid);
    if (status == FG_OK) {
        status = read_id(line, STREAM_ID, 255, &streamid);
    }
    if (status == FG_OK) {
        status = read_flags(line, STREAM_FLAGS, 0, &header.streamflags);
    }
    if (status == FG_OK) {
        status = read_type(line, &header.type);
    }
    if (status == FG_OK) {
        status = read_flags(line, FLAGS, header.type, &header.flags);
    }
    if (status == FG_OK) {
        header.requestid = (uint16_t)requestid;
        header.streamid = (uint8_t)streamid;
        *ret_header = header;
    }
    return status;
}

static bool starts_with_cbor(struct fg_bytes payload)
{
    return payload.size >= CBOR_PREFIX_SIZE &&
           memcmp(payload.data, cbor_prefix, CBOR_PREFIX_SIZE) == 0;
}

/* Appends the payload's bytes. */
static enum fg_status read_payload(const struct line *line, struct fg_buffer *buffer)
{
    static const struct fg_limits limits = FG_LIMITS_NONE;
    struct fg_bytes payload = line->fields[PAYLOAD];
    struct fg_error error = {0};
    bool is_cbor = starts_with_cbor(payload);
    if (is_cbor) {
        payload.data += CBOR_PREFIX_SIZE;
        payload.size -= CBOR_PREFIX_SIZE;
    }
    enum fg_status status = is_cbor ? fg_literal_encode(payload, &limits, buffer, &error)
                                    : fg_escape_decode(payload, buffer, &error);
    if (status != FG_OK) {
        const char *message = error.message[0] != '\0' ? error.message : fg_status_text(status);
        return fg_fail(line->error, status, offset_of(line, payload) + error.offset, "payload: %s",
                       message);
    }
    return FG_OK;
}

enum fg_status fg_humanstring_encode(struct fg_bytes line, struct fg_buffer *buffer,
                                     struct fg_error *error)
{
    struct line parsed = {.whole = line, .error = error};
    struct fg_frame_header header;
    enum fg_status status = split(&parsed);
    if (status == FG_OK) {
        status = read_header(&parsed, &header);
    }
    if (status != FG_OK) {
        return status;
    }
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    uint8_t *space;
    status = fg_buffer_reserve(buffer, FG_FRAME_HEADER_SIZE, &space);
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "%s", fg_status_text(status));
    }
    buffer->size += FG_FRAME_HEADER_SIZE;
    status = read_payload(&parsed, buffer);
    size_t length = buffer->size - mark.size - FG_FRAME_HEADER_SIZE;
    if (status == FG_OK && length > FG_FRAME_LENGTH_MAX) {
        status =
            fg_fail(error, FG_ERR_LIMIT, offset_of(&parsed, parsed.fields[PAYLOAD]),
                    "payload: %zu bytes, a frame holds at most %d", length, FG_FRAME_LENGTH_MAX);
    }
    if (status == FG_OK) {
        header.length = (uint32_t)length;
        status = fg_frame_header_encode(&header, buffer->data + mark.size);
    }
    return fg_buffer_keep_if(status, buffer, mark);
}

/* -- decoding ---------------------------------------------------------------------------------- */

/* Appends "cbor:…" if the payload is canonical CBOR that a literal can say, else nothing. */
static enum fg_status append_cbor_payload(struct fg_buffer *buffer, struct fg_bytes payload)
{
    /* What exceeds these is shown with escapes, which is as exact. */
    static const struct fg_limits limits = FG_LIMITS_DEFAULT;
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    struct fg_cbor_value value = {0};
    struct fg_buffer canonical = FG_BUFFER_INIT(payload.size);
    enum fg_status status = fg_cbor_decode(payload, &limits, &value, NULL);
    if (status == FG_OK) {
        status = fg_cbor_put_item(&canonical, &value, 0);
    }
    if (status == FG_OK && !fg_bytes_equal(fg_buffer_view(&canonical), payload)) {
        status = FG_ERR_UNSUPPORTED;
    }
    if (status == FG_OK) {
        fg_buffer_append_string(buffer, cbor_prefix);
        status = fg_literal_decode(&value, 0, buffer);
    }
    fg_cbor_clear(&value);
    fg_buffer_free(&canonical);
    return fg_buffer_keep_if(status, buffer, mark);
}

/*
 * Escapes, and two cases where the bytes would be read as something else: a payload that starts
 * with "cbor:", and a blank at the end, which editors and terminals lose.
 */
static enum fg_status append_escaped_payload(struct fg_buffer *buffer, struct fg_bytes payload)
{
    if (starts_with_cbor(payload)) {
        fg_buffer_append_format(buffer, "\\x%02x", payload.data[0]);
        payload.data++;
        payload.size--;
    }
    bool final_blank = payload.size > 0 && payload.data[payload.size - 1] == ' ';
    if (final_blank) {
        payload.size--;
    }
    fg_escape_encode(payload, 0, buffer);
    return fg_buffer_append_string(buffer, final_blank ? "\\x20" : "");
}

enum fg_status fg_humanstring_append_payload(struct fg_buffer *buffer, struct fg_bytes payload)
{
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    enum fg_status status = append_cbor_payload(buffer, payload);
    if (status != FG_OK && status != FG_ERR_MEMORY) {
        status = append_escaped_payload(buffer, payload);
    }
    return fg_buffer_keep_if(status, buffer, mark);
}

/* Names of the bits that have one and the rest as a number, so that nothing is lost; 0 for none. */
static enum fg_status append_flags(struct fg_buffer *buffer, bool stream, uint8_t type,
                                   uint8_t flags)
{
    unsigned known =
        stream ? FG_STREAM_BEGIN | FG_STREAM_END | FG_STREAM_ENCODED : fg_frame_flags_known(type);
    uint8_t named = (uint8_t)(flags & known);
    unsigned rest = flags & ~known;
    if (stream) {
        fg_stream_flags_append_names(buffer, named);
    } else {
        fg_frame_flags_append_names(buffer, type, named);
    }
    if (rest != 0 || named == 0) {
        fg_buffer_append_format(buffer, "%s%u", named != 0 ? "|" : "", rest);
    }
    return fg_buffer_append_byte(buffer, ' ');
}

static enum fg_status append_header(struct fg_buffer *buffer, const struct fg_frame_header *header)
{
    fg_buffer_append_format(buffer, "%u %u ", header->requestid, header->streamid);
    append_flags(buffer, true, 0, header->streamflags);
    const char *name = fg_frame_type_name(header->type);
    if (name != NULL) {
        fg_buffer_append_format(buffer, "%s ", name);
    } else {
        fg_buffer_append_format(buffer, "%u ", header->type);
    }
    return append_flags(buffer, false, header->type, header->flags);
}

enum fg_status fg_humanstring_decode(const struct fg_frame *frame, struct fg_buffer *buffer)
{
    const struct fg_buffer_mark mark = fg_buffer_mark(buffer);
    struct fg_bytes payload = {frame->payload, frame->header.length};
    append_header(buffer, &frame->header);
    return fg_buffer_keep_if(fg_humanstring_append_payload(buffer, payload), buffer, mark);
}
