/* Reading the fields of vectors, and the comparisons that several kinds share. */
#include "tests/conformance/conformance.h"

#include "framing/humanstring.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 48 };

void vector_differs(struct vector *vector, const char *format, ...)
{
    printf("%s:%zu: ", vector->file, vector->line);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    vector->failed = true;
}

const json_t *get_field(struct vector *vector, const json_t *object, const char *key)
{
    const json_t *field = json_object_get(object, key);
    if (field == NULL) {
        vector_differs(vector, "field \"%s\" is missing", key);
    }
    return field;
}

const char *get_string(struct vector *vector, const json_t *object, const char *key)
{
    const json_t *field = get_field(vector, object, key);
    if (field != NULL && !json_is_string(field)) {
        vector_differs(vector, "field \"%s\" is not a string", key);
    }
    return json_string_value(field);
}

unsigned get_number(struct vector *vector, const json_t *object, const char *key, unsigned max)
{
    const json_t *field = get_field(vector, object, key);
    json_int_t number = json_integer_value(field);
    if (field != NULL && (!json_is_integer(field) || number < 0 || number > (json_int_t)max)) {
        vector_differs(vector, "field \"%s\" is not a number from 0 to %u", key, max);
        return 0;
    }
    return (unsigned)number;
}

bool get_bool(struct vector *vector, const json_t *object, const char *key)
{
    const json_t *field = get_field(vector, object, key);
    if (field != NULL && !json_is_boolean(field)) {
        vector_differs(vector, "field \"%s\" is not true or false", key);
    }
    return json_is_true(field);
}

const json_t *get_list(struct vector *vector, const json_t *object, const char *key)
{
    const json_t *field = get_field(vector, object, key);
    if (field != NULL && !json_is_array(field)) {
        vector_differs(vector, "field \"%s\" is not a list", key);
        return NULL;
    }
    return field;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_to_bytes(struct vector *vector, const json_t *string, struct fg_buffer *buffer)
{
    const char *hex = json_string_value(string);
    size_t size = json_string_length(string);
    if (hex == NULL || size % 2 != 0) {
        vector_differs(vector, "not a string of whole hex bytes");
        return false;
    }
    for (size_t i = 0; i < size; i += 2) {
        int high = nibble(hex[i]);
        int low = nibble(hex[i + 1]);
        if (high < 0 || low < 0) {
            vector_differs(vector, "\"%.2s\" is not a lower-case hex byte", hex + i);
            return false;
        }
        if (fg_buffer_append_byte(buffer, (uint8_t)(high << 4 | low)) != FG_OK) {
            vector_differs(vector, "out of memory");
            return false;
        }
    }
    return true;
}

bool get_hex(struct vector *vector, const json_t *object, const char *key, struct fg_buffer *buffer)
{
    const json_t *field = get_field(vector, object, key);
    return field != NULL && hex_to_bytes(vector, field, buffer);
}

static void print_bytes(const char *name, struct fg_bytes bytes, size_t from)
{
    printf("    %s (%zu bytes)%s: ", name, bytes.size, from > 0 ? " …" : "");
    for (size_t i = from; i < bytes.size && i < from + SHOWN_BYTES; i++) {
        printf("%02x", bytes.data[i]);
    }
    puts(bytes.size > from + SHOWN_BYTES ? "…" : "");
}

void expect_bytes(struct vector *vector, const char *what, const json_t *expected,
                  struct fg_bytes actual)
{
    struct fg_buffer wanted = FG_BUFFER_INIT(SIZE_MAX);
    if (hex_to_bytes(vector, expected, &wanted) &&
        !fg_bytes_equal(fg_buffer_view(&wanted), actual)) {
        size_t same = 0;
        while (same < wanted.size && same < actual.size && wanted.data[same] == actual.data[same]) {
            same++;
        }
        vector_differs(vector, "%s differs at byte %zu", what, same);
        print_bytes("expected", fg_buffer_view(&wanted), same - same % 8);
        print_bytes("got     ", actual, same - same % 8);
    }
    fg_buffer_free(&wanted);
}

void expect_round_trip(struct vector *vector, struct fg_bytes frame)
{
    static const struct fg_limits limits = FG_LIMITS_NONE;
    struct fg_frame_reader reader;
    struct fg_frame parsed;
    struct fg_buffer human = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_buffer again = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_error error = {0};
    struct fg_bytes input = frame;
    fg_frame_reader_init(&reader, &limits);
    if (fg_frame_reader_next(&reader, &input, &parsed, NULL, &error) != FG_OK || input.size != 0) {
        vector_differs(vector, "not one whole frame %s", error.message);
    } else if (fg_humanstring_decode(&parsed, &human) != FG_OK) {
        vector_differs(vector, "frame has no human string");
    } else if (fg_humanstring_encode(fg_buffer_view(&human), &again, &error) != FG_OK) {
        vector_differs(vector, "human string %.*s does not encode: %s", (int)human.size,
                       (const char *)human.data, error.message);
    } else if (!fg_bytes_equal(frame, fg_buffer_view(&again))) {
        vector_differs(vector, "human string %.*s encodes to another frame", (int)human.size,
                       (const char *)human.data);
    }
    fg_frame_reader_clear(&reader);
    fg_buffer_free(&human);
    fg_buffer_free(&again);
}

void expect_frames(struct vector *vector, struct fg_framegen *framegen, const json_t *expected,
                   size_t *place)
{
    size_t capacity = fg_framegen_frame_size_max(framegen);
    uint8_t *frame = malloc(capacity);
    if (frame == NULL) {
        vector_differs(vector, "out of memory");
        return;
    }
    size_t size;
    enum fg_status status;
    while ((status = fg_framegen_next(framegen, frame, capacity, &size)) == FG_OK) {
        struct fg_bytes bytes = {frame, size};
        const json_t *wanted = json_array_get(expected, *place);
        char what[32];
        snprintf(what, sizeof what, "frame %zu", *place);
        if (wanted == NULL) {
            vector_differs(vector, "%s is one too many", what);
            print_bytes("got", bytes, 0);
            break;
        }
        expect_bytes(vector, what, wanted, bytes);
        expect_round_trip(vector, bytes);
        ++*place;
    }
    if (fg_failed(status)) {
        vector_differs(vector, "making frame %zu failed: %s", *place, fg_status_text(status));
    }
    free(frame);
}

void expect_no_more_frames(struct vector *vector, const json_t *expected, size_t place)
{
    if (place < json_array_size(expected)) {
        vector_differs(vector, "%zu frames, expected %zu", place, json_array_size(expected));
    }
}
