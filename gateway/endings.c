/*
 * The HTTP library answers by itself what it cannot read, and it closes connections. It tells
 * nobody but its log, which has no word of the connection. So:
 *
 * - A request that has begun is completed by the library, as a rule, which then still knows the
 *   status of its answer. Where the library does not complete it, the connection's end ends it.
 * - What never began has only the connection's end. The statuses that the log said before are given
 *   to the connections that end next; at worst two peers change places in the access log.
 * - Version 0.9.75 goes on after it has refused a complete head, as if it had not, and sends status
 *   line and fields twice. There the log comes in time, and the connection can be told: its head is
 *   complete and was not given to anybody.
 */
#include "gateway/endings.h"

#include "gateway/tls.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char refusal[] =
    "Error processing request (HTTP response code is %u ('%s')). Closing connection.\n";

void fg_endings_init(struct fg_endings *endings, struct fg_connections *connections,
                     struct fg_driver *driver)
{
    *endings = (struct fg_endings){.connections = connections, .driver = driver};
}

static void *session_of(const struct fg_connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection->transport, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info != NULL ? info->tls_session : NULL;
}

void fg_endings_open(struct fg_connection *connection)
{
    void *session = session_of(connection);
    connection->shakes = session != NULL;
    if (session != NULL) {
        fg_tls_watch(session, &connection->shaken);
    }
}

void fg_endings_hide_arguments(const char *target)
{
    /* The text lies in the library's own memory, which it is about to write to itself. */
    char *mark = target != NULL ? strchr(target, '?') : NULL;
    if (mark != NULL) {
        mark[1] = '\0';
    }
}

/* -- in the library's place ------------------------------------------------------------------- */

static const char *text_of(unsigned status)
{
    switch (status) {
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return "the body exceeds every limit";
    case MHD_HTTP_URI_TOO_LONG:
        return "the first line exceeds the memory of a connection";
    case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE:
        return "the header exceeds the memory of a connection (--connection-memory)";
    case MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED:
        return "this version of HTTP is not served";
    case MHD_HTTP_BAD_REQUEST:
        return "the request is malformed";
    default:
        return "the HTTP library refused the request";
    }
}

static bool has(struct fg_connection *connection, const char *field)
{
    return MHD_lookup_connection_value(connection->transport, MHD_HEADER_KIND, field) != NULL;
}

/* The same where the head is complete. */
static const char *text_of_head(struct fg_connection *connection, unsigned status)
{
    if (status != MHD_HTTP_BAD_REQUEST) {
        return text_of(status);
    }
    return !has(connection, MHD_HTTP_HEADER_HOST) ? "the header has no Host"
           : has(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING)
               ? "the Transfer-Encoding is not chunked"
           : has(connection, MHD_HTTP_HEADER_CONTENT_LENGTH) ? "the Content-Length is no number"
                                                             : text_of(status);
}

/*
 * Sends an answer past the library, as far as the socket takes it without waiting, and lets the
 * library send nothing more. Once for a request.
 */
static void answer(struct fg_connection *connection, unsigned status, const char *text)
{
    char words[128];
    char data[FG_ANSWER_SIZE];
    if (connection->refused != 0) {
        return;
    }
    snprintf(words, sizeof(words), "%s: %s", MHD_get_reason_phrase_for(status), text);
    int size = fg_connection_format_answer(data, sizeof(data), status, words, "");
    void *session = session_of(connection);
    if (session != NULL) {
        fg_tls_send(session, data, (size_t)size);
    } else {
        (void)send(connection->socket, data, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    /* Both halves, which the library sees as an end also where it waits for nothing. */
    shutdown(connection->socket, SHUT_RDWR);
    connection->refused = (uint16_t)status;
    connection->refusal = text;
}

void fg_endings_see(struct fg_connection *connection, const char *text)
{
    if (connection != NULL && connection->target_end != NULL && text > connection->target_end) {
        answer(connection, MHD_HTTP_BAD_REQUEST, "the path contains a NUL");
        connection->refused_early = true;
    }
}

/*
 * True if its head is complete, was not given to its owner, and has no answer yet: the library is
 * looking at it.
 */
static bool is_looked_at(const struct fg_connection *connection)
{
    struct MHD_Connection *transport = connection->transport;
    return !connection->given &&
           MHD_get_connection_info(transport, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) != NULL &&
           MHD_get_connection_info(transport, MHD_CONNECTION_INFO_HTTP_STATUS) == NULL;
}

void fg_endings_hear(void *context, const char *format, va_list arguments)
{
    struct fg_endings *endings = context;
    if (strcmp(format, refusal) != 0) {
        return;
    }
    unsigned status = va_arg(arguments, unsigned);
    struct fg_connection *connection =
        fg_connections_find(endings->connections, endings->driver, is_looked_at);
    if (connection != NULL) {
        answer(connection, status, text_of_head(connection, status));
    } else if (status < FG_STATUS_MAX) {
        endings->refused_count++;
        endings->refused[status]++;
    }
}

/* -- ends ------------------------------------------------------------------------------------- */

static void forget_refused(struct fg_endings *endings, unsigned status)
{
    if (status < FG_STATUS_MAX && endings->refused[status] > 0) {
        endings->refused[status]--;
        endings->refused_count--;
    }
}

/* The status of an answer whose connection is not known yet, which is then known; 0: none. */
static uint16_t take_refused(struct fg_endings *endings)
{
    for (uint16_t status = 0; endings->refused_count > 0 && status < FG_STATUS_MAX; status++) {
        if (endings->refused[status] > 0) {
            forget_refused(endings, status);
            return status;
        }
    }
    return 0;
}

static enum fg_end end_of(const struct fg_connection *connection,
                          enum MHD_RequestTerminationCode code)
{
    const struct fg_exchange *exchange = connection->exchange;
    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        return FG_END_ANSWERED;
    }
    if (fg_connection_is_cut(connection) || code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED) {
        return FG_END_DEADLINE;
    }
    if (code == MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN) {
        return FG_END_STOP;
    }
    if (connection->short_of_memory) {
        return FG_END_MEMORY;
    }
    if (fg_exchange_was_cut(exchange)) {
        return FG_END_REPLY;
    }
    bool gone = code != MHD_REQUEST_TERMINATED_WITH_ERROR || connection->given;
    return gone ? FG_END_PEER : FG_END_MALFORMED;
}

/* The status of the answer that the library has, or has sent, by itself; 0: none. */
static unsigned status_of(const struct fg_connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection->transport, MHD_CONNECTION_INFO_HTTP_STATUS);
    return info != NULL && !fg_exchange_has_answer(connection->exchange) ? info->http_status : 0;
}

/*
 * The same answer was told to fg_endings_hear, which did not know of what connection. Where one was
 * given in its place before, the library had no memory for it, and has forgotten it.
 */
static void recognize(struct fg_endings *endings, const struct fg_connection *connection,
                      unsigned status)
{
    if (connection->refused_early) {
        forget_refused(endings, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE);
    } else if (connection->refused == 0 && status != 0) {
        forget_refused(endings, status);
    }
}

void fg_endings_complete(struct fg_endings *endings, struct fg_connection *connection,
                         enum MHD_RequestTerminationCode code)
{
    struct fg_exchange *exchange = connection->exchange;
    if (exchange == NULL) {
        return;
    }
    enum fg_end end = end_of(connection, code);
    unsigned status = status_of(connection);
    recognize(endings, connection, status);
    if (atomic_load(&connection->told)) {
        fg_exchange_answered(exchange, MHD_HTTP_REQUEST_TIMEOUT,
                             "the request did not come in time");
        end = FG_END_ANSWERED;
    } else if (connection->refused != 0) {
        fg_exchange_answered(exchange, connection->refused, connection->refusal);
        end = FG_END_ANSWERED;
    } else if (status != 0) {
        fg_exchange_answered(exchange, (uint16_t)status, text_of(status));
        end = FG_END_ANSWERED;
    }
    fg_exchange_end(exchange, fg_now_microseconds(), end);
    connection->exchange = NULL;
}

/* True if bytes of a peer came, read or not. */
static bool has_received(int socket)
{
    struct tcp_info info;
    socklen_t size = sizeof(info);
    return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           size >= offsetof(struct tcp_info, tcpi_data_segs_in) + sizeof(info.tcpi_data_segs_in) &&
           info.tcpi_data_segs_in > 0;
}

/*
 * Why a connection ends on which there never was a request; FG_END_ANSWERED: it just ends. That is
 * so after a handshake, too: what else came, only the session could say, which is gone.
 */
static enum fg_end end_of_silent(const struct fg_connection *connection)
{
    if (connection == NULL || connection->short_of_memory) {
        return FG_END_MEMORY;
    }
    if (connection->crowded) {
        return FG_END_ADDRESS;
    }
    if (connection->asked || connection->shaken || !has_received(connection->socket)) {
        return FG_END_ANSWERED;
    }
    return fg_connection_is_cut(connection) ? FG_END_DEADLINE
           : connection->shakes             ? FG_END_TLS
                                            : FG_END_MALFORMED;
}

void fg_endings_close(struct fg_endings *endings, struct fg_gateway *gateway,
                      struct fg_connection *connection)
{
    if (connection != NULL && connection->exchange != NULL) {
        if (!connection->given && connection->refused == 0) {
            /* What the log has said of a connection without a name was of this one. */
            connection->refused = take_refused(endings);
            connection->refusal = text_of(connection->refused);
        }
        fg_endings_complete(endings, connection, MHD_REQUEST_TERMINATED_WITH_ERROR);
        return;
    }
    enum fg_end end = end_of_silent(connection);
    uint16_t status = end != FG_END_ADDRESS && end != FG_END_MEMORY ? take_refused(endings) : 0;
    if (status == 0 && end == FG_END_ANSWERED) {
        return;
    }
    const struct fg_bytes nothing = {NULL, 0};
    struct fg_exchange *exchange = NULL;
    if (connection == NULL ||
        fg_exchange_new(gateway, nothing, &connection->peer, &exchange) != FG_OK) {
        fg_state_count_end(gateway->state, status, end);
        return;
    }
    if (status != 0) {
        fg_exchange_answered(exchange, status, text_of(status));
        end = FG_END_ANSWERED;
    }
    fg_exchange_end(exchange, fg_now_microseconds(), end);
}
