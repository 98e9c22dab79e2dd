/*
 * Which files a store consists of: the revlogs of all tracked files, of the manifest and of the
 * changelog. A file has three names: its plain one ("data/" + the tracked file's path + ".i" or
 * ".d"); the one in which folders are marked that end like a revlog, which lists and streams have
 * (here just "name"); and where it lies on disk.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_STOREFILES_H
#define FRAMEGATE_HANDLERS_REPO_STOREFILES_H

#include "handlers/repo/layout.h"

#include <sys/stat.h>

/* One file of the walk; name is borrowed for the call. A failure ends the walk. */
typedef enum fg_status (*fg_storefile_taker)(void *context, struct fg_bytes name,
                                             const struct stat *status, struct fg_error *error);

/*
 * Calls take for every file that exists: those of tracked files in no order, then the manifest's,
 * then the changelog's. FG_ERR_CORRUPT: the list of files is damaged; FG_ERR_LIMIT, FG_ERR_IO,
 * FG_ERR_MEMORY, and take's failures.
 */
enum fg_status fg_storefiles_walk(const struct fg_layout *layout, fg_storefile_taker take,
                                  void *context, struct fg_error *error);

/* Replaces plain's contents by a name's plain form. FG_ERR_LIMIT, FG_ERR_MEMORY. */
enum fg_status fg_storefile_plain(struct fg_bytes name, struct fg_buffer *plain);

/*
 * Finds files on disk, one after the other; keeps the memory for it.
 */
struct fg_storefile_finder {
    struct fg_buffer plain;
    struct fg_buffer path;
};

void fg_storefile_finder_init(struct fg_storefile_finder *finder);
void fg_storefile_finder_clear(struct fg_storefile_finder *finder);

/*
 * Where a file lies, relative to the store's folder. *ret_path is valid until the next call.
 * FG_ERR_CORRUPT: it has a zero byte; FG_ERR_LIMIT, FG_ERR_MEMORY.
 */
enum fg_status fg_storefile_find(struct fg_storefile_finder *finder, const struct fg_layout *layout,
                                 struct fg_bytes name, const char **ret_path);

#endif
