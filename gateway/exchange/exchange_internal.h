/*
 * The exchange's own struct, shared by the files that make up the exchange: exchange.c (its life
 * and its verdict), exchange_run.c (commands), exchange_data.c (their data), exchange_classic.c
 * (the classic transport), exchange_login.c and exchange_report.c (what others see of it). Nobody
 * else includes this.
 */
#ifndef FRAMEGATE_GATEWAY_EXCHANGE_INTERNAL_H
#define FRAMEGATE_GATEWAY_EXCHANGE_INTERNAL_H

#include "gateway/access/access.h"
#include "gateway/exchange/debugreflect.h"
#include "gateway/exchange/exchange.h"
#include "gateway/exchange/handshake.h"
#include "gateway/exchange/pump.h"

enum fg_exchange_phase {
    FG_PHASE_HEAD,
    FG_PHASE_BODY,
    FG_PHASE_RUNNING, /* a slow command, on a worker */
    FG_PHASE_RESPONDING,
};

enum {
    FG_AGENT_SIZE = 64,
    /* Targets up to this size fit in any exchange's memory, which is then used again. */
    FG_TARGET_ROOM = 256,
};

/* A reply that is counted while it is sent. */
struct fg_unsized {
    const struct fg_command_spec *spec;
    uint16_t requestid;
};

struct fg_exchange {
    struct fg_in_flight entry;
    struct fg_gateway *gateway;
    struct fg_shard *shard;
    uint64_t id;
    uint64_t start; /* as fg_now_microseconds */
    struct timespec wall_start;
    struct fg_address peer;
    char method[8];
    char version[12];
    char agent[FG_AGENT_SIZE]; /* printable */
    bool looked_behind;        /* peer and secure are what the head says */
    bool proxied;              /* it came by a trusted proxy */
    bool looked_at;            /* identity is what the head says */
    bool secure;               /* came over TLS */
    struct fg_identity identity;
    enum fg_verdict verdicts[FG_PERMISSION_PUSH + 1]; /* by permission */
    struct fg_login_try *login;                       /* a password that waits for a worker */
    enum fg_exchange_phase phase;

    /* The verdict. Once it is known the rest of the body is not looked at. */
    uint16_t status; /* 0: not known yet */
    bool protocol_error;
    bool cut; /* the answer ended before its end */
    uint16_t error_requestid;

    struct fg_frame_reader reader;
    struct fg_reactor *reactor;    /* COMMANDS */
    struct fg_stream *stream;      /* the one output stream, of the reactor */
    struct fg_handshake handshake; /* HANDSHAKE */
    const char *handshake_type;    /* content type of body */
    struct fg_buffer body;         /* HANDSHAKE: the answer */
    struct fg_snapshot *snapshot;  /* what the commands see; taken for the first one */
    struct fg_command *slow;       /* waits for a worker, or is run by one */
    const struct fg_command_spec *slow_spec;
    struct fg_delivery *deliveries; /* commands that are taking their data */
    struct fg_delivery *ending;     /* has all its data; as slow */
    struct fg_classic *classic;     /* CLASSIC */
    struct fg_wait wait;            /* what the part of the answer that comes next waits for */
    bool shared;                    /* the last reply came by the bundle cache, encoded so: */
    enum fg_classic_engine shared_engine;

    uint64_t now; /* as fg_now_microseconds; of what is happening, for the log and latencies */
    struct fg_command_run running; /* the command that is being answered; microseconds: its start */
    bool sleeps;                   /* until a worker has read ahead */
    size_t unsized_count;
    uint64_t reply_bytes;      /* that wait in memory */
    struct fg_holding holding; /* of these and others, in the gateway's sum */
    uint64_t commands;
    uint64_t command_errors;
    uint64_t frames_in;
    uint64_t bytes_in;
    uint64_t bytes_out;
    size_t ran_count;
    uint64_t ran_others; /* of commands beyond FG_RAN_MAX different ones, and unknown ones */

    size_t target_size;

    /* From here on nothing is zeroed for each request: it is only read where it was written. */
    struct fg_ran ran[FG_RAN_MAX];
    /* Replies whose size shows when they are sent, the first ones of the exchange. */
    struct fg_unsized unsized[FG_RAN_MAX];
    struct fg_route route;
    struct fg_debugreflect debug; /* REFLECT; else only reflect and text are set */
    struct fg_caller caller;      /* of a command that changes something */
    char caller_address[FG_ADDRESS_TEXT_SIZE];
    char caller_server[FG_ADDRESS_TEXT_SIZE];
    char tried[FG_USER_SIZE]; /* the user of a login that failed, printable; else [0] is 0 */
    struct fg_error error;    /* of the verdict; only message[0] is set from the start */
    char command_error[FG_MESSAGE_SIZE]; /* the first one, if command_errors is not 0 */
    struct fg_respond respond;
    struct fg_frame_log log;
    uint8_t target[];
};

/* True if a command waits for a worker. */
static inline bool fg_exchange_waits(const struct fg_exchange *exchange)
{
    return exchange->slow != NULL || exchange->ending != NULL;
}

/* A password that is to be checked, and by what. */
struct fg_login_try {
    struct fg_access *access; /* a reference */
    struct fg_credentials credentials;
};

/*
 * exchange_login.c: looks at who sent the request and decides the route. With the shard's lock
 * held. True if a password must be checked first: exchange->login is set then.
 */
bool fg_exchange_decide(struct fg_exchange *exchange, struct fg_head *head);

/* exchange_login.c: counts a login that is missing or wrong, if the route answers with 401. */
void fg_exchange_count_unknown(struct fg_exchange *exchange);

/* Checks the password of exchange->login, or (busy) does not. Frees exchange->login. */
void fg_exchange_check_login(struct fg_exchange *exchange, bool busy);

/* Sets the verdict, unless there is one. */
void fg_exchange_refuse(struct fg_exchange *exchange, uint16_t status, const char *message);
void fg_exchange_protocol_error(struct fg_exchange *exchange, uint16_t requestid,
                                const char *message);

/* exchange_run.c: does what an action of the reactor asks for. */
void fg_exchange_act(struct fg_exchange *exchange, struct fg_action *action);

/* exchange_run.c: what counts a limit of the framing layer. */
enum fg_bound fg_exchange_bound_of(enum fg_limit limit);

/* exchange_run.c: what keeps a command from running that may run; FG_OK if nothing does. */
enum fg_status fg_exchange_check(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                 const struct fg_command *command, struct fg_error *error);

/* exchange_run.c: the circumstances of a call, with the snapshot. Errors of the repository. */
enum fg_status fg_exchange_call(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                const struct fg_command *command, struct fg_call *ret_call,
                                struct fg_error *error);

/*
 * exchange_run.c: runs a command and delivers its reply, or leaves a slow one to a worker; the
 * command is taken over. If it cannot run, status and error say why, and it may be NULL.
 */
void fg_exchange_start(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                       uint16_t requestid, struct fg_command *command, enum fg_status status,
                       struct fg_error *error);

/* exchange_run.c: calls the handler. Needs no lock: only this thread works on the exchange. */
enum fg_status fg_exchange_run(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                               const struct fg_command *command, struct fg_reply *ret_reply,
                               struct fg_error *error);

/*
 * exchange_share.c: answers a slow command that is shareable with the help of the bundle cache. The
 * reply's body needs no pump, and no encoding.
 */
enum fg_status fg_exchange_share(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                 const struct fg_call *call, struct fg_reply *ret_reply,
                                 struct fg_error *error);

/*
 * exchange_share.c: encodes the body of a reply as the classic transport sends it. *source becomes
 * the result; on failure it is destroyed. FG_ERR_MEMORY, FG_ERR_LIMIT; error says what.
 */
enum fg_status fg_exchange_encode(const struct fg_gateway *gateway, enum fg_classic_engine engine,
                                  bool dense, struct fg_source *source, struct fg_error *error);

/* exchange_classic.c: the words of X-HgProto-N. */
struct fg_bytes fg_exchange_classic_words(const struct fg_exchange *exchange);

/* exchange_run.c: puts a pump in front of a source. On failure the source is destroyed. */
enum fg_status fg_exchange_pump(struct fg_exchange *exchange, struct fg_source *source);

/* exchange_run.c: counts the command as one of this exchange, which begins now. */
void fg_exchange_count_command(struct fg_exchange *exchange, const struct fg_command_spec *spec);

/* exchange_run.c: counts how the command of exchange->running ended, now. failure: why it has
 * no reply; NULL if it has one. */
void fg_exchange_count_run(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                           const char *failure);

/* exchange_run.c: hands a command's reply, or why there is none, to the reactor or to classic. */
void fg_exchange_deliver(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                         uint16_t requestid, enum fg_status status, struct fg_reply *reply,
                         const struct fg_error *error);

/*
 * exchange_data.c: a command of this spec will be given its data. Its failures, but for
 * FG_ERR_MEMORY, are kept and answered when its data has ended.
 */
enum fg_status fg_exchange_begin_data(struct fg_exchange *exchange,
                                      const struct fg_command_spec *spec,
                                      const struct fg_command *command);

/* exchange_data.c: a piece of that data came; with the last one the command is answered. */
void fg_exchange_take_data(struct fg_exchange *exchange, const struct fg_action *action);

/* exchange_data.c: what fg_exchange_run_slow and fg_exchange_refuse_slow do for exchange->ending;
 * refuse with the shard's lock held. */
void fg_exchange_end_data(struct fg_exchange *exchange);
void fg_exchange_refuse_data(struct fg_exchange *exchange, const char *message);

/* exchange_data.c: the command of exchange->ending. */
const struct fg_command_spec *fg_exchange_ending_spec(const struct fg_exchange *exchange);

/* exchange_data.c: frees commands whose data has not ended. */
void fg_exchange_clear_data(struct fg_exchange *exchange);

/* The status that was sent; 0 if there was no answer. */
static inline uint16_t fg_exchange_final_status(const struct fg_exchange *exchange)
{
    return exchange->phase == FG_PHASE_RESPONDING ? exchange->status : 0;
}

/*
 * exchange_classic.c: what the functions of exchange.c do for a request of the classic transport.
 * prepare reads the head. finish is called again after each slow command; the exchange has answered
 * when there is none. answer is false if the verdict is answered as text.
 */
enum fg_status fg_exchange_classic_prepare(struct fg_exchange *exchange,
                                           const struct fg_head *head);
void fg_exchange_classic_receive(struct fg_exchange *exchange, struct fg_bytes input);
void fg_exchange_classic_finish(struct fg_exchange *exchange);
bool fg_exchange_classic_answer(struct fg_exchange *exchange, struct fg_answer *answer);
enum fg_status fg_exchange_classic_take(struct fg_exchange *exchange, uint8_t *buffer,
                                        size_t capacity, size_t *ret_size);
void fg_exchange_classic_clear(struct fg_exchange *exchange);
uint64_t fg_exchange_classic_held(const struct fg_exchange *exchange);
void fg_exchange_classic_deliver(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                 const char *failure, struct fg_reply *reply);

/*
 * exchange_report.c: adds to the frame log what has just happened: frame (NULL: none), what the
 * reactor made of it, and why the request was refused if refused is set.
 */
void fg_exchange_note(struct fg_exchange *exchange, enum fg_frame_event event,
                      const struct fg_frame *frame, uint8_t action, bool refused);

/* exchange_run.c: bytes of a reply whose size was not known before were given out. */
void fg_exchange_count_unsized(struct fg_exchange *exchange, uint16_t requestid, uint64_t bytes);

/* exchange_report.c: counts and logs a frame of the reply; context is the exchange. */
void fg_exchange_note_made(void *context, struct fg_bytes frame);

/* exchange_report.c: the line in the access log, and the record of a finished exchange. */
void fg_exchange_log(struct fg_exchange *exchange, const struct fg_finished *finished);
void fg_exchange_record(const struct fg_exchange *exchange, enum fg_end end,
                        struct fg_finished *ret_finished);

#endif
