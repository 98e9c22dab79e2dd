/*
 * A frame generator: makes the frames of one command request or one response, one at a time and
 * only when asked, from a source of any size. The word is the seed's ("framegen").
 */
#ifndef FRAMEGATE_FRAMING_FRAMEGEN_H
#define FRAMEGATE_FRAMING_FRAMEGEN_H

#include "framing/attributes.h"
#include "framing/frame.h"
#include "framing/source.h"
#include "framing/stream.h"

FG_BEGIN_DECLARATIONS

struct fg_framegen;

/*
 * Frames that ask for a command. name and args are copied; args is the CBOR of a map, or size 0
 * (also the empty map) to leave it out. data is NULL for a command without data; else it is taken
 * over, also on failure, and the request says have-data. The request is cut at max_frame_size (1
 * to FG_FRAME_LENGTH_MAX), data always at FG_DEFAULT_MAX_FRAME_SIZE. The stream must outlive the
 * generator. FG_ERR_ARGUMENT: a frame size out of range, or args that are no map of definite
 * length; FG_ERR_LIMIT: name and args over 4 GiB; FG_ERR_MEMORY.
 * (Seed: createcommandframes.)
 */
FG_MUST_CHECK enum fg_status fg_commandframes_new(struct fg_stream *stream, uint16_t requestid,
                                                  struct fg_bytes name, struct fg_bytes args,
                                                  struct fg_source *data, uint32_t max_frame_size,
                                                  struct fg_framegen **ret_framegen);

/*
 * Frames of a bytes response. source is taken over, also on failure. flags may be
 * FG_BYTES_RESPONSE_CBOR or 0. The last frame carries eos; a source of known size never ends with
 * an empty frame unless it is empty. The stream must outlive the generator and be a server's.
 * FG_ERR_ARGUMENT, FG_ERR_MEMORY. (Seed: createbytesresponseframesfrombytes.)
 */
FG_MUST_CHECK enum fg_status fg_bytesresponse_new(struct fg_stream *stream, uint16_t requestid,
                                                  uint8_t flags, struct fg_source *source,
                                                  uint32_t max_frame_size,
                                                  struct fg_framegen **ret_framegen);

/*
 * The one frame of an error response, made when it is asked for. flags is a combination of enum
 * fg_error_response_flag. The message is copied, cut at a character where it exceeds
 * FG_DEFAULT_MAX_FRAME_SIZE. FG_ERR_ARGUMENT, FG_ERR_MEMORY. (Seed: createerrorframe.)
 */
FG_MUST_CHECK enum fg_status fg_errorframe_new(struct fg_stream *stream, uint16_t requestid,
                                               uint8_t flags, struct fg_bytes message,
                                               struct fg_framegen **ret_framegen);

/* Frees the generator and its source. Takes NULL. */
void fg_framegen_free(struct fg_framegen *framegen);

/* Bytes of buffer with which fg_framegen_next never answers FG_NEED_MORE. */
size_t fg_framegen_frame_size_max(const struct fg_framegen *framegen);

/*
 * Writes the next frame, header and payload, to buffer. FG_OK: *ret_size bytes were written.
 * FG_END: all frames were taken out. FG_NEED_MORE: the next frame may not fit in capacity and
 * nothing changed (*ret_size is how much would do). FG_PENDING: the source has nothing now and
 * nothing changed; a source that pauses in the middle of a frame makes that frame shorter.
 *
 * Failures are those of the source (FG_ERR_IO if it gives less than its size) and of
 * fg_stream_make_header. A failure ends the response that fg_framegen_requestid named before the
 * call; where the generator holds several, the next call goes on with the one after it.
 */
FG_MUST_CHECK enum fg_status fg_framegen_next(struct fg_framegen *framegen, uint8_t *buffer,
                                              size_t capacity, size_t *ret_size);

/* The request whose frame comes next; 0 after the end. */
uint16_t fg_framegen_requestid(const struct fg_framegen *framegen);

FG_END_DECLARATIONS

#endif
