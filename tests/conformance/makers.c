/* Vectors that say which frames a maker makes. */
#include "tests/conformance/conformance.h"

#include "framing/response.h"

#include <stdlib.h>
#include <string.h>

/* [byte, count]: that byte repeated. */
static bool get_repeated(struct vector *vector, const json_t *pair, struct fg_buffer *buffer)
{
    struct fg_buffer byte = FG_BUFFER_INIT(1);
    const json_t *count = json_array_get(pair, 1);
    bool valid = json_is_integer(count) && hex_to_bytes(vector, json_array_get(pair, 0), &byte);
    uint8_t *space;
    if (valid && json_integer_value(count) > 0 && byte.size == 1) {
        size_t size = (size_t)json_integer_value(count);
        valid = fg_buffer_reserve(buffer, size, &space) == FG_OK;
        if (valid) {
            memset(space, byte.data[0], size);
            buffer->size += size;
        }
    }
    if (!valid) {
        vector_differs(vector, "data is not [byte, count]");
    }
    fg_buffer_free(&byte);
    return valid;
}

static uint32_t get_frame_size(struct vector *vector)
{
    return get_number(vector, vector->json, "maxframesize", FG_FRAME_LENGTH_MAX);
}

static uint16_t get_requestid(struct vector *vector)
{
    return (uint16_t)get_number(vector, vector->json, "requestid", UINT16_MAX);
}

static uint8_t get_streamid(struct vector *vector)
{
    return (uint8_t)get_number(vector, vector->json, "streamid", UINT8_MAX);
}

void run_command_frames(struct vector *vector)
{
    struct fg_buffer args = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_buffer command = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_buffer data = FG_BUFFER_INIT(SIZE_MAX);
    const json_t *repeated = get_field(vector, vector->json, "data");
    const json_t *frames = get_list(vector, vector->json, "frames");
    bool has_data = repeated != NULL && !json_is_null(repeated);
    struct fg_stream stream;
    if (get_hex(vector, vector->json, "args", &args) &&
        get_hex(vector, vector->json, "command", &command) &&
        (!has_data || get_repeated(vector, repeated, &data)) &&
        fg_stream_init_client(&stream, get_streamid(vector)) == FG_OK) {
        struct fg_source source = fg_source_from_bytes(fg_buffer_view(&data));
        struct fg_framegen *framegen = NULL;
        size_t place = 0;
        if (fg_commandframes_new(&stream, get_requestid(vector), fg_buffer_view(&command),
                                 fg_buffer_view(&args), has_data ? &source : NULL,
                                 get_frame_size(vector), &framegen) == FG_OK) {
            expect_frames(vector, framegen, frames, &place);
            expect_no_more_frames(vector, frames, place);
        } else {
            vector_differs(vector, "refused");
        }
        fg_framegen_free(framegen);
    } else {
        vector_differs(vector, "not a command-frames vector");
    }
    fg_buffer_free(&args);
    fg_buffer_free(&command);
    fg_buffer_free(&data);
}

void run_bytes_response_frames(struct vector *vector)
{
    struct fg_buffer data = FG_BUFFER_INIT(SIZE_MAX);
    const json_t *repeated = get_field(vector, vector->json, "data");
    const json_t *frames = get_list(vector, vector->json, "frames");
    unsigned times = get_number(vector, vector->json, "times", UINT16_MAX);
    struct fg_stream stream;
    if (repeated != NULL && get_repeated(vector, repeated, &data) &&
        fg_stream_init_server(&stream, get_streamid(vector)) == FG_OK) {
        size_t place = 0;
        for (unsigned i = 0; i < times; i++) {
            struct fg_source source = fg_source_from_bytes(fg_buffer_view(&data));
            struct fg_framegen *framegen = NULL;
            if (fg_bytesresponse_new(&stream, get_requestid(vector), 0, &source,
                                     get_frame_size(vector), &framegen) == FG_OK) {
                expect_frames(vector, framegen, frames, &place);
            } else {
                vector_differs(vector, "refused");
            }
            fg_framegen_free(framegen);
        }
        expect_no_more_frames(vector, frames, place);
    } else {
        vector_differs(vector, "not a bytes-response-frames vector");
    }
    fg_buffer_free(&data);
}

void run_error_frame(struct vector *vector)
{
    struct fg_buffer message = FG_BUFFER_INIT(SIZE_MAX);
    const json_t *frames = get_list(vector, vector->json, "frames");
    unsigned flags =
        (get_bool(vector, vector->json, "protocol") ? FG_ERROR_RESPONSE_PROTOCOL : 0u) |
        (get_bool(vector, vector->json, "application") ? FG_ERROR_RESPONSE_APPLICATION : 0u);
    struct fg_stream stream;
    struct fg_framegen *framegen = NULL;
    size_t place = 0;
    if (get_hex(vector, vector->json, "message", &message) &&
        fg_stream_init_server(&stream, get_streamid(vector)) == FG_OK &&
        fg_errorframe_new(&stream, get_requestid(vector), (uint8_t)flags, fg_buffer_view(&message),
                          &framegen) == FG_OK) {
        expect_frames(vector, framegen, frames, &place);
        expect_no_more_frames(vector, frames, place);
    } else {
        vector_differs(vector, "refused");
    }
    fg_framegen_free(framegen);
    fg_buffer_free(&message);
}

/* -- text output
 * ------------------------------------------------------------------------------------ */

/* The atoms of a vector and what they borrow from. */
struct atoms {
    struct fg_buffer bytes; /* all strings, one behind the other */
    struct fg_bytes strings[4096];
    struct fg_text_atom atoms[1024];
    size_t strings_count;
    size_t atoms_count;
};

static bool add_string(struct vector *vector, struct atoms *atoms, const json_t *hex)
{
    size_t before = atoms->bytes.size;
    if (atoms->strings_count == sizeof atoms->strings / sizeof atoms->strings[0] ||
        !hex_to_bytes(vector, hex, &atoms->bytes)) {
        return false;
    }
    atoms->strings[atoms->strings_count++] =
        (struct fg_bytes){atoms->bytes.data + before, atoms->bytes.size - before};
    return true;
}

static bool add_strings(struct vector *vector, struct atoms *atoms, const json_t *list,
                        const struct fg_bytes **ret_first)
{
    *ret_first = atoms->strings + atoms->strings_count;
    size_t i;
    const json_t *hex;
    json_array_foreach((json_t *)list, i, hex)
    {
        if (!add_string(vector, atoms, hex)) {
            return false;
        }
    }
    return json_is_array(list);
}

static bool add_atom(struct vector *vector, struct atoms *atoms, const json_t *json)
{
    if (atoms->atoms_count == sizeof atoms->atoms / sizeof atoms->atoms[0] ||
        !add_string(vector, atoms, json_array_get(json, 0))) {
        return false;
    }
    struct fg_text_atom *atom = &atoms->atoms[atoms->atoms_count++];
    atom->format = atoms->strings[atoms->strings_count - 1];
    atom->args_count = json_array_size(json_array_get(json, 1));
    atom->labels_count = json_array_size(json_array_get(json, 2));
    return add_strings(vector, atoms, json_array_get(json, 1), &atom->args) &&
           add_strings(vector, atoms, json_array_get(json, 2), &atom->labels);
}

static void compare_text_output(struct vector *vector, const struct atoms *atoms,
                                struct fg_stream *stream)
{
    const json_t *frames = get_field(vector, vector->json, "frames");
    struct fg_buffer frame = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_error error;
    enum fg_status status =
        fg_textoutput_append(&frame, stream, get_requestid(vector), atoms->atoms,
                             atoms->atoms_count, get_frame_size(vector), &error);
    if (json_is_null(frames)) {
        if (status != FG_ERR_ARGUMENT) {
            vector_differs(vector, "made, but must be refused");
        }
    } else if (status != FG_OK) {
        vector_differs(vector, "refused: %s", error.message);
    } else if (json_array_size(frames) != 1) {
        vector_differs(vector, "one frame, expected %zu", json_array_size(frames));
    } else {
        expect_bytes(vector, "frame", json_array_get(frames, 0), fg_buffer_view(&frame));
        expect_round_trip(vector, fg_buffer_view(&frame));
    }
    fg_buffer_free(&frame);
}

void run_text_output_frame(struct vector *vector)
{
    struct atoms *atoms = calloc(1, sizeof *atoms);
    const json_t *list = get_list(vector, vector->json, "atoms");
    struct fg_stream stream;
    uint8_t *space;
    if (atoms == NULL || fg_stream_init_server(&stream, get_streamid(vector)) != FG_OK) {
        vector_differs(vector, "not a text-output-frame vector");
        free(atoms);
        return;
    }
    /* Reserved at once, so that what the atoms borrow does not move. */
    fg_buffer_init(&atoms->bytes, SIZE_MAX);
    bool valid = fg_buffer_reserve(&atoms->bytes, 1 << 20, &space) == FG_OK;
    size_t i;
    const json_t *atom;
    json_array_foreach((json_t *)list, i, atom)
    {
        valid = valid && add_atom(vector, atoms, atom) && atoms->bytes.size <= 1 << 20;
    }
    if (valid) {
        compare_text_output(vector, atoms, &stream);
    } else {
        vector_differs(vector, "atoms are not [format, args, labels]");
    }
    fg_buffer_free(&atoms->bytes);
    free(atoms);
}
