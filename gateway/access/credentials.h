/*
 * What a request's Authorization field says: Basic or Bearer (RFC 7617, RFC 6750). Parsing only.
 */
#ifndef FRAMEGATE_GATEWAY_CREDENTIALS_H
#define FRAMEGATE_GATEWAY_CREDENTIALS_H

#include "framing/buffer.h"
#include "gateway/access/lines.h"

/* Bytes of a password or token with its NUL; libxcrypt takes no longer ones. */
enum { FG_SECRET_SIZE = 512 };

enum fg_credentials_kind {
    FG_CREDENTIALS_NONE,     /* no field */
    FG_CREDENTIALS_BAD,      /* another scheme, malformed, too long, or more than one field */
    FG_CREDENTIALS_PASSWORD, /* user and secret */
    FG_CREDENTIALS_TOKEN,    /* secret */
};

struct fg_credentials {
    enum fg_credentials_kind kind;
    char user[FG_USER_SIZE];
    char secret[FG_SECRET_SIZE]; /* wipe it with explicit_bzero once it has been looked at */
};

/* Parses one field's value. Cannot fail: what cannot be parsed is BAD. */
void fg_credentials_parse(struct fg_bytes value, struct fg_credentials *ret_credentials);

#endif
