/*
 * The limit: the barest programs on libmicrohttpd. "constant" reads a body without looking at it
 * and answers with BYTES bytes, by one response that is made once; "reader" answers with BYTES
 * bytes from a content reader that fills blocks of 32 KiB. Same kind of daemon, buffers and header
 * as the gateway's. Driven by the library's own threads; without any (0) by the main one, which
 * waits outside of the library, as gateway/driver.h has it.
 *
 * Usage: bare constant|reader THREADS BYTES. Prints its port; ends with its standard input.
 */
#include <limits.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 32768, CONNECTION_MEMORY = 32 * 1024 };

static struct MHD_Response *constant;
static uint64_t answer_size;

static ssize_t on_read(void *context, uint64_t position, char *buffer, size_t capacity)
{
    (void)context;
    uint64_t left = answer_size - position;
    size_t size = left < capacity ? (size_t)left : capacity;
    memset(buffer, 0, size);
    return (ssize_t)size;
}

static void add_type(struct MHD_Response *response)
{
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            "application/mercurial-exp-framing-0003");
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
    (void)context;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    static int seen;
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    if (constant != NULL) {
        return MHD_queue_response(connection, MHD_HTTP_OK, constant);
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(answer_size, BLOCK, on_read, NULL, NULL);
    if (response == NULL) {
        return MHD_NO;
    }
    add_type(response);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static struct MHD_Daemon *start(unsigned threads)
{
    unsigned flags = threads > 0 ? MHD_USE_EPOLL_INTERNAL_THREAD : MHD_USE_EPOLL;
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, NULL, MHD_OPTION_CONNECTION_LIMIT,
                            1000u, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_CONNECTION_TIMEOUT, 75u,
                            threads > 0 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads,
                            MHD_OPTION_END);
}

/* Until something is to be read at the standard input. */
static void drive(struct MHD_Daemon *daemon)
{
    struct pollfd waits[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN}};
    while (waits[0].revents == 0) {
        MHD_UNSIGNED_LONG_LONG rest = 0;
        (void)MHD_run(daemon);
        bool limited = MHD_get_timeout(daemon, &rest) == MHD_YES && rest < INT_MAX;
        (void)poll(waits, 2, limited ? (int)rest : -1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bare constant|reader THREADS BYTES\n");
        return 2;
    }
    unsigned threads = (unsigned)strtoul(argv[2], NULL, 10);
    answer_size = strtoull(argv[3], NULL, 10);
    if (strcmp(argv[1], "constant") == 0) {
        void *bytes = calloc(1, answer_size + 1);
        if (bytes == NULL) {
            return 1;
        }
        constant = MHD_create_response_from_buffer(answer_size, bytes, MHD_RESPMEM_MUST_FREE);
        add_type(constant);
    }
    struct MHD_Daemon *daemon = start(threads);
    if (daemon == NULL) {
        return 1;
    }
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    if (threads == 0) {
        drive(daemon);
    }
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    MHD_stop_daemon(daemon);
    if (constant != NULL) {
        MHD_destroy_response(constant);
    }
    return 0;
}
