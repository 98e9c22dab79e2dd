/*
 * What `framegate serve` can be told, and every bound of the gateway: one table of settings with
 * default, unit, reason, and what a peer gets when a bound is reached. The command line and the
 * configuration file read the same table through fg_config_set, so that a key means the same
 * everywhere. The bounds of the framing layer stand in framing/limits.h; the table refers to them.
 */
#ifndef FRAMEGATE_GATEWAY_CONFIG_H
#define FRAMEGATE_GATEWAY_CONFIG_H

#include "framing/buffer.h"
#include "framing/limits.h"
#include "gateway/config/address.h"
#include "gateway/config/words.h"

#include <stdbool.h>
#include <stdint.h>

/* The bounds whose hits are counted (gateway/state/state.h), in the order of the table of settings.
 */
enum fg_bound {
    FG_BOUND_BODY,
    FG_BOUND_BUNDLE,
    FG_BOUND_PUSH_DISK,
    FG_BOUND_FRAME,
    FG_BOUND_EMPTY_FRAMES,
    FG_BOUND_FRAME_OVERHEAD,
    FG_BOUND_RECEIVING,
    FG_BOUND_COMMANDS,
    FG_BOUND_REQUEST,
    FG_BOUND_DATA,
    FG_BOUND_CBOR_DEPTH,
    FG_BOUND_CBOR_ITEMS,
    FG_BOUND_REPLY,
    FG_BOUND_MEMORY,
    FG_BOUND_TARGET,
    FG_BOUND_HEADER_FIELDS,
    FG_BOUND_HEADER_BYTES,
    FG_BOUND_HEADER_TIME,
    FG_BOUND_BODY_TIME,
    FG_BOUND_BODY_TIME_MAX,
    FG_BOUND_REPLY_TIME,
    FG_BOUND_IDLE_TIME,
    FG_BOUND_COMMAND_TIME,
    FG_BOUND_PUSH_TIME,
    FG_BOUND_CONNECTIONS,
    FG_BOUND_CONNECTIONS_PER_ADDRESS,
    FG_BOUND_WORKER_QUEUE,
    FG_BOUND_LOGINS,
    FG_BOUND_ADMIN_BODY,
    FG_BOUND_LISTENERS,
    FG_BOUND_COUNT,
    FG_BOUND_UNCOUNTED = FG_BOUND_COUNT, /* a setting that is no bound, or that others enforce */
};

/* Where a setting was given, if not in a line of the file. */
#define FG_ORIGIN_DEFAULT   0
#define FG_ORIGIN_ARGUMENTS UINT32_MAX

enum {
    FG_SETTINGS_MAX = 96,      /* at least as many as there are */
    FG_SETTING_NAME_SIZE = 160 /* room for fg_config_name */
};

struct fg_config {
    uint32_t origin[FG_SETTINGS_MAX]; /* of each setting: FG_ORIGIN_..., or its line in file */

    char *repository; /* owned */
    struct fg_address listen;
    struct fg_address admin_listen;
    char *access_log; /* owned: a path, "-" for standard error, "off" */
    bool debugreflect;
    char *hg; /* owned: the program that writes to the repository */

    /* Who may do what, as hgweb has it; gateway/access/access.h says what they mean. */
    struct fg_words allow_read;
    struct fg_words deny_read;
    struct fg_words allow_push;
    struct fg_words deny_push;
    bool push_ssl;
    char *password_file;    /* owned, as all text; NULL: none */
    char *token_file;       /* NULL: none */
    char *admin_token_file; /* NULL: none */
    uint32_t login_seconds;
    uint32_t logins;
    struct fg_words trusted_proxies;
    char *tls_certificate; /* NULL: no TLS */
    char *tls_key;
    char *tls_priorities;
    char *user; /* to run as; NULL: whoever started it */

    const char *file; /* --config, borrowed from the arguments; NULL: none */
    bool check_only;  /* --check-config */

    uint32_t threads; /* 0 in the settings means one for each core; never 0 once parsed */
    uint32_t workers;
    uint32_t push_workers;
    uint32_t worker_queue;
    char *bundle_cache; /* owned: a folder, "auto" or "off" */
    uint64_t bundle_cache_bytes;
    uint32_t zstd_level;
    uint32_t zlib_level;
    uint64_t connection_memory;
    uint32_t connections;
    uint32_t connections_per_address;

    struct fg_limits framing;
    uint32_t frame_sent;
    uint64_t body_bytes;
    uint64_t unbundle_bytes;
    uint64_t push_disk_bytes;
    uint64_t reply_bytes;
    uint64_t memory_bytes;
    uint64_t target_bytes;
    uint32_t header_fields;
    uint64_t header_bytes;
    uint64_t admin_body_bytes;

    uint32_t listeners;         /* of GET /events */
    uint32_t frame_log;         /* bytes for each exchange; 0: none */
    uint32_t frame_log_payload; /* bytes of a payload */
    bool frame_log_secrets;

    uint32_t header_seconds;
    uint32_t body_seconds;
    uint32_t body_seconds_max;
    uint64_t body_rate;     /* bytes a second that give one second more */
    uint32_t reply_seconds; /* for each block of a reply */
    uint32_t idle_seconds;
    uint32_t drain_seconds;
    uint32_t command_seconds; /* of the program that writes */
    uint32_t push_seconds;    /* of a bundle on its way, and of the program that takes it */
};

enum fg_setting_type {
    FG_SETTING_TEXT,
    FG_SETTING_ADDRESS,
    FG_SETTING_NUMBER,
    FG_SETTING_BYTES,   /* a number that may end in K, M, G or T (powers of 1024) */
    FG_SETTING_SECONDS, /* whole seconds */
    FG_SETTING_SWITCH,  /* without a value on the command line; on or off elsewhere */
    FG_SETTING_CHOICE,
    FG_SETTING_WORDS, /* a list, gateway/config/words.h */
};

/* What else is to be known of a setting; a sum of these. */
enum {
    FG_SETTING_WEB =
        1, /* stands in [web] of a file, with - or _ in its name; else in [framegate] */
    FG_SETTING_RELOADED = 2, /* SIGHUP gives it its new value; others need a new start */
};

/* One row of the table. All strings are static. */
struct fg_setting {
    const char *key; /* "--key" on the command line */
    enum fg_setting_type type;
    size_t offset;       /* in struct fg_config */
    size_t width;        /* bytes of the field */
    unsigned flags;      /* FG_SETTING_WEB, … */
    uint64_t minimum;    /* of numbers, bytes and seconds */
    uint64_t maximum;    /* dito */
    const char *initial; /* the default; NULL if it has none or is that of FG_LIMITS_DEFAULT */
    enum fg_bound bound; /* what is counted when it is reached */
    const char *const *choices; /* of FG_SETTING_CHOICE, NULL at the end; the value is the index */
    const char *argument;       /* what its value is called, NULL for a switch */
    const char *text;           /* what it is and why, for --help */
    const char *reached;        /* what a peer gets when the bound is reached; NULL: no bound */
};

/* All settings; *ret_count of them. Static. */
const struct fg_setting *fg_config_settings(size_t *ret_count);

/* The setting with this key; NULL if there is none. */
const struct fg_setting *fg_config_find(struct fg_bytes key);

/* Where the setting with this key, which must exist, was given. */
uint32_t fg_config_origin(const struct fg_config *config, const char *key);

/*
 * What to call a setting in a message: "--key", or "FILE:LINE: key" if it was given there. A very
 * long name of a file is cut.
 */
void fg_config_name(const struct fg_config *config, const char *key,
                    char ret_name[FG_SETTING_NAME_SIZE]);

/* Fills config with the defaults. FG_ERR_MEMORY. */
enum fg_status fg_config_init(struct fg_config *config, struct fg_error *error);

/* Frees what config owns. Takes NULL or a zeroed config. */
void fg_config_clear(struct fg_config *config);

/*
 * Gives a setting the value that text says and that was given there. FG_ERR_ARGUMENT: error says
 * the key, the value and what was expected. FG_ERR_MEMORY. On failure config is as it was.
 */
enum fg_status fg_config_set(struct fg_config *config, const struct fg_setting *setting,
                             const char *text, uint32_t origin, struct fg_error *error);

/*
 * Reads "--key value" and "--key=value"; argv[0] is skipped. --config and --check-config, which no
 * file can have, only set config->file and config->check_only. FG_ERR_ARGUMENT: error says which
 * argument and why. FG_END: --help was among them. FG_ERR_MEMORY.
 */
enum fg_status fg_config_parse_arguments(struct fg_config *config, int argc, char *const *argv,
                                         struct fg_error *error);

/*
 * Reads a file in the format of hgweb's: [sections], KEY = VALUE, comments on lines of their own,
 * lists that go on in indented lines. FG_ERR_SYNTAX: error starts with "FILE:LINE: "; an unknown
 * section or key, a bad value, a key that is given twice, or no such line at all. FG_ERR_IO,
 * FG_ERR_LIMIT (a file of over 1 MiB), FG_ERR_MEMORY.
 */
enum fg_status fg_config_read_file(struct fg_config *config, const char *path,
                                   struct fg_error *error);

/*
 * Checks what only shows when all settings are known, and puts in what is computed (threads).
 * FG_ERR_ARGUMENT as above.
 */
enum fg_status fg_config_complete(struct fg_config *config, struct fg_error *error);

/*
 * All of the above: defaults, over them the file that --config names, over that the arguments.
 * On failure and FG_END *ret_config is empty, but for file and check_only. Errors of the parts.
 */
enum fg_status fg_config_load(int argc, char *const *argv, struct fg_config *ret_config,
                              struct fg_error *error);

/*
 * The first setting after previous (NULL: from the start) that differs between the two and is not
 * one that SIGHUP reloads; NULL if there is none.
 */
const struct fg_setting *fg_config_next_difference(const struct fg_config *one,
                                                   const struct fg_config *other,
                                                   const struct fg_setting *previous);

/* The value of a number, bytes, seconds, switch or choice setting. */
uint64_t fg_config_number(const struct fg_config *config, const struct fg_setting *setting);

#endif
