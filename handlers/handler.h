/*
 * What a command is to the rest of the program: a name, a permission, arguments with types, and a
 * function. Each command has a file of its own that defines one struct fg_command_spec; the
 * registry (handlers/registry.h) lists them. Nothing here knows HTTP.
 */
#ifndef FRAMEGATE_HANDLERS_HANDLER_H
#define FRAMEGATE_HANDLERS_HANDLER_H

#include "framing/command.h"
#include "framing/frame.h"
#include "framing/source.h"
#include "handlers/memory.h"

#include <stdbool.h>

struct fg_repository; /* handlers/repo/repository.h */
struct fg_snapshot;   /* handlers/repo/repository.h */

enum fg_permission {
    FG_PERMISSION_PULL, /* allowed through ro and rw */
    FG_PERMISSION_PUSH, /* allowed through rw only */
};

enum fg_argument_type {
    FG_ARGUMENT_BYTES,
    FG_ARGUMENT_BOOL,
    FG_ARGUMENT_INT,
    FG_ARGUMENT_LIST_OF_BYTES,
    FG_ARGUMENT_DICT, /* a map with byte-string keys */
};

/* One argument that a command takes; the table of a command ends with name NULL. */
struct fg_argument_spec {
    const char *name;
    enum fg_argument_type type;
    bool required;
    const char *example; /* a literal (framing/literal.h), shown by capabilities */
};

/* Who has a command run, and where. Texts are UTF-8 or ASCII; NULL: nobody knows. */
struct fg_caller {
    const char *user;    /* who has proved it */
    const char *address; /* of the client's host, "192.0.2.1" or "2001:db8::1" */
    const char *server;  /* the host that it asked, as an address */
    uint16_t port;       /* of that host */
    bool secure;         /* the command came over TLS */
};

/* The circumstances of one run of a command. All borrowed for the time of the call. */
struct fg_call {
    const struct fg_command *command; /* its name and arguments, checked against the spec */
    struct fg_repository *repository;
    struct fg_snapshot *snapshot;   /* the state of the repository that it sees */
    struct fg_memory *memory;       /* where a reply counts what it holds; NULL: nowhere */
    const struct fg_caller *caller; /* for what changes something, borrowed until the command has
                                       its reply or is cancelled; NULL: nobody in particular */
};

/* What a command answers. */
struct fg_reply {
    struct fg_source body; /* owned by whoever holds the reply */
    struct fg_buffer said; /* for whoever looks: what hooks said; likewise owned */
    uint8_t flags;         /* FG_BYTES_RESPONSE_CBOR or 0 */
    bool slow_body;        /* reading the body computes or waits: not on a connection's thread */
    bool dense;            /* the body is packed as it is: compressing it gains nothing */
};

/*
 * Runs a command. *ret_reply comes zeroed. FG_OK: it is filled and its body the caller's. A failure
 * becomes an application error with error->message; the handler has freed what it made. A handler
 * that needs the snapshot after it returned (for its body) keeps a reference of its own. A body
 * that is made while it is read counts its memory itself; what is in memory whole, who holds the
 * reply.
 */
typedef enum fg_status (*fg_handler)(const struct fg_call *call, struct fg_reply *ret_reply,
                                     struct fg_error *error);

/*
 * How a command takes its data piece by piece, so that any amount of it costs no memory. The calls
 * come in this order and in the order of the data; begin's command is valid during begin alone.
 */
struct fg_data_taker {
    /* The command request is complete. *ret_context is what the others get. */
    enum fg_status (*begin)(const struct fg_call *call, void **ret_context, struct fg_error *error);

    /* A piece of data, borrowed. After a failure only cancel follows. */
    enum fg_status (*take)(void *context, struct fg_bytes piece, struct fg_error *error);

    /* All data came: as fg_handler. The context is freed, also on failure. */
    enum fg_status (*end)(void *context, struct fg_reply *ret_reply, struct fg_error *error);

    /* Instead of end: the context is freed. */
    void (*cancel)(void *context);

    bool alone; /* it holds a file, so a request sends data for one such command at a time */
};

struct fg_command_spec {
    const char *name;
    enum fg_permission permission;
    const struct fg_argument_spec *arguments;
    fg_handler run;
    bool slow; /* run on the worker pool, not on the connection's thread */
    bool (*quick)(const struct fg_call *call); /* true: though slow, this one is not; or NULL */
    bool takes_data; /* keeps its command data (command->data); for others it is dropped */
    bool (*own)(const struct fg_call *call); /* true: though shareable, this one is not; or NULL */
    bool shareable; /* the same arguments on the same snapshot give the same bytes, worth keeping */
    bool debug;     /* offered only where the gateway offers debugreflect; not in capabilities */
    const struct fg_data_taker *taker; /* takes its data as it comes; NULL for most. run is for
                                          requests that announce no data */
};

#endif
