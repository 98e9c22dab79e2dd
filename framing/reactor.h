/*
 * The server reactor: the brain of the protocol. It is told what happened (a frame came in, a
 * response is ready, the input ended) and answers with what to do. It does no work of its own, owns
 * no socket and calls nobody back. Not thread-safe: one exchange, one reactor, one thread at a
 * time. (Seed: serverreactor.)
 */
#ifndef FRAMEGATE_FRAMING_REACTOR_H
#define FRAMEGATE_FRAMING_REACTOR_H

#include "framing/attributes.h"
#include "framing/command.h"
#include "framing/frame.h"
#include "framing/framegen.h"
#include "framing/limits.h"
#include "framing/source.h"
#include "framing/stream.h"

#include <stdbool.h>
#include <stdint.h>

FG_BEGIN_DECLARATIONS

struct fg_reactor;

enum fg_reactor_state {
    FG_REACTOR_IDLE,
    FG_REACTOR_COMMAND_RECEIVING,
    FG_REACTOR_ERRORED, /* absorbing */
};

/* "idle", "command-receiving", "errored": the seed's names. A static string. */
const char *fg_reactor_state_name(enum fg_reactor_state state);

enum fg_action_type {
    /* The seed's five. */
    FG_ACTION_WANTFRAME,  /* nothing to do until another frame comes; state */
    FG_ACTION_RUNCOMMAND, /* run command (owned by the caller from now on) */
    FG_ACTION_SENDFRAMES, /* send all frames of framegen (owned by the caller); incomplete */
    FG_ACTION_ERROR,      /* the peer broke the protocol; message, requestid */
    FG_ACTION_NOOP,       /* nothing to do; incomplete */

    /* Only with FG_DATA_ASK. */
    FG_ACTION_EXPECTDATA,  /* say with fg_reactor_set_data_mode what to do with request's data */
    FG_ACTION_COMMANDDATA, /* a piece of data for a request whose data is delivered */
};

/* "wantframe", "runcommand", … A static string. */
const char *fg_action_name(enum fg_action_type type);

struct fg_action {
    enum fg_action_type type;
    uint16_t requestid;           /* of the frame or response that led to this; 0 for inputeof */
    enum fg_reactor_state state;  /* the reactor's state after the event */
    struct fg_command *command;   /* RUNCOMMAND: owned by the caller. EXPECTDATA: borrowed until
                                     the next call on the reactor */
    struct fg_framegen *framegen; /* SENDFRAMES: owned by the caller; freed before the reactor */
    const char *message;          /* ERROR: valid while the reactor lives and until the next call */
    struct fg_bytes data;         /* COMMANDDATA: borrowed from the frame */
    bool data_eos;                /* COMMANDDATA: the last piece; the request is active now */
    const uint16_t *incomplete;   /* inputeof: requests that were cut short, ascending; borrowed */
    size_t incomplete_count;      /* until the next call on the reactor */
};

/* What happens to the data of a command. */
enum fg_data_mode {
    FG_DATA_KEEP,    /* kept until its end, up to limits->data_bytes (the seed's way) */
    FG_DATA_ASK,     /* as a reactor's mode: an EXPECTDATA action for each request with data */
    FG_DATA_DELIVER, /* each piece is a COMMANDDATA action; no RUNCOMMAND follows */
    FG_DATA_DROP,    /* counted, not kept; RUNCOMMAND follows at its end */
};

struct fg_reactor_options {
    bool deferoutput;            /* half-duplex: keep responses until the input has ended */
    enum fg_data_mode data_mode; /* FG_DATA_KEEP or FG_DATA_ASK */
    uint32_t max_frame_size;     /* of frames sent; 0: FG_DEFAULT_MAX_FRAME_SIZE */
    /*
     * Accept bytes after a command request's CBOR map, as the seed does. Servers leave this false:
     * such bytes are an error, since two readers could disagree on what was asked.
     */
    bool ignore_trailing_bytes;
    struct fg_limits limits;
};

/* FG_ERR_ARGUMENT: another data mode or a frame size over FG_FRAME_LENGTH_MAX. FG_ERR_MEMORY. */
FG_MUST_CHECK enum fg_status fg_reactor_new(const struct fg_reactor_options *options,
                                            struct fg_reactor **ret_reactor);

/*
 * Frees the reactor, its streams and all responses it still holds. Generators that it handed out
 * must have been freed before. Takes NULL.
 */
void fg_reactor_free(struct fg_reactor *reactor);

/*
 * A frame was received. Gives wantframe, runcommand, error, and with FG_DATA_ASK expectdata and
 * commanddata. The frame's payload is copied as far as it is kept. FG_ERR_MEMORY: the reactor is
 * errored from then on. (Seed: onframerecv, with its messages.)
 *
 * An error action has a message for the peer. A limit that was reached is an error action too;
 * fg_reactor_limit_hit tells which.
 */
FG_MUST_CHECK enum fg_status fg_reactor_onframerecv(struct fg_reactor *reactor,
                                                    const struct fg_frame *frame,
                                                    struct fg_action *ret_action);

/*
 * After an EXPECTDATA action: what to do with the data of this request. data_mode is KEEP, DELIVER
 * or DROP; without this call it is DROP. FG_ERR_STATE: the request is not waiting for this.
 * Data frames that came before the request was complete were kept (up to limits->data_bytes):
 * with DELIVER they are in command->data and with DROP they are freed.
 */
FG_MUST_CHECK enum fg_status fg_reactor_set_data_mode(struct fg_reactor *reactor,
                                                      uint16_t requestid,
                                                      enum fg_data_mode data_mode);

/*
 * A bytes response is ready. source is taken over, also on failure. flags is 0 or
 * FG_BYTES_RESPONSE_CBOR. Gives sendframes, or noop where output is deferred and the input has not
 * ended. The request stays active until the last frame was taken out of the generator.
 * FG_ERR_ARGUMENT: not a server stream; FG_ERR_STATE: the request is not active or has its
 * response already; FG_ERR_MEMORY. (Seed: onbytesresponseready.)
 */
FG_MUST_CHECK enum fg_status fg_reactor_onbytesresponseready(struct fg_reactor *reactor,
                                                             struct fg_stream *stream,
                                                             uint16_t requestid, uint8_t flags,
                                                             struct fg_source *source,
                                                             struct fg_action *ret_action);

/*
 * A command failed: an error response with the application flag. Otherwise as
 * fg_reactor_onbytesresponseready. The message is copied. (Seed: onapplicationerror.)
 */
FG_MUST_CHECK enum fg_status fg_reactor_onapplicationerror(struct fg_reactor *reactor,
                                                           struct fg_stream *stream,
                                                           uint16_t requestid,
                                                           struct fg_bytes message,
                                                           struct fg_action *ret_action);

enum { FG_TEXT_OUTPUT_MAX = 10000 };

/*
 * Text for whoever looks at the answer to a request, to be sent before its response: one
 * text-output frame. The text, of at most FG_TEXT_OUTPUT_MAX bytes, is copied; what is not UTF-8 is
 * repaired. FG_ERR_ARGUMENT: it is longer. Otherwise as fg_reactor_onbytesresponseready.
 */
FG_MUST_CHECK enum fg_status fg_reactor_ontextoutput(struct fg_reactor *reactor,
                                                     struct fg_stream *stream, uint16_t requestid,
                                                     struct fg_bytes text,
                                                     struct fg_action *ret_action);

/*
 * Tells the peer that it broke the protocol: an error response with the protocol flag. The request
 * need not be active. Otherwise as fg_reactor_onapplicationerror.
 */
FG_MUST_CHECK enum fg_status fg_reactor_onprotocolerror(struct fg_reactor *reactor,
                                                        struct fg_stream *stream,
                                                        uint16_t requestid, struct fg_bytes message,
                                                        struct fg_action *ret_action);

/*
 * The input has ended. Gives sendframes with all responses kept so far, in the order in which they
 * became ready, or noop. Either has the requests that were still being received in incomplete; they
 * are dropped. Responses that become ready later are no longer deferred. FG_ERR_STATE: called
 * twice. FG_ERR_MEMORY. (Seed: oninputeof.)
 */
FG_MUST_CHECK enum fg_status fg_reactor_oninputeof(struct fg_reactor *reactor,
                                                   struct fg_action *ret_action);

/*
 * A new stream for sending, owned by the reactor; ids are 2, 4, …. FG_ERR_LIMIT: all 127 are in
 * use. FG_ERR_MEMORY. (Seed: makeoutputstream.)
 */
FG_MUST_CHECK enum fg_status fg_reactor_makeoutputstream(struct fg_reactor *reactor,
                                                         struct fg_stream **ret_stream);

/* -- looking in -------------------------------------------------------------------------------- */

/* The limit behind the error that the reactor is in; FG_LIMIT_NONE: the error was another one. */
enum fg_limit fg_reactor_limit_hit(const struct fg_reactor *reactor);

enum fg_reactor_state fg_reactor_state(const struct fg_reactor *reactor);

/*
 * How many frames had the begin flag on a stream that was open. They are accepted, as the seed
 * accepts them, but no honest peer sends them.
 */
uint64_t fg_reactor_streams_reopened(const struct fg_reactor *reactor);

/* A request that is being received. */
struct fg_receiving_view {
    uint16_t requestid;
    uint64_t request_bytes; /* of the command request so far */
    uint64_t data_bytes;    /* of command data so far */
    bool requestdone;       /* the command request is complete, data is missing */
    bool expectingdata;
};

/*
 * Fills ret_views with up to capacity requests being received, ascending by id, and returns how
 * many there are.
 */
size_t fg_reactor_receiving(const struct fg_reactor *reactor, struct fg_receiving_view *ret_views,
                            size_t capacity);

/* Fills ret_ids with up to capacity active request ids, ascending; returns how many there are. */
size_t fg_reactor_active(const struct fg_reactor *reactor, uint16_t *ret_ids, size_t capacity);

/* Streams that the peer has open: how many, and their ids ascending in ret_ids. */
size_t fg_reactor_incoming_streams(const struct fg_reactor *reactor, uint8_t *ret_ids,
                                   size_t capacity);

/* Bytes of requests and data that are being received. */
uint64_t fg_reactor_buffered_bytes(const struct fg_reactor *reactor);

/* What is allocated for them: decoded, a request takes many times the bytes that came. */
uint64_t fg_reactor_held_bytes(const struct fg_reactor *reactor);

FG_END_DECLARATIONS

#endif
