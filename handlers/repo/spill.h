/*
 * Bytes that are too many for memory: a file without a name, in the folder for temporary files. All
 * such files together have a ceiling.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_SPILL_H
#define FRAMEGATE_HANDLERS_REPO_SPILL_H

#include "framing/buffer.h"
#include "framing/status.h"

#include <stdint.h>

struct fg_spill;

/* An empty one. FG_ERR_IO: there is no file to be had; FG_ERR_MEMORY. */
enum fg_status fg_spill_new(struct fg_spill **ret_spill, struct fg_error *error);

/* The file goes too. Takes NULL. */
void fg_spill_free(struct fg_spill *spill);

/* Bytes that were appended. */
uint64_t fg_spill_size(const struct fg_spill *spill);

/* FG_ERR_LIMIT: more than FG_SPILL_MAX in all files; FG_ERR_IO: as when the disk is full. */
enum fg_status fg_spill_append(struct fg_spill *spill, struct fg_bytes bytes,
                               struct fg_error *error);

/*
 * All bytes, mapped until fg_spill_free; nothing is appended any more. FG_ERR_IO, FG_ERR_MEMORY.
 */
enum fg_status fg_spill_map(struct fg_spill *spill, struct fg_bytes *ret_bytes,
                            struct fg_error *error);

/* What was looked at so far need not be in memory any more; it can be looked at again. Takes NULL.
 */
void fg_spill_forget(struct fg_spill *spill);

/* Some of the bytes from offset on, which is below the size: 1 <= *ret_size <= capacity. FG_ERR_IO.
 */
enum fg_status fg_spill_read(struct fg_spill *spill, uint64_t offset, uint8_t *buffer,
                             size_t capacity, size_t *ret_size, struct fg_error *error);

#endif
