/*
 * The limit: the barest programs on libmicrohttpd. "constant" reads a body without looking at it
 * and answers with BYTES bytes, by one response that is made once; "reader" answers with BYTES
 * bytes from a content reader that fills blocks of 32 KiB. Same kind of daemon, buffers and header
 * as the gateway's.
 *
 * Usage: bare constant|reader THREADS BYTES. Prints its port; ends with its standard input.
 */
#include <microhttpd.h>
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
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, NULL, MHD_OPTION_THREAD_POOL_SIZE,
        threads, MHD_OPTION_CONNECTION_LIMIT, 1000u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, 75u, MHD_OPTION_END);
    if (daemon == NULL) {
        return 1;
    }
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    MHD_stop_daemon(daemon);
    if (constant != NULL) {
        MHD_destroy_response(constant);
    }
    return 0;
}
