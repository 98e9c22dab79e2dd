/*
 * A command request that was received: its name, its arguments and its data, as the reactor hands
 * it to the program that runs it.
 */
#ifndef FRAMEGATE_FRAMING_COMMAND_H
#define FRAMEGATE_FRAMING_COMMAND_H

#include "framing/attributes.h"
#include "framing/buffer.h"
#include "framing/cbor.h"
#include "framing/limits.h"
#include "framing/status.h"

#include <stdbool.h>
#include <stdint.h>

FG_BEGIN_DECLARATIONS

enum { FG_COMMAND_FIRST_ITEMS = 12 }; /* of a request; known with a node has 9 */

/* A request that was received. The holder owns all of it and frees it with fg_command_free. */
struct fg_command {
    uint16_t requestid;
    struct fg_bytes name;         /* the command's name; points into request_bytes */
    struct fg_cbor_value request; /* the whole request map, decoded */
    uint32_t args;                /* index of the args map in request; 0 if there is none */
    bool has_data;                /* the request announced data */
    struct fg_buffer data;        /* data that was kept; empty if dropped or delivered */
    uint64_t data_size;           /* data bytes received in all, kept or not */
    bool data_over_limit;         /* more than limits->data_bytes came where data is kept: nothing
                                     was, and the command must be answered with an error */

    /* For the reactor only, so that a small request is one allocation. */
    struct fg_buffer encoded; /* the bytes of a request of several frames or with data */
    struct fg_cbor_item first_items[FG_COMMAND_FIRST_ITEMS];
    size_t whole_size;
    uint8_t whole[]; /* the bytes of any other request: it lies whole in its frame */
};

/*
 * A command from the bytes of a request that did not come in frames; they are copied.
 * FG_ERR_SYNTAX: it is no request. FG_ERR_LIMIT, FG_ERR_TRUNCATED, FG_ERR_MEMORY: as
 * fg_cbor_decode.
 */
FG_MUST_CHECK enum fg_status fg_command_from_request(const struct fg_limits *limits,
                                                     uint16_t requestid, struct fg_bytes request,
                                                     struct fg_command **ret_command,
                                                     struct fg_error *error);

/* The request's bytes, which command->request points into. */
struct fg_bytes fg_command_encoded(const struct fg_command *command);

/* Takes NULL. */
void fg_command_free(struct fg_command *command);

/* Bytes that a command has allocated for its request and its data. */
uint64_t fg_command_held_bytes(const struct fg_command *command);

/*
 * Appends the canonical CBOR of the command's args; the empty map if it has none. Errors of
 * fg_buffer_append.
 */
FG_MUST_CHECK enum fg_status fg_command_put_args(const struct fg_command *command,
                                                 struct fg_buffer *buffer);

FG_END_DECLARATIONS

#endif
