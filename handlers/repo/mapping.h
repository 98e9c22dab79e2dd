/*
 * Files mapped for reading that survive being truncated. Mercurial truncates revlogs in place
 * (strip, rollback), and touching a mapped page past the new end raises SIGBUS. The handler that
 * is installed with the first mapping puts a page of zeros there and marks the mapping as torn;
 * whoever read from it asks fg_mapping_torn afterwards and throws away what it made of the zeros.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_MAPPING_H
#define FRAMEGATE_HANDLERS_REPO_MAPPING_H

#include "framing/buffer.h"
#include "framing/status.h"

#include <stdbool.h>

struct fg_mapping;

/*
 * Maps the first size bytes (not 0) of an open file, which may be closed afterwards. FG_ERR_IO;
 * FG_ERR_MEMORY.
 */
enum fg_status fg_mapping_new(int fd, size_t size, struct fg_mapping **ret_mapping,
                              struct fg_error *error);

/* Unmaps. Takes NULL. */
void fg_mapping_free(struct fg_mapping *mapping);

/* The mapped bytes, valid until fg_mapping_free. */
struct fg_bytes fg_mapping_bytes(const struct fg_mapping *mapping);

/* True if a page was missing when it was read. Any thread. */
bool fg_mapping_torn(const struct fg_mapping *mapping);

/*
 * The pages that were read need not be in memory any more: they are read again when they are looked
 * at.
 */
void fg_mapping_forget(const struct fg_mapping *mapping);

/*
 * Asks the kernel for large pages under memory that was just allocated and not touched yet. For
 * arrays of many MiB: filling those of a million changesets page by page was half of the work.
 * Nothing happens where there are none, or under small arrays.
 */
void fg_advise_large(void *memory, size_t size);

#endif
