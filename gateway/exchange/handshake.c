/*
 * The handshake. The tokens of version 1 follow from the registry, so that they name what is served
 * and nothing else.
 */
#include "gateway/exchange/handshake.h"

#include "framing/cbor.h"
#include "gateway/access/access.h"
#include "gateway/exchange/classic.h"
#include "handlers/clonebundles.h"
#include "handlers/registry.h"
#include "handlers/repo/settings.h"
#include "handlers/repo/streamclone.h"

#include <stdio.h>
#include <string.h>

enum { TOKENS_MAX = 16 * 1024 }; /* bytes of all of them */

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
    enum fg_status status = fg_head_join(head, "x-hgupgrade", &upgrade);
    if (status == FG_OK) {
        status = fg_head_join(head, "x-hgproto", &proto);
    }
    if (status == FG_OK) {
        ret_handshake->upgrade = upgrade.size > 0 && has_word(fg_buffer_view(&proto), "cbor");
        ret_handshake->api = has_word(fg_buffer_view(&upgrade), FG_API_NAME);
    }
    fg_buffer_free(&upgrade);
    fg_buffer_free(&proto);
    return status;
}

/* -- tokens ----------------------------------------------------------------------------------- */

static bool is_served(const char *command)
{
    return fg_registry_find(fg_bytes_from_string(command)) != NULL;
}

/* The files show everything, so what is secret keeps them from being sent. */
static bool streams(const struct fg_snapshot *snapshot)
{
    return is_served("stream_out") && fg_streamclone_allowed(snapshot);
}

/*
 * What bundles of the second kind may hold, a line each. What only a pusher asks for is as
 * Mercurial has it, since Mercurial takes the push.
 */
static void put_bundle2(const struct fg_snapshot *snapshot, struct fg_buffer *buffer)
{
    static const struct {
        const char *command; /* that makes it true; NULL: getbundle itself */
        const char *line;
    } lines[] = {
        {NULL, "HG20"},
        {NULL, "\nbookmarks"},
        {NULL, "\nchangegroup=01,02"},
        {"unbundle", "\ncheckheads=related"}, /* only if pushes race by the heads they touch */
        {"unbundle", "\ndigests=md5,sha1,sha512"},
        {"unbundle", "\nerror=abort,unsupportedcontent,pushraced,pushkey"},
        {"unbundle", "\nhgtagsfnodes"},
        {NULL, "\nlistkeys"},
        {NULL, "\nphases=heads"},
        {"unbundle", "\npushkey"},
        {"unbundle", "\nremote-changegroup=http,https"},
    };
    const struct fg_site_values *values = fg_snapshot_values(snapshot);
    fg_buffer_append_string(buffer, " bundle2=");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        bool races = strcmp(lines[i].line, "\ncheckheads=related") == 0 && !values->related_heads;
        if (!races && (lines[i].command == NULL || is_served(lines[i].command))) {
            fg_classic_put_quoted(buffer, fg_bytes_from_string(lines[i].line));
        }
        /* Whoever hears of markers sends his and asks for ours. */
        if (strcmp(lines[i].line, "\nlistkeys") == 0 && values->exchange) {
            fg_classic_put_quoted(buffer, fg_bytes_from_string("\nobsmarkers=V0,V1"));
        }
    }
    if (streams(snapshot) && values->bundle2_stream) {
        fg_classic_put_quoted(buffer, fg_bytes_from_string("\nstream=v2"));
    }
}

/* The formats that a client must know to take the store's files as they are. */
static void put_stream(const struct fg_snapshot *snapshot, struct fg_buffer *buffer)
{
    struct fg_buffer formats = FG_BUFFER_INIT(TOKENS_MAX);
    fg_buffer_fail(buffer, fg_streamclone_requirements(snapshot, &formats));
    if (fg_bytes_equal_string(fg_buffer_view(&formats), "revlogv1")) {
        fg_buffer_append_string(buffer, " stream");
    } else {
        fg_buffer_append_format(buffer, " streamreqs=%.*s", (int)formats.size,
                                formats.size > 0 ? (const char *)formats.data : "");
    }
    fg_buffer_free(&formats);
}

/* In the order of their bytes, as Mercurial has them. */
static enum fg_status put_tokens(const struct fg_access *access, const struct fg_snapshot *snapshot,
                                 struct fg_buffer *buffer)
{
    fg_buffer_append_string(buffer, "batch branchmap");
    if (is_served("getbundle")) {
        put_bundle2(snapshot, buffer);
    }
    if (fg_clonebundles_exist(snapshot)) {
        fg_buffer_append_string(buffer, " clonebundles clonebundles_manifest");
    }
    fg_buffer_append_string(buffer, " compression=zstd,zlib");
    if (is_served("getbundle")) {
        fg_buffer_append_string(buffer, " getbundle");
    }
    fg_buffer_append_string(buffer, " httpheader=1024 httpmediatype=0.1rx,0.1tx,0.2tx");
    /*
     * A client that sends arguments before a bundle cannot send both again when it is asked for
     * credentials: Mercurial's (6.3 and 7.0 at least) then sends neither, and waits. Where readers
     * are asked, they have sent them since the handshake. Where anybody reads and some push,
     * arguments stay in the header, which has room for them: see fg_answer's widens.
     */
    if (!fg_access_has_pushers(access) || fg_access_asks_readers(access)) {
        fg_buffer_append_string(buffer, " httppostargs");
    }
    fg_buffer_append_string(buffer, " known lookup");
    if (is_served("pushkey")) {
        fg_buffer_append_string(buffer, " pushkey");
    }
    if (streams(snapshot)) {
        put_stream(snapshot, buffer);
    }
    if (is_served("unbundle")) {
        fg_buffer_append_string(buffer, " unbundle=HG10GZ,HG10BZ,HG10UN unbundlehash");
    }
    return fg_buffer_status(buffer);
}

enum fg_status fg_handshake_put_tokens(struct fg_gateway *gateway, struct fg_buffer *buffer,
                                       struct fg_error *error)
{
    struct fg_snapshot *snapshot = NULL;
    enum fg_status status = fg_repository_snapshot(gateway->repository, &snapshot, error);
    if (status != FG_OK) {
        return status;
    }
    status = put_tokens(atomic_load(&gateway->access), snapshot, buffer);
    fg_snapshot_unref(snapshot);
    return status;
}

/* -- the answer ------------------------------------------------------------------------------- */

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
        status = fg_source_drain(&reply.body, body);
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
    if (handshake->api) {
        fg_cbor_put_bytestring(body, FG_API_NAME);
        fg_buffer_fail(body, append_descriptor(gateway, body, error));
    }
    return fg_cbor_map_end(body, &map, false);
}

static enum fg_status append_cbor(const struct fg_handshake *handshake, struct fg_gateway *gateway,
                                  struct fg_buffer *body, struct fg_error *error)
{
    struct fg_cbor_map map;
    fg_cbor_map_begin(body, &map);
    fg_cbor_put_bytestring(body, "apibase");
    fg_cbor_put_bytestring(body, "api/");
    fg_cbor_put_bytestring(body, "apis");
    append_apis(handshake, gateway, body, error);
    fg_cbor_put_bytestring(body, "v1capabilities");
    struct fg_buffer tokens = FG_BUFFER_INIT(TOKENS_MAX);
    fg_buffer_fail(body, fg_handshake_put_tokens(gateway, &tokens, error));
    fg_cbor_put_bytes(body, tokens.data, tokens.size);
    fg_buffer_free(&tokens);
    return fg_cbor_map_end(body, &map, false);
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
        status = fg_handshake_put_tokens(gateway, body, error);
    }
    if (status != FG_OK && error->message[0] == '\0') {
        fg_fail(error, status, 0, "%s", fg_status_text(status));
    }
    return status;
}
