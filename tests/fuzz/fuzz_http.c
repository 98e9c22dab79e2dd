/*
 * HTTP end to end without sockets: a request's head and body, given to an exchange in slices, with
 * the real commands on an empty repository. The input is
 *
 *     slice size (one byte), "METHOD TARGET\n", "NAME: VALUE\n"..., "\n", body
 *
 * What holds: the answer is a status of the table; frames are well-formed; the slicing changes
 * nothing; nothing is held afterwards.
 */
#include "tests/fuzz/fuzz.h"

#include "framing/frame.h"
#include "gateway/access/access.h"
#include "gateway/exchange/exchange.h"

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIELDS = 64, ANSWER_MAX = 256u << 20 };

static struct fg_gateway gateway;
static char directory[] = "/tmp/framegate-fuzz-XXXXXX";

/* -- the gateway ------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

static void clean_up(void)
{
    fg_access_unref(atomic_load(&gateway.access));
    fg_repository_close(gateway.repository);
    fg_state_free(gateway.state);
    fg_config_clear(&gateway.config);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    HOLDS(mkdir(path, 0700) == 0);
}

/* An empty repository, as Mercurial makes it. */
static void make_repository(void)
{
    char path[200];
    HOLDS(mkdtemp(directory) != NULL);
    make_folder(".hg");
    make_folder(".hg/store");
    snprintf(path, sizeof(path), "%s/.hg/requires", directory);
    FILE *file = fopen(path, "w");
    HOLDS(file != NULL && fputs("dotencode\nfncache\ngeneraldelta\nrevlogv1\nstore\n", file) >= 0);
    fclose(file);
}

static void start(void)
{
    static bool started;
    if (started) {
        return;
    }
    started = true;
    make_repository();
    HOLDS(fg_config_init(&gateway.config, NULL) == FG_OK);
    gateway.config.debugreflect = true;
    gateway.config.body_bytes = 1 << 20;
    struct fg_access *access = NULL;
    HOLDS(fg_access_load(&gateway.config, &access, NULL) == FG_OK);
    atomic_init(&gateway.access, access);
    HOLDS(fg_repository_open(directory, &gateway.repository, NULL) == FG_OK);
    HOLDS(fg_state_new(1, gateway.config.memory_bytes, UINT64_MAX / 2, NULL, &gateway.state) ==
          FG_OK);
    atexit(clean_up);
}

/* -- a request -------------------------------------------------------------------------------- */

struct input {
    struct fg_bytes method;
    struct fg_bytes target;
    struct fg_field fields[FIELDS];
    size_t fields_count;
    struct fg_bytes body;
    char length[24];
};

/* What comes before the delimiter or the end, which is taken off too. */
static struct fg_bytes until(struct fg_bytes *rest, char delimiter)
{
    const uint8_t *at = rest->size > 0 ? memchr(rest->data, delimiter, rest->size) : NULL;
    size_t size = at != NULL ? (size_t)(at - rest->data) : rest->size;
    struct fg_bytes found = {rest->data, size};
    size_t gone = at != NULL ? size + 1 : size;
    rest->data += gone;
    rest->size -= gone;
    return found;
}

static void parse(struct fg_bytes rest, struct input *input)
{
    struct fg_bytes line = until(&rest, '\n');
    input->method = until(&line, ' ');
    input->target = line;
    input->fields_count = 0;
    while (rest.size > 0 && (line = until(&rest, '\n')).size > 0) {
        if (input->fields_count < FIELDS - 1) {
            struct fg_field *field = &input->fields[input->fields_count++];
            field->name = until(&line, ':');
            while (line.size > 0 && line.data[0] == ' ') {
                line.data++;
                line.size--;
            }
            field->value = line;
        }
    }
    input->body = rest;
    /* The length is the body's own, so that most inputs get as far as their body. */
    snprintf(input->length, sizeof(input->length), "%zu", rest.size);
    if (fg_bytes_equal_string(input->method, "POST")) {
        input->fields[input->fields_count++] = (struct fg_field){
            fg_bytes_from_string("Content-Length"), fg_bytes_from_string(input->length)};
    }
}

/* The body, in slices; slow commands run at once. */
static void send_body(struct fg_exchange *exchange, struct fg_bytes body, size_t slice)
{
    while (body.size > 0) {
        struct fg_bytes piece = {body.data, slice < body.size ? slice : body.size};
        size_t size = piece.size;
        if (fg_exchange_receive(exchange, &piece) == FG_EXCHANGE_RUN_SLOW) {
            fg_exchange_run_slow(exchange);
        } else {
            HOLDS(piece.size == 0);
        }
        HOLDS(piece.size <= size);
        body.data += size - piece.size;
        body.size -= size - piece.size;
    }
}

static void take_answer(struct fg_exchange *exchange, const struct fg_answer *answer,
                        struct fg_buffer *ret_text)
{
    if (answer->whole) {
        HOLDS(fg_buffer_append(ret_text, answer->body.data, answer->body.size) == FG_OK);
        return;
    }
    uint8_t block[1000];
    size_t size = 0;
    enum fg_status status = FG_OK;
    while ((status = fg_exchange_take(exchange, block, sizeof(block), &size)) == FG_OK) {
        HOLDS(size > 0 && size <= sizeof(block));
        HOLDS(fg_buffer_append(ret_text, block, size) == FG_OK);
    }
    HOLDS(status == FG_END);
}

/* A whole exchange: its status, and the answer's body. */
static struct fg_answer converse(const struct input *input, size_t slice,
                                 struct fg_buffer *ret_text)
{
    const struct fg_address peer = {.size = 0};
    struct fg_exchange *exchange = NULL;
    struct fg_answer answer;
    HOLDS(fg_exchange_new(&gateway, input->target, &peer, &exchange) == FG_OK);
    struct fg_head head = {
        .method = input->method, .fields = input->fields, .fields_count = input->fields_count};
    if (fg_exchange_head(exchange, &head) == FG_EXCHANGE_GO_ON) {
        send_body(exchange, input->body, slice);
        while (fg_exchange_finish(exchange, &answer) == FG_EXCHANGE_RUN_SLOW) {
            fg_exchange_run_slow(exchange);
        }
    } else {
        fg_exchange_answer(exchange, &answer);
    }
    take_answer(exchange, &answer, ret_text);
    answer.body.size = strcmp(answer.content_type, FG_MEDIA_TYPE) == 0; /* has frames */
    fg_exchange_end(exchange, fg_now_microseconds(), FG_END_ANSWERED);
    HOLDS(fg_memory_bytes(fg_state_memory(gateway.state)) == 0 &&
          fg_state_in_flight(gateway.state) == 0);
    return answer;
}

/* -- what holds ------------------------------------------------------------------------------- */

static void check_status(uint16_t status)
{
    static const uint16_t table[] = {200, 400, 403, 404, 405, 406, 411, 413, 414, 415, 431};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i] == status) {
            return;
        }
    }
    fprintf(stderr, "status %u\n", status);
    HOLDS(false);
}

static void check_frames(struct fg_bytes text)
{
    struct fg_limits limits = FG_LIMITS_NONE;
    struct fg_frame_reader reader;
    struct fg_frame frame;
    enum fg_status status = FG_OK;
    bool first = true;
    fg_frame_reader_init(&reader, &limits);
    while ((status = fg_frame_reader_next(&reader, &text, &frame, NULL, NULL)) == FG_OK) {
        HOLDS(frame.header.streamid == 2 && frame.header.streamflags == (first ? 1 : 0));
        HOLDS(frame.header.type == FG_FRAME_BYTES_RESPONSE ||
              frame.header.type == FG_FRAME_ERROR_RESPONSE);
        first = false;
    }
    HOLDS(status == FG_NEED_MORE);
    HOLDS(fg_frame_reader_finish(&reader, NULL, NULL) == FG_OK);
    fg_frame_reader_clear(&reader);
}

/*
 * True if debugbytes may be asked for more than is made in a moment: it makes what it is asked for,
 * and that takes the time it takes.
 */
static bool asks_for_much(const uint8_t *data, size_t size)
{
    static const char name[] = "debugbytes";
    enum { DIGITS_MAX = 7 };
    size_t digits = 0;
    bool much = false;
    for (size_t i = 0; i < size && !much; i++) {
        digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
        much = digits > DIGITS_MAX;
    }
    return much && memmem(data, size, name, sizeof(name) - 1) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input;
    struct fg_buffer whole = FG_BUFFER_INIT(ANSWER_MAX);
    struct fg_buffer sliced = FG_BUFFER_INIT(ANSWER_MAX);
    if (size == 0 || asks_for_much(data, size)) {
        return 0;
    }
    start();
    parse((struct fg_bytes){data + 1, size - 1}, &input);
    struct fg_answer answer = converse(&input, SIZE_MAX, &whole);
    struct fg_answer again = converse(&input, 1 + (size_t)data[0], &sliced);
    check_status(answer.status);
    if (answer.body.size > 0) {
        check_frames(fg_buffer_view(&whole));
    }
    HOLDS(again.status == answer.status && sliced.size == whole.size);
    HOLDS(whole.size == 0 || memcmp(sliced.data, whole.data, whole.size) == 0);
    fg_buffer_free(&whole);
    fg_buffer_free(&sliced);
    return 0;
}
