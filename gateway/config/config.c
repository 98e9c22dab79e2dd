/*
 * The settings table, and reading values into it. Owns every default of the gateway.
 */
#include "gateway/config/config.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FIELD_WITH(name, flags)                                                                    \
    offsetof(struct fg_config, name), sizeof(((struct fg_config *)NULL)->name), (flags)
#define FIELD(name)          FIELD_WITH(name, 0)
#define RELOADED_FIELD(name) FIELD_WITH(name, FG_SETTING_RELOADED)
#define WEB_FIELD(name)      FIELD_WITH(name, FG_SETTING_WEB | FG_SETTING_RELOADED)

enum {
    CONNECTION_MEMORY_MIN = 4096,
    TLS_MEMORY_MIN = 64 * 1024, /* measured: with 32 KiB requests run out of it */
    /*
     * Up to 32 KiB libmicrohttpd takes a connection's memory from the heap, beyond that from the
     * kernel and gives it back at the end: with 64 KiB a connection costs twice the processor time.
     * Measured: 24 KiB of header fit in, in as many fields as there may be.
     */
    CHEAP_MEMORY = 32 * 1024,
    CHEAP_HEADER_MAX = 24 * 1024,
};

static const struct fg_setting settings[] = {
    {"repository", FG_SETTING_TEXT, FIELD(repository), 0, 0, NULL, FG_BOUND_UNCOUNTED, NULL, "DIR",
     "the Mercurial repository to serve", NULL},
    {"listen", FG_SETTING_ADDRESS, FIELD(listen), 0, 0, "127.0.0.1:8080", FG_BOUND_UNCOUNTED, NULL,
     "ADDR:PORT", "where the protocol is served; port 0 takes a free one", NULL},
    {"admin-listen", FG_SETTING_ADDRESS, FIELD(admin_listen), 0, 0, "127.0.0.1:8081",
     FG_BOUND_UNCOUNTED, NULL, "ADDR:PORT",
     "where the state is shown; another address than a loopback one needs --admin-token-file",
     NULL},
    {"access-log", FG_SETTING_TEXT, RELOADED_FIELD(access_log), 0, 0, "-", FG_BOUND_UNCOUNTED, NULL,
     "PATH", "a line for each request: a file, - for standard error, or off", NULL},
    {"debugreflect", FG_SETTING_SWITCH, FIELD(debugreflect), 0, 1, "off", FG_BOUND_UNCOUNTED, NULL,
     NULL, "offer the command debugreflect, which shows what the reactor makes of frames", NULL},
    {"hg", FG_SETTING_TEXT, FIELD(hg), 0, 0, "hg", FG_BOUND_UNCOUNTED, NULL, "PROGRAM",
     "Mercurial itself, which does all writing: a path, or a name to look up in PATH", NULL},
    {"user", FG_SETTING_TEXT, FIELD(user), 0, 0, NULL, FG_BOUND_UNCOUNTED, NULL, "NAME",
     "the account to run as, once the addresses are bound and the keys read; needs root", NULL},

    {"allow-read", FG_SETTING_WORDS, WEB_FIELD(allow_read), 0, 0, NULL, FG_BOUND_UNCOUNTED, NULL,
     "USERS", "who may read; everyone if empty or *, without credentials then", NULL},
    {"deny-read", FG_SETTING_WORDS, WEB_FIELD(deny_read), 0, 0, NULL, FG_BOUND_UNCOUNTED, NULL,
     "USERS",
     "who may not read; if there are any, reading needs credentials; * for everyone. It goes "
     "before "
     "--allow-read",
     NULL},
    {"allow-push", FG_SETTING_WORDS, WEB_FIELD(allow_push), 0, 0, NULL, FG_BOUND_UNCOUNTED, NULL,
     "USERS", "who may use rw; nobody if empty, * for everyone who has credentials", NULL},
    {"deny-push", FG_SETTING_WORDS, WEB_FIELD(deny_push), 0, 0, NULL, FG_BOUND_UNCOUNTED, NULL,
     "USERS", "who may not use rw; * for everyone. It goes before --allow-push", NULL},
    {"push-ssl", FG_SETTING_SWITCH, WEB_FIELD(push_ssl), 0, 1, "on", FG_BOUND_UNCOUNTED, NULL, NULL,
     "allow rw over TLS alone, which is the default; --push-ssl=off allows it without", NULL},
    {"password-file", FG_SETTING_TEXT, RELOADED_FIELD(password_file), 0, 0, NULL,
     FG_BOUND_UNCOUNTED, NULL, "FILE",
     "users and their passwords, as htpasswd writes them with bcrypt or SHA-512", NULL},
    {"token-file", FG_SETTING_TEXT, RELOADED_FIELD(token_file), 0, 0, NULL, FG_BOUND_UNCOUNTED,
     NULL, "FILE", "users and the SHA-256 of their tokens, a line USER:HEX for each token", NULL},
    {"admin-token-file", FG_SETTING_TEXT, RELOADED_FIELD(admin_token_file), 0, 0, NULL,
     FG_BOUND_UNCOUNTED, NULL, "FILE",
     "the same for the admin listener, which then shows nothing without a token", NULL},
    {"login-time", FG_SETTING_SECONDS, RELOADED_FIELD(login_seconds), 0, 86400, "300",
     FG_BOUND_UNCOUNTED, NULL, "SECONDS",
     "for which a right password is remembered, since checking one takes long; 0 to check always",
     NULL},
    {"max-logins", FG_SETTING_NUMBER, FIELD(logins), 1, 1000000, "32", FG_BOUND_LOGINS, NULL, "N",
     "passwords that are checked or wait for it at once, so that guessing leaves workers for "
     "others",
     "503"},
    {"trusted-proxies", FG_SETTING_WORDS, RELOADED_FIELD(trusted_proxies), 0, 0, NULL,
     FG_BOUND_UNCOUNTED, NULL, "NETWORKS",
     "addresses such as 127.0.0.1 or 10.0.0.0/8 whose X-Forwarded-For and X-Forwarded-Proto are "
     "believed",
     NULL},
    {"tls-certificate", FG_SETTING_TEXT, RELOADED_FIELD(tls_certificate), 0, 0, NULL,
     FG_BOUND_UNCOUNTED, NULL, "FILE",
     "serve TLS with this certificate and those that lead from it to the root, in PEM", NULL},
    {"tls-key", FG_SETTING_TEXT, RELOADED_FIELD(tls_key), 0, 0, NULL, FG_BOUND_UNCOUNTED, NULL,
     "FILE", "the certificate's private key, in PEM", NULL},
    {"tls-priorities", FG_SETTING_TEXT, FIELD(tls_priorities), 0, 0,
     "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", FG_BOUND_UNCOUNTED, NULL, "TEXT",
     "versions and ciphers, as GnuTLS writes them", NULL},

    {"threads", FG_SETTING_NUMBER, FIELD(threads), 0, 1024, "0", FG_BOUND_UNCOUNTED, NULL, "N",
     "threads that serve connections; 0 for one each core", NULL},
    {"workers", FG_SETTING_NUMBER, FIELD(workers), 1, 1024, "4", FG_BOUND_UNCOUNTED, NULL, "N",
     "threads that run slow commands, so that they hold up no other connection", NULL},
    {"push-workers", FG_SETTING_NUMBER, FIELD(push_workers), 1, 1024, "2", FG_BOUND_UNCOUNTED, NULL,
     "N",
     "threads that run hg for pushes, so that one that waits for a lock or a hook takes no worker "
     "from readers",
     NULL},
    {"worker-queue", FG_SETTING_NUMBER, FIELD(worker_queue), 1, 1000000, "100",
     FG_BOUND_WORKER_QUEUE, NULL, "N",
     "slow commands that may wait for a worker; more would wait longer than anybody does",
     "application error"},
    {"bundle-cache", FG_SETTING_TEXT, FIELD(bundle_cache), 0, 0, "auto", FG_BOUND_UNCOUNTED, NULL,
     "DIR",
     "where bundles are kept, so that many clones cost one: a folder of this gateway alone; auto "
     "for a folder below $CACHE_DIRECTORY or ~/.cache/framegate, or off",
     NULL},
    {"max-bundle-cache", FG_SETTING_BYTES, FIELD(bundle_cache_bytes), 0, UINT64_MAX / 2, "1G",
     FG_BOUND_UNCOUNTED, NULL, "BYTES",
     "of bundles that are kept; what was not asked for longest goes first, and a bundle that is "
     "larger is made for each who asks",
     NULL},
    {"zstd-level", FG_SETTING_NUMBER, FIELD(zstd_level), 1, 19, "3", FG_BOUND_UNCOUNTED, NULL, "N",
     "compression of bundles by zstd, from fast to small", NULL},
    {"zlib-level", FG_SETTING_NUMBER, FIELD(zlib_level), 1, 9, "6", FG_BOUND_UNCOUNTED, NULL, "N",
     "compression of bundles by zlib, for clients without zstd", NULL},
    {"connection-memory", FG_SETTING_BYTES, FIELD(connection_memory), 0, 16 << 20, "0",
     FG_BOUND_UNCOUNTED, NULL, "BYTES",
     "buffer of a connection; half of it is the largest piece of a body. 0 for 32K, or 64K with "
     "TLS or a max-header over 24K, which costs more time for each connection",
     NULL},
    {"max-connections", FG_SETTING_NUMBER, FIELD(connections), 1, 1000000, "1000",
     FG_BOUND_CONNECTIONS, NULL, "N", "connections at once; each costs a descriptor and memory",
     "waits"},
    {"max-connections-per-address", FG_SETTING_NUMBER, FIELD(connections_per_address), 0, 1000000,
     "100", FG_BOUND_CONNECTIONS_PER_ADDRESS, NULL, "N",
     "connections of one address at once, or requests in progress of a client that a trusted proxy "
     "names, so that one peer cannot take them all; 0 for no limit",
     "closed, 429"},

    {"max-body", FG_SETTING_BYTES, FIELD(body_bytes), 0, UINT64_MAX / 2, "16M", FG_BOUND_BODY, NULL,
     "BYTES", "bytes of a request's body", "413"},
    {"max-bundle", FG_SETTING_BYTES, FIELD(unbundle_bytes), 0, UINT64_MAX / 2, "4G",
     FG_BOUND_BUNDLE, NULL, "BYTES",
     "bytes of a pushed bundle, which waits in a file for hg to take it; what is larger is pushed "
     "in "
     "parts",
     "413"},
    {"max-push-disk", FG_SETTING_BYTES, FIELD(push_disk_bytes), 0, UINT64_MAX / 2, "8G",
     FG_BOUND_PUSH_DISK, NULL, "BYTES",
     "bytes of all pushed bundles that wait in files, in the folder for temporary files ($TMPDIR), "
     "so that pushers cannot fill the disk together",
     "application error"},
    {"max-frame", FG_SETTING_BYTES, FIELD(framing.frame_payload), 1, FG_FRAME_LENGTH_MAX, NULL,
     FG_BOUND_FRAME, NULL, "BYTES",
     "payload of a received frame; every peer may send 65535, and each is held in memory",
     "protocol error"},
    {"max-frame-sent", FG_SETTING_BYTES, FIELD(frame_sent), 1, FG_FRAME_LENGTH_MAX, "31K",
     FG_BOUND_UNCOUNTED, NULL, "BYTES",
     "payload of a frame that is sent; one that fits in a connection's memory goes out in one "
     "piece and is not copied",
     NULL},
    {"max-empty-frames", FG_SETTING_NUMBER, FIELD(framing.empty_frames), 1, UINT32_MAX, NULL,
     FG_BOUND_EMPTY_FRAMES, NULL, "N",
     "frames without payload in a row; more is work without progress", "protocol error"},
    {"max-frame-overhead", FG_SETTING_BYTES, FIELD(framing.frame_overhead), 0, UINT64_MAX / 2, NULL,
     FG_BOUND_FRAME_OVERHEAD, NULL, "BYTES",
     "bytes by which frame headers may exceed payloads in one body; tiny frames cost more than "
     "they carry",
     "protocol error"},
    {"max-receiving", FG_SETTING_NUMBER, FIELD(framing.requests_receiving), 1, 65536, NULL,
     FG_BOUND_RECEIVING, NULL, "N", "commands of one body that are incomplete at once",
     "protocol error"},
    {"max-commands", FG_SETTING_NUMBER, FIELD(framing.requests_active), 1, 65536, NULL,
     FG_BOUND_COMMANDS, NULL, "N", "commands of one body; their responses wait for its end",
     "protocol error"},
    {"max-request", FG_SETTING_BYTES, FIELD(framing.request_bytes), 1, UINT32_MAX, NULL,
     FG_BOUND_REQUEST, NULL, "BYTES",
     "bytes of one command request, or of its arguments as hg sends them; with 100,000 nodes these "
     "are 2.1 or 4.1 million",
     "protocol error; 413 or 431 to hg"},
    {"max-data", FG_SETTING_BYTES, FIELD(framing.data_bytes), 0, UINT64_MAX / 2, NULL,
     FG_BOUND_DATA, NULL, "BYTES", "command data that is kept for a command that takes it",
     "application error"},
    {"max-cbor-depth", FG_SETTING_NUMBER, FIELD(framing.cbor_depth), 1, FG_CBOR_DEPTH_MAX, NULL,
     FG_BOUND_CBOR_DEPTH, NULL, "N", "nesting in a command request; bounds recursion",
     "protocol error"},
    {"max-cbor-items", FG_SETTING_NUMBER, FIELD(framing.cbor_items), 1, UINT32_MAX, NULL,
     FG_BOUND_CBOR_ITEMS, NULL, "N", "items of one command request; each costs 32 bytes",
     "protocol error"},
    {"max-reply", FG_SETTING_BYTES, FIELD(reply_bytes), 0, UINT64_MAX / 2, "64M", FG_BOUND_REPLY,
     NULL, "BYTES", "bytes of the replies to one body that wait in memory for its end",
     "application error"},
    {"max-memory", FG_SETTING_BYTES, FIELD(memory_bytes), 0, UINT64_MAX / 2, "256M",
     FG_BOUND_MEMORY, NULL, "BYTES",
     "bytes that all exchanges together hold of requests and replies, and of what makes them; over "
     "it new requests are refused while running ones finish, over twice as much also running ones "
     "that grow (making a bundle takes 4 MiB and more)",
     "503; a command that grows an application error, or its reply is cut"},

    {"max-target", FG_SETTING_BYTES, FIELD(target_bytes), 64, 1 << 20, "8K", FG_BOUND_TARGET, NULL,
     "BYTES", "bytes of a request's path and query", "414"},
    {"max-header-fields", FG_SETTING_NUMBER, FIELD(header_fields), 1, 1000, "100",
     FG_BOUND_HEADER_FIELDS, NULL, "N",
     "header fields of a request, without those of hg's arguments (X-HgArg-N)", "431"},
    {"max-header", FG_SETTING_BYTES, FIELD(header_bytes), 64, 16 << 20, "24K",
     FG_BOUND_HEADER_BYTES, NULL, "BYTES",
     "bytes of all header fields together, without those of hg's arguments", "431"},

    {"max-admin-body", FG_SETTING_BYTES, FIELD(admin_body_bytes), 0, 64 << 20, "1M",
     FG_BOUND_ADMIN_BODY, NULL, "BYTES",
     "bytes of a body that is sent to the admin listener; as JSON it takes many times that", "413"},
    {"max-event-listeners", FG_SETTING_NUMBER, FIELD(listeners), 0, 48, "16", FG_BOUND_LISTENERS,
     NULL, "N", "pages and programs that listen to the admin listener's events at once", "503"},
    {"frame-log", FG_SETTING_BYTES, FIELD(frame_log), 0, 1 << 20, "16K", FG_BOUND_UNCOUNTED, NULL,
     "BYTES",
     "for the frames of one exchange that the admin listener can show; kept for each exchange in "
     "flight, the last 64 of each thread, and 32 each that failed and were turned away before; 0 "
     "for none",
     NULL},
    {"frame-log-payload", FG_SETTING_BYTES, FIELD(frame_log_payload), 0, 65535, "256",
     FG_BOUND_UNCOUNTED, NULL, "BYTES", "of each payload that the frame log keeps", NULL},
    {"frame-log-secrets", FG_SETTING_SWITCH, FIELD(frame_log_secrets), 0, 1, "off",
     FG_BOUND_UNCOUNTED, NULL, NULL,
     "keep arguments in the frame log also where one is named like a password or token", NULL},

    {"header-time", FG_SETTING_SECONDS, FIELD(header_seconds), 1, 86400, "20", FG_BOUND_HEADER_TIME,
     NULL, "SECONDS", "for the header of a request; a trickle would keep a connection for ever",
     "408, closed"},
    {"body-time", FG_SETTING_SECONDS, FIELD(body_seconds), 1, 86400, "20", FG_BOUND_BODY_TIME, NULL,
     "SECONDS", "for a body of any size", "408, closed"},
    {"body-rate", FG_SETTING_BYTES, FIELD(body_rate), 1, UINT32_MAX, "500", FG_BOUND_UNCOUNTED,
     NULL, "BYTES", "of body that give one second more than --body-time", NULL},
    {"body-time-max", FG_SETTING_SECONDS, FIELD(body_seconds_max), 1, 86400, "300",
     FG_BOUND_BODY_TIME_MAX, NULL, "SECONDS", "for the largest body", "408, closed"},
    {"reply-time", FG_SETTING_SECONDS, FIELD(reply_seconds), 1, 86400, "20", FG_BOUND_REPLY_TIME,
     NULL, "SECONDS",
     "in which a peer takes the next 64 KiB of a reply; one that stops reading would hold it for "
     "ever",
     "closed"},
    {"idle-time", FG_SETTING_SECONDS, FIELD(idle_seconds), 1, 86400, "75", FG_BOUND_IDLE_TIME, NULL,
     "SECONDS", "without a byte in either direction", "closed"},
    {"command-time", FG_SETTING_SECONDS, FIELD(command_seconds), 1, 86400, "30",
     FG_BOUND_COMMAND_TIME, NULL, "SECONDS",
     "for a command that runs hg, for others until their reply begins, and for each piece of a "
     "reply "
     "to be made, so that no repository holds a worker",
     "application error, or the reply is cut"},
    {"push-time", FG_SETTING_SECONDS, FIELD(push_seconds), 1, 86400, "1800", FG_BOUND_PUSH_TIME,
     NULL, "SECONDS", "for a pushed bundle to come, and as much for hg to take it",
     "408, closed; application error"},
    {"drain-time", FG_SETTING_SECONDS, FIELD(drain_seconds), 0, 86400, "30", FG_BOUND_UNCOUNTED,
     NULL, "SECONDS", "for what still runs when the program is told to stop", "closed"},
};

static_assert(sizeof(settings) / sizeof(settings[0]) <= FG_SETTINGS_MAX, "room for all settings");

const struct fg_setting *fg_config_settings(size_t *ret_count)
{
    *ret_count = sizeof(settings) / sizeof(settings[0]);
    return settings;
}

const struct fg_setting *fg_config_find(struct fg_bytes key)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (fg_bytes_equal_string(key, settings[i].key)) {
            return &settings[i];
        }
    }
    return NULL;
}

uint32_t fg_config_origin(const struct fg_config *config, const char *key)
{
    const struct fg_setting *setting = fg_config_find(fg_bytes_from_string(key));
    assert(setting != NULL);
    return config->origin[setting - settings];
}

void fg_config_name(const struct fg_config *config, const char *key,
                    char ret_name[FG_SETTING_NAME_SIZE])
{
    uint32_t origin = fg_config_origin(config, key);
    if (origin == FG_ORIGIN_DEFAULT || origin == FG_ORIGIN_ARGUMENTS || config->file == NULL) {
        snprintf(ret_name, FG_SETTING_NAME_SIZE, "--%s", key);
    } else {
        snprintf(ret_name, FG_SETTING_NAME_SIZE, "%.100s:%u: %s", config->file, origin, key);
    }
}

static void *field_of(struct fg_config *config, const struct fg_setting *setting)
{
    return (char *)config + setting->offset;
}

uint64_t fg_config_number(const struct fg_config *config, const struct fg_setting *setting)
{
    const char *field = (const char *)config + setting->offset;
    if (setting->width == sizeof(bool)) {
        return *(const bool *)field;
    }
    if (setting->width == sizeof(uint32_t)) {
        return *(const uint32_t *)(const void *)field;
    }
    return *(const uint64_t *)(const void *)field;
}

static void store_number(struct fg_config *config, const struct fg_setting *setting,
                         uint64_t number)
{
    void *field = field_of(config, setting);
    if (setting->width == sizeof(bool)) {
        *(bool *)field = number != 0;
    } else if (setting->width == sizeof(uint32_t)) {
        *(uint32_t *)field = (uint32_t)number;
    } else {
        *(uint64_t *)field = number;
    }
}

/* Digits, with a unit where the setting counts bytes. False if text is something else. */
static bool parse_number(const char *text, bool bytes, uint64_t *ret_number)
{
    static const char units[] = "KMGT";
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    unsigned shift = 0;
    if (bytes && *end != '\0') {
        const char *unit = strchr(units, *end);
        if (unit == NULL) {
            return false;
        }
        shift = 10 * (unsigned)(1 + (unit - units));
        end++;
    }
    if (errno != 0 || *end != '\0' || number > UINT64_MAX >> shift) {
        return false;
    }
    *ret_number = number << shift;
    return true;
}

static enum fg_status set_number(struct fg_config *config, const struct fg_setting *setting,
                                 const char *text, struct fg_error *error)
{
    uint64_t number = 0;
    bool bytes = setting->type == FG_SETTING_BYTES;
    if (!parse_number(text, bytes, &number) || number < setting->minimum ||
        number > setting->maximum) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "%s: '%s' is not a number%s from %llu to %llu%s",
                       setting->key, text, setting->type == FG_SETTING_SECONDS ? " of seconds" : "",
                       (unsigned long long)setting->minimum, (unsigned long long)setting->maximum,
                       bytes ? ", which may end in K, M, G or T" : "");
    }
    store_number(config, setting, number);
    return FG_OK;
}

static enum fg_status set_choice(struct fg_config *config, const struct fg_setting *setting,
                                 const char *text, struct fg_error *error)
{
    static const char *const switch_choices[] = {"off", "on", NULL};
    /* Mercurial's other words for the same, which its users' files have. */
    static const char *const others[] = {"false", "true", "no", "yes", "0", "1", NULL};
    for (uint32_t i = 0; setting->type == FG_SETTING_SWITCH && others[i] != NULL; i++) {
        if (strcasecmp(others[i], text) == 0) {
            store_number(config, setting, i % 2);
            return FG_OK;
        }
    }
    const char *const *choices =
        setting->type == FG_SETTING_SWITCH ? switch_choices : setting->choices;
    struct fg_buffer expected = FG_BUFFER_INIT(256);
    for (uint32_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            store_number(config, setting, i);
            fg_buffer_free(&expected);
            return FG_OK;
        }
        /* Only the message suffers if this fails. */
        (void)fg_buffer_append_format(&expected, "%s%s", i == 0 ? "" : ", ", choices[i]);
    }
    enum fg_status status =
        fg_fail(error, FG_ERR_ARGUMENT, 0, "%s: '%s' is none of %.*s", setting->key, text,
                (int)expected.size, expected.size > 0 ? (const char *)expected.data : "");
    fg_buffer_free(&expected);
    return status;
}

static enum fg_status set_text(struct fg_config *config, const struct fg_setting *setting,
                               const char *text, struct fg_error *error)
{
    if (text[0] == '\0') {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "%s: the value is empty", setting->key);
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    char **field = field_of(config, setting);
    free(*field);
    *field = copy;
    return FG_OK;
}

static enum fg_status set_address(struct fg_config *config, const struct fg_setting *setting,
                                  const char *text, struct fg_error *error)
{
    struct fg_error inner;
    enum fg_status status = fg_address_parse(text, field_of(config, setting), &inner);
    return status == FG_OK ? FG_OK
                           : fg_fail(error, status, 0, "%s: %s", setting->key, inner.message);
}

static enum fg_status set_words(struct fg_config *config, const struct fg_setting *setting,
                                const char *text, struct fg_error *error)
{
    struct fg_words words;
    struct fg_error inner;
    enum fg_status status = fg_words_parse(text, &words, &inner);
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "%s: %s", setting->key, inner.message);
    }
    struct fg_words *field = field_of(config, setting);
    fg_words_clear(field);
    *field = words;
    return FG_OK;
}

static enum fg_status set_value(struct fg_config *config, const struct fg_setting *setting,
                                const char *text, struct fg_error *error)
{
    switch (setting->type) {
    case FG_SETTING_TEXT:
        return set_text(config, setting, text, error);
    case FG_SETTING_ADDRESS:
        return set_address(config, setting, text, error);
    case FG_SETTING_SWITCH:
    case FG_SETTING_CHOICE:
        return set_choice(config, setting, text, error);
    case FG_SETTING_WORDS:
        return set_words(config, setting, text, error);
    case FG_SETTING_NUMBER:
    case FG_SETTING_BYTES:
    case FG_SETTING_SECONDS:
        break;
    }
    return set_number(config, setting, text, error);
}

enum fg_status fg_config_set(struct fg_config *config, const struct fg_setting *setting,
                             const char *text, uint32_t origin, struct fg_error *error)
{
    enum fg_status status = set_value(config, setting, text, error);
    if (status == FG_OK) {
        config->origin[setting - settings] = origin;
    }
    return status;
}

enum fg_status fg_config_init(struct fg_config *config, struct fg_error *error)
{
    *config = (struct fg_config){.framing = FG_LIMITS_DEFAULT};
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        enum fg_status status = FG_OK;
        if (settings[i].initial != NULL) {
            status =
                fg_config_set(config, &settings[i], settings[i].initial, FG_ORIGIN_DEFAULT, error);
        }
        if (status != FG_OK) {
            fg_config_clear(config);
            return status;
        }
    }
    return FG_OK;
}

void fg_config_clear(struct fg_config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        void *field = field_of(config, &settings[i]);
        if (settings[i].type == FG_SETTING_TEXT) {
            free(*(char **)field);
        } else if (settings[i].type == FG_SETTING_WORDS) {
            fg_words_clear(field);
        }
    }
    *config = (struct fg_config){.repository = NULL};
}

/* --config and --check-config. True if it was one of them; FG_OK in *ret_status if it was right. */
static bool parse_file_option(struct fg_config *config, int argc, char *const *argv, int *index,
                              enum fg_status *ret_status, struct fg_error *error)
{
    static const char name[] = "--config";
    const char *argument = argv[*index];
    *ret_status = FG_OK;
    if (strcmp(argument, "--check-config") == 0) {
        config->check_only = true;
    } else if (strncmp(argument, name, sizeof(name) - 1) == 0 &&
               argument[sizeof(name) - 1] == '=') {
        config->file = argument + sizeof(name);
    } else if (strcmp(argument, name) != 0) {
        return false;
    } else if (*index + 1 < argc) {
        config->file = argv[++*index];
    } else {
        *ret_status = fg_fail(error, FG_ERR_ARGUMENT, 0, "--config needs a value (FILE)");
    }
    return true;
}

/* One "--key", "--key=value" or "--key value"; *index is left at the last argument it took. */
static enum fg_status parse_one(struct fg_config *config, int argc, char *const *argv, int *index,
                                struct fg_error *error)
{
    const char *argument = argv[*index];
    if (strncmp(argument, "--", 2) != 0 || argument[2] == '\0') {
        const char *before = *index > 1 ? argv[*index - 1] : "";
        const struct fg_setting *last =
            strncmp(before, "--", 2) == 0 ? fg_config_find(fg_bytes_from_string(before + 2)) : NULL;
        if (last != NULL && last->type == FG_SETTING_SWITCH) {
            return fg_fail(error, FG_ERR_ARGUMENT, 0,
                           "unexpected argument '%s'; do you mean %s=%s?", argument, before,
                           argument);
        }
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "unexpected argument '%s'", argument);
    }
    const char *key = argument + 2;
    const char *value = strchr(key, '=');
    size_t size = value != NULL ? (size_t)(value - key) : strlen(key);
    const struct fg_setting *setting =
        fg_config_find((struct fg_bytes){(const uint8_t *)key, size});
    if (setting == NULL) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "unknown option '--%.*s'", (int)size, key);
    }
    if (value != NULL) {
        value++;
    } else if (setting->type == FG_SETTING_SWITCH) {
        value = "on";
    } else if (*index + 1 < argc) {
        value = argv[++*index];
    } else {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "--%s needs a value (%s)", setting->key,
                       setting->argument);
    }
    struct fg_error inner;
    enum fg_status status = fg_config_set(config, setting, value, FG_ORIGIN_ARGUMENTS, &inner);
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "--%s", inner.message);
}

enum fg_status fg_config_parse_arguments(struct fg_config *config, int argc, char *const *argv,
                                         struct fg_error *error)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return FG_END;
        }
        enum fg_status status = FG_OK;
        if (!parse_file_option(config, argc, argv, &i, &status, error)) {
            status = parse_one(config, argc, argv, &i, error);
        }
        if (status != FG_OK) {
            return status;
        }
    }
    return FG_OK;
}

/* A value that does not go together with others: named by where it was given. */
__attribute__((format(printf, 4, 5))) static enum fg_status misfit(struct fg_error *error,
                                                                   const struct fg_config *config,
                                                                   const char *key,
                                                                   const char *format, ...)
{
    char name[FG_SETTING_NAME_SIZE];
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    fg_config_name(config, key, name);
    return fg_fail(error, FG_ERR_ARGUMENT, 0, "%s: %s", name, what);
}

/* The first option of access that needs to know who somebody is; NULL: none does. */
static const char *needs_credentials(const struct fg_config *config)
{
    if (!fg_words_are_none(&config->allow_push)) {
        return "allow-push";
    }
    if (!fg_words_are_none(&config->deny_read)) {
        return "deny-read";
    }
    bool everyone =
        fg_words_are_none(&config->allow_read) || fg_words_are_only(&config->allow_read, "*");
    return everyone ? NULL : "allow-read";
}

/* What there must be for the people who are named to prove who they are. */
static enum fg_status check_access(const struct fg_config *config, struct fg_error *error)
{
    const char *needy = needs_credentials(config);
    bool pushes = !fg_words_are_none(&config->allow_push);
    bool tls = config->tls_certificate != NULL;
    if (needy != NULL && config->password_file == NULL && config->token_file == NULL) {
        return misfit(error, config, needy,
                      "nobody has credentials without --password-file or --token-file");
    }
    if (tls != (config->tls_key != NULL)) {
        return misfit(error, config, tls ? "tls-certificate" : "tls-key",
                      "--tls-certificate and --tls-key need each other");
    }
    if (tls && config->connection_memory < TLS_MEMORY_MIN) {
        return misfit(error, config, "connection-memory", "TLS needs %dK at least",
                      TLS_MEMORY_MIN / 1024);
    }
    if (pushes && config->push_ssl && !tls && fg_words_are_none(&config->trusted_proxies)) {
        return misfit(error, config, "allow-push",
                      "rw needs TLS (--tls-certificate, or --trusted-proxies that have it), or "
                      "--push-ssl=off");
    }
    if (!fg_address_is_loopback(&config->admin_listen) && config->admin_token_file == NULL) {
        return misfit(error, config, "admin-listen",
                      "only a loopback address keeps the state private without "
                      "--admin-token-file");
    }
    return FG_OK;
}

enum fg_status fg_config_complete(struct fg_config *config, struct fg_error *error)
{
    if (config->repository == NULL) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "--repository DIR is missing");
    }
    if (config->body_seconds_max < config->body_seconds) {
        return misfit(error, config, "body-time-max", "%u is less than --body-time %u",
                      config->body_seconds_max, config->body_seconds);
    }
    if (config->threads == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        config->threads = cores < 1 ? 1 : cores > 1024 ? 1024 : (uint32_t)cores;
    }
    if (config->connection_memory == 0) {
        bool cheap = config->tls_certificate == NULL && config->header_bytes <= CHEAP_HEADER_MAX;
        config->connection_memory = cheap ? CHEAP_MEMORY : TLS_MEMORY_MIN;
    }
    if (config->connection_memory < CONNECTION_MEMORY_MIN) {
        return misfit(error, config, "connection-memory", "less than %d bytes",
                      CONNECTION_MEMORY_MIN);
    }
    if (config->connections < config->threads) {
        return misfit(error, config, "max-connections",
                      "%u is less than one for each of the %u threads", config->connections,
                      config->threads);
    }
    return check_access(config, error);
}

enum fg_status fg_config_load(int argc, char *const *argv, struct fg_config *ret_config,
                              struct fg_error *error)
{
    enum fg_status status = fg_config_init(ret_config, error);
    if (status != FG_OK) {
        return status;
    }
    status = fg_config_parse_arguments(ret_config, argc, argv, error);
    const char *file = ret_config->file;
    bool check_only = ret_config->check_only;
    if (status == FG_OK && file != NULL) {
        /* Once more, since what the command line says goes over the file. */
        fg_config_clear(ret_config);
        status = fg_config_init(ret_config, error);
        if (status == FG_OK) {
            status = fg_config_read_file(ret_config, file, error);
        }
        if (status == FG_OK) {
            status = fg_config_parse_arguments(ret_config, argc, argv, error);
        }
    }
    if (status == FG_OK) {
        status = fg_config_complete(ret_config, error);
    }
    if (status != FG_OK) {
        fg_config_clear(ret_config);
        ret_config->file = file;
        ret_config->check_only = check_only;
    }
    return status;
}

static bool differ(const struct fg_config *one, const struct fg_config *other,
                   const struct fg_setting *setting)
{
    const void *a = (const char *)one + setting->offset;
    const void *b = (const char *)other + setting->offset;
    if (setting->type == FG_SETTING_WORDS) {
        return !fg_words_equal(a, b);
    }
    if (setting->type == FG_SETTING_TEXT) {
        const char *left = *(const char *const *)a;
        const char *right = *(const char *const *)b;
        return left == NULL || right == NULL ? left != right : strcmp(left, right) != 0;
    }
    /* Addresses too: they are zeroed where they say nothing. */
    return memcmp(a, b, setting->width) != 0;
}

const struct fg_setting *fg_config_next_difference(const struct fg_config *one,
                                                   const struct fg_config *other,
                                                   const struct fg_setting *previous)
{
    const struct fg_setting *end = settings + sizeof(settings) / sizeof(settings[0]);
    for (const struct fg_setting *s = previous == NULL ? settings : previous + 1; s < end; s++) {
        if ((s->flags & FG_SETTING_RELOADED) == 0 && differ(one, other, s)) {
            return s;
        }
    }
    return NULL;
}
