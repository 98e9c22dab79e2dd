/* Outgoing streams: begin and end flags. */
#include "framing/stream.h"

enum fg_status fg_stream_init_client(struct fg_stream *ret_stream, uint8_t streamid)
{
    if (streamid % 2 == 0) {
        return FG_ERR_ARGUMENT;
    }
    *ret_stream = (struct fg_stream){.streamid = streamid};
    return FG_OK;
}

enum fg_status fg_stream_init_server(struct fg_stream *ret_stream, uint8_t streamid)
{
    if (streamid % 2 != 0) {
        return FG_ERR_ARGUMENT;
    }
    *ret_stream = (struct fg_stream){.streamid = streamid};
    return FG_OK;
}

void fg_stream_end(struct fg_stream *stream)
{
    stream->ending = true;
}

enum fg_status fg_stream_make_header(struct fg_stream *stream, uint16_t requestid, uint8_t type,
                                     uint8_t flags, uint32_t length,
                                     struct fg_frame_header *ret_header)
{
    if (stream->ended) {
        return FG_ERR_STATE;
    }
    if (type > 15 || flags > 15 || length > FG_FRAME_LENGTH_MAX) {
        return FG_ERR_ARGUMENT;
    }
    uint8_t streamflags =
        (uint8_t)((stream->begun ? 0 : FG_STREAM_BEGIN) | (stream->ending ? FG_STREAM_END : 0));
    *ret_header = (struct fg_frame_header){
        .length = length,
        .requestid = requestid,
        .streamid = stream->streamid,
        .streamflags = streamflags,
        .type = type,
        .flags = flags,
    };
    stream->begun = true;
    stream->ended = stream->ending;
    return FG_OK;
}
