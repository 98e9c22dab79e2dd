/*
 * The list of open connections. Its lock is held while a socket is shut down, so that the number
 * cannot have been closed and given to somebody else in between.
 */
#include "gateway/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

void fg_connections_init(struct fg_connections *connections)
{
    *connections = (struct fg_connections){.first = NULL};
    pthread_mutex_init(&connections->lock, NULL);
}

void fg_connections_clear(struct fg_connections *connections)
{
    pthread_mutex_destroy(&connections->lock);
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
    pthread_mutex_lock(&connections->lock);
    connection->next = connections->first;
    connection->link = &connections->first;
    if (connection->next != NULL) {
        connection->next->link = &connection->next;
    }
    connections->first = connection;
    connections->count++;
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

void fg_connections_cut(struct fg_connections *connections, struct fg_state *state)
{
    uint64_t now = fg_now_microseconds();
    pthread_mutex_lock(&connections->lock);
    for (struct fg_connection *c = connections->first; c != NULL; c = c->next) {
        uint64_t deadline = atomic_load_explicit(&c->deadline, memory_order_relaxed);
        if (deadline != 0 && deadline <= now) {
            /* Counted first, so that whoever sees the end of the connection finds it counted. */
            fg_state_count_bound(
                state, (enum fg_bound)atomic_load_explicit(&c->bound, memory_order_relaxed));
            shutdown(c->socket, SHUT_RDWR);
            atomic_store_explicit(&c->deadline, 0, memory_order_relaxed);
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
