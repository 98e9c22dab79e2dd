/*
 * The list of open connections. Its lock is held while a socket is shut down, so that the number
 * cannot have been closed and given to somebody else in between.
 */
#include "gateway/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { LOOK_MICROSECONDS = 500000 }; /* between looks for ended peers; each is a system call */

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
                                          const struct fg_address *peer)
{
    struct fg_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        return NULL;
    }
    connection->socket = socket;
    connection->peer = *peer;
    struct fg_connection **bucket =
        &connections->buckets[fg_address_hash(peer) % FG_CONNECTION_BUCKETS];
    fg_connection_set_deadline(connection, connections->config->header_seconds,
                               FG_BOUND_HEADER_TIME);
    pthread_mutex_lock(&connections->lock);
    if (is_full(connections, *bucket, peer)) {
        fg_state_count_bound(connections->state, FG_BOUND_CONNECTIONS_PER_ADDRESS);
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

void fg_connections_close(struct fg_connections *connections, struct fg_connection *connection)
{
    if (connection == NULL) {
        return;
    }
    pthread_mutex_lock(&connections->lock);
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    connections->count--;
    pthread_mutex_unlock(&connections->lock);
    free(connection);
}

void fg_connection_set_deadline(struct fg_connection *connection, uint64_t seconds,
                                enum fg_bound bound)
{
    uint64_t deadline = seconds == 0 ? 0 : fg_now_microseconds() + seconds * 1000000;
    atomic_store_explicit(&connection->bound, bound, memory_order_relaxed);
    atomic_store_explicit(&connection->deadline, deadline, memory_order_relaxed);
}

/* True while the library waits for bytes of the peer. */
static bool waits_for_peer(const struct fg_connection *connection)
{
    switch (atomic_load_explicit(&connection->bound, memory_order_relaxed)) {
    case FG_BOUND_HEADER_TIME:
    case FG_BOUND_BODY_TIME:
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

/* Shuts down those of one bucket. */
static void cut_bucket(struct fg_connection *bucket, struct fg_state *state, uint64_t now,
                       bool look)
{
    for (struct fg_connection *c = bucket; c != NULL; c = c->next) {
        if (look) {
            notice_end(c);
        }
        uint64_t deadline = atomic_load_explicit(&c->deadline, memory_order_relaxed);
        if (deadline != 0 && deadline <= now) {
            /* Counted first, so that whoever sees the end of the connection finds it counted. */
            fg_state_count_bound(
                state, (enum fg_bound)atomic_load_explicit(&c->bound, memory_order_relaxed));
            shutdown(c->socket, SHUT_RDWR);
            atomic_store_explicit(&c->deadline, 0, memory_order_relaxed);
        }
    }
}

void fg_connections_cut(struct fg_connections *connections)
{
    uint64_t now = fg_now_microseconds();
    pthread_mutex_lock(&connections->lock);
    bool look = now >= connections->next_look;
    if (look) {
        connections->next_look = now + LOOK_MICROSECONDS;
    }
    for (size_t i = 0; i < FG_CONNECTION_BUCKETS; i++) {
        cut_bucket(connections->buckets[i], connections->state, now, look);
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
