/* Vectors of kind human and read: single frames and streams of frames as bytes. */
#include "tests/conformance/conformance.h"

#include "framing/humanstring.h"

#include <string.h>

void run_human(struct vector *vector)
{
    const json_t *frame = get_field(vector, vector->json, "frame");
    const json_t *human = get_field(vector, vector->json, "human");
    if (frame == NULL || !json_is_string(human)) {
        vector_differs(vector, "human is not a string");
        return;
    }
    struct fg_bytes line = {(const uint8_t *)json_string_value(human), json_string_length(human)};
    struct fg_buffer buffer = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_error error = {0};
    enum fg_status status = fg_humanstring_encode(line, &buffer, &error);
    if (json_is_null(frame)) {
        if (status == FG_OK) {
            vector_differs(vector, "encodes, but must be refused");
        } else if (error.message[0] == '\0') {
            vector_differs(vector, "refused without saying why");
        }
    } else if (status != FG_OK) {
        vector_differs(vector, "refused: %s", error.message);
    } else {
        expect_bytes(vector, "frame", frame, fg_buffer_view(&buffer));
        expect_round_trip(vector, fg_buffer_view(&buffer));
    }
    fg_buffer_free(&buffer);
}

static void expect_number(struct vector *vector, size_t place, const json_t *expected,
                          const char *key, unsigned actual)
{
    unsigned wanted = get_number(vector, expected, key, FG_FRAME_LENGTH_MAX);
    if (wanted != actual) {
        vector_differs(vector, "header %zu: %s is %u, expected %u", place, key, actual, wanted);
    }
}

static void expect_header(struct vector *vector, size_t place, const json_t *expected,
                          const struct fg_frame_header *header)
{
    if (expected == NULL) {
        vector_differs(vector, "header %zu is one too many", place);
        return;
    }
    expect_number(vector, place, expected, "length", header->length);
    expect_number(vector, place, expected, "requestid", header->requestid);
    expect_number(vector, place, expected, "streamid", header->streamid);
    expect_number(vector, place, expected, "streamflags", header->streamflags);
    expect_number(vector, place, expected, "type", header->type);
    expect_number(vector, place, expected, "flags", header->flags);
}

/* The bytes of a frame as they stand in the input, for the round trip. */
static void round_trip(struct vector *vector, const struct fg_frame *frame)
{
    struct fg_buffer bytes = FG_BUFFER_INIT(SIZE_MAX);
    if (fg_frame_append(&bytes, &frame->header, frame->payload, FG_FRAME_LENGTH_MAX) == FG_OK) {
        expect_round_trip(vector, fg_buffer_view(&bytes));
    } else {
        vector_differs(vector, "frame cannot be made again");
    }
    fg_buffer_free(&bytes);
}

/* "header", "payload" or NULL: where the input was cut. */
static const char *cut_at(const struct fg_frame_reader *reader)
{
    struct fg_error error;
    if (fg_frame_reader_finish(reader, NULL, &error) == FG_OK) {
        return NULL;
    }
    return strstr(error.message, "frame length error") != NULL ? "payload" : "header";
}

/* Reads the bytes in slices of this size. */
static void read_slices(struct vector *vector, struct fg_bytes bytes, size_t slice)
{
    static const struct fg_limits limits = FG_LIMITS_NONE;
    const json_t *expected = get_list(vector, vector->json, "frames");
    struct fg_frame_reader reader;
    struct fg_error error = {0};
    size_t place = 0;
    enum fg_status status = FG_NEED_MORE;
    fg_frame_reader_init(&reader, &limits);
    for (size_t offset = 0; offset < bytes.size && !fg_failed(status); offset += slice) {
        size_t left = bytes.size - offset;
        struct fg_bytes input = {bytes.data + offset, left < slice ? left : slice};
        struct fg_frame frame;
        while ((status = fg_frame_reader_next(&reader, &input, &frame, NULL, &error)) == FG_OK) {
            expect_header(vector, place, json_array_get(expected, place), &frame.header);
            round_trip(vector, &frame);
            place++;
        }
    }
    if (fg_failed(status)) {
        vector_differs(vector, "refused: %s", error.message);
    } else {
        const char *cut = cut_at(&reader);
        const char *wanted = json_string_value(json_object_get(vector->json, "truncated"));
        if ((cut == NULL) != (wanted == NULL) || (cut != NULL && strcmp(cut, wanted) != 0)) {
            vector_differs(vector, "truncated is %s, expected %s", cut != NULL ? cut : "null",
                           wanted != NULL ? wanted : "null");
        }
        expect_no_more_frames(vector, expected, place);
    }
    fg_frame_reader_clear(&reader);
}

void run_read(struct vector *vector)
{
    struct fg_buffer bytes = FG_BUFFER_INIT(SIZE_MAX);
    if (get_field(vector, vector->json, "truncated") != NULL &&
        get_hex(vector, vector->json, "bytes", &bytes)) {
        read_slices(vector, fg_buffer_view(&bytes), SIZE_MAX / 2);
        read_slices(vector, fg_buffer_view(&bytes), 1);
    }
    fg_buffer_free(&bytes);
}
