/* Running a command on a snapshot, as the gateway would, with literals in and out. */
#include "tests/repo/asking.h"

#include "framing/cbor.h"
#include "framing/literal.h"
#include "handlers/registry.h"

#include <string.h>

bool asking_checks_canonical = true;

static const struct fg_limits limits = {
    .cbor_depth = 32, .cbor_items = 1 << 26, .request_bytes = BUFFER_MAX};

/* A request as the reactor would hand it out. */
enum fg_status asking_command(struct fg_bytes name, struct fg_bytes args,
                              struct fg_command *command, struct fg_error *error)
{
    struct fg_cbor_map map;
    fg_buffer_init(&command->encoded, BUFFER_MAX);
    fg_cbor_map_begin(&command->encoded, &map);
    enum fg_status status = fg_cbor_put_bytestring(&command->encoded, "name");
    if (status == FG_OK) {
        status = fg_cbor_put_bytes(&command->encoded, name.data, name.size);
    }
    if (status == FG_OK) {
        status = fg_cbor_put_bytestring(&command->encoded, "args");
    }
    if (status == FG_OK) {
        status = fg_literal_encode(args, &limits, &command->encoded, error);
    }
    if (status == FG_OK) {
        status = fg_cbor_map_end(&command->encoded, &map, false);
    }
    if (status == FG_OK) {
        status =
            fg_cbor_decode(fg_buffer_view(&command->encoded), &limits, &command->request, error);
    }
    if (status == FG_OK) {
        command->args = fg_cbor_map_find(&command->request, 0, "args");
    }
    return status;
}

/* Reads a body to its end, in pieces of very different sizes. */
static enum fg_status collect(struct fg_source *body, struct fg_buffer *bytes)
{
    static const size_t sizes[] = {1, 3, 5000, 32768, 70, 300000};
    if (body->read == NULL) {
        return fg_source_drain(body, bytes);
    }
    enum fg_status status = FG_OK;
    for (size_t i = 0; status == FG_OK; i++) {
        uint8_t *space;
        size_t size;
        size_t capacity = sizes[i % (sizeof sizes / sizeof sizes[0])];
        status = fg_buffer_reserve(bytes, capacity, &space);
        if (status == FG_OK) {
            status = fg_source_read(body, space, capacity, &size);
        }
        if (status == FG_OK && (size == 0 || size > capacity)) {
            status = FG_ERR_STATE;
        }
        bytes->size += status == FG_OK ? size : 0;
    }
    if (status == FG_END && fg_source_lacks(body)) {
        /* As the bytes say themselves. */
        return strstr(body->error->message, "memory") != NULL ? FG_ERR_MEMORY : FG_ERR_CORRUPT;
    }
    return status == FG_END ? FG_OK : status;
}

/* A body that is not CBOR, as a literal of bytes. */
static enum fg_status literal_of_bytes(struct fg_source *body, struct fg_buffer *text,
                                       struct fg_error *error)
{
    struct fg_buffer bytes = FG_BUFFER_INIT(BUFFER_MAX);
    struct fg_buffer encoded = FG_BUFFER_INIT(BUFFER_MAX);
    struct fg_cbor_value value = {0};
    enum fg_status status = collect(body, &bytes);
    if (status != FG_OK) {
        fg_fail(error, status, 0, "the body ended with: %s", fg_status_text(status));
    } else {
        status = fg_cbor_put_bytes(&encoded, bytes.data, bytes.size);
    }
    if (status == FG_OK) {
        status = fg_cbor_decode(fg_buffer_view(&encoded), &limits, &value, error);
    }
    if (status == FG_OK) {
        status = fg_literal_decode(&value, 0, text);
    }
    fg_cbor_clear(&value);
    fg_buffer_free(&encoded);
    fg_buffer_free(&bytes);
    return status;
}

/* A body of CBOR, as a literal. */
static enum fg_status literal_of(struct fg_source *body, struct fg_buffer *text,
                                 struct fg_error *error)
{
    struct fg_cbor_value value = {0};
    struct fg_bytes bytes = {body->memory, (size_t)body->size};
    enum fg_status status = fg_cbor_decode(bytes, &limits, &value, error);
    if (status == FG_OK) {
        status = fg_literal_decode(&value, 0, text);
    }
    if (status == FG_OK && asking_checks_canonical && !fg_cbor_is_canonical(bytes, &limits)) {
        status = fg_fail(error, FG_ERR_SYNTAX, 0, "the answer is not canonical");
    }
    fg_cbor_clear(&value);
    return status;
}

enum fg_status asking_ask(struct fg_repository *repository, struct fg_snapshot *snapshot,
                          struct fg_bytes name, struct fg_bytes args, struct fg_buffer *text,
                          struct fg_error *error)
{
    struct fg_command command = {0};
    const struct fg_command_spec *spec = fg_registry_find(name);
    if (spec == NULL) {
        return fg_fail(error, FG_ERR_NOT_FOUND, 0, "unknown command");
    }
    enum fg_status status = asking_command(name, args, &command, error);
    if (status == FG_OK) {
        status = fg_registry_check_arguments(spec, &command, error);
    }
    if (status == FG_OK) {
        struct fg_call call = {.command = &command, .repository = repository, .snapshot = snapshot};
        struct fg_reply reply = {0};
        status = spec->run(&call, &reply, error);
        if (status == FG_OK) {
            bool cbor = (reply.flags & FG_BYTES_RESPONSE_CBOR) != 0;
            status = cbor ? literal_of(&reply.body, text, error)
                          : literal_of_bytes(&reply.body, text, error);
            fg_source_destroy(&reply.body);
            fg_buffer_free(&reply.said);
        }
    }
    fg_cbor_clear(&command.request);
    fg_buffer_free(&command.encoded);
    return status;
}

enum fg_status asking_now(struct fg_repository *repository, struct fg_bytes name,
                          struct fg_bytes args, struct fg_buffer *text, struct fg_error *error)
{
    struct fg_snapshot *snapshot;
    enum fg_status status = fg_repository_snapshot(repository, &snapshot, error);
    if (status == FG_OK) {
        status = asking_ask(repository, snapshot, name, args, text, error);
        fg_snapshot_unref(snapshot);
    }
    return status;
}
