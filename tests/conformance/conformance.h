/*
 * The conformance driver: what its parts share. A vector is one line of a file; the functions that
 * run one report each difference through vector_differs.
 */
#ifndef FRAMEGATE_TESTS_CONFORMANCE_H
#define FRAMEGATE_TESTS_CONFORMANCE_H

#include "framing/buffer.h"
#include "framing/frame.h"
#include "framing/framegen.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct vector {
    const char *file;
    size_t line;
    const json_t *json;
    bool failed; /* a difference was printed */
};

/* Prints "FILE:LINE: …" and marks the vector as failed. */
void vector_differs(struct vector *vector, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The vectors' kinds. */
void run_human(struct vector *vector);
void run_command_frames(struct vector *vector);
void run_bytes_response_frames(struct vector *vector);
void run_error_frame(struct vector *vector);
void run_text_output_frame(struct vector *vector);
void run_read(struct vector *vector);
void run_reactor(struct vector *vector);

/*
 * Fields of a JSON object. A missing or wrongly typed one is reported (the driver must not pass a
 * line that it does not understand) and gives false, 0 or NULL.
 */
const json_t *get_field(struct vector *vector, const json_t *object, const char *key);
const char *get_string(struct vector *vector, const json_t *object, const char *key);
unsigned get_number(struct vector *vector, const json_t *object, const char *key, unsigned max);
bool get_bool(struct vector *vector, const json_t *object, const char *key);
const json_t *get_list(struct vector *vector, const json_t *object, const char *key);
/* Appends the bytes of a hex string. */
bool get_hex(struct vector *vector, const json_t *object, const char *key,
             struct fg_buffer *buffer);
bool hex_to_bytes(struct vector *vector, const json_t *string, struct fg_buffer *buffer);

/* Reports what differs if the bytes are not those of the hex string. */
void expect_bytes(struct vector *vector, const char *what, const json_t *expected,
                  struct fg_bytes actual);

/* Reports if decoding a frame to a human string and encoding that does not give the same bytes. */
void expect_round_trip(struct vector *vector, struct fg_bytes frame);

/* Takes all frames out of a generator and compares them with a list, from *place on. */
void expect_frames(struct vector *vector, struct fg_framegen *framegen, const json_t *expected,
                   size_t *place);

/* Reports if fewer than all frames of the list were compared. */
void expect_no_more_frames(struct vector *vector, const json_t *expected, size_t place);

#endif
