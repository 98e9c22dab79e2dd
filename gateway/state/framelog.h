/*
 * What happened in one exchange, in order: frames in both directions with what the reactor made of
 * them. Kept as raw bytes in one piece of memory of bounded size, and formatted only when somebody
 * looks: writing an entry is a copy of header and first payload bytes. When the room is used up,
 * only entries that show a failure are still taken, from a reserve.
 *
 * The arguments of a request of which one is named like a secret (fg_is_secret_name) are not kept.
 */
#ifndef FRAMEGATE_GATEWAY_FRAMELOG_H
#define FRAMEGATE_GATEWAY_FRAMELOG_H

#include "framing/reactor.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FG_FRAME_LOG_FIRST = 512,    /* bytes that need no allocation: most exchanges are below */
    FG_FRAME_LOG_RESERVE = 1024, /* of the ceiling, for failures */
    FG_FRAME_LOG_NONE = 0xff,    /* in place of an action or a state */
};

enum fg_frame_event {
    FG_EVENT_FRAME_IN,
    FG_EVENT_FRAME_OUT,
    FG_EVENT_INPUT_END,
    FG_EVENT_INPUT_ERROR, /* bytes that cannot be frames */
};

/*
 * One entry; kept bytes of payload and message_size bytes of message follow it in the log. What is
 * added here is to be written by put_entry, too.
 */
struct fg_frame_log_entry {
    uint64_t at; /* microseconds since the exchange's start */
    uint32_t number;
    struct fg_frame_header header; /* of the two frame events */
    uint16_t kept;
    uint16_t message_size;
    uint8_t event;
    uint8_t action; /* enum fg_action_type or FG_FRAME_LOG_NONE */
    uint8_t state;  /* enum fg_reactor_state or FG_FRAME_LOG_NONE */
    bool judged;    /* the request that it belongs to was complete, and looked at for secrets */
    bool withheld;  /* and had one */
};

struct fg_frame_log {
    uint8_t *data; /* owned unless it is first; NULL: no log */
    uint32_t size;
    uint32_t capacity;
    uint32_t ceiling;
    uint16_t payload_max;
    bool keeps_secrets;
    bool current_secret; /* the request that the next entry belongs to has a secret */
    bool current_judged;
    uint32_t count; /* entries that there were */
    uint8_t first[FG_FRAME_LOG_FIRST];
};

/* An empty log. No allocation. ceiling 0: nothing will be kept. */
void fg_frame_log_init(struct fg_frame_log *log, uint32_t ceiling, uint16_t payload_max,
                       bool keeps_secrets);

/* Frees; takes a zeroed log. */
void fg_frame_log_clear(struct fg_frame_log *log);

/* Hands the contents of from over to *to, which must be empty; from is empty afterwards. */
void fg_frame_log_move(struct fg_frame_log *from, struct fg_frame_log *to);

/* *ret_copy, to be cleared by the caller, becomes the same. FG_ERR_MEMORY. */
enum fg_status fg_frame_log_copy(const struct fg_frame_log *log, struct fg_frame_log *ret_copy);

/*
 * Adds an entry; number, kept, message_size, judged and withheld are filled in here. payload has
 * header.length bytes, of which the first ones are kept; message may be NULL. An entry with a
 * message, and an error response, is a failure. Memory that is short makes the log shorter, no
 * more.
 */
void fg_frame_log_add(struct fg_frame_log *log, struct fg_frame_log_entry *entry,
                      const uint8_t *payload, const char *message);

/*
 * The request is complete, with the frame whose entry is added next. Forgets the payloads of its
 * frames if it has a secret. alone: that frame is all of it.
 */
void fg_frame_log_judge(struct fg_frame_log *log, const struct fg_command *command, bool alone);

/* True for names such as password, api_token and Secret. */
bool fg_is_secret_name(struct fg_bytes name);

/*
 * The entry at *position (0 at first), which is moved on; payload and message are borrowed. FG_END
 * after the last one. withheld is set, and the payload empty, also where the request is not
 * complete and what came of it so far may be a secret.
 */
enum fg_status fg_frame_log_next(const struct fg_frame_log *log, uint32_t *position,
                                 struct fg_frame_log_entry *ret_entry, struct fg_bytes *ret_payload,
                                 struct fg_bytes *ret_message);

#endif
