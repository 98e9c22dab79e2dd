/*
 * Token files.
 */
#include "gateway/access/tokens.h"

#include "framing/buffer.h"
#include "gateway/access/lines.h"

#include <nettle/base16.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MAX = 10000 };

struct token {
    char user[FG_USER_SIZE];
    uint8_t hash[SHA256_DIGEST_SIZE];
};

struct fg_tokens {
    struct token *all;
    size_t count;
    size_t capacity;
};

static bool decode(const char *hex, uint8_t *ret_hash)
{
    struct base16_decode_ctx context;
    size_t size = SHA256_DIGEST_SIZE;
    base16_decode_init(&context);
    return strlen(hex) == 2 * (size_t)SHA256_DIGEST_SIZE &&
           strspn(hex, "0123456789abcdefABCDEF") == 2 * (size_t)SHA256_DIGEST_SIZE &&
           base16_decode_update(&context, &size, ret_hash, strlen(hex), hex) == 1 &&
           size == SHA256_DIGEST_SIZE && base16_decode_final(&context) == 1;
}

static enum fg_status take(void *context, char *line, struct fg_error *error)
{
    struct fg_tokens *tokens = context;
    struct token token = {.user = ""};
    char *hex = NULL;
    enum fg_status status = fg_lines_cut_user(line, &hex, error);
    if (status != FG_OK) {
        return status;
    }
    if (!decode(hex, token.hash)) {
        return fg_fail(error, FG_ERR_SYNTAX, 0,
                       "after the user there are not the 64 hexadecimal digits of a SHA-256");
    }
    memcpy(token.user, line, strlen(line));
    if (tokens->count == TOKENS_MAX) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "there are over %d tokens", TOKENS_MAX);
    }
    if (tokens->count == tokens->capacity) {
        size_t capacity = tokens->capacity == 0 ? 16 : 2 * tokens->capacity;
        struct token *all = realloc(tokens->all, capacity * sizeof(*all));
        if (all == NULL) {
            return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
        }
        tokens->all = all;
        tokens->capacity = capacity;
    }
    tokens->all[tokens->count++] = token;
    return FG_OK;
}

enum fg_status fg_tokens_read(const char *path, struct fg_tokens **ret_tokens,
                              struct fg_error *error)
{
    struct fg_tokens *tokens = calloc(1, sizeof(*tokens));
    if (tokens == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    enum fg_status status = fg_lines_read(path, take, tokens, error);
    if (status == FG_OK && tokens->count == 0) {
        status = fg_fail(error, FG_ERR_SYNTAX, 0, "%s: there is no token", path);
    }
    if (status != FG_OK) {
        fg_tokens_free(tokens);
        return status;
    }
    *ret_tokens = tokens;
    return FG_OK;
}

void fg_tokens_free(struct fg_tokens *tokens)
{
    if (tokens != NULL) {
        free(tokens->all);
        free(tokens);
    }
}

bool fg_tokens_have(const struct fg_tokens *tokens, const char *user)
{
    for (size_t i = 0; tokens != NULL && i < tokens->count; i++) {
        if (strcmp(tokens->all[i].user, user) == 0) {
            return true;
        }
    }
    return false;
}

const char *fg_tokens_find(const struct fg_tokens *tokens, const char *token)
{
    uint8_t hash[SHA256_DIGEST_SIZE];
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, strlen(token), (const uint8_t *)token);
    sha256_digest(&context, sizeof(hash), hash);
    const char *user = NULL;
    for (size_t i = 0; tokens != NULL && i < tokens->count; i++) {
        if (memeql_sec(hash, tokens->all[i].hash, sizeof(hash)) != 0) {
            user = tokens->all[i].user;
        }
    }
    return user;
}
