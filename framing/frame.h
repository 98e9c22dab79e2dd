/*
 * Frames: the header codec, the numbers and names of the wire, and the incremental reader. This
 * file knows one frame at a time; what frames mean together is the reactor's business.
 */
#ifndef FRAMEGATE_FRAMING_FRAME_H
#define FRAMEGATE_FRAMING_FRAME_H

#include "framing/attributes.h"
#include "framing/buffer.h"
#include "framing/limits.h"
#include "framing/status.h"

#include <stdbool.h>
#include <stdint.h>

FG_BEGIN_DECLARATIONS

/* Seed: FRAME_TYPES. */
enum fg_frame_type {
    FG_FRAME_COMMAND_REQUEST = 1,
    FG_FRAME_COMMAND_DATA = 3,
    FG_FRAME_BYTES_RESPONSE = 4,
    FG_FRAME_ERROR_RESPONSE = 5,
    FG_FRAME_TEXT_OUTPUT = 6,
    FG_FRAME_PROGRESS = 7,
    FG_FRAME_STREAM_SETTINGS = 8,
};

/* Seed: STREAM_FLAGS. */
enum fg_stream_flag {
    FG_STREAM_BEGIN = 0x01,
    FG_STREAM_END = 0x02,
    FG_STREAM_ENCODED = 0x04,
};

/* Seed: FLAGS_COMMAND_REQUEST. */
enum fg_command_request_flag {
    FG_COMMAND_REQUEST_NEW = 0x01,
    FG_COMMAND_REQUEST_CONTINUATION = 0x02,
    FG_COMMAND_REQUEST_MORE_FRAMES = 0x04,
    FG_COMMAND_REQUEST_EXPECT_DATA = 0x08,
};

/* Seed: FLAGS_COMMAND_DATA. */
enum fg_command_data_flag {
    FG_COMMAND_DATA_CONTINUATION = 0x01,
    FG_COMMAND_DATA_EOS = 0x02,
};

/* Seed: FLAGS_BYTES_RESPONSE. */
enum fg_bytes_response_flag {
    FG_BYTES_RESPONSE_CONTINUATION = 0x01,
    FG_BYTES_RESPONSE_EOS = 0x02,
    FG_BYTES_RESPONSE_CBOR = 0x04,
};

/* Seed: FLAGS_ERROR_RESPONSE. */
enum fg_error_response_flag {
    FG_ERROR_RESPONSE_PROTOCOL = 0x01,
    FG_ERROR_RESPONSE_APPLICATION = 0x02,
};

/* Seed: frameheader. */
struct fg_frame_header {
    uint32_t length; /* payload bytes, at most FG_FRAME_LENGTH_MAX */
    uint16_t requestid;
    uint8_t streamid;
    uint8_t streamflags; /* enum fg_stream_flag; other bits are kept as they come */
    uint8_t type;        /* enum fg_frame_type or unknown, at most 15 */
    uint8_t flags;       /* meaning depends on type; at most 15 */
};

/* Seed: frame. */
struct fg_frame {
    struct fg_frame_header header;
    const uint8_t *payload; /* header.length bytes, borrowed */
};

/*
 * Writes a header. FG_ERR_ARGUMENT if length, type or flags do not fit their bits: nothing is
 * wrapped or masked. (Seed: the header part of makeframe.)
 */
FG_MUST_CHECK enum fg_status fg_frame_header_encode(const struct fg_frame_header *header,
                                                    uint8_t ret_bytes[FG_FRAME_HEADER_SIZE]);

/* Reads a header; every 8 bytes are one. (Seed: parseheader.) */
void fg_frame_header_decode(const uint8_t bytes[FG_FRAME_HEADER_SIZE],
                            struct fg_frame_header *ret_header);

/*
 * Appends a whole frame. header->length is the payload's size. FG_ERR_ARGUMENT if a field does
 * not fit or length exceeds max_frame_size, which the buffer remembers too; errors of
 * fg_buffer_append. Nothing of the frame is appended then. (Seed: makeframe.)
 */
enum fg_status fg_frame_append(struct fg_buffer *buffer, const struct fg_frame_header *header,
                               const uint8_t *payload, uint32_t max_frame_size);

/* -- names ------------------------------------------------------------------------------------- */

/* The name of a type, such as "command-request"; NULL if it has none. A static string. */
const char *fg_frame_type_name(uint8_t type);

/* The type with this name. FG_ERR_NOT_FOUND if there is none. */
FG_MUST_CHECK enum fg_status fg_frame_type_from_name(struct fg_bytes name, uint8_t *ret_type);

/* The stream flag bit with this name. FG_ERR_NOT_FOUND if there is none. */
FG_MUST_CHECK enum fg_status fg_stream_flag_from_name(struct fg_bytes name, uint8_t *ret_flag);

/* The flag bit with this name for frames of this type. FG_ERR_NOT_FOUND if there is none. */
FG_MUST_CHECK enum fg_status fg_frame_flag_from_name(uint8_t type, struct fg_bytes name,
                                                     uint8_t *ret_flag);

/* The flag bits that have a name for frames of this type. */
uint8_t fg_frame_flags_known(uint8_t type);

/*
 * Appends names joined by '|', lowest bit first, nothing for 0; bits without a name follow as one
 * "<unknown 0xNN>". Errors of fg_buffer_append. (Seed: humanflags.)
 */
enum fg_status fg_stream_flags_append_names(struct fg_buffer *buffer, uint8_t streamflags);
enum fg_status fg_frame_flags_append_names(struct fg_buffer *buffer, uint8_t type, uint8_t flags);

/*
 * Appends the form "frame(size=…; request=…; stream=…; streamflags=…; type=…; flags=…)". An
 * unknown type is shown as "<unknown 0xNN>". Errors of fg_buffer_append. (Seed: frame.__repr__.)
 */
enum fg_status fg_frame_append_repr(struct fg_buffer *buffer, const struct fg_frame_header *header);

/* -- reader ------------------------------------------------------------------------------------ */

/*
 * Turns bytes that arrive in any slicing into frames. Holds at most one frame's bytes; the fields
 * are for fg_frame_reader_... only.
 */
struct fg_frame_reader {
    uint32_t max_payload;
    uint32_t max_empty_frames;
    uint64_t max_overhead;
    uint64_t offset; /* bytes consumed in all; where the frame after the current one starts */
    uint64_t header_bytes;
    uint64_t payload_bytes;
    uint32_t empty_frames;
    uint8_t header[FG_FRAME_HEADER_SIZE];
    uint32_t header_filled;
    struct fg_frame_header current;
    struct fg_buffer payload; /* the part of current's payload that came in earlier input */
    bool payload_lent;
    enum fg_status failed;
};

/* No allocation, cannot fail. The limits used are frame_payload, empty_frames, frame_overhead. */
void fg_frame_reader_init(struct fg_frame_reader *reader, const struct fg_limits *limits);

/* Frees what the reader holds. Takes NULL or a zeroed reader. */
void fg_frame_reader_clear(struct fg_frame_reader *reader);

/*
 * Takes bytes off the front of *input, until one frame is complete or the input is empty.
 *
 * FG_OK: *ret_frame is the next frame. Its payload is borrowed, from the input where it lay whole
 * in it, else from the reader; it is valid until the next call and while the input is.
 * FG_NEED_MORE: the input was used up; at least *ret_need more bytes (never 0) are needed before
 * a call can give anything new. At the end of the input that is where fg_frame_reader_finish
 * comes in.
 * FG_ERR_LIMIT: a header over a limit; error names it, error->limit says which it was,
 * error->offset is the header's place in the whole input, and fg_frame_reader_header has it.
 * Nothing of the payload was kept. FG_ERR_MEMORY: the payload could not be kept.
 * After a failure every later call fails in the same way.
 * ret_frame and ret_need are untouched except as said; ret_need may be NULL.
 */
FG_MUST_CHECK enum fg_status fg_frame_reader_next(struct fg_frame_reader *reader,
                                                  struct fg_bytes *input,
                                                  struct fg_frame *ret_frame, size_t *ret_need,
                                                  struct fg_error *error);

/* Bytes that the reader has allocated. */
size_t fg_frame_reader_held_bytes(const struct fg_frame_reader *reader);

/* The header that was read last, all zero before the first. Good until the next call. */
const struct fg_frame_header *fg_frame_reader_header(const struct fg_frame_reader *reader);

/*
 * Says whether the input may end here. FG_OK at a frame boundary; FG_ERR_TRUNCATED inside a
 * header ("received incomplete frame: got N bytes") or payload ("frame length error: expected N;
 * got M"), with *ret_header (may be NULL) the header of the cut frame in the second case and
 * zeroed in the first. (Seed: the errors of readframe.)
 */
FG_MUST_CHECK enum fg_status fg_frame_reader_finish(const struct fg_frame_reader *reader,
                                                    struct fg_frame_header *ret_header,
                                                    struct fg_error *error);

FG_END_DECLARATIONS

#endif
