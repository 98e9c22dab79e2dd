/*
 * What the gateway has done and is doing: counters, the exchanges in flight, the last finished
 * ones. Kept in shards, one for each thread that serves connections, so that threads do not meet:
 * a thread holds its own shard's lock while it works on an exchange, and whoever looks takes all
 * locks for the time of a copy, which makes the copy one consistent view.
 */
#ifndef FRAMEGATE_GATEWAY_STATE_H
#define FRAMEGATE_GATEWAY_STATE_H

#include "gateway/config/config.h"
#include "gateway/exchange/routememo.h"
#include "gateway/log.h"
#include "gateway/state/framelog.h"
#include "gateway/state/histogram.h"
#include "handlers/memory.h"
#include "handlers/registry.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>

enum {
    FG_FINISHED_MAX = 64,  /* finished exchanges that are remembered */
    FG_FAILED_MAX = 32,    /* of those before, these that failed, for each fg_failure */
    FG_STATUS_MAX = 600,   /* HTTP status codes are below */
    FG_NAMES_SIZE = 192,   /* text that says which commands ran */
    FG_MESSAGE_SIZE = 160, /* of the message that is remembered, as text */
    FG_TARGET_SIZE = 160,  /* of the target that is remembered, as text */
    FG_RAN_MAX = 16,       /* different commands of one exchange that are told apart */
    FG_SPARE_MAX = 8,      /* blocks of memory that a shard keeps for the next exchanges */
    FG_FRAME_TYPES = 16,   /* that a header can say */
};

/* uint64_t alone, so that they can be added up as arrays; so is fg_counters. */
struct fg_command_counters {
    uint64_t runs;
    uint64_t errors;    /* application errors */
    uint64_t bytes_in;  /* of requests and of their data */
    uint64_t bytes_out; /* of replies; of one request at most FG_RAN_MAX whose size shows late */
    struct fg_histogram latency; /* from the complete request to the reply */
};

/* One run of a command, to be counted. */
struct fg_command_run {
    bool failed;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t microseconds;
};

/* How an exchange ended: with an answer, or why it has none. */
enum fg_end {
    FG_END_ANSWERED,
    FG_END_PEER,      /* the peer left */
    FG_END_DEADLINE,  /* the peer was cut off */
    FG_END_MALFORMED, /* what came was no request, and the connection was closed */
    FG_END_TLS,       /* its handshake failed */
    FG_END_REPLY,     /* the reply could not be finished */
    FG_END_MEMORY,
    FG_END_ADDRESS, /* its address had as many connections as it may */
    FG_END_STOP,    /* the gateway stopped */
    FG_END_COUNT,
};

/* A word for counters and the log. Static. */
const char *fg_end_name(enum fg_end end);

/* The same for people; empty for FG_END_ANSWERED. Static. */
const char *fg_end_text(enum fg_end end);

/* All of them only grow. */
struct fg_counters {
    uint64_t requests;           /* that began */
    uint64_t ended;              /* of these; all but those that are in flight */
    uint64_t aborted;            /* without an answer that was sent whole */
    uint64_t ends[FG_END_COUNT]; /* these, by why; FG_END_ANSWERED is not counted */
    uint64_t commands;           /* that ran or were refused with an application error */
    uint64_t command_errors;
    uint64_t protocol_errors;
    uint64_t logins_missing;   /* answered with 401 since no credentials came */
    uint64_t logins_wrong;     /* or since they were wrong */
    uint64_t streams_reopened; /* begin flags on open streams: accepted, but odd */
    uint64_t frames_in;
    uint64_t frames_out;
    uint64_t bytes_in;  /* of bodies */
    uint64_t bytes_out; /* of answers, without their heads */
    uint64_t frames_in_by_type[FG_FRAME_TYPES];
    uint64_t frames_out_by_type[FG_FRAME_TYPES];
    uint64_t status[FG_STATUS_MAX];
    uint64_t bounds[FG_BOUND_COUNT];
    uint64_t log_lines_lost; /* of all logs; filled in by fg_state_look */
};

/* How often a command ran. */
struct fg_ran {
    const struct fg_command_spec *spec;
    uint64_t count;
};

/*
 * Failures are kept by kind, so that what any stranger can cause at will, knocking at doors that
 * are not there, does not push out what is worth looking at.
 */
enum fg_failure {
    FG_FAILURE_WITHIN,      /* of a request that was let in, or by the gateway's own fault */
    FG_FAILURE_TURNED_AWAY, /* refused by its head or for want of rights, or its head never came */
    FG_FAILURE_KINDS,
};

/*
 * An exchange that is over, as it was. Most are never looked at: making text of their parts only
 * for those that are (fg_finished_format) is 900 instructions less a request.
 */
struct fg_finished {
    uint64_t id;
    struct timespec start; /* wall clock, to 4 ms */
    uint64_t end;          /* as fg_now_microseconds */
    uint64_t microseconds;
    struct fg_address peer;
    char method[8];
    uint8_t target[FG_TARGET_SIZE]; /* as it came, as much as there is room for */
    size_t target_size;             /* of all of it */
    struct fg_ran ran[FG_RAN_MAX];
    size_t ran_count;
    uint64_t ran_others; /* of commands beyond FG_RAN_MAX different ones, and unknown ones */
    /* Why it was refused, else the first error that a command was answered with; else empty. */
    char message[FG_MESSAGE_SIZE];
    uint16_t status; /* 0: there was no answer */
    bool aborted;
    enum fg_end ending;
    enum fg_failure failure; /* of which kind, if it failed */
    uint64_t number;         /* how many of the shard ended before it */
    uint64_t commands_count;
    uint64_t command_errors; /* of these, answered with an application error */
    uint64_t frames_in;
    uint64_t frames_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
};

/* True if something went wrong, on either side. */
bool fg_finished_failed(const struct fg_finished *finished);

/* A place in a shard's list of what is in flight; embedded in the exchange. */
struct fg_in_flight {
    struct fg_in_flight *next;
    struct fg_in_flight **link;
    uint64_t id;
    uint64_t bytes; /* of the exchange itself */
};

/* Failures that fell out of the last ones: else a busy minute would leave nothing to look at. */
struct fg_failures {
    struct fg_finished finished[FG_FAILED_MAX]; /* a ring */
    struct fg_frame_log logs[FG_FAILED_MAX];    /* theirs */
    uint64_t count;                             /* of all that there were */
};

struct fg_shard {
    pthread_mutex_t lock;
    struct fg_counters counters;
    struct fg_command_counters *commands; /* by place in the registry */
    struct fg_in_flight *in_flight;
    uint64_t in_flight_count;
    uint64_t in_flight_bytes;
    struct fg_finished finished[FG_FINISHED_MAX]; /* a ring */
    struct fg_frame_log logs[FG_FINISHED_MAX];    /* theirs */
    uint64_t finished_count;
    struct fg_failures failures[FG_FAILURE_KINDS];
    struct fg_route_memo route_memo;
    void *spare[FG_SPARE_MAX]; /* memory of exchanges that are over, for those to come; owned */
    size_t spare_count;
    struct fg_buffer log; /* lines of the access log that were not written yet */
    uint64_t next_id;
};

struct fg_state;

/*
 * shards: how many threads will use fg_state_shard; more than that share. memory, push_disk: the
 * ceilings of fg_state_memory and fg_state_push_disk. log may be NULL (no access log); it must
 * outlive the state. FG_ERR_MEMORY.
 */
enum fg_status fg_state_new(uint32_t shards, uint64_t memory, uint64_t push_disk,
                            struct fg_log *log, struct fg_state **ret_state);

/* Nothing may be in flight. Takes NULL. */
void fg_state_free(struct fg_state *state);

/* The calling thread's shard. */
struct fg_shard *fg_state_shard(struct fg_state *state);

/* -- with the shard's lock held -----------------------------------------------------------------
 */

/* Enters an exchange of so many bytes; returns its id, unique in this process. */
uint64_t fg_shard_enter(struct fg_state *state, struct fg_shard *shard, struct fg_in_flight *entry,
                        size_t bytes);

/*
 * Takes it out, counts how it ended, and keeps its log, which is empty afterwards. Returns the
 * place where it is remembered, for the caller to fill while it holds the lock.
 */
struct fg_finished *fg_shard_leave(struct fg_shard *shard, struct fg_in_flight *entry,
                                   uint16_t status, enum fg_end end, struct fg_frame_log *log);

/* Counts a bound that was reached; FG_BOUND_UNCOUNTED is none. */
void fg_shard_count_bound(struct fg_shard *shard, enum fg_bound bound);

/* Counts a command of the registry; spec may be NULL, for a name that is not there. */
void fg_shard_count_command(struct fg_shard *shard, const struct fg_command_spec *spec,
                            const struct fg_command_run *run);

/* Bytes of a reply that were not known when the command was counted. */
void fg_shard_count_bytes_out(struct fg_shard *shard, const struct fg_command_spec *spec,
                              uint64_t bytes);

/* True if there is an access log. */
bool fg_state_logs(const struct fg_state *state);

/* Appends a line to the access log; it is written out soon. */
void fg_shard_log(struct fg_state *state, struct fg_shard *shard, const char *line, size_t size);

/* -- without a lock -----------------------------------------------------------------------------
 */

/* Writes out the lines of the access log that wait. */
void fg_state_flush_log(struct fg_state *state);

/* How many exchanges are in flight. */
uint64_t fg_state_in_flight(struct fg_state *state);

/* Counts what came and went without an exchange, for want of memory. */
void fg_state_count_end(struct fg_state *state, uint16_t status, enum fg_end end);

/* Counts a bound that was reached outside of any exchange. */
void fg_state_count_bound(struct fg_state *state, enum fg_bound bound);

/* Bytes that are held on behalf of exchanges. As long as the state. */
struct fg_memory *fg_state_memory(struct fg_state *state);

/* Bytes of disk that pushed bundles have which are on their way. As long as the state. */
struct fg_memory *fg_state_push_disk(struct fg_state *state);

/* A consistent copy. Owned by the caller, freed with fg_state_view_clear. */
struct fg_state_view {
    struct timespec time; /* wall clock */
    uint64_t uptime_microseconds;
    uint64_t memory_bytes; /* of fg_state_memory, and of the exchanges in flight themselves */
    uint64_t push_disk_bytes;
    struct fg_counters counters;
    struct fg_command_counters *commands; /* by place in the registry */
    size_t commands_count;
    struct fg_finished *finished; /* newest first */
    size_t finished_count;
    const struct fg_finished
        *failed; /* older ones that failed, newest first; in finished's memory */
    size_t failed_count;
    void *in_flight; /* array of what describe fills in */
    size_t in_flight_count;
};

/*
 * Copies everything at one moment. describe is called for each exchange in flight, with the locks
 * held, and fills entry_size bytes. FG_ERR_MEMORY.
 */
enum fg_status fg_state_look(struct fg_state *state, size_t entry_size,
                             void (*describe)(const struct fg_in_flight *entry, void *ret_entry),
                             struct fg_state_view *ret_view);

/* Takes a zeroed view. */
void fg_state_view_clear(struct fg_state_view *view);

/* What fg_state_find looks for: one exchange, by its id. */
struct fg_state_found {
    bool live;
    struct fg_finished finished; /* if it is not live */
    struct fg_frame_log log;     /* of either; owned by whoever asked */
};

/*
 * Finds an exchange that is in flight or remembered. describe is called for one in flight, with its
 * shard's lock held; it fills *entry and gives the log. FG_ERR_NOT_FOUND, FG_ERR_MEMORY.
 */
enum fg_status fg_state_find(
    struct fg_state *state, uint64_t id,
    const struct fg_frame_log *(*describe)(const struct fg_in_flight *entry, void *ret_entry),
    void *ret_entry, struct fg_state_found *ret_found);

/* How many shards there are. */
uint32_t fg_state_shards(const struct fg_state *state);

/*
 * What is over since the marks (one for each shard) were last moved, and moves them: up to capacity
 * records of each shard in ret_finished, failures before others and newer before older. Returns how
 * many; *ret_skipped is how many more there were. With capacity 0 it only moves the marks.
 */
size_t fg_state_finished_since(struct fg_state *state, uint64_t *marks,
                               struct fg_finished *ret_finished, size_t capacity,
                               uint64_t *ret_skipped);

/* Microseconds of a clock that only goes forward. */
uint64_t fg_now_microseconds(void);

/* The same clock as of its last tick, milliseconds ago; for deadlines, at a quarter of the cost. */
uint64_t fg_tick_microseconds(void);

#endif
