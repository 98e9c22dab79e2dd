/*
 * The server reactor. All rules of the protocol stand here, as a table by state and kind of frame.
 *
 *                      command-request        command-data          any other type
 *     idle             new request            refused               refused
 *     command-         new request or         data for a request    refused
 *     receiving        more of one            that expects it
 *     errored          refused                refused               refused
 *
 * A request is *receiving* from its first frame until its command request, and its data if it
 * announced some, are complete; then it is *active* until the last frame of its response was taken
 * out. A request that is one frame goes to active at once. The state is command-receiving while any
 * request is receiving, else idle; every refusal makes it errored for good.
 *
 * Before the table is asked, a frame's stream is checked: clients use odd ids, the first frame of
 * a stream has the begin flag, and nothing may be encoded, because no settings are understood.
 */
#include "framing/reactor.h"

#include "framing/command_internal.h"
#include "framing/framegen_internal.h"
#include "framing/response.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STREAMS = 256,
    FIRST_OUTGOING_STREAM = 2,
    LAST_OUTGOING_STREAM = 254,
    MESSAGE_SIZE = 256,
};

/* A request of which something is still to come. (Seed: an entry of _receivingcommands.) */
struct receiving {
    uint16_t requestid;
    bool requestdone;
    bool expectingdata;
    bool decoded; /* command->request is filled: EXPECTDATA was given */
    enum fg_data_mode data_mode;
    struct fg_command *command; /* owned */
};

/* A request that runs. (Seed: an entry of _activecommands.) */
struct active {
    uint16_t requestid;
    bool responded; /* its response is ready and waits to be taken out */
};

struct outgoing_stream {
    struct fg_stream stream;
    struct outgoing_stream *next;
};

/*
 * What nearly every body needs just once is part of the reactor: each block from the heap is 130
 * instructions, and there would be three more for a command.
 */
enum { FIRST_ACTIVE = 4 };

struct fg_reactor {
    struct fg_reactor_options options;
    enum fg_reactor_state state;
    enum fg_limit limit_hit;
    bool inputeof;

    uint8_t incoming_streams[STREAMS / 8]; /* a bit for each id; a reactor is made for each body */
    uint64_t streams_reopened;
    unsigned next_outgoing_streamid;
    struct outgoing_stream first_stream;      /* used while there is no other */
    struct outgoing_stream *outgoing_streams; /* the others; owned */

    struct receiving *receiving; /* ascending by requestid */
    size_t receiving_count;
    size_t receiving_capacity;

    struct active *active; /* ascending by requestid; first_active, or owned if it is longer */
    size_t active_count;
    size_t active_capacity;
    struct active first_active[FIRST_ACTIVE];

    struct fg_framegen all_buffered; /* what fg_reactor_oninputeof hands out */
    struct fg_part *buffered;        /* responses kept until the input has ended, in order */
    struct fg_part *buffered_last;
    uint16_t *incomplete; /* the result of fg_reactor_oninputeof */

    /* From here on nothing is cleared. */
    struct fg_part_pool parts;
    char message[MESSAGE_SIZE]; /* of the last refusal */
};

/* -- names ------------------------------------------------------------------------------------- */

const char *fg_reactor_state_name(enum fg_reactor_state state)
{
    static const char *const names[] = {"idle", "command-receiving", "errored"};
    return names[state];
}

const char *fg_action_name(enum fg_action_type type)
{
    static const char *const names[] = {"wantframe", "runcommand", "sendframes", "error",
                                        "noop",      "expectdata", "commanddata"};
    return names[type];
}

/* -- the two sets ------------------------------------------------------------------------------ */

/* The id that an element begins with. */
static uint16_t id_at(const void *array, size_t place, size_t size)
{
    uint16_t id;
    memcpy(&id, (const char *)array + place * size, sizeof id);
    return id;
}

/* The place where an id is or belongs in an ascending array of count elements of this size. */
static size_t find_place(const void *array, size_t count, size_t size, uint16_t requestid)
{
    size_t low = 0;
    size_t high = count;
    /* Clients count upwards and responses leave in order, so most ids are new, last or first. */
    if (count == 0 || id_at(array, count - 1, size) < requestid) {
        return count;
    }
    if (id_at(array, 0, size) >= requestid) {
        return 0;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id_at(array, middle, size) < requestid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct receiving *find_receiving(const struct fg_reactor *reactor, uint16_t requestid)
{
    size_t place = find_place(reactor->receiving, reactor->receiving_count,
                              sizeof *reactor->receiving, requestid);
    return place < reactor->receiving_count && reactor->receiving[place].requestid == requestid
               ? &reactor->receiving[place]
               : NULL;
}

static struct active *find_active(const struct fg_reactor *reactor, uint16_t requestid)
{
    size_t place =
        find_place(reactor->active, reactor->active_count, sizeof *reactor->active, requestid);
    return place < reactor->active_count && reactor->active[place].requestid == requestid
               ? &reactor->active[place]
               : NULL;
}

/* Makes room for one more active request. */
static enum fg_status grow_active(struct fg_reactor *reactor)
{
    bool first = reactor->active == reactor->first_active;
    size_t capacity = reactor->active_capacity * 2;
    struct active *active = realloc(first ? NULL : reactor->active, capacity * sizeof *active);
    if (active == NULL) {
        return FG_ERR_MEMORY;
    }
    if (first) {
        memcpy(active, reactor->first_active, sizeof reactor->first_active);
    }
    reactor->active = active;
    reactor->active_capacity = capacity;
    return FG_OK;
}

static enum fg_status add_active(struct fg_reactor *reactor, uint16_t requestid)
{
    if (reactor->active_count == reactor->active_capacity && grow_active(reactor) != FG_OK) {
        return FG_ERR_MEMORY;
    }
    size_t place =
        find_place(reactor->active, reactor->active_count, sizeof *reactor->active, requestid);
    struct active *active = &reactor->active[place];
    memmove(active + 1, active, (reactor->active_count - place) * sizeof *active);
    *active = (struct active){.requestid = requestid};
    reactor->active_count++;
    return FG_OK;
}

/* The last frame of a response was taken out. */
static void remove_active(void *context, uint16_t requestid)
{
    struct fg_reactor *reactor = context;
    struct active *active = find_active(reactor, requestid);
    if (active != NULL) {
        size_t place = (size_t)(active - reactor->active);
        reactor->active_count--;
        memmove(active, active + 1, (reactor->active_count - place) * sizeof *active);
    }
}

/* Takes the entry over; the command is freed if there is no room. */
static enum fg_status add_receiving(struct fg_reactor *reactor, const struct receiving *entry)
{
    enum { FIRST_RECEIVING = 4 };
    if (reactor->receiving_count == reactor->receiving_capacity) {
        size_t capacity =
            reactor->receiving_capacity == 0 ? FIRST_RECEIVING : reactor->receiving_capacity * 2;
        struct receiving *grown = realloc(reactor->receiving, capacity * sizeof *grown);
        if (grown == NULL) {
            fg_command_free(entry->command);
            return FG_ERR_MEMORY;
        }
        reactor->receiving = grown;
        reactor->receiving_capacity = capacity;
    }
    size_t place = find_place(reactor->receiving, reactor->receiving_count,
                              sizeof *reactor->receiving, entry->requestid);
    struct receiving *added = &reactor->receiving[place];
    memmove(added + 1, added, (reactor->receiving_count - place) * sizeof *added);
    *added = *entry;
    reactor->receiving_count++;
    return FG_OK;
}

/* Removes the entry; the caller has taken its command out. */
static void remove_receiving(struct fg_reactor *reactor, struct receiving *entry)
{
    size_t place = (size_t)(entry - reactor->receiving);
    reactor->receiving_count--;
    memmove(entry, entry + 1, (reactor->receiving_count - place) * sizeof *entry);
}

/* -- results ----------------------------------------------------------------------------------- */

/* The peer broke the protocol: the reactor is errored for good. (Seed: _makeerrorresult.) */
static enum fg_status refuse(struct fg_reactor *reactor, struct fg_action *action,
                             const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum fg_status refuse(struct fg_reactor *reactor, struct fg_action *action,
                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reactor->message, sizeof reactor->message, format, args);
    va_end(args);
    reactor->state = FG_REACTOR_ERRORED;
    action->type = FG_ACTION_ERROR;
    action->message = reactor->message;
    return FG_OK;
}

/* Seed: _makewantframeresult. */
static enum fg_status want_frame(struct fg_action *action)
{
    action->type = FG_ACTION_WANTFRAME;
    return FG_OK;
}

/* The state while no rule is broken. */
static void update_state(struct fg_reactor *reactor)
{
    reactor->state = reactor->receiving_count > 0 ? FG_REACTOR_COMMAND_RECEIVING : FG_REACTOR_IDLE;
}

/* Decodes a complete request. On a refusal action->type is FG_ACTION_ERROR. */
static enum fg_status decode_request(struct fg_reactor *reactor, struct fg_command *command,
                                     struct fg_action *action)
{
    struct fg_error error;
    struct fg_bytes encoded = fg_command_encoded(command);
    const struct fg_limits *limits = &reactor->options.limits;
    enum fg_status status = reactor->options.ignore_trailing_bytes
                                ? fg_cbor_decode_first(&encoded, limits, &command->request, &error)
                                : fg_cbor_decode(encoded, limits, &command->request, &error);
    if (status == FG_ERR_MEMORY) {
        return status;
    }
    if (status == FG_ERR_LIMIT) {
        reactor->limit_hit = error.limit;
    }
    if (status != FG_OK) {
        return refuse(reactor, action, "command request: %s at byte %zu", error.message,
                      error.offset);
    }
    const char *wrong = fg_command_look(command);
    return wrong == NULL ? FG_OK : refuse(reactor, action, "%s", wrong);
}

/* A request is complete: it becomes active. Takes the command over. */
static enum fg_status activate(struct fg_reactor *reactor, struct fg_command *command,
                               struct fg_action *action)
{
    if (reactor->active_count >= reactor->options.limits.requests_active) {
        fg_command_free(command);
        reactor->limit_hit = FG_LIMIT_REQUESTS_ACTIVE;
        return refuse(reactor, action, "too many commands: the limit is %u",
                      (unsigned)reactor->options.limits.requests_active);
    }
    enum fg_status status = add_active(reactor, command->requestid);
    if (status != FG_OK) {
        fg_command_free(command);
        return status;
    }
    action->type = FG_ACTION_RUNCOMMAND;
    action->command = command;
    return FG_OK;
}

/* Decodes, then activates. Takes the command over. (Seed: _makeruncommandresult.) */
static enum fg_status run_command(struct fg_reactor *reactor, struct fg_command *command,
                                  bool decoded, struct fg_action *action)
{
    update_state(reactor);
    enum fg_status status = decoded ? FG_OK : decode_request(reactor, command, action);
    if (status != FG_OK || action->type == FG_ACTION_ERROR) {
        fg_command_free(command);
        return status;
    }
    return activate(reactor, command, action);
}

/* The last frame of an entry that is receiving has come. */
static enum fg_status run_received(struct fg_reactor *reactor, struct receiving *entry,
                                   struct fg_action *action)
{
    struct fg_command *command = entry->command;
    bool decoded = entry->decoded;
    remove_receiving(reactor, entry);
    return run_command(reactor, command, decoded, action);
}

/*
 * The command request is complete and data is to come. Where the caller decides about data, it is
 * asked now.
 */
static enum fg_status request_done(struct fg_reactor *reactor, struct receiving *entry,
                                   struct fg_action *action)
{
    entry->requestdone = true;
    if (!entry->expectingdata) {
        return run_received(reactor, entry, action);
    }
    if (reactor->options.data_mode != FG_DATA_ASK) {
        return want_frame(action);
    }
    enum fg_status status = decode_request(reactor, entry->command, action);
    if (status == FG_OK && action->type != FG_ACTION_ERROR) {
        entry->decoded = true;
        entry->data_mode = FG_DATA_DROP;
        action->type = FG_ACTION_EXPECTDATA;
        action->command = entry->command;
    }
    return status;
}

/* -- command requests -------------------------------------------------------------------------- */

/* Exactly one of "new" and "continuation". (Seed: _validatecommandrequestframe.) */
static bool check_new_or_continuation(struct fg_reactor *reactor, const struct fg_frame *frame,
                                      struct fg_action *action)
{
    bool begins = (frame->header.flags & FG_COMMAND_REQUEST_NEW) != 0;
    bool continues = (frame->header.flags & FG_COMMAND_REQUEST_CONTINUATION) != 0;
    if (begins && continues) {
        refuse(reactor, action,
               "received command request frame with both new and continuation flags set");
    } else if (!begins && !continues) {
        refuse(reactor, action,
               "received command request frame with neither new nor continuation flags set");
    }
    return begins != continues;
}

static enum fg_status refuse_size(struct fg_reactor *reactor, uint16_t requestid,
                                  struct fg_action *action)
{
    reactor->limit_hit = FG_LIMIT_REQUEST_BYTES;
    return refuse(reactor, action, "command request %u over %zu bytes", requestid,
                  reactor->options.limits.request_bytes);
}

/* Appends to the request, or refuses it where it becomes too large. */
static enum fg_status append_request(struct fg_reactor *reactor, struct fg_command *command,
                                     const struct fg_frame *frame, struct fg_action *action)
{
    enum fg_status status =
        fg_buffer_append(&command->encoded, frame->payload, frame->header.length);
    return status == FG_ERR_LIMIT ? refuse_size(reactor, command->requestid, action) : status;
}

/* A request that is one frame. */
static enum fg_status run_whole_request(struct fg_reactor *reactor, const struct fg_frame *frame,
                                        struct fg_action *action)
{
    struct fg_bytes whole = {frame->payload, frame->header.length};
    if (whole.size > reactor->options.limits.request_bytes) {
        return refuse_size(reactor, frame->header.requestid, action);
    }
    struct fg_command *command =
        fg_command_new(&reactor->options.limits, frame->header.requestid, false, whole);
    return command != NULL ? run_command(reactor, command, false, action) : FG_ERR_MEMORY;
}

/* The first frame of a request whose flags and id are in order. */
static enum fg_status begin_request(struct fg_reactor *reactor, const struct fg_frame *frame,
                                    struct fg_action *action)
{
    bool more = (frame->header.flags & FG_COMMAND_REQUEST_MORE_FRAMES) != 0;
    bool data = (frame->header.flags & FG_COMMAND_REQUEST_EXPECT_DATA) != 0;
    uint32_t limit = reactor->options.limits.requests_receiving;
    if (!more && !data) {
        return run_whole_request(reactor, frame, action);
    }
    if (reactor->receiving_count >= limit) {
        reactor->limit_hit = FG_LIMIT_REQUESTS_RECEIVING;
        return refuse(reactor, action, "too many requests being received at once: the limit is %u",
                      (unsigned)limit);
    }
    struct fg_command *command = fg_command_new(&reactor->options.limits, frame->header.requestid,
                                                data, (struct fg_bytes){0});
    if (command == NULL) {
        return FG_ERR_MEMORY;
    }
    enum fg_status status = append_request(reactor, command, frame, action);
    if (status != FG_OK || action->type == FG_ACTION_ERROR) {
        fg_command_free(command);
        return status;
    }
    struct receiving entry = {
        .requestid = command->requestid,
        .expectingdata = data,
        .command = command,
    };
    status = add_receiving(reactor, &entry);
    if (status != FG_OK) {
        return status;
    }
    update_state(reactor);
    return more ? want_frame(action)
                : request_done(reactor, find_receiving(reactor, entry.requestid), action);
}

/* A command request frame where a new request may begin. (Seed: _onframeidle.) */
static enum fg_status new_request(struct fg_reactor *reactor, const struct fg_frame *frame,
                                  struct fg_action *action)
{
    uint16_t requestid = frame->header.requestid;
    if (!check_new_or_continuation(reactor, frame, action)) {
        return FG_OK;
    }
    if (find_receiving(reactor, requestid) != NULL) {
        return refuse(reactor, action, "request with ID %u already received", requestid);
    }
    if (find_active(reactor, requestid) != NULL) {
        return refuse(reactor, action, "request with ID %u is already active", requestid);
    }
    if ((frame->header.flags & FG_COMMAND_REQUEST_NEW) == 0) {
        return refuse(reactor, action, "received command request frame without new flag set");
    }
    return begin_request(reactor, frame, action);
}

/* The request being received that a frame belongs to; refuses the frame if there is none. */
static struct receiving *entry_of(struct fg_reactor *reactor, const struct fg_frame *frame,
                                  struct fg_action *action)
{
    uint16_t requestid = frame->header.requestid;
    if (find_active(reactor, requestid) != NULL) {
        refuse(reactor, action, "received frame for request that is still active: %u", requestid);
        return NULL;
    }
    struct receiving *entry = find_receiving(reactor, requestid);
    if (entry == NULL) {
        refuse(reactor, action, "received frame for request that is not receiving: %u", requestid);
    }
    return entry;
}

/* A command request frame while requests are receiving. (Seed: _onframecommandreceiving.) */
static enum fg_status new_or_more(struct fg_reactor *reactor, const struct fg_frame *frame,
                                  struct fg_action *action)
{
    uint8_t flags = frame->header.flags;
    if ((flags & FG_COMMAND_REQUEST_NEW) != 0) {
        return new_request(reactor, frame, action);
    }
    if (!check_new_or_continuation(reactor, frame, action)) {
        return FG_OK;
    }
    struct receiving *entry = entry_of(reactor, frame, action);
    if (entry == NULL) {
        return FG_OK;
    }
    if (entry->requestdone) {
        return refuse(reactor, action,
                      "received command request frame when request frames were supposedly done");
    }
    if (((flags & FG_COMMAND_REQUEST_EXPECT_DATA) != 0) != entry->expectingdata) {
        return refuse(reactor, action, "mismatch between expect data flag and previous frame");
    }
    enum fg_status status = append_request(reactor, entry->command, frame, action);
    if (status != FG_OK || action->type == FG_ACTION_ERROR) {
        return status;
    }
    return (flags & FG_COMMAND_REQUEST_MORE_FRAMES) != 0 ? want_frame(action)
                                                         : request_done(reactor, entry, action);
}

/* -- command data ------------------------------------------------------------------------------ */

/* Counts a piece of data and keeps it where it is to be kept. */
static enum fg_status take_data(struct receiving *entry, const struct fg_frame *frame)
{
    struct fg_command *command = entry->command;
    command->data_size += frame->header.length;
    if (entry->data_mode != FG_DATA_KEEP) {
        fg_buffer_free(&command->data);
        return FG_OK;
    }
    if (command->data_over_limit) {
        return FG_OK;
    }
    enum fg_status status = fg_buffer_append(&command->data, frame->payload, frame->header.length);
    if (status == FG_ERR_LIMIT) {
        command->data_over_limit = true;
        fg_buffer_free(&command->data);
        return FG_OK;
    }
    return status;
}

/* A piece for a request whose data is delivered; with the last one it becomes active. */
static enum fg_status deliver_data(struct fg_reactor *reactor, struct receiving *entry,
                                   const struct fg_frame *frame, bool eos, struct fg_action *action)
{
    if (eos) {
        enum fg_status status = run_received(reactor, entry, action);
        if (status != FG_OK || action->type == FG_ACTION_ERROR) {
            return status;
        }
        fg_command_free(action->command);
        action->command = NULL;
    }
    action->type = FG_ACTION_COMMANDDATA;
    action->data = (struct fg_bytes){frame->payload, frame->header.length};
    action->data_eos = eos;
    return FG_OK;
}

/* Seed: _handlecommanddataframe. */
static enum fg_status data_of_request(struct fg_reactor *reactor, const struct fg_frame *frame,
                                      struct fg_action *action)
{
    struct receiving *entry = entry_of(reactor, frame, action);
    if (entry == NULL) {
        return FG_OK;
    }
    if (!entry->expectingdata) {
        return refuse(reactor, action,
                      "received command data frame for request that is not expecting data: %u",
                      frame->header.requestid);
    }
    bool continuation = (frame->header.flags & FG_COMMAND_DATA_CONTINUATION) != 0;
    bool eos = !continuation && (frame->header.flags & FG_COMMAND_DATA_EOS) != 0;
    if (!continuation && !eos) {
        return refuse(reactor, action, "command data frame without flags");
    }
    if (eos && !entry->requestdone) {
        return refuse(reactor, action,
                      "command data ended before the command request was complete: %u",
                      frame->header.requestid);
    }
    enum fg_status status = take_data(entry, frame);
    if (status != FG_OK) {
        return status;
    }
    if (entry->data_mode == FG_DATA_DELIVER) {
        return deliver_data(reactor, entry, frame, eos, action);
    }
    return eos ? run_received(reactor, entry, action) : want_frame(action);
}

/* -- frames that are refused ------------------------------------------------------------------- */

static enum fg_status refuse_in_idle(struct fg_reactor *reactor, const struct fg_frame *frame,
                                     struct fg_action *action)
{
    return refuse(reactor, action, "expected command request frame; got %u", frame->header.type);
}

static enum fg_status refuse_while_receiving(struct fg_reactor *reactor,
                                             const struct fg_frame *frame, struct fg_action *action)
{
    if (entry_of(reactor, frame, action) == NULL) {
        return FG_OK;
    }
    return refuse(reactor, action, "received unexpected frame type: %u", frame->header.type);
}

/* Seed: _onframeerrored. */
static enum fg_status refuse_when_errored(struct fg_reactor *reactor, const struct fg_frame *frame,
                                          struct fg_action *action)
{
    (void)frame;
    return refuse(reactor, action, "server already errored");
}

/* -- the table --------------------------------------------------------------------------------- */

typedef enum fg_status (*rule)(struct fg_reactor *reactor, const struct fg_frame *frame,
                               struct fg_action *action);

static const struct {
    rule command_request;
    rule command_data;
    rule other;
} rules[] = {
    [FG_REACTOR_IDLE] = {new_request, refuse_in_idle, refuse_in_idle},
    [FG_REACTOR_COMMAND_RECEIVING] = {new_or_more, data_of_request, refuse_while_receiving},
    [FG_REACTOR_ERRORED] = {refuse_when_errored, refuse_when_errored, refuse_when_errored},
};

static bool is_open(const struct fg_reactor *reactor, unsigned streamid)
{
    return (reactor->incoming_streams[streamid / 8] & 1u << streamid % 8) != 0;
}

static void set_open(struct fg_reactor *reactor, unsigned streamid, bool open)
{
    uint8_t *bits = &reactor->incoming_streams[streamid / 8];
    unsigned bit = 1u << streamid % 8;
    *bits = (uint8_t)(open ? *bits | bit : *bits & ~bit);
}

/* Opens and closes incoming streams. False if the frame was refused. */
static bool check_stream(struct fg_reactor *reactor, const struct fg_frame *frame,
                         struct fg_action *action)
{
    uint8_t streamid = frame->header.streamid;
    uint8_t streamflags = frame->header.streamflags;
    if (streamid % 2 == 0) {
        refuse(reactor, action, "received frame with even numbered stream ID: %u", streamid);
        return false;
    }
    if (!is_open(reactor, streamid) && (streamflags & FG_STREAM_BEGIN) == 0) {
        refuse(reactor, action,
               "received frame on unknown inactive stream without beginning of stream flag set");
        return false;
    }
    reactor->streams_reopened += is_open(reactor, streamid) && (streamflags & FG_STREAM_BEGIN) != 0;
    set_open(reactor, streamid, true);
    if ((streamflags & FG_STREAM_ENCODED) != 0) {
        refuse(reactor, action, "received encoded frame on stream without known settings: %u",
               streamid);
        return false;
    }
    if ((streamflags & FG_STREAM_END) != 0) {
        set_open(reactor, streamid, false);
    }
    return true;
}

enum fg_status fg_reactor_onframerecv(struct fg_reactor *reactor, const struct fg_frame *frame,
                                      struct fg_action *ret_action)
{
    if (reactor->inputeof) {
        return FG_ERR_STATE;
    }
    struct fg_action action = {.type = FG_ACTION_NOOP, .requestid = frame->header.requestid};
    enum fg_status status = FG_OK;
    if (check_stream(reactor, frame, &action)) {
        rule apply =
            frame->header.type == FG_FRAME_COMMAND_REQUEST ? rules[reactor->state].command_request
            : frame->header.type == FG_FRAME_COMMAND_DATA  ? rules[reactor->state].command_data
                                                           : rules[reactor->state].other;
        status = apply(reactor, frame, &action);
    }
    if (status != FG_OK) {
        /* What was received so far is no longer whole. */
        reactor->state = FG_REACTOR_ERRORED;
        return status;
    }
    action.state = reactor->state;
    *ret_action = action;
    return FG_OK;
}

enum fg_status fg_reactor_set_data_mode(struct fg_reactor *reactor, uint16_t requestid,
                                        enum fg_data_mode data_mode)
{
    struct receiving *entry = find_receiving(reactor, requestid);
    if (entry == NULL || !entry->decoded || data_mode == FG_DATA_ASK) {
        return FG_ERR_STATE;
    }
    entry->data_mode = data_mode;
    if (data_mode == FG_DATA_DROP) {
        entry->command->data_over_limit = false;
        fg_buffer_free(&entry->command->data);
    }
    return FG_OK;
}

/* -- responses --------------------------------------------------------------------------------- */

/* Keeps the part, or hands it out as a generator. Takes it over, also on failure. */
static enum fg_status send_or_keep(struct fg_reactor *reactor, struct fg_part *part,
                                   struct fg_action *ret_action)
{
    struct fg_action action = {
        .type = FG_ACTION_NOOP, .requestid = part->requestid, .state = reactor->state};
    if (reactor->options.deferoutput && !reactor->inputeof) {
        if (reactor->buffered == NULL) {
            reactor->buffered = part;
        } else {
            reactor->buffered_last->next = part;
        }
        reactor->buffered_last = part;
    } else {
        enum fg_status status = fg_framegen_new(part, &action.framegen);
        if (status != FG_OK) {
            fg_part_free_all(part);
            return status;
        }
        action.type = FG_ACTION_SENDFRAMES;
    }
    *ret_action = action;
    return FG_OK;
}

/* A response to an active request. Takes the part over, also on failure. */
static enum fg_status respond(struct fg_reactor *reactor, struct fg_part *part,
                              struct active *active, struct fg_action *ret_action)
{
    uint16_t requestid = active->requestid;
    part->done = remove_active;
    part->done_context = reactor;
    enum fg_status status = send_or_keep(reactor, part, ret_action);
    if (status == FG_OK) {
        find_active(reactor, requestid)->responded = true;
    }
    return status;
}

/* The request that a response is for. (The stream check is the seed's ensureserverstream.) */
static enum fg_status check_response(const struct fg_reactor *reactor,
                                     const struct fg_stream *stream, uint16_t requestid,
                                     struct active **ret_active)
{
    if (stream->streamid % 2 != 0) {
        return FG_ERR_ARGUMENT;
    }
    struct active *active = find_active(reactor, requestid);
    if (active == NULL || active->responded) {
        return FG_ERR_STATE;
    }
    *ret_active = active;
    return FG_OK;
}

enum fg_status fg_reactor_onbytesresponseready(struct fg_reactor *reactor, struct fg_stream *stream,
                                               uint16_t requestid, uint8_t flags,
                                               struct fg_source *source,
                                               struct fg_action *ret_action)
{
    struct active *active;
    enum fg_status status = check_response(reactor, stream, requestid, &active);
    if (status == FG_OK && (flags & ~FG_BYTES_RESPONSE_CBOR) != 0) {
        status = FG_ERR_ARGUMENT;
    }
    if (status != FG_OK) {
        fg_source_destroy(source);
        return status;
    }
    struct fg_part *part;
    status = fg_part_new(&reactor->parts, FG_PART_RESPONSE, stream, requestid, flags, source,
                         reactor->options.max_frame_size, &part);
    return status == FG_OK ? respond(reactor, part, active, ret_action) : status;
}

enum fg_status fg_reactor_onapplicationerror(struct fg_reactor *reactor, struct fg_stream *stream,
                                             uint16_t requestid, struct fg_bytes message,
                                             struct fg_action *ret_action)
{
    struct active *active;
    enum fg_status status = check_response(reactor, stream, requestid, &active);
    struct fg_part *part;
    if (status == FG_OK) {
        status =
            fg_part_new_error(stream, requestid, FG_ERROR_RESPONSE_APPLICATION, message, &part);
    }
    return status == FG_OK ? respond(reactor, part, active, ret_action) : status;
}

enum fg_status fg_reactor_ontextoutput(struct fg_reactor *reactor, struct fg_stream *stream,
                                       uint16_t requestid, struct fg_bytes text,
                                       struct fg_action *ret_action)
{
    struct active *active;
    enum fg_status status = check_response(reactor, stream, requestid, &active);
    if (status == FG_OK && text.size > FG_TEXT_OUTPUT_MAX) {
        status = FG_ERR_ARGUMENT;
    }
    if (status != FG_OK) {
        return status;
    }
    const struct fg_text_atom atom = {
        .format = fg_bytes_from_string("%s"), .args = &text, .args_count = 1};
    struct fg_buffer payload = FG_BUFFER_INIT(FG_DEFAULT_MAX_FRAME_SIZE);
    status = fg_textoutput_encode(&payload, &atom, 1, NULL);
    if (status != FG_OK) {
        fg_buffer_free(&payload);
        return status;
    }
    struct fg_part *part;
    struct fg_source source = fg_source_from_buffer(&payload);
    status = fg_part_new(NULL, FG_PART_TEXT, stream, requestid, 0, &source,
                         FG_DEFAULT_MAX_FRAME_SIZE, &part);
    return status == FG_OK ? send_or_keep(reactor, part, ret_action) : status;
}

enum fg_status fg_reactor_onprotocolerror(struct fg_reactor *reactor, struct fg_stream *stream,
                                          uint16_t requestid, struct fg_bytes message,
                                          struct fg_action *ret_action)
{
    if (stream->streamid % 2 != 0) {
        return FG_ERR_ARGUMENT;
    }
    struct fg_part *part;
    enum fg_status status =
        fg_part_new_error(stream, requestid, FG_ERROR_RESPONSE_PROTOCOL, message, &part);
    return status == FG_OK ? send_or_keep(reactor, part, ret_action) : status;
}

/* -- end of input ------------------------------------------------------------------------------ */

/* Lists the requests that were cut short. */
static enum fg_status list_incomplete(struct fg_reactor *reactor)
{
    size_t count = reactor->receiving_count;
    if (count > 0) {
        reactor->incomplete = malloc(count * sizeof *reactor->incomplete);
        if (reactor->incomplete == NULL) {
            return FG_ERR_MEMORY;
        }
    }
    for (size_t i = 0; i < count; i++) {
        reactor->incomplete[i] = reactor->receiving[i].requestid;
    }
    return FG_OK;
}

static void drop_incomplete(struct fg_reactor *reactor)
{
    for (size_t i = 0; i < reactor->receiving_count; i++) {
        fg_command_free(reactor->receiving[i].command);
    }
    reactor->receiving_count = 0;
    if (reactor->state != FG_REACTOR_ERRORED) {
        update_state(reactor);
    }
}

enum fg_status fg_reactor_oninputeof(struct fg_reactor *reactor, struct fg_action *ret_action)
{
    if (reactor->inputeof) {
        return FG_ERR_STATE;
    }
    struct fg_action action = {.type = FG_ACTION_NOOP};
    enum fg_status status = list_incomplete(reactor);
    if (status != FG_OK) {
        return status;
    }
    if (reactor->buffered != NULL) {
        reactor->all_buffered = (struct fg_framegen){.first = reactor->buffered, .lent = true};
        action.type = FG_ACTION_SENDFRAMES;
        action.framegen = &reactor->all_buffered;
    }
    action.incomplete = reactor->incomplete;
    action.incomplete_count = reactor->receiving_count;
    drop_incomplete(reactor);
    reactor->buffered = NULL;
    reactor->buffered_last = NULL;
    reactor->inputeof = true;
    action.state = reactor->state;
    *ret_action = action;
    return FG_OK;
}

/* -- life -------------------------------------------------------------------------------------- */

enum fg_status fg_reactor_new(const struct fg_reactor_options *options,
                              struct fg_reactor **ret_reactor)
{
    if ((options->data_mode != FG_DATA_KEEP && options->data_mode != FG_DATA_ASK) ||
        options->max_frame_size > FG_FRAME_LENGTH_MAX) {
        return FG_ERR_ARGUMENT;
    }
    /* Not calloc, for the reason given in command_new. */
    struct fg_reactor *reactor = malloc(sizeof *reactor);
    if (reactor == NULL) {
        return FG_ERR_MEMORY;
    }
    memset(reactor, 0, offsetof(struct fg_reactor, parts));
    fg_part_pool_init(&reactor->parts);
    reactor->options = *options;
    if (options->max_frame_size == 0) {
        reactor->options.max_frame_size = FG_DEFAULT_MAX_FRAME_SIZE;
    }
    reactor->next_outgoing_streamid = FIRST_OUTGOING_STREAM;
    reactor->active = reactor->first_active;
    reactor->active_capacity = FIRST_ACTIVE;
    *ret_reactor = reactor;
    return FG_OK;
}

void fg_reactor_free(struct fg_reactor *reactor)
{
    if (reactor == NULL) {
        return;
    }
    for (size_t i = 0; i < reactor->receiving_count; i++) {
        fg_command_free(reactor->receiving[i].command);
    }
    while (reactor->outgoing_streams != NULL) {
        struct outgoing_stream *next = reactor->outgoing_streams->next;
        free(reactor->outgoing_streams);
        reactor->outgoing_streams = next;
    }
    fg_part_free_all(reactor->buffered);
    fg_part_pool_clear(&reactor->parts);
    free(reactor->receiving);
    if (reactor->active != reactor->first_active) {
        free(reactor->active);
    }
    free(reactor->incomplete);
    free(reactor);
}

enum fg_status fg_reactor_makeoutputstream(struct fg_reactor *reactor,
                                           struct fg_stream **ret_stream)
{
    if (reactor->next_outgoing_streamid > LAST_OUTGOING_STREAM) {
        return FG_ERR_LIMIT;
    }
    struct outgoing_stream *outgoing = &reactor->first_stream;
    if (reactor->next_outgoing_streamid != FIRST_OUTGOING_STREAM) {
        outgoing = malloc(sizeof *outgoing);
        if (outgoing == NULL) {
            return FG_ERR_MEMORY;
        }
        outgoing->next = reactor->outgoing_streams;
        reactor->outgoing_streams = outgoing;
    }
    enum fg_status status =
        fg_stream_init_server(&outgoing->stream, (uint8_t)reactor->next_outgoing_streamid);
    reactor->next_outgoing_streamid += 2;
    *ret_stream = &outgoing->stream;
    return status;
}

/* -- looking in -------------------------------------------------------------------------------- */

uint64_t fg_reactor_streams_reopened(const struct fg_reactor *reactor)
{
    return reactor->streams_reopened;
}

enum fg_limit fg_reactor_limit_hit(const struct fg_reactor *reactor)
{
    return reactor->limit_hit;
}

enum fg_reactor_state fg_reactor_state(const struct fg_reactor *reactor)
{
    return reactor->state;
}

size_t fg_reactor_receiving(const struct fg_reactor *reactor, struct fg_receiving_view *ret_views,
                            size_t capacity)
{
    for (size_t i = 0; i < reactor->receiving_count && i < capacity; i++) {
        const struct receiving *entry = &reactor->receiving[i];
        ret_views[i] = (struct fg_receiving_view){
            .requestid = entry->requestid,
            .request_bytes = entry->command->encoded.size,
            .data_bytes = entry->command->data_size,
            .requestdone = entry->requestdone,
            .expectingdata = entry->expectingdata,
        };
    }
    return reactor->receiving_count;
}

size_t fg_reactor_active(const struct fg_reactor *reactor, uint16_t *ret_ids, size_t capacity)
{
    for (size_t i = 0; i < reactor->active_count && i < capacity; i++) {
        ret_ids[i] = reactor->active[i].requestid;
    }
    return reactor->active_count;
}

size_t fg_reactor_incoming_streams(const struct fg_reactor *reactor, uint8_t *ret_ids,
                                   size_t capacity)
{
    size_t count = 0;
    for (unsigned streamid = 0; streamid < STREAMS; streamid++) {
        if (is_open(reactor, streamid)) {
            if (count < capacity) {
                ret_ids[count] = (uint8_t)streamid;
            }
            count++;
        }
    }
    return count;
}

uint64_t fg_reactor_buffered_bytes(const struct fg_reactor *reactor)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < reactor->receiving_count; i++) {
        const struct fg_command *command = reactor->receiving[i].command;
        bytes += command->encoded.size + command->data.size;
    }
    return bytes;
}

uint64_t fg_reactor_held_bytes(const struct fg_reactor *reactor)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < reactor->receiving_count; i++) {
        bytes += fg_command_held_bytes(reactor->receiving[i].command);
    }
    return bytes;
}
