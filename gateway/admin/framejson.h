/*
 * Frames as the admin listener shows them: the form of `framegate decode --json`, and with it the
 * human string and CBOR as a tree.
 */
#ifndef FRAMEGATE_GATEWAY_FRAMEJSON_H
#define FRAMEGATE_GATEWAY_FRAMEJSON_H

#include "framing/frame.h"

#include <jansson.h>

enum {
    FG_FRAMES_SHOWN_MAX = 10000, /* in one answer; each takes about 1.5 KiB while it is built */
    FG_TREE_ITEMS_MAX = 50000,   /* dito, of all its trees; each takes about 500 bytes */
};

/*
 * One frame of which the first kept bytes of the payload are there. *budget: how many CBOR items
 * trees may have still; it is lowered, and a tree that does not fit is left out. NULL if memory is
 * short.
 */
json_t *fg_frame_json(const struct fg_frame *frame, uint32_t kept, uint32_t *budget);

/*
 * {"frames": […], "error": …} of POST /decode from bytes that should be frames; *ret_malformed says
 * whether they are not, or too many. NULL if memory is short.
 */
json_t *fg_frames_json(struct fg_bytes input, bool *ret_malformed);

#endif
