/*
 * The commands, each defined in a file of its own name, and what several of them need. For
 * handlers/ alone; everybody else goes through the registry.
 */
#ifndef FRAMEGATE_HANDLERS_COMMANDS_H
#define FRAMEGATE_HANDLERS_COMMANDS_H

#include "handlers/handler.h"

extern const struct fg_command_spec fg_command_branchmap;
extern const struct fg_command_spec fg_command_capabilities;
extern const struct fg_command_spec fg_command_clonebundles;
extern const struct fg_command_spec fg_command_clonebundles_manifest;
extern const struct fg_command_spec fg_command_get_cached_bundle_inline;
extern const struct fg_command_spec fg_command_debugbytes;
extern const struct fg_command_spec fg_command_debugcount;
extern const struct fg_command_spec fg_command_getbundle;
extern const struct fg_command_spec fg_command_heads;
extern const struct fg_command_spec fg_command_known;
extern const struct fg_command_spec fg_command_listkeys;
extern const struct fg_command_spec fg_command_lookup;
extern const struct fg_command_spec fg_command_pushkey;
extern const struct fg_command_spec fg_command_stream_out;
extern const struct fg_command_spec fg_command_unbundle;

/*
 * Ends a handler that wrote its answer into buffer: on FG_OK the reply takes over its contents, as
 * CBOR; on failure it is freed, and error, unless it was filled already, says what the buffer's
 * failure was. Returns status.
 */
enum fg_status fg_reply_from_buffer(enum fg_status status, struct fg_buffer *buffer,
                                    struct fg_reply *ret_reply, struct fg_error *error);

/*
 * From now on the operator is told if the reply's body, which is made while it is sent, fails: who
 * asked may hear no more of it than that the answer ends. FG_ERR_MEMORY: the body is destroyed.
 */
enum fg_status fg_reply_tell(const struct fg_call *call, struct fg_reply *reply,
                             struct fg_error *error);

/* The bytes of a required argument of type FG_ARGUMENT_BYTES. */
struct fg_bytes fg_call_bytes(const struct fg_call *call, const char *name);

/*
 * Runs a function that reads what a snapshot reads late. Such a read fails if the snapshot is past
 * and its changesets were stripped or replaced; then the function is run again on the present one.
 */
enum fg_status fg_call_with_snapshot(const struct fg_call *call,
                                     enum fg_status (*function)(struct fg_snapshot *snapshot,
                                                                void *context,
                                                                struct fg_error *error),
                                     void *context, struct fg_error *error);

#endif
