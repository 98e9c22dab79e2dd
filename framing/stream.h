/*
 * An outgoing stream: a series of frames in one direction. It knows whether its first frame was
 * made, and so sets the begin flag, and whether it was ended.
 */
#ifndef FRAMEGATE_FRAMING_STREAM_H
#define FRAMEGATE_FRAMING_STREAM_H

#include "framing/attributes.h"
#include "framing/frame.h"

#include <stdbool.h>
#include <stdint.h>

FG_BEGIN_DECLARATIONS

/* Owned by whoever declares it; nothing is allocated. (Seed: stream.) */
struct fg_stream {
    uint8_t streamid;
    bool begun;  /* a frame was made: it carried the begin flag */
    bool ending; /* the next frame carries the end flag */
    bool ended;  /* that frame was made: no more frames */
};

/* A client's stream. FG_ERR_ARGUMENT unless streamid is odd. */
FG_MUST_CHECK enum fg_status fg_stream_init_client(struct fg_stream *ret_stream, uint8_t streamid);

/* A server's stream. FG_ERR_ARGUMENT unless streamid is even. (Seed: ensureserverstream.) */
FG_MUST_CHECK enum fg_status fg_stream_init_server(struct fg_stream *ret_stream, uint8_t streamid);

/* The next frame made on the stream will be its last and carry the end flag. */
void fg_stream_end(struct fg_stream *stream);

/*
 * Fills a header with the stream's id and flags; the stream advances. FG_ERR_STATE if the stream
 * has ended, FG_ERR_ARGUMENT if a field does not fit its bits; the stream is then as it was.
 * (Seed: stream.makeframe.)
 */
FG_MUST_CHECK enum fg_status fg_stream_make_header(struct fg_stream *stream, uint16_t requestid,
                                                   uint8_t type, uint8_t flags, uint32_t length,
                                                   struct fg_frame_header *ret_header);

FG_END_DECLARATIONS

#endif
