/*
 * The handshake: what `GET /?cmd=capabilities` answers, so that a client which asks for a newer API
 * finds it.
 */
#ifndef FRAMEGATE_GATEWAY_HANDSHAKE_H
#define FRAMEGATE_GATEWAY_HANDSHAKE_H

#include "gateway/exchange/route.h"
#include "gateway/gateway.h"

/* What the client asks for. */
struct fg_handshake {
    bool upgrade; /* it names APIs and understands CBOR: answer in CBOR */
    bool api;     /* FG_API_NAME is among them */
};

/*
 * Reads X-HgUpgrade-N and X-HgProto-N. A value that is cut over several fields is joined. FG_OK;
 * FG_ERR_MEMORY.
 */
enum fg_status fg_handshake_read(const struct fg_head *head, struct fg_handshake *ret_handshake);

/*
 * Appends the tokens of version 1, separated by blanks. Errors of the repository and of
 * fg_buffer_append.
 */
enum fg_status fg_handshake_put_tokens(struct fg_gateway *gateway, struct fg_buffer *buffer,
                                       struct fg_error *error);

/*
 * Appends the answer; *ret_content_type is static. FG_ERR_LIMIT, FG_ERR_MEMORY, and what the
 * capabilities command fails with: error says it.
 */
enum fg_status fg_handshake_answer(const struct fg_handshake *handshake, struct fg_gateway *gateway,
                                   struct fg_buffer *body, const char **ret_content_type,
                                   struct fg_error *error);

#endif
