/*
 * A delta that is too large for memory: it is given piece by piece, and a text in it is checked on
 * the way.
 */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_LONGDELTA_H
#define FRAMEGATE_HANDLERS_BUNDLE_LONGDELTA_H

#include "handlers/repo/revstream.h"
#include "handlers/repo/spill.h"

/* Zeroed: it gives nothing. */
struct fg_longdelta {
    uint64_t left; /* bytes that it still gives */
    struct fg_revstream stream;
    struct fg_spill *text;     /* owned; what is given instead of the stream; or NULL */
    bool open;                 /* its end is to be looked at */
    struct fg_node_hash *hash; /* owned; NULL: it is not a text, or has no hash */
    struct fg_node node;       /* which it must have */
};

/* Frees what it owns, and gives nothing any more. Takes a zeroed one. */
void fg_longdelta_clear(struct fg_longdelta *delta);

/*
 * The stored chunk of a revision, a delta or a text, is given next; the revlog and the reader are
 * borrowed until it ended. *ret_size says how many bytes these are. A text whose flags say that its
 * node is its hash is held against it. Errors of fg_revstream_measure.
 */
enum fg_status fg_longdelta_stored(struct fg_longdelta *delta, const struct fg_revlog *revlog,
                                   struct fg_revlog_reader *reader, uint32_t rev,
                                   uint64_t *ret_size, struct fg_error *error);

/* A text, which is taken over, is given next. */
void fg_longdelta_text(struct fg_longdelta *delta, struct fg_spill *text);

/*
 * Gives up to capacity (never 0) bytes. FG_OK: 1 <= *ret_size <= capacity; FG_END: all was given.
 * FG_ERR_CORRUPT: these were other bytes than the node says, or the index; errors of
 * fg_revstream_read.
 */
enum fg_status fg_longdelta_read(struct fg_longdelta *delta, uint8_t *buffer, size_t capacity,
                                 size_t *ret_size, struct fg_error *error);

#endif
