/*
 * Which folder the bundle cache has, from the settings and the environment.
 */
#ifndef FRAMEGATE_GATEWAY_BUNDLEFOLDER_H
#define FRAMEGATE_GATEWAY_BUNDLEFOLDER_H

#include "gateway/bundles/bundlecache.h"
#include "gateway/config/config.h"

struct fg_bundlefolder;

/*
 * A folder that was named is opened now, and if it cannot be used that is a failure, as
 * fg_bundlecache_open has it. One that was not named is opened when it is first needed, and done
 * without if it cannot be, which a message says. *ret_folder is NULL where no bundle is to be kept.
 * config, workers and memory must live as long. FG_ERR_MEMORY.
 */
enum fg_status fg_bundlefolder_new(const struct fg_config *config, struct fg_workers *workers,
                                   struct fg_memory *memory, struct fg_bundlefolder **ret_folder,
                                   struct fg_error *error);

enum { FG_BUNDLEFOLDER_TEXT_SIZE = 4096 /* PATH_MAX */ };

/* Says which folder it is, or why none, for whoever starts the program. */
void fg_bundlefolder_name(const struct fg_config *config, char ret_text[FG_BUNDLEFOLDER_TEXT_SIZE]);

/* Closes the cache. Takes NULL. */
void fg_bundlefolder_free(struct fg_bundlefolder *folder);

/* The cache; NULL if there is none. On any thread. Takes NULL. */
struct fg_bundlecache *fg_bundlefolder_cache(struct fg_bundlefolder *folder);

/* As fg_bundlecache_describe; zeros but for the limit if there is no cache, or none yet. */
void fg_bundlefolder_describe(struct fg_bundlefolder *folder, struct fg_bundlecache_view *ret_view);

#endif
