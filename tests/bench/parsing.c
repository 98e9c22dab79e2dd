/*
 * Parsing alone: a block of frames with payloads of one size, in memory, over and over, each piece
 * that is fed holding whole frames (or, with CUT, pieces of 64 KiB wherever that cuts the frames).
 * "framegate" reads ours; "nghttp2" has a server session of libnghttp2 receive DATA frames of
 * the same payloads.
 *
 * Usage: parsing framegate|nghttp2 PAYLOAD SECONDS [CUT]. Prints payload bytes per second.
 */
#include "framing/frame.h"

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK_SIZE = 4 << 20, PIECE = 65536, HTTP2_HEADER = 9, WINDOW = 0x7fffffff };

static uint64_t payload_bytes;

static void die(const char *what)
{
    fprintf(stderr, "parsing: %s\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A block of whole frames; *ret_frame is the size of one. */
static uint8_t *make_block(bool http2, size_t payload, size_t *ret_frame, size_t *ret_size)
{
    size_t header = http2 ? HTTP2_HEADER : FG_FRAME_HEADER_SIZE;
    size_t frame = header + payload;
    size_t count = BLOCK_SIZE / frame;
    uint8_t *block = calloc(count, frame);
    if (block == NULL) {
        die("out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t *bytes = block + i * frame;
        if (http2) {
            const uint8_t data[HTTP2_HEADER] = {(uint8_t)(payload >> 16),
                                                (uint8_t)(payload >> 8),
                                                (uint8_t)payload,
                                                0,
                                                0,
                                                0,
                                                0,
                                                0,
                                                1};
            memcpy(bytes, data, sizeof data);
        } else {
            const struct fg_frame_header data = {
                (uint32_t)payload, 1, 1, 0, FG_FRAME_COMMAND_DATA, FG_COMMAND_DATA_CONTINUATION};
            if (fg_frame_header_encode(&data, bytes) != FG_OK) {
                die("a header does not fit");
            }
        }
    }
    *ret_frame = frame;
    *ret_size = count * frame;
    return block;
}

/* -- ours ---------------------------------------------------------------------------------------
 */

static void feed_ours(void *context, const uint8_t *data, size_t size)
{
    struct fg_frame_reader *reader = context;
    struct fg_bytes input = {data, size};
    struct fg_frame frame;
    enum fg_status status;
    while ((status = fg_frame_reader_next(reader, &input, &frame, NULL, NULL)) == FG_OK) {
        payload_bytes += frame.header.length;
    }
    if (status != FG_NEED_MORE) {
        die("frame refused");
    }
}

/* -- libnghttp2 ---------------------------------------------------------------------------------
 */

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t size, void *user)
{
    (void)session;
    (void)flags;
    (void)stream;
    (void)data;
    (void)user;
    payload_bytes += size;
    return 0;
}

static void feed_nghttp2(void *context, const uint8_t *data, size_t size)
{
    nghttp2_session *session = context;
    if (nghttp2_session_mem_recv(session, data, size) != (ssize_t)size) {
        die("libnghttp2 refused a frame");
    }
    const uint8_t *out;
    while (nghttp2_session_mem_send(session, &out) > 0) {
    }
}

static void pass(nghttp2_session *from, nghttp2_session *to)
{
    const uint8_t *out;
    ssize_t size;
    while ((size = nghttp2_session_mem_send(from, &out)) > 0) {
        if (nghttp2_session_mem_recv(to, out, (size_t)size) != size) {
            die("libnghttp2 refused its own bytes");
        }
    }
}

static ssize_t no_data_yet(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t size,
                           uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)stream;
    (void)buffer;
    (void)size;
    (void)flags;
    (void)source;
    (void)user;
    return NGHTTP2_ERR_DEFERRED;
}

/* clang-format off */
#define FIELD(name, value)                                                                         \
    {(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,                \
     sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE}
/* clang-format on */

/* A server session with stream 1 open, its windows as large as they can be. */
static nghttp2_session *open_session(void)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *server;
    nghttp2_session *client;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_client_new(&client, callbacks, NULL);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_server_new(&server, callbacks, NULL);
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
                                               {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 20}};
    nghttp2_submit_settings(server, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(server, NGHTTP2_FLAG_NONE, 0, WINDOW);
    nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, NULL, 0);
    const nghttp2_nv fields[] = {FIELD(":method", "POST"), FIELD(":path", "/"),
                                 FIELD(":scheme", "http"), FIELD(":authority", "localhost")};
    nghttp2_data_provider provider = {.read_callback = no_data_yet};
    nghttp2_submit_request(client, NULL, fields, 4, &provider, NULL);
    pass(client, server);
    pass(server, client);
    pass(client, server);
    nghttp2_session_del(client);
    nghttp2_session_callbacks_del(callbacks);
    return server;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: parsing framegate|nghttp2 PAYLOAD SECONDS [CUT]\n");
        return 2;
    }
    bool http2 = strcmp(argv[1], "nghttp2") == 0;
    size_t frame;
    size_t size;
    uint8_t *block = make_block(http2, strtoul(argv[2], NULL, 10), &frame, &size);
    struct fg_limits limits = FG_LIMITS_NONE;
    struct fg_frame_reader reader;
    fg_frame_reader_init(&reader, &limits);
    nghttp2_session *session = http2 ? open_session() : NULL;
    /* As much as a piece of a body, in whole frames unless they are to be cut. */
    size_t piece = argc > 4 ? PIECE : PIECE / frame > 0 ? PIECE / frame * frame : frame;
    double start = now();
    double end = start + strtod(argv[3], NULL);
    payload_bytes = 0;
    while (now() < end) {
        for (size_t at = 0; at < size; at += piece) {
            size_t left = size - at < piece ? size - at : piece;
            if (http2) {
                feed_nghttp2(session, block + at, left);
            } else {
                feed_ours(&reader, block + at, left);
            }
        }
    }
    printf("%.0f\n", (double)payload_bytes / (now() - start));
    nghttp2_session_del(session);
    fg_frame_reader_clear(&reader);
    free(block);
    return 0;
}
