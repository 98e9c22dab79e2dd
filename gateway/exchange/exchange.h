/*
 * One request's life, from its first line to the last byte of its answer. Knows frames, commands
 * and status codes, and nothing of sockets or of the HTTP library: whoever owns the connection
 * tells it what arrived and asks it what to answer.
 *
 *     new → head → receive … → finish … → answer, take … → end
 *
 * All of it happens on the connection's thread, but for fg_exchange_run_slow. While an exchange is
 * worked on, its shard's lock is held (by these functions, not by the caller), so that the state
 * can be looked at from outside.
 */
#ifndef FRAMEGATE_GATEWAY_EXCHANGE_H
#define FRAMEGATE_GATEWAY_EXCHANGE_H

#include "framing/reactor.h"
#include "gateway/exchange/respond.h"
#include "gateway/exchange/route.h"
#include "gateway/gateway.h"

struct fg_exchange;

/* What the owner of the connection does next. */
enum fg_exchange_step {
    FG_EXCHANGE_GO_ON,    /* the rest of the body */
    FG_EXCHANGE_ANSWER,   /* answer now; what follows of the body is not read */
    FG_EXCHANGE_RUN_SLOW, /* have a worker call fg_exchange_run_slow, then go on */
};

/*
 * A request whose first line came in. target is the path and query as sent, copied. The exchange is
 * in flight until fg_exchange_end. FG_ERR_MEMORY.
 */
enum fg_status fg_exchange_new(struct fg_gateway *gateway, struct fg_bytes target,
                               const struct fg_address *peer, struct fg_exchange **ret_exchange);

/*
 * The answer was sent, or will never be, now, as fg_now_microseconds: writes the access log and the
 * record, and frees the exchange. Takes NULL.
 */
void fg_exchange_end(struct fg_exchange *exchange, uint64_t now, enum fg_end end);

/* The peer got this answer from elsewhere, and no other; for the record. message: why. */
void fg_exchange_answered(struct fg_exchange *exchange, uint16_t status, const char *message);

/* True if an answer was given out, whole or in part. */
bool fg_exchange_has_answer(const struct fg_exchange *exchange);

/* True if the answer had to be cut: what it is made of failed. */
bool fg_exchange_was_cut(const struct fg_exchange *exchange);

/* True if who connects from there is a trusted proxy. */
bool fg_exchange_is_proxy(struct fg_gateway *gateway, const struct fg_address *peer);

/* Where the request comes from, by its head. True if it came by a trusted proxy. */
bool fg_exchange_find_client(struct fg_exchange *exchange, const struct fg_head *head,
                             struct fg_address *ret_client);

/*
 * The head is complete. head->target, verdicts and memory_short are filled in here. ANSWER: the
 * request is refused before its body. RUN_SLOW: a password is to be checked; after that call this
 * again with the same head. GO_ON otherwise, also where the verdict is known: the body is then
 * taken in without looking.
 */
enum fg_exchange_step fg_exchange_head(struct fg_exchange *exchange, struct fg_head *head);

/*
 * Takes bytes of the body off the front of *input: all of them with GO_ON; with RUN_SLOW up to the
 * end of a frame, and the rest is to be given again. The bytes are not kept beyond the call, but
 * for the part of a frame that is incomplete.
 */
enum fg_exchange_step fg_exchange_receive(struct fg_exchange *exchange, struct fg_bytes *input);

/*
 * Runs the slow command, or checks the password, that the exchange waits for. On any thread, while
 * no other one works on it.
 */
void fg_exchange_run_slow(struct fg_exchange *exchange);

/* No worker takes it: a command is answered with an application error, a password with 503. */
void fg_exchange_refuse_slow(struct fg_exchange *exchange);

/* An answer's head. All borrowed, valid until fg_exchange_end. */
struct fg_answer {
    uint16_t status;
    const char *content_type;
    const char *allow;    /* value of Allow, or NULL */
    bool authenticate;    /* with WWW-Authenticate */
    unsigned retry_after; /* seconds; 0: no such field */
    bool whole;           /* body is all there is; else fg_exchange_take gives it */
    bool repeats;         /* small, with no field but the type, and likely to be sent again */
    bool widens;          /* the next request may have a head of megabytes */
    struct fg_bytes body;
};

/*
 * The body is complete, and its last piece has just been received: the answer is decided. RUN_SLOW:
 * a command of the classic transport is to be run first; after fg_exchange_run_slow call this
 * again. ANSWER: *ret_answer is the answer, as by fg_exchange_answer.
 */
enum fg_exchange_step fg_exchange_finish(struct fg_exchange *exchange,
                                         struct fg_answer *ret_answer);

/* The answer to a head that was answered at once. Called once; counts the body as sent if whole. */
void fg_exchange_answer(struct fg_exchange *exchange, struct fg_answer *ret_answer);

/*
 * The next bytes of an answer that is not whole; as fg_respond_take. FG_PENDING: there are none
 * now; fg_exchange_wait says when.
 */
enum fg_status fg_exchange_take(struct fg_exchange *exchange, uint8_t *buffer, size_t capacity,
                                size_t *ret_size);

/*
 * After FG_PENDING: has wake(context) called, once and on any thread, when there are bytes or the
 * end. False if that is so already; wake is not called then. Until the call the exchange must not
 * end.
 */
bool fg_exchange_wait(struct fg_exchange *exchange, void (*wake)(void *context), void *context);

/* When something last happened to the exchange, as fg_now_microseconds. For its own thread. */
uint64_t fg_exchange_now(const struct fg_exchange *exchange);

/* Bytes of body that the head announced. */
uint64_t fg_exchange_body_size(const struct fg_exchange *exchange);

/* True if what FG_EXCHANGE_RUN_SLOW asks for runs hg, and may wait for it for as long as it likes.
 */
bool fg_exchange_writes(const struct fg_exchange *exchange);

/* True if that body is for a command that takes it piece by piece. */
bool fg_exchange_takes_bundle(const struct fg_exchange *exchange);

/* -- looking in ------------------------------------------------------------------------------- */

enum {
    FG_VIEW_IDS = 32,      /* ids that a view lists; the counts are always whole */
    FG_VIEW_STREAMS = 128, /* a peer has no more */
};

/* An exchange in flight, as a copy. */
struct fg_exchange_view {
    uint64_t id;
    struct timespec start; /* wall clock */
    uint64_t age_microseconds;
    char peer[FG_ADDRESS_TEXT_SIZE];
    char method[8];
    char target[FG_TARGET_SIZE]; /* printable */
    char commands[FG_NAMES_SIZE];
    const char *phase;     /* "head", "body", "running", "responding". Static */
    const char *waits_for; /* "head", "password", "body", "worker", "peer". Static */
    bool has_reactor;
    enum fg_reactor_state reactor_state;
    struct fg_receiving_view receiving[FG_VIEW_IDS];
    size_t receiving_count;
    uint16_t active[FG_VIEW_IDS];
    size_t active_count;
    uint8_t streams[FG_VIEW_STREAMS]; /* that the peer has open */
    size_t streams_count;
    uint64_t buffered_bytes; /* held of requests that are being received */
    uint64_t reply_bytes;    /* held of replies that wait */
    uint64_t body_size;
    uint64_t commands_count;
    uint64_t frames_in;
    uint64_t frames_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
};

/* The parts of a finished exchange's record that are made into text for whoever looks. */
struct fg_finished_text {
    char peer[FG_ADDRESS_TEXT_SIZE];
    char target[FG_TARGET_SIZE]; /* printable */
    char commands[FG_NAMES_SIZE];
};

/* No allocation, cannot fail. */
void fg_finished_format(const struct fg_finished *finished, struct fg_finished_text *ret_text);

/* Fills a struct fg_exchange_view; for fg_state_look, with the shard's lock held. */
void fg_exchange_describe(const struct fg_in_flight *entry, void *ret_view);

/* The same for fg_state_find: returns the frame log, which the lock guards. */
const struct fg_frame_log *fg_exchange_describe_with_log(const struct fg_in_flight *entry,
                                                         void *ret_view);

#endif
