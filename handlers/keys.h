/* The keys and values of a namespace (bookmarks, phases, namespaces), in whatever form they go. */
#ifndef FRAMEGATE_HANDLERS_KEYS_H
#define FRAMEGATE_HANDLERS_KEYS_H

#include "framing/buffer.h"
#include "framing/status.h"
#include "handlers/repo/snapshot.h"

/* Takes a pair; both are borrowed for the time of the call. A failure ends the walk. */
typedef enum fg_status (*fg_keys_visitor)(void *context, struct fg_bytes key,
                                          struct fg_bytes value);

/*
 * Calls visitor for each pair of a namespace; one that does not exist has none. A root of phases
 * that the file names twice comes twice. Errors of visitor, and of reading the hgrc.
 */
enum fg_status fg_keys_walk(const struct fg_snapshot *snapshot, struct fg_bytes namespace,
                            fg_keys_visitor visitor, void *context, struct fg_error *error);

#endif
