/*
 * Users and their passwords from a file as htpasswd writes it: USER:HASH, bcrypt ($2a$, $2b$, $2y$)
 * or SHA-512 crypt ($6$). Immutable once read, so any thread may ask.
 */
#ifndef FRAMEGATE_GATEWAY_PASSWORDS_H
#define FRAMEGATE_GATEWAY_PASSWORDS_H

#include "framing/status.h"

#include <stdbool.h>

struct fg_passwords;

/* FG_ERR_SYNTAX: error says "FILE:LINE: …"; FG_ERR_IO, FG_ERR_LIMIT, FG_ERR_MEMORY. */
enum fg_status fg_passwords_read(const char *path, struct fg_passwords **ret_passwords,
                                 struct fg_error *error);

/* Takes NULL. */
void fg_passwords_free(struct fg_passwords *passwords);

/* True if the user has a password. Takes NULL for passwords: nobody has. */
bool fg_passwords_have(const struct fg_passwords *passwords, const char *user);

/*
 * True if the password is the user's. Takes as long as the hash was made to take, for an unknown
 * user as well: then some user's hash is tried, the same one for each name. False too if memory is
 * short.
 */
bool fg_passwords_check(const struct fg_passwords *passwords, const char *user,
                        const char *password);

#endif
