/*
 * Payloads of the frames that carry structure: text output, progress, stream settings, errors.
 * Each can be made and parsed; the frames of a bytes response are in framing/framegen.h.
 */
#ifndef FRAMEGATE_FRAMING_RESPONSE_H
#define FRAMEGATE_FRAMING_RESPONSE_H

#include "framing/attributes.h"
#include "framing/cbor.h"
#include "framing/frame.h"
#include "framing/stream.h"

FG_BEGIN_DECLARATIONS

/* One piece of text output. All three parts are borrowed. */
struct fg_text_atom {
    struct fg_bytes format; /* ASCII; %s is replaced by the next argument, %% is a percent sign */
    const struct fg_bytes *args;
    size_t args_count;
    const struct fg_bytes *labels; /* ASCII */
    size_t labels_count;
};

/*
 * Appends the payload of a text-output frame. Arguments, and errors, as for fg_textoutput_append;
 * FG_ERR_LIMIT: the payload exceeds its ceiling.
 */
FG_MUST_CHECK enum fg_status fg_textoutput_encode(struct fg_buffer *payload,
                                                  const struct fg_text_atom *atoms,
                                                  size_t atoms_count, struct fg_error *error);

/*
 * Appends a text-output frame. Arguments that are not UTF-8 are repaired: each maximal ill-formed
 * part becomes U+FFFD. FG_ERR_ARGUMENT: a format or label is not ASCII, or the frame would exceed
 * max_frame_size (such frames are never split). FG_ERR_MEMORY, FG_ERR_LIMIT. On failure buffer
 * and stream are as they were. (Seed: createtextoutputframe.)
 */
FG_MUST_CHECK enum fg_status fg_textoutput_append(struct fg_buffer *buffer,
                                                  struct fg_stream *stream, uint16_t requestid,
                                                  const struct fg_text_atom *atoms,
                                                  size_t atoms_count, uint32_t max_frame_size,
                                                  struct fg_error *error);

/*
 * Appends the text that a text-output payload stands for, without its labels. FG_ERR_SYNTAX if
 * the payload is not a list of maps of the right types, a format has other directives than %s and
 * %%, or fewer or more arguments than directives. FG_ERR_MEMORY, FG_ERR_LIMIT.
 */
FG_MUST_CHECK enum fg_status fg_textoutput_render(struct fg_bytes payload,
                                                  const struct fg_limits *limits,
                                                  struct fg_buffer *buffer, struct fg_error *error);

struct fg_progress {
    struct fg_bytes topic;
    int64_t pos;           /* -1: finished */
    int64_t total;         /* 0 if unknown */
    struct fg_bytes label; /* data NULL: none */
    struct fg_bytes item;  /* data NULL: none */
};

/* Appends a progress frame. Errors as fg_textoutput_append. */
FG_MUST_CHECK enum fg_status fg_progress_append(struct fg_buffer *buffer, struct fg_stream *stream,
                                                uint16_t requestid,
                                                const struct fg_progress *progress,
                                                uint32_t max_frame_size, struct fg_error *error);

/*
 * Parses a progress payload; the strings are borrowed from it. FG_ERR_SYNTAX: error names the
 * field. FG_ERR_MEMORY, FG_ERR_LIMIT.
 */
FG_MUST_CHECK enum fg_status fg_progress_parse(struct fg_bytes payload,
                                               const struct fg_limits *limits,
                                               struct fg_progress *ret_progress,
                                               struct fg_error *error);

struct fg_stream_settings {
    struct fg_bytes profile; /* name of the encoding profile, at most 255 bytes */
    struct fg_bytes extra;   /* the profile's own bytes */
};

/*
 * Appends a stream-settings frame. FG_ERR_STATE unless it is the stream's first frame. Other
 * errors as fg_textoutput_append.
 */
FG_MUST_CHECK enum fg_status fg_streamsettings_append(struct fg_buffer *buffer,
                                                      struct fg_stream *stream, uint16_t requestid,
                                                      const struct fg_stream_settings *settings,
                                                      uint32_t max_frame_size,
                                                      struct fg_error *error);

/* Parses a stream-settings payload; both parts are borrowed from it. FG_ERR_TRUNCATED. */
FG_MUST_CHECK enum fg_status fg_streamsettings_parse(struct fg_bytes payload,
                                                     struct fg_stream_settings *ret_settings,
                                                     struct fg_error *error);

/*
 * Appends an error-response frame; flags and message as in fg_errorframe_new. FG_ERR_ARGUMENT,
 * FG_ERR_MEMORY, FG_ERR_LIMIT. (Seed: createerrorframe.)
 */
FG_MUST_CHECK enum fg_status fg_errorresponse_append(struct fg_buffer *buffer,
                                                     struct fg_stream *stream, uint16_t requestid,
                                                     uint8_t flags, struct fg_bytes message);

struct fg_error_response {
    bool protocol;
    bool application;
    struct fg_bytes message; /* borrowed; UTF-8 is not promised */
};

/* Parses an error-response frame. FG_ERR_SYNTAX if neither flag is set or the type is another. */
FG_MUST_CHECK enum fg_status fg_errorresponse_parse(const struct fg_frame *frame,
                                                    struct fg_error_response *ret_response,
                                                    struct fg_error *error);

FG_END_DECLARATIONS

#endif
