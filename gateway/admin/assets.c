/*
 * The table of the files that gateway/admin/embed.cmake wrote into an object file.
 */
#include "gateway/admin/assets.h"

/* Where each file starts and ends in the program; the names are those of assets.S. */
#define ASSET(number, path, type, etag)                                                            \
    extern const uint8_t fg_asset_##number[], fg_asset_##number##_end[];                           \
    extern const uint8_t fg_asset_##number##_gzip[], fg_asset_##number##_gzip_end[];
#include "assets.inc"
#undef ASSET

struct row {
    const char *path;
    const char *type;
    const char *etag;
    const uint8_t *plain;
    const uint8_t *plain_end;
    const uint8_t *gzip;
    const uint8_t *gzip_end;
};

static const struct row rows[] = {
#define ASSET(number, path, type, etag)                                                            \
    {path,                                                                                         \
     type,                                                                                         \
     "W/\"" etag "\"",                                                                             \
     fg_asset_##number,                                                                            \
     fg_asset_##number##_end,                                                                      \
     fg_asset_##number##_gzip,                                                                     \
     fg_asset_##number##_gzip_end},
#include "assets.inc"
#undef ASSET
};

enum fg_status fg_asset_find(const char *path, struct fg_asset *ret_asset)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        if (strcmp(row->path, path) == 0) {
            *ret_asset = (struct fg_asset){
                .path = row->path,
                .type = row->type,
                .etag = row->etag,
                .plain = {row->plain, (size_t)(row->plain_end - row->plain)},
                .gzip = {row->gzip, (size_t)(row->gzip_end - row->gzip)},
            };
            return FG_OK;
        }
    }
    return FG_ERR_NOT_FOUND;
}
