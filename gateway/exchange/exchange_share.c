/*
 * Commands whose answers are worth keeping: the same question about the same state of the
 * repository is answered from the bundle cache, and made for it where it is new.
 */
#include "gateway/exchange/exchange_internal.h"

#include "framing/version.h"
#include "gateway/bundles/bundlefolder.h"
#include "gateway/exchange/compress.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

/* -- encodings -------------------------------------------------------------------------------- */

/* A source in memory with a prefix is one again, so that it can be sent as it lies. */
static enum fg_status put_before(struct fg_bytes prefix, struct fg_source *source)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(SIZE_MAX / 2); /* it is in memory already */
    enum fg_status status = fg_buffer_append(&buffer, prefix.data, prefix.size);
    if (status == FG_OK) {
        status = fg_buffer_append(&buffer, source->memory, (size_t)source->size);
    }
    fg_source_destroy(source);
    if (status != FG_OK) {
        fg_buffer_free(&buffer);
        return status;
    }
    *source = fg_source_from_buffer(&buffer);
    return FG_OK;
}

enum fg_status fg_exchange_encode(const struct fg_gateway *gateway, enum fg_classic_engine engine,
                                  bool dense, struct fg_source *source, struct fg_error *error)
{
    static const enum fg_compression compressions[] = {FG_COMPRESSION_ZLIB, FG_COMPRESSION_ZSTD,
                                                       FG_COMPRESSION_ZLIB, FG_COMPRESSION_NONE};
    enum fg_compression compression = compressions[engine];
    const char *name = fg_classic_engine_name(engine);
    char prefix[FG_COMPRESS_PREFIX_MAX];
    size_t size = 0;
    if (engine != FG_CLASSIC_ENGINE_LEGACY) {
        size = 1 + strlen(name);
        prefix[0] = (char)strlen(name);
        memcpy(prefix + 1, name, size - 1);
    }
    if (compression == FG_COMPRESSION_NONE && source->read == NULL) {
        enum fg_status status =
            put_before((struct fg_bytes){(const uint8_t *)prefix, size}, source);
        return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "%s", fg_status_text(status));
    }
    /* What is packed already goes into zlib as it is, for clients that want zlib's format. */
    const struct fg_config *config = &gateway->config;
    int level = compression == FG_COMPRESSION_ZSTD ? (int)config->zstd_level
                : dense                            ? 0
                                                   : (int)config->zlib_level;
    return fg_compress_new(compression, level, (struct fg_bytes){(const uint8_t *)prefix, size},
                           fg_state_memory(gateway->state), source, source, error);
}

/* -- making it once more ---------------------------------------------------------------------- */

/* All that a command needs to run again, whatever has become of the exchange. */
struct again {
    struct fg_gateway *gateway;
    const struct fg_command_spec *spec;
    struct fg_command *command;
    struct fg_snapshot *snapshot;
    struct fg_holding holding;         /* whoever follows a bundle keeps the means to make it */
    bool encoded;                      /* for the classic transport, which says how */
    enum fg_classic_engine engines[2]; /* if the reply is not dense, and if it is */
};

static void destroy_again(void *context)
{
    struct again *again = context;
    fg_command_free(again->command);
    fg_snapshot_unref(again->snapshot);
    fg_holding_set(&again->holding, 0);
    free(again);
}

/* Runs the command; the reply's body is as it is sent. *ret_tag says how it is encoded. */
static enum fg_status run_again(const struct again *again, struct fg_reply *ret_reply,
                                uint8_t *ret_tag, struct fg_error *error)
{
    struct fg_memory *memory = fg_state_memory(again->gateway->state);
    const struct fg_call call = {.command = again->command,
                                 .repository = again->gateway->repository,
                                 .snapshot = again->snapshot,
                                 .memory = memory};
    struct fg_reply reply = {.flags = 0};
    enum fg_status status = again->spec->run(&call, &reply, error);
    if (status != FG_OK) {
        return status;
    }
    enum fg_classic_engine engine = again->engines[reply.dense];
    if (again->encoded) {
        status = fg_exchange_encode(again->gateway, engine, reply.dense, &reply.body, error);
    }
    if (status != FG_OK) {
        return status;
    }
    *ret_tag = (uint8_t)(again->encoded ? engine : FG_CLASSIC_ENGINE_NONE);
    *ret_reply = reply;
    return FG_OK;
}

static enum fg_status make(void *context, struct fg_source *ret_source)
{
    struct fg_reply reply;
    struct fg_error error = {.message = ""};
    uint8_t tag;
    enum fg_status status = run_again(context, &reply, &tag, &error);
    if (status == FG_OK) {
        *ret_source = reply.body;
    }
    return status;
}

static enum fg_status new_again(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                const struct fg_call *call, struct again **ret_again,
                                struct fg_error *error)
{
    struct again *again = calloc(1, sizeof(*again));
    if (again == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    enum fg_status status =
        fg_command_from_request(&exchange->gateway->config.framing, call->command->requestid,
                                fg_command_encoded(call->command), &again->command, error);
    if (status != FG_OK) {
        free(again);
        return status;
    }
    again->gateway = exchange->gateway;
    again->holding.memory = fg_state_memory(exchange->gateway->state);
    fg_holding_set(&again->holding, fg_command_held_bytes(again->command));
    again->spec = spec;
    again->snapshot = fg_snapshot_ref(call->snapshot);
    again->encoded = exchange->classic != NULL;
    if (again->encoded) {
        for (int dense = 0; dense < 2; dense++) {
            again->engines[dense] =
                fg_classic_choose_engine(fg_exchange_classic_words(exchange), dense);
        }
    }
    *ret_again = again;
    return FG_OK;
}

/* -- the key ---------------------------------------------------------------------------------- */

/* State of the repository, command, arguments in their canonical form, encoding. */
static enum fg_status find_key(const struct again *again, uint8_t ret_key[FG_BUNDLE_KEY_SIZE],
                               struct fg_error *error)
{
    const struct fg_config *config = &again->gateway->config;
    const uint32_t encoding[] = {again->encoded, again->engines[0], again->engines[1],
                                 config->zstd_level, config->zlib_level};
    uint8_t digest[FG_DIGEST_SIZE];
    struct fg_buffer args = FG_BUFFER_INIT(SIZE_MAX / 2);
    enum fg_status status = fg_snapshot_digest(again->snapshot, digest, error);
    if (status == FG_OK) {
        status = fg_command_put_args(again->command, &args);
    }
    if (status == FG_OK) {
        struct sha256_ctx context;
        sha256_init(&context);
        sha256_update(&context, sizeof(FG_VERSION), (const uint8_t *)FG_VERSION);
        sha256_update(&context, sizeof(digest), digest);
        sha256_update(&context, strlen(again->spec->name) + 1, (const uint8_t *)again->spec->name);
        sha256_update(&context, sizeof(encoding), (const uint8_t *)encoding);
        sha256_update(&context, args.size, args.data);
        sha256_digest(&context, FG_BUNDLE_KEY_SIZE, ret_key);
    }
    fg_buffer_free(&args);
    return status;
}

/* -- sharing ---------------------------------------------------------------------------------- */

/* The reply, from the cache or for it. again is taken over. */
static enum fg_status share(struct fg_exchange *exchange, struct fg_bundlecache *cache,
                            struct again *again, struct fg_reply *ret_reply, struct fg_error *error)
{
    const struct fg_bundle_maker maker = {make, destroy_again, again};
    uint8_t key[FG_BUNDLE_KEY_SIZE];
    uint8_t tag = 0;
    struct fg_reply reply = {.flags = 0};
    enum fg_status status = find_key(again, key, error);
    if (status == FG_OK) {
        status = fg_bundlecache_find(cache, key, &maker, &exchange->wait, &tag, &ret_reply->body);
    }
    bool found = status == FG_OK;
    if (status == FG_ERR_NOT_FOUND) {
        status = run_again(again, &reply, &tag, error);
        if (status == FG_OK && reply.flags != 0) {
            /* Only bytes are kept. */
            fg_source_destroy(&reply.body);
            status = fg_fail(error, FG_ERR_UNSUPPORTED, 0, "this answer cannot be shared");
        }
    }
    if (status != FG_OK) {
        destroy_again(again);
        return status;
    }
    if (!found) {
        status = fg_bundlecache_add(cache, key, tag, &reply.body, &maker, &exchange->wait,
                                    &ret_reply->body);
    }
    exchange->shared = status == FG_OK;
    exchange->shared_engine = (enum fg_classic_engine)tag;
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "%s", fg_status_text(status));
}

enum fg_status fg_exchange_share(struct fg_exchange *exchange, const struct fg_command_spec *spec,
                                 const struct fg_call *call, struct fg_reply *ret_reply,
                                 struct fg_error *error)
{
    struct fg_bundlecache *cache = fg_bundlefolder_cache(exchange->gateway->bundles);
    struct again *again = NULL;
    if (cache == NULL) {
        return spec->run(call, ret_reply, error);
    }
    enum fg_status status = new_again(exchange, spec, call, &again, error);
    return status == FG_OK ? share(exchange, cache, again, ret_reply, error) : status;
}
