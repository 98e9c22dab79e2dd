/*
 * Who may do what. The rules are hgweb's, from its own options, with two differences: pushing
 * always needs credentials, also where allow-push is *, and whoever has proved who they are but is
 * not allowed gets 403, where hgweb asks again with 401.
 *
 *   read:  deny-read has the user (or is *, or there is none)     no
 *          allow-read is there, is not * and lacks the user       no
 *          else                                                   yes
 *   push:  not over TLS, and push-ssl is on                       no
 *          may not read                                           no
 *          nobody has proved who they are                         no
 *          deny-push has the user or is *                         no
 *          allow-push is * or has the user                        yes
 *          else                                                   no
 *
 * An fg_access is what the configuration and its files said at one time: immutable, but for the
 * memory of right passwords. SIGHUP makes a new one. All functions may be called from any thread.
 */
#ifndef FRAMEGATE_GATEWAY_ACCESS_H
#define FRAMEGATE_GATEWAY_ACCESS_H

#include "gateway/access/credentials.h"
#include "gateway/config/config.h"
#include "gateway/exchange/route.h"

struct fg_access;

/* What is known of whoever sent a request. */
enum fg_login {
    FG_LOGIN_NONE,      /* no credentials came */
    FG_LOGIN_WRONG,     /* they came and are wrong */
    FG_LOGIN_UNCHECKED, /* a password, and checking takes long: fg_access_check */
    FG_LOGIN_BUSY,      /* too many are being checked */
    FG_LOGIN_USER,      /* it is this user */
};

struct fg_identity {
    enum fg_login login;
    char user[FG_USER_SIZE]; /* of USER; else empty */
};

/*
 * Reads the files that config names. The caller owns one reference. FG_ERR_SYNTAX, FG_ERR_ARGUMENT,
 * FG_ERR_IO, FG_ERR_LIMIT, FG_ERR_MEMORY; error names the file and line, or the setting.
 */
enum fg_status fg_access_load(const struct fg_config *config, struct fg_access **ret_access,
                              struct fg_error *error);

struct fg_access *fg_access_ref(struct fg_access *access);

/* Takes NULL. */
void fg_access_unref(struct fg_access *access);

/* Who it is, as far as that is known at once: by a token, or by a password that was right lately.
 */
void fg_access_recall(struct fg_access *access, const struct fg_credentials *credentials,
                      struct fg_identity *ret_identity);

/* Who it is, by checking the password. Takes as long as hashing does. */
void fg_access_check(struct fg_access *access, const struct fg_credentials *credentials,
                     struct fg_identity *ret_identity);

/* Whether they may. secure: the request came over TLS, all of its way that we know of. */
enum fg_verdict fg_access_judge(const struct fg_access *access, const struct fg_identity *identity,
                                bool secure, enum fg_permission permission);

/* True if the user has a password or a token. */
bool fg_access_knows(const struct fg_access *access, const char *user);

/* True if there is anybody who may push. */
bool fg_access_has_pushers(const struct fg_access *access);

/* True if nobody may read without credentials. */
bool fg_access_asks_readers(const struct fg_access *access);

/* True if there are passwords or tokens, by which somebody can be known. */
bool fg_access_knows_users(const struct fg_access *access);

/* True if a connection with this address is one with a trusted proxy. */
bool fg_access_trusts(const struct fg_access *access, const struct fg_address *address);

/*
 * Where a request comes from. If *peer, whom the connection is with, is a trusted proxy, *peer
 * becomes the last address in X-Forwarded-For that is none, and *secure what X-Forwarded-Proto
 * says: true if it is there once and is "https". What is malformed there is not believed. False if
 * *peer is no trusted proxy; nothing has changed then.
 */
bool fg_access_look_behind(const struct fg_access *access, const struct fg_head *head,
                           struct fg_address *peer, bool *secure);

/*
 * True if the admin listener may answer a request with this Authorization field (NULL: none): a
 * token of --admin-token-file, as Bearer or as its user's password; anything if there is no such
 * file.
 */
bool fg_access_admits_admin(const struct fg_access *access, const char *authorization);

#endif
