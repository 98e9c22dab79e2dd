/*
 * Password files. The hashing is libxcrypt's; here is which hashes are taken, and that asking says
 * nothing but yes or no.
 */
#include "gateway/access/passwords.h"

#include "framing/buffer.h"
#include "gateway/access/lines.h"

#include <crypt.h>
#include <nettle/memops.h>
#include <stdlib.h>
#include <string.h>

enum { USERS_MAX = 100000 };

struct password {
    char user[FG_USER_SIZE];
    char hash[CRYPT_GENSALT_OUTPUT_SIZE];
};

struct fg_passwords {
    struct password *all; /* ascending by user */
    size_t count;
    size_t capacity;
};

static int by_user(const void *a, const void *b)
{
    return strcmp(((const struct password *)a)->user, ((const struct password *)b)->user);
}

/* Only what takes an attacker long to try. */
static bool is_strong(const char *hash)
{
    static const char *const prefixes[] = {"$2a$", "$2b$", "$2y$", "$6$"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(hash, prefixes[i], strlen(prefixes[i])) == 0) {
            /* A hash that is too short would be a setting alone, which fits no password. */
            size_t size = strlen(hash);
            size_t wanted = i < 3 ? 60 : 3 + 1 + 86;
            return size >= wanted && size < sizeof(((struct password *)NULL)->hash) &&
                   (i == 3 || size == wanted) && crypt_checksalt(hash) == CRYPT_SALT_OK;
        }
    }
    return false;
}

static enum fg_status make_room(struct fg_passwords *passwords, struct fg_error *error)
{
    if (passwords->count < passwords->capacity) {
        return FG_OK;
    }
    if (passwords->count >= USERS_MAX) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "there are over %d users", USERS_MAX);
    }
    size_t capacity = passwords->capacity == 0 ? 16 : 2 * passwords->capacity;
    struct password *all = realloc(passwords->all, capacity * sizeof(*all));
    if (all == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    passwords->all = all;
    passwords->capacity = capacity;
    return FG_OK;
}

static enum fg_status take(void *context, char *line, struct fg_error *error)
{
    struct fg_passwords *passwords = context;
    char *hash = NULL;
    enum fg_status status = fg_lines_cut_user(line, &hash, error);
    if (status != FG_OK) {
        return status;
    }
    if (!is_strong(hash)) {
        return fg_fail(error, FG_ERR_SYNTAX, 0,
                       "the password of %s is no bcrypt ($2y$…) and no SHA-512 ($6$…) hash; "
                       "htpasswd -B makes one",
                       line);
    }
    status = make_room(passwords, error);
    if (status == FG_OK) {
        struct password *password = &passwords->all[passwords->count++];
        memset(password, 0, sizeof(*password));
        memcpy(password->user, line, strlen(line));
        memcpy(password->hash, hash, strlen(hash));
    }
    return status;
}

static enum fg_status sort(struct fg_passwords *passwords, const char *path, struct fg_error *error)
{
    if (passwords->count == 0) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "%s: there is no user", path);
    }
    qsort(passwords->all, passwords->count, sizeof(*passwords->all), by_user);
    for (size_t i = 1; i < passwords->count; i++) {
        if (by_user(&passwords->all[i - 1], &passwords->all[i]) == 0) {
            return fg_fail(error, FG_ERR_SYNTAX, 0, "%s: %s is there twice", path,
                           passwords->all[i].user);
        }
    }
    return FG_OK;
}

enum fg_status fg_passwords_read(const char *path, struct fg_passwords **ret_passwords,
                                 struct fg_error *error)
{
    struct fg_passwords *passwords = calloc(1, sizeof(*passwords));
    if (passwords == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    enum fg_status status = fg_lines_read(path, take, passwords, error);
    if (status == FG_OK) {
        status = sort(passwords, path, error);
    }
    if (status != FG_OK) {
        fg_passwords_free(passwords);
        return status;
    }
    *ret_passwords = passwords;
    return FG_OK;
}

void fg_passwords_free(struct fg_passwords *passwords)
{
    if (passwords != NULL) {
        free(passwords->all);
        free(passwords);
    }
}

bool fg_passwords_have(const struct fg_passwords *passwords, const char *user)
{
    for (size_t i = 0; passwords != NULL && i < passwords->count; i++) {
        if (strcmp(passwords->all[i].user, user) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Whose hash is tried for a name that nobody has. Files mix cheap and dear hashes: always the same
 * one would show by its time that the name is unknown.
 */
static const struct password *stand_in(const struct fg_passwords *passwords, const char *user)
{
    size_t hash = 0;
    for (; *user != '\0'; user++) {
        hash = hash * 31 + (unsigned char)*user;
    }
    return &passwords->all[hash % passwords->count];
}

bool fg_passwords_check(const struct fg_passwords *passwords, const char *user,
                        const char *password)
{
    struct password key = {.user = ""};
    const struct password *found = NULL;
    size_t size = strlen(user);
    if (size < sizeof(key.user)) {
        memcpy(key.user, user, size);
        found = bsearch(&key, passwords->all, passwords->count, sizeof(key), by_user);
    }
    const struct password *tried = found != NULL ? found : stand_in(passwords, user);
    struct crypt_data *data = calloc(1, sizeof(*data));
    if (data == NULL) {
        return false;
    }
    const char *made = crypt_r(password, tried->hash, data);
    size_t wanted = strlen(tried->hash);
    bool same =
        made != NULL && strlen(made) == wanted && memeql_sec(made, tried->hash, wanted) != 0;
    explicit_bzero(data, sizeof(*data));
    free(data);
    return same && found != NULL;
}
