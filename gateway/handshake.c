/*
 * The handshake. The classic transport behind the tokens of version 1 is not served, so the only
 * token says what the answer itself is.
 */
#include "gateway/handshake.h"

#include "framing/cbor.h"
#include "handlers/registry.h"

#include <stdio.h>
#include <string.h>

#define V1_CAPABILITIES "httpmediatype=0.1tx"

/* Appends the values of NAME-1, NAME-2, … as far as they go without a gap. */
static enum fg_status join(const struct fg_head *head, const char *name, struct fg_buffer *value)
{
    for (unsigned n = 1;; n++) {
        char numbered[32];
        snprintf(numbered, sizeof(numbered), "%s-%u", name, n);
        const struct fg_field *field = fg_head_find(head, numbered);
        if (field == NULL) {
            return FG_OK;
        }
        enum fg_status status = fg_buffer_append(value, field->value.data, field->value.size);
        if (status != FG_OK) {
            return status;
        }
    }
}

/* True if word is one of the blank-separated words of text. */
static bool has_word(struct fg_bytes text, const char *word)
{
    size_t start = 0;
    /* An empty text may be NULL, to which not even 0 may be added. */
    for (size_t i = 0; text.size > 0 && i <= text.size; i++) {
        if (i == text.size || text.data[i] == ' ') {
            struct fg_bytes found = {text.data + start, i - start};
            if (fg_bytes_equal_string(found, word)) {
                return true;
            }
            start = i + 1;
        }
    }
    return false;
}

enum fg_status fg_handshake_read(const struct fg_head *head, struct fg_handshake *ret_handshake)
{
    /* The head as a whole has its limit, so its parts need none. */
    struct fg_buffer upgrade = FG_BUFFER_INIT(SIZE_MAX / 2);
    struct fg_buffer proto = FG_BUFFER_INIT(SIZE_MAX / 2);
    enum fg_status status = join(head, "x-hgupgrade", &upgrade);
    if (status == FG_OK) {
        status = join(head, "x-hgproto", &proto);
    }
    if (status == FG_OK) {
        ret_handshake->upgrade = upgrade.size > 0 && has_word(fg_buffer_view(&proto), "cbor");
        ret_handshake->api = has_word(fg_buffer_view(&upgrade), FG_API_NAME);
    }
    fg_buffer_free(&upgrade);
    fg_buffer_free(&proto);
    return status;
}

/* Appends all that a source gives. */
static enum fg_status drain(struct fg_source *source, struct fg_buffer *buffer)
{
    if (source->read == NULL) {
        return fg_buffer_append(buffer, source->memory, (size_t)source->size);
    }
    enum fg_status status = FG_OK;
    while (status == FG_OK) {
        uint8_t piece[1024];
        size_t size = 0;
        status = source->read(source->context, piece, sizeof(piece), &size);
        if (status == FG_OK) {
            status = fg_buffer_append(buffer, piece, size);
        }
    }
    return status == FG_END ? FG_OK : status == FG_PENDING ? FG_ERR_IO : status;
}

/* Appends the API's descriptor, which is what the command capabilities answers. */
static enum fg_status append_descriptor(struct fg_gateway *gateway, struct fg_buffer *body,
                                        struct fg_error *error)
{
    const struct fg_command command = {.name = fg_bytes_from_string("capabilities")};
    const struct fg_command_spec *spec = fg_registry_find(command.name);
    if (spec == NULL) {
        return fg_fail(error, FG_ERR_NOT_FOUND, 0, "there is no command capabilities");
    }
    struct fg_call call = {.command = &command, .repository = gateway->repository};
    struct fg_reply reply = {0};
    enum fg_status status = fg_repository_snapshot(gateway->repository, &call.snapshot, error);
    if (status != FG_OK) {
        return status;
    }
    status = spec->run(&call, &reply, error);
    if (status == FG_OK) {
        status = drain(&reply.body, body);
        fg_source_destroy(&reply.body);
    }
    fg_snapshot_unref(call.snapshot);
    return status;
}

static enum fg_status append_apis(const struct fg_handshake *handshake, struct fg_gateway *gateway,
                                  struct fg_buffer *body, struct fg_error *error)
{
    struct fg_cbor_map map;
    fg_cbor_map_begin(body, &map);
    enum fg_status status = FG_OK;
    if (handshake->api) {
        status = fg_cbor_put_bytestring(body, FG_API_NAME);
        if (status == FG_OK) {
            status = append_descriptor(gateway, body, error);
        }
    }
    return status == FG_OK ? fg_cbor_map_end(body, &map, false) : status;
}

static enum fg_status append_cbor(const struct fg_handshake *handshake, struct fg_gateway *gateway,
                                  struct fg_buffer *body, struct fg_error *error)
{
    struct fg_cbor_map map;
    fg_cbor_map_begin(body, &map);
    enum fg_status status = fg_cbor_put_bytestring(body, "apibase");
    if (status == FG_OK) {
        status = fg_cbor_put_bytestring(body, "api/");
    }
    if (status == FG_OK) {
        status = fg_cbor_put_bytestring(body, "apis");
    }
    if (status == FG_OK) {
        status = append_apis(handshake, gateway, body, error);
    }
    if (status == FG_OK) {
        status = fg_cbor_put_bytestring(body, "v1capabilities");
    }
    if (status == FG_OK) {
        status = fg_cbor_put_bytestring(body, V1_CAPABILITIES);
    }
    return status == FG_OK ? fg_cbor_map_end(body, &map, false) : status;
}

enum fg_status fg_handshake_answer(const struct fg_handshake *handshake, struct fg_gateway *gateway,
                                   struct fg_buffer *body, const char **ret_content_type,
                                   struct fg_error *error)
{
    error->message[0] = '\0';
    enum fg_status status;
    if (handshake->upgrade) {
        *ret_content_type = "application/mercurial-cbor";
        status = append_cbor(handshake, gateway, body, error);
    } else {
        *ret_content_type = "application/mercurial-0.1";
        status = fg_buffer_append_string(body, V1_CAPABILITIES);
    }
    if (status != FG_OK && error->message[0] == '\0') {
        fg_fail(error, status, 0, "%s", fg_status_text(status));
    }
    return status;
}
