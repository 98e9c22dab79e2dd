/*
 * The list of open connections. Its lock is held while a socket is shut down, so that the number
 * cannot have been closed and given to somebody else in between.
 */
#include "gateway/connections.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    LOOK_MICROSECONDS = 500000, /* between looks for ended peers; each is a system call */
    HEAD_BLOCK = 64 * 1024,     /* of a large head, for which there is the time of a small one */
    HEADS_SHARE = 4,            /* incomplete heads have this part of the memory */
};

/* How long a host may take for its next request; each answer on the way begins it anew. */
static const uint64_t ROOM_MICROSECONDS = UINT64_C(300) * 1000000;

void fg_connections_init(struct fg_connections *connections, const struct fg_config *config,
                         struct fg_state *state)
{
    *connections = (struct fg_connections){.config = config, .state = state};
    pthread_mutex_init(&connections->lock, NULL);
}

void fg_connections_clear(struct fg_connections *connections)
{
    pthread_mutex_destroy(&connections->lock);
}

/* True if the connection's address has as many as it may, without this one. */
static bool is_full(const struct fg_connections *connections, const struct fg_connection *bucket,
                    const struct fg_address *peer)
{
    uint32_t limit = connections->config->connections_per_address;
    uint32_t count = 0;
    for (; limit > 0 && bucket != NULL; bucket = bucket->next) {
        count += fg_address_same_host(&bucket->peer, peer);
        if (count == limit) {
            return true;
        }
    }
    return false;
}

struct fg_connection *fg_connections_open(struct fg_connections *connections, int socket,
                                          const struct fg_address *peer, bool is_proxy,
                                          void *transport, struct fg_driver *driver, bool wide)
{
    struct fg_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        return NULL;
    }
    connection->socket = socket;
    connection->peer = *peer;
    connection->transport = transport;
    connection->driver = driver;
    connection->wide = wide;
    struct fg_connection **bucket =
        &connections->buckets[fg_address_hash(peer) % FG_CONNECTION_BUCKETS];
    fg_connection_set_deadline(connection, fg_tick_microseconds(),
                               connections->config->header_seconds, FG_BOUND_HEADER_TIME);
    pthread_mutex_lock(&connections->lock);
    if (!is_proxy && is_full(connections, *bucket, peer)) {
        fg_state_count_bound(connections->state, FG_BOUND_CONNECTIONS_PER_ADDRESS);
        connection->crowded = true;
        shutdown(socket, SHUT_RDWR);
    }
    connection->next = *bucket;
    connection->link = bucket;
    if (connection->next != NULL) {
        connection->next->link = &connection->next;
    }
    *bucket = connection;
    connections->count++;
    if (connections->count == connections->config->connections) {
        fg_state_count_bound(connections->state, FG_BOUND_CONNECTIONS);
    }
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

/* With the lock held: other threads change the links of their neighbours in the list. */
static void leave(struct fg_connection *connection)
{
    if (connection->client_link != NULL) {
        *connection->client_link = connection->next_client;
        if (connection->next_client != NULL) {
            connection->next_client->client_link = connection->client_link;
        }
        connection->client_link = NULL;
    }
}

bool fg_connections_enter(struct fg_connections *connections, struct fg_connection *connection,
                          const struct fg_address *client)
{
    struct fg_connection **bucket =
        &connections->clients[fg_address_hash(client) % FG_CONNECTION_BUCKETS];
    const uint32_t limit = connections->config->connections_per_address;
    uint32_t count = 0;
    if (connection->counted) {
        return true;
    }
    pthread_mutex_lock(&connections->lock);
    for (const struct fg_connection *c = *bucket; limit > 0 && c != NULL; c = c->next_client) {
        count += fg_address_same_host(&c->client, client);
    }
    bool may = limit == 0 || count < limit;
    connection->counted = may;
    if (may) {
        connection->client = *client;
        connection->next_client = *bucket;
        connection->client_link = bucket;
        if (connection->next_client != NULL) {
            connection->next_client->client_link = &connection->next_client;
        }
        *bucket = connection;
    }
    pthread_mutex_unlock(&connections->lock);
    return may;
}

void fg_connections_leave(struct fg_connections *connections, struct fg_connection *connection)
{
    if (connection->counted) {
        connection->counted = false;
        pthread_mutex_lock(&connections->lock);
        leave(connection);
        pthread_mutex_unlock(&connections->lock);
    }
}

struct fg_connection *fg_connections_find(struct fg_connections *connections,
                                          const struct fg_driver *driver,
                                          bool (*matches)(const struct fg_connection *connection))
{
    struct fg_connection *found = NULL;
    pthread_mutex_lock(&connections->lock);
    for (size_t i = 0; i < FG_CONNECTION_BUCKETS && found == NULL; i++) {
        found = connections->buckets[i];
        while (found != NULL && (found->driver != driver || !matches(found))) {
            found = found->next;
        }
    }
    pthread_mutex_unlock(&connections->lock);
    return found;
}

void fg_connections_close(struct fg_connections *connections, struct fg_connection *connection)
{
    if (connection == NULL) {
        return;
    }
    pthread_mutex_lock(&connections->lock);
    leave(connection);
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    connections->count--;
    pthread_mutex_unlock(&connections->lock);
    free(connection);
}

/* -- room ------------------------------------------------------------------------------------- */

static struct fg_room *rooms_of(struct fg_connections *connections, const struct fg_address *host)
{
    return connections->rooms[fg_address_hash(host) % FG_ROOM_SETS];
}

void fg_connections_expect_wide(struct fg_connections *connections, const struct fg_address *host)
{
    pthread_mutex_lock(&connections->lock);
    struct fg_room *rooms = rooms_of(connections, host);
    struct fg_room *room = &rooms[0];
    for (size_t i = 0; i < FG_ROOM_WAYS; i++) {
        if (fg_address_same_host(&rooms[i].host, host)) {
            room = &rooms[i];
            break;
        }
        if (rooms[i].until < room->until) {
            room = &rooms[i];
        }
    }
    *room = (struct fg_room){*host, fg_tick_microseconds() + ROOM_MICROSECONDS};
    pthread_mutex_unlock(&connections->lock);
}

bool fg_connections_wants_wide(struct fg_connections *connections, const struct fg_address *host)
{
    bool wide = false;
    pthread_mutex_lock(&connections->lock);
    const struct fg_room *rooms = rooms_of(connections, host);
    for (size_t i = 0; i < FG_ROOM_WAYS && !wide; i++) {
        wide =
            rooms[i].until > fg_tick_microseconds() && fg_address_same_host(&rooms[i].host, host);
    }
    pthread_mutex_unlock(&connections->lock);
    return wide;
}

/* -- deadlines -------------------------------------------------------------------------------- */

/*
 * One word for both, so that who sets it and who sees it pass agree: microseconds above, the bound
 * below, and PASSED once the watchdog has taken it.
 */
enum { BOUND_BITS = 8 };
static const uint64_t PASSED = UINT64_MAX;

bool fg_connection_set_deadline(struct fg_connection *connection, uint64_t now, uint64_t seconds,
                                enum fg_bound bound)
{
    uint64_t deadline = seconds == 0 ? 0 : now + seconds * 1000000;
    uint64_t due = deadline << BOUND_BITS | bound;
    uint64_t before = atomic_load_explicit(&connection->due, memory_order_relaxed);
    do {
        if (before == PASSED) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&connection->due, &before, due));
    return true;
}

static enum fg_bound bound_of(uint64_t due)
{
    return due == PASSED ? FG_BOUND_UNCOUNTED : (enum fg_bound)(due & ((1u << BOUND_BITS) - 1));
}

enum fg_bound fg_connection_bound(const struct fg_connection *connection)
{
    return bound_of(atomic_load_explicit(&connection->due, memory_order_relaxed));
}

bool fg_connection_is_cut(const struct fg_connection *connection)
{
    return atomic_load_explicit(&connection->due, memory_order_relaxed) == PASSED;
}

/* True while the library waits for bytes of the peer. */
static bool waits_for_peer(const struct fg_connection *connection)
{
    switch (fg_connection_bound(connection)) {
    case FG_BOUND_HEADER_TIME:
    case FG_BOUND_BODY_TIME:
    case FG_BOUND_BODY_TIME_MAX:
    case FG_BOUND_PUSH_TIME:
    case FG_BOUND_IDLE_TIME:
        return true;
    default:
        return false;
    }
}

/*
 * Closes the reading half if nothing more can come: that is an event of its own, which the library
 * sees. An answer that is on its way is not disturbed.
 */
static void notice_end(struct fg_connection *connection)
{
    char byte;
    if (!connection->ended && waits_for_peer(connection) &&
        recv(connection->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
        connection->ended = true;
        shutdown(connection->socket, SHUT_RD);
    }
}

int fg_connection_format_answer(char *buffer, size_t size, unsigned status, const char *words,
                                const char *body)
{
    return snprintf(buffer, size,
                    "HTTP/1.1 %u %s\r\nConnection: close\r\n"
                    "Content-Type: text/plain; charset=utf-8\r\n"
                    "X-Content-Type-Options: nosniff\r\nContent-Length: %zu\r\n\r\n%s",
                    status, words, strlen(body), body);
}

/* Tells a peer whose request is incomplete, as far as its socket takes it without waiting. */
static void tell_late(struct fg_connection *connection, bool body)
{
    char answer[FG_ANSWER_SIZE];
    int size = fg_connection_format_answer(
        answer, sizeof(answer), 408,
        body ? "Request Timeout" : "Request Timeout: the header did not come in time",
        body ? "the body of the request did not come in time\n" : "");
    atomic_store(&connection->told, true);
    (void)send(connection->socket, answer, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Ends a connection whose deadline has passed, unless it gets another one at this moment. */
static void cut(const struct fg_connections *connections, struct fg_connection *connection,
                uint64_t now)
{
    uint64_t due = atomic_load_explicit(&connection->due, memory_order_relaxed);
    uint64_t deadline = due >> BOUND_BITS;
    enum fg_bound bound = bound_of(due);
    if (due == PASSED || deadline == 0 || deadline > now ||
        !atomic_compare_exchange_strong(&connection->due, &due, PASSED)) {
        return;
    }
    /* Counted first, so that whoever sees the end of the connection finds it counted. */
    fg_state_count_bound(connections->state, bound);
    bool body = bound == FG_BOUND_BODY_TIME || bound == FG_BOUND_BODY_TIME_MAX ||
                bound == FG_BOUND_PUSH_TIME;
    if ((body || bound == FG_BOUND_HEADER_TIME) &&
        atomic_load_explicit(&connection->begun, memory_order_relaxed) &&
        connections->config->tls_certificate == NULL) {
        tell_late(connection, body);
    }
    shutdown(connection->socket, SHUT_RDWR);
}

/* Bytes that have come on a connection; 0 if the system does not say. */
static uint64_t received_of(const struct fg_connection *connection)
{
    struct tcp_info info = {.tcpi_state = 0};
    socklen_t size = sizeof(info);
    return getsockopt(connection->socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0
               ? info.tcpi_bytes_received
               : 0;
}

/*
 * The library tells nobody of a head before it is complete, so its bytes are watched from here:
 * they have a part of the memory, and who goes on sending has the time of a small head for each
 * block. *heads is the sum so far.
 */
static void watch_head(const struct fg_connections *connections, struct fg_connection *connection,
                       uint64_t now, uint64_t *heads)
{
    uint64_t due = atomic_load_explicit(&connection->due, memory_order_relaxed);
    if (!connection->wide || bound_of(due) != FG_BOUND_HEADER_TIME) {
        return;
    }
    const struct fg_config *config = connections->config;
    uint64_t received = received_of(connection);
    *heads += received;
    bool over = *heads > config->memory_bytes / HEADS_SHARE;
    if (received < (over ? 0 : connection->head_bytes) + HEAD_BLOCK) {
        return;
    }
    uint64_t more =
        (now + (uint64_t)config->header_seconds * 1000000) << BOUND_BITS | FG_BOUND_HEADER_TIME;
    /* Unless the head is complete at this moment. */
    if (atomic_compare_exchange_strong(&connection->due, &due, over ? PASSED : more)) {
        connection->head_bytes = received;
        if (over) {
            *heads -= received;
            fg_state_count_bound(connections->state, FG_BOUND_MEMORY);
            shutdown(connection->socket, SHUT_RDWR);
        }
    }
}

void fg_connections_cut(struct fg_connections *connections)
{
    uint64_t now = fg_tick_microseconds();
    uint64_t heads = 0;
    pthread_mutex_lock(&connections->lock);
    bool look = now >= connections->next_look;
    if (look) {
        connections->next_look = now + LOOK_MICROSECONDS;
    }
    for (size_t i = 0; i < FG_CONNECTION_BUCKETS; i++) {
        for (struct fg_connection *c = connections->buckets[i]; c != NULL; c = c->next) {
            if (look) {
                notice_end(c);
            }
            watch_head(connections, c, now, &heads);
            cut(connections, c, now);
        }
    }
    pthread_mutex_unlock(&connections->lock);
}

uint64_t fg_connections_count(struct fg_connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    uint64_t count = connections->count;
    pthread_mutex_unlock(&connections->lock);
    return count;
}
