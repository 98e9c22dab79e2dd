/*
 * The files of the page, built into the program: www/ and the chart library of Debian.
 */
#ifndef FRAMEGATE_GATEWAY_ASSETS_H
#define FRAMEGATE_GATEWAY_ASSETS_H

#include "framing/buffer.h"

struct fg_asset {
    const char *path; /* as in a URL: "/", "/schema/state.json" */
    const char *type; /* Content-Type */
    const char *etag; /* of the contents, however they are packed, as the field has it */
    struct fg_bytes plain;
    struct fg_bytes gzip; /* the same packed */
};

/* The file at this path: FG_OK, or FG_ERR_NOT_FOUND. All static. */
enum fg_status fg_asset_find(const char *path, struct fg_asset *ret_asset);

#endif
