/*
 * The text forms of the classic transport, in which clients of version 1 of the protocol ask
 * (`?cmd=NAME`) and are answered: arguments as an HTML form has them, lists of nodes in hex,
 * batches, and the text that stands for each command's answer. Pure functions; what is done with
 * them is in exchange_classic.c.
 */
#ifndef FRAMEGATE_GATEWAY_CLASSIC_H
#define FRAMEGATE_GATEWAY_CLASSIC_H

#include "framing/cbor.h"
#include "handlers/registry.h"

#define FG_CLASSIC_TYPE       "application/mercurial-0.1"
#define FG_CLASSIC_TYPE_2     "application/mercurial-0.2"
#define FG_CLASSIC_ERROR_TYPE "application/hg-error"

/* What the answer to a command is made of. */
enum fg_classic_form {
    FG_CLASSIC_BATCH,        /* the answers of several commands */
    FG_CLASSIC_CAPABILITIES, /* hello: the tokens, as a line */
    FG_CLASSIC_OK,           /* protocaps: two letters */
    FG_CLASSIC_TEXT,         /* fg_classic_put_answer makes it */
    FG_CLASSIC_BYTES,        /* the reply's own bytes */
    FG_CLASSIC_STREAM,       /* the reply's own bytes, compressed */
};

struct fg_classic_command {
    const char *name;
    enum fg_classic_form form;
    bool tells_nodes; /* the client may give the nodes of the answer back in its next request */
};

/* The command with this name; NULL if the transport has none. Static. */
const struct fg_classic_command *fg_classic_find(struct fg_bytes name);

/* True if the transport answers the command itself, without a handler. */
static inline bool fg_classic_is_own(const struct fg_classic_command *command)
{
    return command->form == FG_CLASSIC_BATCH || command->form == FG_CLASSIC_CAPABILITIES ||
           command->form == FG_CLASSIC_OK;
}

/* -- arguments -------------------------------------------------------------------------------- */

enum { FG_CLASSIC_ARGUMENTS_MAX = 32 }; /* the command with the most, getbundle, knows 13 */

struct fg_classic_argument {
    struct fg_bytes name;
    struct fg_bytes value;
};

/* Arguments, decoded. The first of several with one name counts. */
struct fg_classic_arguments {
    struct fg_classic_argument items[FG_CLASSIC_ARGUMENTS_MAX];
    size_t count;
    uint8_t *text;    /* owned: what the items point into */
    size_t text_size; /* bytes allocated for it */
};

/* Takes a zeroed object. */
void fg_classic_arguments_clear(struct fg_classic_arguments *arguments);

/*
 * Reads "name=value&name=value", percent-encoded, blanks as '+'. FG_ERR_SYNTAX: an encoding is
 * malformed. FG_ERR_LIMIT: more than FG_CLASSIC_ARGUMENTS_MAX. FG_ERR_MEMORY.
 */
enum fg_status fg_classic_read_form(struct fg_bytes text,
                                    struct fg_classic_arguments *ret_arguments,
                                    struct fg_error *error);

/*
 * Takes the first command of a batch off *rest: "name argument=value,argument=value;…", where ":c",
 * ":o", ":s" and ":e" stand for the four signs. *ret_name is borrowed. Errors as
 * fg_classic_read_form, and FG_ERR_SYNTAX: the blank after the name or a '=' is missing.
 */
enum fg_status fg_classic_read_batch(struct fg_bytes *rest, struct fg_bytes *ret_name,
                                     struct fg_classic_arguments *ret_arguments,
                                     struct fg_error *error);

/* Appends text with the four signs replaced. Errors of fg_buffer_append. */
enum fg_status fg_classic_put_escaped(struct fg_buffer *buffer, struct fg_bytes text);

/* The argument with this name; NULL if it was not given. */
const struct fg_classic_argument *fg_classic_argument(const struct fg_classic_arguments *arguments,
                                                      const char *name);

/*
 * Appends the request for a command as frames carry it: CBOR, each argument of the type that spec
 * says. Arguments that the command does not know are left out, as Mercurial leaves them out.
 * FG_ERR_SYNTAX: a value is not what its type needs; error names it. FG_ERR_MEMORY, FG_ERR_LIMIT.
 */
enum fg_status fg_classic_put_request(const struct fg_command_spec *spec,
                                      const struct fg_classic_arguments *arguments,
                                      struct fg_buffer *buffer, struct fg_error *error);

/* -- answers ---------------------------------------------------------------------------------- */

/*
 * Appends the text that stands for the answer of a command with FG_CLASSIC_TEXT. FG_ERR_CORRUPT:
 * the answer is not of the command's kind. Errors of fg_buffer_append.
 */
enum fg_status fg_classic_put_answer(const char *name, const struct fg_cbor_value *answer,
                                     struct fg_buffer *buffer);

/*
 * Appends what stands for a failure where the command has a way to say so: lookup and pushkey.
 * False if it has none, and the whole request fails.
 */
bool fg_classic_put_failure(const char *name, const char *message, struct fg_buffer *buffer);

/* -- what the client understands ----------------------------------------------------------------
 */

enum fg_classic_engine {
    FG_CLASSIC_ENGINE_LEGACY, /* FG_CLASSIC_TYPE: zlib, and nothing says so */
    FG_CLASSIC_ENGINE_ZSTD,
    FG_CLASSIC_ENGINE_ZLIB,
    FG_CLASSIC_ENGINE_NONE,
};

/*
 * How a stream is sent to a client with these words in X-HgProto-N. dense: what is packed already
 * is not packed again if the client can do without.
 */
enum fg_classic_engine fg_classic_choose_engine(struct fg_bytes words, bool dense);

/* The engine's name on the wire. Static. */
const char *fg_classic_engine_name(enum fg_classic_engine engine);

/* Appends text with all but letters, digits and "/_.-~" percent-encoded. */
enum fg_status fg_classic_put_quoted(struct fg_buffer *buffer, struct fg_bytes text);

#endif
