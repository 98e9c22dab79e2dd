/*
 * The Authorization field. A NUL in a password is refused: hashing would end at it, so that other
 * passwords would fit too.
 */
#include "gateway/access/credentials.h"

#include <nettle/base64.h>
#include <string.h>
#include <strings.h>

/* What follows the scheme and its blanks; size 0 if it is another scheme. */
static struct fg_bytes after_scheme(struct fg_bytes value, const char *scheme)
{
    size_t size = strlen(scheme);
    struct fg_bytes rest = {NULL, 0};
    if (value.size > size && strncasecmp((const char *)value.data, scheme, size) == 0 &&
        value.data[size] == ' ') {
        while (size < value.size && value.data[size] == ' ') {
            size++;
        }
        rest = (struct fg_bytes){value.data + size, value.size - size};
        while (rest.size > 0 && rest.data[rest.size - 1] == ' ') {
            rest.size--;
        }
    }
    return rest;
}

/* Copies bytes that are to be text; false if they do not fit or have control characters. */
static bool copy(const uint8_t *data, size_t size, char *ret_text, size_t capacity)
{
    if (size >= capacity) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (data[i] < ' ' || data[i] == 0x7f) {
            return false;
        }
    }
    memcpy(ret_text, data, size);
    ret_text[size] = '\0';
    return true;
}

static bool parse_basic(struct fg_bytes encoded, struct fg_credentials *credentials)
{
    uint8_t text[BASE64_DECODE_LENGTH(2 * (FG_SECRET_SIZE + FG_USER_SIZE))];
    struct base64_decode_ctx context;
    size_t size = sizeof(text);
    if (encoded.size == 0 || BASE64_DECODE_LENGTH(encoded.size) > sizeof(text)) {
        return false;
    }
    base64_decode_init(&context);
    bool ok = base64_decode_update(&context, &size, text, encoded.size,
                                   (const char *)encoded.data) == 1 &&
              base64_decode_final(&context) == 1;
    const uint8_t *colon = ok ? memchr(text, ':', size) : NULL;
    if (colon != NULL) {
        size_t user = (size_t)(colon - text);
        ok = copy(text, user, credentials->user, sizeof(credentials->user)) &&
             copy(colon + 1, size - user - 1, credentials->secret, sizeof(credentials->secret));
    }
    explicit_bzero(text, sizeof(text));
    return ok && colon != NULL;
}

void fg_credentials_parse(struct fg_bytes value, struct fg_credentials *ret_credentials)
{
    *ret_credentials = (struct fg_credentials){.kind = FG_CREDENTIALS_BAD};
    struct fg_bytes basic = after_scheme(value, "Basic");
    struct fg_bytes bearer = after_scheme(value, "Bearer");
    if (basic.size > 0 && parse_basic(basic, ret_credentials)) {
        ret_credentials->kind = FG_CREDENTIALS_PASSWORD;
    } else if (bearer.size > 0 && copy(bearer.data, bearer.size, ret_credentials->secret,
                                       sizeof(ret_credentials->secret))) {
        ret_credentials->kind = FG_CREDENTIALS_TOKEN;
    }
}
