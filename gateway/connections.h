/*
 * The open connections of the public listener and their deadlines. The HTTP library's own timeout
 * counts silence only, so a peer that sends a byte now and then would live for ever: whoever passes
 * a deadline has its socket shut down, which the library then sees as the peer's end.
 */
#ifndef FRAMEGATE_GATEWAY_CONNECTIONS_H
#define FRAMEGATE_GATEWAY_CONNECTIONS_H

#include "gateway/config/config.h"
#include "gateway/exchange/exchange.h"

#include <pthread.h>
#include <stdatomic.h>

struct fg_driver;

/* One connection, from accept to close, and the request that is on it. */
struct fg_connection {
    struct fg_connection *next;
    struct fg_connection **link;
    int socket; /* open as long as the connection is in the list */
    struct fg_address peer;
    struct fg_connection *next_client;  /* of its bucket, by the client that a proxy names */
    struct fg_connection **client_link; /* NULL: it is in no such list */
    struct fg_address client;
    _Atomic uint64_t due; /* its deadline, what to count then, or that it passed: connections.c */
    atomic_bool begun;    /* the first line of a request is in, and its answer not out */
    atomic_bool told;     /* it got 408 */
    bool ended;           /* the peer's end was noticed and told to the library */
    bool wide;            /* it has memory for a head of megabytes */
    uint64_t head_bytes;  /* wide: that had come when the deadline of the head was set */

    /* For the owner of the connection alone: */
    struct fg_exchange *exchange; /* NULL between requests */
    const char *target_end;
    bool head_done;
    bool asked;           /* the first line of a request came, now or before */
    bool given;           /* the head of the request on it was given to its owner */
    bool counted;         /* and the request counts for the client that a proxy names */
    bool short_of_memory; /* so it is closed */
    bool crowded;         /* its address had as many as it may, so it is closed */
    bool shakes;          /* it speaks TLS */
    bool shaken;          /* and its handshake is complete */
    uint16_t refused;     /* status of what was answered past the library; 0: nothing */
    const char *refusal;  /* why. Static */
    bool refused_early;   /* before its head was complete: the library may refuse it once more */
    void *owner;

    /* Set when it is opened: */
    void *transport;          /* the library's connection */
    struct fg_driver *driver; /* of its thread; NULL where one thread has all */
};

enum {
    FG_CONNECTION_BUCKETS = 1024,
    FG_ROOM_SETS = 256, /* of hosts whose next connection is to be wide */
    FG_ROOM_WAYS = 4,
};

/* A host whose next connections are to be wide, and until when (as fg_tick_microseconds). */
struct fg_room {
    struct fg_address host;
    uint64_t until;
};

struct fg_connections {
    pthread_mutex_t lock;
    struct fg_connection *buckets[FG_CONNECTION_BUCKETS]; /* by the peer's host */
    struct fg_connection *clients[FG_CONNECTION_BUCKETS]; /* those with a request, by its client */
    uint64_t count;
    uint64_t next_look; /* for ended peers; as fg_tick_microseconds */
    struct fg_room rooms[FG_ROOM_SETS][FG_ROOM_WAYS];
    const struct fg_config *config;
    struct fg_state *state;
};

/* No allocation. config has the limits, state the counters; both outlive the list. */
void fg_connections_init(struct fg_connections *connections, const struct fg_config *config,
                         struct fg_state *state);

/* None may be open. */
void fg_connections_clear(struct fg_connections *connections);

/*
 * Enters a connection of the library's, whose thread driver is, with the deadline of a header. The
 * library has accepted it already, so one that its address may not have is shut down, and counted,
 * here; a proxy may have any number, since its clients are counted by their requests. The last one
 * that all addresses together may have is counted too: the library leaves those after it waiting,
 * and says nothing. NULL if memory is short.
 */
struct fg_connection *fg_connections_open(struct fg_connections *connections, int socket,
                                          const struct fg_address *peer, bool is_proxy,
                                          void *transport, struct fg_driver *driver, bool wide);

/*
 * The request that begins on a proxy's connection is one of client's, until fg_connections_leave.
 * False if as many as one address may have connections are in progress already; nothing has changed
 * then, and nothing is counted. True also if it was entered before.
 */
bool fg_connections_enter(struct fg_connections *connections, struct fg_connection *connection,
                          const struct fg_address *client);

/* That request is over, if there was one. */
void fg_connections_leave(struct fg_connections *connections, struct fg_connection *connection);

/*
 * One of that driver's for which matches is true; NULL if there is none. To be called on the thread
 * whose connections these are.
 */
struct fg_connection *fg_connections_find(struct fg_connections *connections,
                                          const struct fg_driver *driver,
                                          bool (*matches)(const struct fg_connection *connection));

/*
 * For some minutes the connections that this host opens are to be wide: what it was answered lets
 * it send a head of megabytes. If too many hosts are told so, the one forgets that was told first.
 */
void fg_connections_expect_wide(struct fg_connections *connections, const struct fg_address *host);

/* True if a new connection of this host is to be wide. */
bool fg_connections_wants_wide(struct fg_connections *connections, const struct fg_address *host);

/* Takes it out and frees it; to be called before the socket is closed. Takes NULL. */
void fg_connections_close(struct fg_connections *connections, struct fg_connection *connection);

/*
 * Sets the deadline that many seconds from now (fg_now_microseconds or fg_tick_microseconds); 0
 * takes it away. False: the last one passed, and nothing may be sent any more, since the peer was
 * told so or will be.
 */
bool fg_connection_set_deadline(struct fg_connection *connection, uint64_t now, uint64_t seconds,
                                enum fg_bound bound);

/* True if its deadline passed, and it was shut down. */
bool fg_connection_is_cut(const struct fg_connection *connection);

/* What the deadline counts when it passes. */
enum fg_bound fg_connection_bound(const struct fg_connection *connection);

/*
 * Shuts down the sockets past their deadline, each counted once, and those whose incomplete heads
 * are too much for a quarter of the limit of memory. Who is in the middle of a request
 * gets 408 first; not over TLS, whose records are the library's. Also wakes the connections whose
 * request cannot become complete because the peer has sent its last byte: the library learns of
 * that only if it comes alone, not together with data. To be called a few times a second.
 */
void fg_connections_cut(struct fg_connections *connections);

enum { FG_ANSWER_SIZE = 512 }; /* room for any that is made so */

/*
 * Makes an answer that closes the connection, for those that no exchange gives. words: what stands
 * behind the status. body: text, empty where the method, which may be HEAD, is not known. Returns
 * the size.
 */
int fg_connection_format_answer(char *buffer, size_t size, unsigned status, const char *words,
                                const char *body);

/* How many are open. */
uint64_t fg_connections_count(struct fg_connections *connections);

#endif
