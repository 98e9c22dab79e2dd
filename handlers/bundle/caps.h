/* What a client can do with a bundle: the bundlecaps argument of getbundle. */
#ifndef FRAMEGATE_HANDLERS_BUNDLE_CAPS_H
#define FRAMEGATE_HANDLERS_BUNDLE_CAPS_H

#include "framing/buffer.h"
#include "framing/status.h"

#include <stdbool.h>

/* Zeroed: a client that said nothing. */
struct fg_bundle_caps {
    bool bundle2;          /* it takes bundles of version 2 */
    struct fg_buffer text; /* its capabilities for these: lines "name" or "name=value,value" */
};

/* Frees its memory. Takes a zeroed one. */
void fg_bundle_caps_clear(struct fg_bundle_caps *caps);

/* Takes one of the values of bundlecaps; those that mean nothing here are passed over.
 * FG_ERR_MEMORY
 */
enum fg_status fg_bundle_caps_add(struct fg_bundle_caps *caps, struct fg_bytes value);

/* True if the client has a capability; *ret_values is what follows its "=", or empty. */
bool fg_bundle_caps_find(const struct fg_bundle_caps *caps, const char *name,
                         struct fg_bytes *ret_values);

/* True if a value is among those of a capability. */
bool fg_bundle_caps_has(const struct fg_bundle_caps *caps, const char *name, const char *value);

#endif
