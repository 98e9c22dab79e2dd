/*
 * Prints the heads of a repository: heads URL. framing makes and reads the bytes, libcurl carries
 * them.    cc heads.c $(pkg-config --cflags --libs framing libcurl) -o heads
 */
#include <curl/curl.h>
#include <framing/cbor.h>
#include <framing/framegen.h>
#include <stdio.h>

#define MEDIA_TYPE "application/mercurial-exp-framing-0003"

static size_t receive(char *data, size_t one, size_t size, void *reply)
{
    return fg_buffer_append(reply, data, one * size) == FG_OK ? size : 0;
}

int main(int argc, char **argv)
{
    const struct fg_limits limits = FG_LIMITS_DEFAULT;
    struct fg_buffer reply = FG_BUFFER_INIT(1 << 20);
    struct fg_bytes no_arguments = {NULL, 0};
    struct fg_stream stream;
    struct fg_framegen *framegen;
    uint8_t request[FG_FRAME_HEADER_SIZE + FG_DEFAULT_MAX_FRAME_SIZE];
    size_t size;
    if (argc != 2 || fg_stream_init_client(&stream, 1) != FG_OK ||
        fg_commandframes_new(&stream, 1, fg_bytes_from_string("heads"), no_arguments, NULL,
                             FG_DEFAULT_MAX_FRAME_SIZE, &framegen) != FG_OK ||
        fg_framegen_next(framegen, request, sizeof request, &size) != FG_OK) {
        return 2;
    }
    CURL *curl = curl_easy_init();
    struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: " MEDIA_TYPE);
    fields = curl_slist_append(fields, "Accept: " MEDIA_TYPE);
    curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)size);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    CURLcode result = curl_easy_perform(curl);

    /* The answer to heads fits in one frame: a CBOR list of nodes, or a message. */
    struct fg_bytes input = fg_buffer_view(&reply);
    struct fg_frame_reader reader;
    struct fg_frame frame = {0};
    struct fg_cbor_value nodes = {0};
    fg_frame_reader_init(&reader, &limits);
    bool answered = result == CURLE_OK &&
                    fg_frame_reader_next(&reader, &input, &frame, NULL, NULL) == FG_OK &&
                    frame.header.type == FG_FRAME_BYTES_RESPONSE &&
                    fg_cbor_decode((struct fg_bytes){frame.payload, frame.header.length}, &limits,
                                   &nodes, NULL) == FG_OK;
    for (uint32_t i = 1; answered && i < nodes.count; i++) {
        for (size_t j = 0; j < nodes.items[i].string.size; j++) {
            printf("%02x", nodes.items[i].string.data[j]);
        }
        printf("\n");
    }
    if (!answered) {
        fprintf(stderr, "heads: %s %.*s\n", curl_easy_strerror(result), (int)frame.header.length,
                (const char *)frame.payload);
    }
    fg_cbor_clear(&nodes);
    fg_frame_reader_clear(&reader);
    fg_framegen_free(framegen);
    fg_buffer_free(&reply);
    curl_slist_free_all(fields);
    curl_easy_cleanup(curl);
    return answered ? 0 : 1;
}
