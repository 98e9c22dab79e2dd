/*
 * Bearer tokens from a file: a line USER:HEX for each, HEX the SHA-256 of the token. A fast hash is
 * enough, because a token is not a word that can be guessed but random. Immutable once read.
 */
#ifndef FRAMEGATE_GATEWAY_TOKENS_H
#define FRAMEGATE_GATEWAY_TOKENS_H

#include "framing/status.h"

#include <stdbool.h>

struct fg_tokens;

/* FG_ERR_SYNTAX: error says "FILE:LINE: …"; FG_ERR_IO, FG_ERR_LIMIT, FG_ERR_MEMORY. */
enum fg_status fg_tokens_read(const char *path, struct fg_tokens **ret_tokens,
                              struct fg_error *error);

/* Takes NULL. */
void fg_tokens_free(struct fg_tokens *tokens);

/* True if the user has a token. Takes NULL for tokens: nobody has. */
bool fg_tokens_have(const struct fg_tokens *tokens, const char *user);

/*
 * Whose token this is; NULL if it is nobody's. The name lives as long as tokens. Every token of the
 * file is compared, each in the same time. Takes NULL for tokens: nobody's.
 */
const char *fg_tokens_find(const struct fg_tokens *tokens, const char *token);

#endif
