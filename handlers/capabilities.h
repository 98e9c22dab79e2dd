/* The descriptor that the command capabilities answers with, for the handshake too. */
#ifndef FRAMEGATE_HANDLERS_CAPABILITIES_H
#define FRAMEGATE_HANDLERS_CAPABILITIES_H

#include "framing/buffer.h"
#include "handlers/repo/repository.h"

/*
 * Appends the descriptor as canonical CBOR: a map of commands, compression, framingmediatypes and
 * rawrepoformats. FG_ERR_LIMIT, FG_ERR_MEMORY.
 */
enum fg_status fg_capabilities_put(const struct fg_snapshot *snapshot, struct fg_buffer *buffer);

#endif
