/*
 * Media types in header fields: whether Accept admits one, whether Content-Type is one. Pure.
 */
#ifndef FRAMEGATE_GATEWAY_MEDIATYPE_H
#define FRAMEGATE_GATEWAY_MEDIATYPE_H

#include "framing/buffer.h"

#include <stdbool.h>

/* How much an Accept header likes a media type. Start with zeros. */
struct fg_accept {
    int precision; /* of the best range so far: 0 none, 1 any, 2 its main type, 3 itself */
    int weight;    /* of that range: thousandths of its q */
};

/*
 * Takes in the value of one Accept field; a header may have several, in any order. The most precise
 * range decides, whatever its place; parameters but q are ignored, and so are elements that are
 * not well-formed. type is lower case, "main/sub".
 */
void fg_accept_take(struct fg_accept *accept, struct fg_bytes value, const char *type);

/* True if a range admits the type, with a q that is not 0. */
bool fg_accept_admits(const struct fg_accept *accept);

/*
 * True if a Content-Type field's value says this type and no other; parameters are ignored. A proxy
 * may have joined several fields by commas.
 */
bool fg_content_type_is(struct fg_bytes value, const char *type);

#endif
