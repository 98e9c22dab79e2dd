/*
 * The files of the bundle cache: one for each bundle, named by its key, in a folder that nobody
 * else may write to. A file is written under a temporary name and renamed when it is whole; its
 * header has a MAC of all its bytes with a key of the folder's own, so that what a crash, a bad
 * disk or somebody's hand has changed is not believed. Which bundles are kept is bundlecache.h's
 * matter.
 */
#ifndef FRAMEGATE_GATEWAY_BUNDLESTORE_H
#define FRAMEGATE_GATEWAY_BUNDLESTORE_H

#include "framing/buffer.h"
#include "framing/status.h"

#include <nettle/hmac.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
    FG_BUNDLE_KEY_SIZE = 32,
    FG_BUNDLE_HEADER_SIZE = 88, /* bytes before those of the bundle */
    FG_BUNDLE_NAME_SIZE = 2 * FG_BUNDLE_KEY_SIZE + 1,
};

struct fg_bundlestore;

/*
 * Opens the folder, makes it if it is not there, and removes what a crash has left in it.
 * FG_ERR_IO: it cannot be made or written; FG_ERR_ARGUMENT: it belongs to somebody else, others may
 * write to it, or another process uses it; error says which. FG_ERR_MEMORY.
 */
enum fg_status fg_bundlestore_open(const char *path, struct fg_bundlestore **ret_store,
                                   struct fg_error *error);

/* Takes NULL. */
void fg_bundlestore_close(struct fg_bundlestore *store);

/* Calls function for each whole file, the oldest first. FG_ERR_IO, FG_ERR_MEMORY. */
enum fg_status fg_bundlestore_list(struct fg_bundlestore *store,
                                   void (*function)(void *context, const uint8_t *key,
                                                    const struct stat *info),
                                   void *context);

/* A bundle that is being written. */
struct fg_bundlefile {
    int fd; /* the caller's once it is finished */
    uint64_t size;
    struct hmac_sha256_ctx mac;
    char temporary[40];
};

/* FG_ERR_IO. */
enum fg_status fg_bundlefile_create(struct fg_bundlestore *store, struct fg_bundlefile *ret_file);

/* FG_ERR_IO: the disk is full, or worse. */
enum fg_status fg_bundlefile_write(struct fg_bundlefile *file, struct fg_bytes bytes);

/*
 * The bundle is whole: gives the file its name. *ret_info is what tells whether it is changed
 * later. FG_ERR_IO.
 */
enum fg_status fg_bundlefile_finish(struct fg_bundlestore *store, struct fg_bundlefile *file,
                                    const uint8_t *key, uint8_t tag, struct stat *ret_info);

/* It will not be whole: removes the name. The descriptor stays open. */
void fg_bundlefile_abandon(struct fg_bundlestore *store, struct fg_bundlefile *file);

/*
 * Opens a whole file for reading. It is read through and its MAC checked, unless it is the file
 * that known describes, to the last change. FG_ERR_NOT_FOUND: there is none; FG_ERR_CORRUPT: it is
 * not what was written; FG_ERR_IO. *ret_info describes it.
 */
enum fg_status fg_bundlestore_load(struct fg_bundlestore *store, const uint8_t *key,
                                   const struct stat *known, int *ret_fd, uint8_t *ret_tag,
                                   struct stat *ret_info);

void fg_bundlestore_remove(struct fg_bundlestore *store, const uint8_t *key);

#endif
