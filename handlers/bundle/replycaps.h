/*
 * Looks, while a pushed bundle comes, whether it asks for an answer that the pusher can read: a
 * bundle of version 2 (HG20) does so by a part "replycaps". Mercurial takes one without, but then
 * fails to answer, after the push. The walk goes over the parts' headers and skips their payloads.
 */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_REPLYCAPS_H
#define FRAMEGATE_HANDLERS_BUNDLE_REPLYCAPS_H

#include "framing/buffer.h"

#include <stdbool.h>

enum fg_replycaps {
    FG_REPLYCAPS_UNKNOWN, /* no bundle of version 2, or it has not ended: not ours to judge */
    FG_REPLYCAPS_THERE,
    FG_REPLYCAPS_MISSING,
    FG_REPLYCAPS_HIDDEN, /* the parts are compressed */
};

enum { FG_REPLYCAPS_KEPT = 256 }; /* the longest type of a part, and its length */

/* Zeroed to start with. */
struct fg_replycaps_walk {
    enum fg_replycaps found;
    bool over;           /* nothing more is looked at */
    unsigned field;      /* what the bytes are that come */
    unsigned interrupts; /* parts that stand inside of a payload */
    uint64_t left;       /* bytes of the field that have not come */
    size_t kept;         /* of the field's bytes, from its start */
    uint8_t bytes[FG_REPLYCAPS_KEPT];
};

/* The next bytes of the bundle, in pieces of any size. */
void fg_replycaps_take(struct fg_replycaps_walk *walk, struct fg_bytes piece);

#endif
