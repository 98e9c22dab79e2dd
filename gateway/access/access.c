/*
 * Access. A right password is remembered as a keyed hash of it and its user, in a table of fixed
 * size: which entry goes when it is full, nobody outside can tell. Wrong ones are not remembered.
 */
#include "gateway/access/access.h"

#include "gateway/access/network.h"
#include "gateway/access/passwords.h"
#include "gateway/access/tokens.h"
#include "gateway/state/state.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

enum {
    MEMORY_SETS = 256,
    MEMORY_WAYS = 4,
    PROXIES_MAX = 256,
    KEY_SIZE = 32,
};

struct remembered {
    uint8_t mac[SHA256_DIGEST_SIZE];
    uint64_t until; /* as fg_now_microseconds; 0: empty */
};

struct fg_access {
    atomic_uint references;
    struct fg_words allow_read;
    struct fg_words deny_read;
    struct fg_words allow_push;
    struct fg_words deny_push;
    bool push_ssl;
    struct fg_passwords *passwords; /* NULL: none */
    struct fg_tokens *tokens;       /* NULL: none */
    struct fg_tokens *admin_tokens; /* NULL: the admin listener wants none */
    struct fg_network proxies[PROXIES_MAX];
    size_t proxies_count;

    uint64_t remember_microseconds;
    uint8_t key[KEY_SIZE];
    pthread_mutex_t lock; /* of what follows */
    struct remembered memory[MEMORY_SETS][MEMORY_WAYS];
};

/* -- making and freeing ----------------------------------------------------------------------- */

static enum fg_status copy_words(const struct fg_words *from, struct fg_words *to,
                                 struct fg_error *error)
{
    enum fg_status status = FG_OK;
    struct fg_buffer text = FG_BUFFER_INIT(1 << 20);
    for (const char *w = fg_words_next(from, NULL); w != NULL && status == FG_OK;
         w = fg_words_next(from, w)) {
        status = fg_buffer_append_format(&text, "%s ", w);
    }
    if (status == FG_OK) {
        status = fg_buffer_append_byte(&text, '\0');
    }
    if (status == FG_OK) {
        status = fg_words_parse((const char *)text.data, to, error);
    } else {
        fg_fail(error, status, 0, "%s", fg_status_text(status));
    }
    fg_buffer_free(&text);
    return status;
}

static enum fg_status load_proxies(struct fg_access *access, const struct fg_config *config,
                                   struct fg_error *error)
{
    const struct fg_words *words = &config->trusted_proxies;
    char name[FG_SETTING_NAME_SIZE];
    fg_config_name(config, "trusted-proxies", name);
    for (const char *w = fg_words_next(words, NULL); w != NULL; w = fg_words_next(words, w)) {
        struct fg_error inner;
        if (access->proxies_count == PROXIES_MAX) {
            return fg_fail(error, FG_ERR_LIMIT, 0, "%s: there are over %d", name, PROXIES_MAX);
        }
        enum fg_status status =
            fg_network_parse(w, &access->proxies[access->proxies_count], &inner);
        if (status != FG_OK) {
            return fg_fail(error, status, 0, "%s: %s", name, inner.message);
        }
        access->proxies_count++;
    }
    return FG_OK;
}

static enum fg_status load(struct fg_access *access, const struct fg_config *config,
                           struct fg_error *error)
{
    enum fg_status status = copy_words(&config->allow_read, &access->allow_read, error);
    if (status == FG_OK) {
        status = copy_words(&config->deny_read, &access->deny_read, error);
    }
    if (status == FG_OK) {
        status = copy_words(&config->allow_push, &access->allow_push, error);
    }
    if (status == FG_OK) {
        status = copy_words(&config->deny_push, &access->deny_push, error);
    }
    if (status == FG_OK) {
        status = load_proxies(access, config, error);
    }
    if (status == FG_OK && config->password_file != NULL) {
        status = fg_passwords_read(config->password_file, &access->passwords, error);
    }
    if (status == FG_OK && config->token_file != NULL) {
        status = fg_tokens_read(config->token_file, &access->tokens, error);
    }
    if (status == FG_OK && config->admin_token_file != NULL) {
        status = fg_tokens_read(config->admin_token_file, &access->admin_tokens, error);
    }
    if (status == FG_OK && getrandom(access->key, sizeof(access->key), 0) != KEY_SIZE) {
        status = fg_fail(error, FG_ERR_IO, 0, "the system gives no random bytes");
    }
    return status;
}

enum fg_status fg_access_load(const struct fg_config *config, struct fg_access **ret_access,
                              struct fg_error *error)
{
    struct fg_access *access = calloc(1, sizeof(*access));
    if (access == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    atomic_init(&access->references, 1);
    pthread_mutex_init(&access->lock, NULL);
    access->push_ssl = config->push_ssl;
    access->remember_microseconds = (uint64_t)config->login_seconds * 1000000;
    enum fg_status status = load(access, config, error);
    if (status != FG_OK) {
        fg_access_unref(access);
        return status;
    }
    *ret_access = access;
    return FG_OK;
}

struct fg_access *fg_access_ref(struct fg_access *access)
{
    atomic_fetch_add_explicit(&access->references, 1, memory_order_relaxed);
    return access;
}

void fg_access_unref(struct fg_access *access)
{
    if (access == NULL ||
        atomic_fetch_sub_explicit(&access->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    fg_words_clear(&access->allow_read);
    fg_words_clear(&access->deny_read);
    fg_words_clear(&access->allow_push);
    fg_words_clear(&access->deny_push);
    fg_passwords_free(access->passwords);
    fg_tokens_free(access->tokens);
    fg_tokens_free(access->admin_tokens);
    pthread_mutex_destroy(&access->lock);
    explicit_bzero(access, sizeof(*access));
    free(access);
}

/* -- who it is -------------------------------------------------------------------------------- */

static void identify(struct fg_identity *identity, const char *user)
{
    identity->login = FG_LOGIN_USER;
    memcpy(identity->user, user, strlen(user) + 1);
}

static void make_mac(const struct fg_access *access, const struct fg_credentials *credentials,
                     uint8_t ret_mac[SHA256_DIGEST_SIZE])
{
    struct hmac_sha256_ctx context;
    hmac_sha256_set_key(&context, sizeof(access->key), access->key);
    /* With its NUL, so that no other pair makes the same bytes. */
    hmac_sha256_update(&context, strlen(credentials->user) + 1, (const uint8_t *)credentials->user);
    hmac_sha256_update(&context, strlen(credentials->secret), (const uint8_t *)credentials->secret);
    hmac_sha256_digest(&context, SHA256_DIGEST_SIZE, ret_mac);
    explicit_bzero(&context, sizeof(context));
}

static bool is_remembered(struct fg_access *access, const uint8_t mac[SHA256_DIGEST_SIZE])
{
    bool found = false;
    uint64_t now = fg_now_microseconds();
    const struct remembered *set = access->memory[mac[0] % MEMORY_SETS];
    pthread_mutex_lock(&access->lock);
    for (size_t i = 0; i < MEMORY_WAYS; i++) {
        if (set[i].until > now && memeql_sec(set[i].mac, mac, SHA256_DIGEST_SIZE) != 0) {
            found = true;
        }
    }
    pthread_mutex_unlock(&access->lock);
    return found;
}

static void remember(struct fg_access *access, const uint8_t mac[SHA256_DIGEST_SIZE])
{
    if (access->remember_microseconds == 0) {
        return;
    }
    struct remembered *set = access->memory[mac[0] % MEMORY_SETS];
    struct remembered *oldest = set;
    pthread_mutex_lock(&access->lock);
    for (size_t i = 0; i < MEMORY_WAYS; i++) {
        if (set[i].until < oldest->until) {
            oldest = &set[i];
        }
    }
    memcpy(oldest->mac, mac, SHA256_DIGEST_SIZE);
    oldest->until = fg_now_microseconds() + access->remember_microseconds;
    pthread_mutex_unlock(&access->lock);
}

/* A token's user, where it may also be given as the password of that user. */
static const char *user_of_token(const struct fg_tokens *tokens,
                                 const struct fg_credentials *credentials)
{
    const char *user = fg_tokens_find(tokens, credentials->secret);
    if (user != NULL && credentials->kind == FG_CREDENTIALS_PASSWORD &&
        strcmp(user, credentials->user) != 0) {
        return NULL;
    }
    return user;
}

void fg_access_recall(struct fg_access *access, const struct fg_credentials *credentials,
                      struct fg_identity *ret_identity)
{
    uint8_t mac[SHA256_DIGEST_SIZE];
    /* The rest of the name is not cleared: this is for each request. */
    ret_identity->login = FG_LOGIN_WRONG;
    ret_identity->user[0] = '\0';
    if (credentials->kind == FG_CREDENTIALS_NONE) {
        ret_identity->login = FG_LOGIN_NONE;
        return;
    }
    if (credentials->kind == FG_CREDENTIALS_BAD) {
        return;
    }
    const char *user = user_of_token(access->tokens, credentials);
    if (user != NULL) {
        identify(ret_identity, user);
    } else if (credentials->kind == FG_CREDENTIALS_PASSWORD && access->passwords != NULL) {
        make_mac(access, credentials, mac);
        if (is_remembered(access, mac)) {
            identify(ret_identity, credentials->user);
        } else {
            ret_identity->login = FG_LOGIN_UNCHECKED;
        }
    }
}

void fg_access_check(struct fg_access *access, const struct fg_credentials *credentials,
                     struct fg_identity *ret_identity)
{
    uint8_t mac[SHA256_DIGEST_SIZE];
    *ret_identity = (struct fg_identity){.login = FG_LOGIN_WRONG};
    if (access->passwords != NULL &&
        fg_passwords_check(access->passwords, credentials->user, credentials->secret)) {
        make_mac(access, credentials, mac);
        remember(access, mac);
        identify(ret_identity, credentials->user);
    }
}

bool fg_access_admits_admin(const struct fg_access *access, const char *authorization)
{
    if (access->admin_tokens == NULL) {
        return true;
    }
    struct fg_credentials credentials;
    fg_credentials_parse(fg_bytes_from_string(authorization != NULL ? authorization : ""),
                         &credentials);
    bool admits =
        (credentials.kind == FG_CREDENTIALS_TOKEN || credentials.kind == FG_CREDENTIALS_PASSWORD) &&
        user_of_token(access->admin_tokens, &credentials) != NULL;
    explicit_bzero(&credentials, sizeof(credentials));
    return admits;
}

/* -- whether they may ------------------------------------------------------------------------- */

static bool is_member(const struct fg_words *words, const char *user)
{
    return fg_words_are_only(words, "*") || fg_words_contain(words, user);
}

static enum fg_verdict judge_named(const struct fg_words *allow, bool everyone,
                                   const struct fg_words *deny, const char *user)
{
    if (is_member(deny, user)) {
        return FG_VERDICT_DENIED;
    }
    return everyone || is_member(allow, user) ? FG_VERDICT_ALLOWED : FG_VERDICT_UNLISTED;
}

/* What somebody gets whose name would have to be known. */
static enum fg_verdict judge_unknown(const struct fg_access *access,
                                     const struct fg_identity *identity)
{
    switch (identity->login) {
    case FG_LOGIN_UNCHECKED:
        return FG_VERDICT_UNCHECKED;
    case FG_LOGIN_BUSY:
        return FG_VERDICT_BUSY;
    default:
        return fg_access_knows_users(access) ? FG_VERDICT_UNKNOWN : FG_VERDICT_NAMELESS;
    }
}

static bool lists_everyone(const struct fg_access *access)
{
    return fg_words_are_none(&access->allow_read) || fg_words_are_only(&access->allow_read, "*");
}

bool fg_access_asks_readers(const struct fg_access *access)
{
    return !fg_words_are_none(&access->deny_read) || !lists_everyone(access);
}

static enum fg_verdict judge_read(const struct fg_access *access,
                                  const struct fg_identity *identity)
{
    if (!fg_access_asks_readers(access)) {
        return FG_VERDICT_ALLOWED;
    }
    if (identity->login != FG_LOGIN_USER) {
        return judge_unknown(access, identity);
    }
    return judge_named(&access->allow_read, lists_everyone(access), &access->deny_read,
                       identity->user);
}

enum fg_verdict fg_access_judge(const struct fg_access *access, const struct fg_identity *identity,
                                bool secure, enum fg_permission permission)
{
    if (permission == FG_PERMISSION_PULL) {
        return judge_read(access, identity);
    }
    /* First what no credentials change: they are not asked for in vain, or in the open. */
    if (fg_words_are_none(&access->allow_push)) {
        return FG_VERDICT_CLOSED;
    }
    if (fg_words_are_only(&access->deny_push, "*")) {
        return FG_VERDICT_DENIED;
    }
    if (access->push_ssl && !secure) {
        return FG_VERDICT_INSECURE;
    }
    enum fg_verdict read = judge_read(access, identity);
    if (read != FG_VERDICT_ALLOWED) {
        return read;
    }
    if (identity->login != FG_LOGIN_USER) {
        return judge_unknown(access, identity);
    }
    return judge_named(&access->allow_push, false, &access->deny_push, identity->user);
}

bool fg_access_knows(const struct fg_access *access, const char *user)
{
    return fg_passwords_have(access->passwords, user) || fg_tokens_have(access->tokens, user);
}

bool fg_access_has_pushers(const struct fg_access *access)
{
    return !fg_words_are_none(&access->allow_push);
}

bool fg_access_knows_users(const struct fg_access *access)
{
    return access->passwords != NULL || access->tokens != NULL;
}

/* -- behind proxies --------------------------------------------------------------------------- */

bool fg_access_trusts(const struct fg_access *access, const struct fg_address *address)
{
    for (size_t i = 0; i < access->proxies_count; i++) {
        if (fg_network_has(&access->proxies[i], address)) {
            return true;
        }
    }
    return false;
}

/* From the back of one field; true while all that was found are proxies, so that one looks on. */
static bool look_behind_field(const struct fg_access *access, struct fg_bytes value,
                              struct fg_address *peer)
{
    size_t end = value.size;
    for (size_t i = value.size + 1; i > 0; i--) {
        if (i > 1 && value.data[i - 2] != ',') {
            continue;
        }
        struct fg_address address;
        size_t start = i - 1;
        if (!fg_network_parse_host((struct fg_bytes){value.data + start, end - start}, &address)) {
            return false;
        }
        *peer = address;
        if (!fg_access_trusts(access, &address)) {
            return false;
        }
        end = start > 0 ? start - 1 : 0;
    }
    return true;
}

bool fg_access_look_behind(const struct fg_access *access, const struct fg_head *head,
                           struct fg_address *peer, bool *secure)
{
    static const char forwarded_for[] = "x-forwarded-for";
    static const char forwarded_proto[] = "x-forwarded-proto";
    if (!fg_access_trusts(access, peer)) {
        return false;
    }
    bool look_on = true;
    unsigned protos = 0;
    bool https = false;
    for (size_t i = head->fields_count; i > 0; i--) {
        const struct fg_field *field = &head->fields[i - 1];
        if (look_on && fg_field_is(field, forwarded_for)) {
            look_on = look_behind_field(access, field->value, peer);
        } else if (fg_field_is(field, forwarded_proto)) {
            protos++;
            https = field->value.size == 5 &&
                    strncasecmp((const char *)field->value.data, "https", 5) == 0;
        }
    }
    *secure = protos == 1 && https;
    return true;
}
