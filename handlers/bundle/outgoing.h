/*
 * Which changesets a bundle holds: the ancestors of the wanted heads without the ancestors of what
 * the client has.
 */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_OUTGOING_H
#define FRAMEGATE_HANDLERS_BUNDLE_OUTGOING_H

#include "handlers/repo/snapshot.h"

/* How the client of a bundle stands to a changeset. */
enum fg_outgoing_state {
    FG_OUTGOING_OTHER = 0,   /* the client does not get it: not wanted, or not served */
    FG_OUTGOING_MISSING = 1, /* it is in the bundle */
    FG_OUTGOING_COMMON = 2,  /* the client has it (a bit: the other one says nothing then) */
};

struct fg_outgoing {
    uint8_t *marks;   /* owned; for each changeset of the snapshot, bits of fg_outgoing_state */
    uint32_t count;   /* of them */
    uint32_t missing; /* changesets that the bundle holds */
    uint32_t last;    /* the highest of them, if there is one */
    bool complete;    /* no changeset below last is FG_OUTGOING_OTHER */
};

/*
 * Finds them. heads are revisions below the count of the snapshot; so are the common ones. Both may
 * be in any order. FG_ERR_MEMORY.
 */
enum fg_status fg_outgoing_find(const struct fg_snapshot *snapshot, const struct fg_rev_list *heads,
                                const struct fg_rev_list *common, struct fg_outgoing *ret_outgoing);

/* Frees its memory. Takes a zeroed one. */
void fg_outgoing_clear(struct fg_outgoing *outgoing);

/* How the client stands to a changeset, which may be one that the snapshot does not know. */
static inline enum fg_outgoing_state fg_outgoing_state(const struct fg_outgoing *outgoing,
                                                       int32_t rev)
{
    if (rev < 0 || (uint32_t)rev >= outgoing->count) {
        return FG_OUTGOING_OTHER;
    }
    uint8_t marks = outgoing->marks[rev];
    return (marks & FG_OUTGOING_COMMON) != 0 ? FG_OUTGOING_COMMON : (enum fg_outgoing_state)marks;
}

#endif
