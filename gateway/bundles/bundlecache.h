/*
 * One bundle for many: whoever asks for a bundle that is being made follows the file as it grows,
 * and who asks later reads the file. Bounded in bytes; what was not asked for longest goes first.
 *
 * A bundle is made by jobs on the worker pool, at the pace of the disk, whatever the pace of those
 * who follow; if nobody follows any more it is given up. If it cannot be kept (the disk is full, it
 * is larger than the cache) each follower has it made once more for itself, and goes on where it
 * was.
 */
#ifndef FRAMEGATE_GATEWAY_BUNDLECACHE_H
#define FRAMEGATE_GATEWAY_BUNDLECACHE_H

#include "framing/source.h"
#include "gateway/bundles/bundlestore.h"
#include "gateway/exchange/pump.h"
#include "gateway/workers.h"

struct fg_bundlecache;

/*
 * Opens a cache of at most so many bytes in the folder path. Errors of fg_bundlestore_open. The
 * pool must live as long as the sources that the cache gives, but may be stopped. Its pumps count
 * in memory (or NULL).
 */
enum fg_status fg_bundlecache_open(const char *path, uint64_t bytes, struct fg_workers *workers,
                                   struct fg_memory *memory, struct fg_bundlecache **ret_cache,
                                   struct fg_error *error);

/* The pool was stopped, and all sources are destroyed. Takes NULL. */
void fg_bundlecache_close(struct fg_bundlecache *cache);

/* How a follower has its bundle made once more. All calls are on workers. */
struct fg_bundle_maker {
    /* The source of the same bytes as before. Called once at most. */
    enum fg_status (*make)(void *context, struct fg_source *ret_source);

    /* Called once. May be NULL. */
    void (*destroy)(void *context);

    void *context;
};

/*
 * A source for the bundle with this key, if it is there or is being made; on a worker, since a file
 * of another time is read through first. FG_ERR_NOT_FOUND: there is none. On FG_OK the maker is
 * taken over, else it is the caller's. *ret_tag is what fg_bundlecache_add was given. The source
 * never waits; wait is as in fg_pump_new. FG_ERR_MEMORY.
 */
enum fg_status fg_bundlecache_find(struct fg_bundlecache *cache, const uint8_t *key,
                                   const struct fg_bundle_maker *maker, struct fg_wait *wait,
                                   uint8_t *ret_tag, struct fg_source *ret_source);

/*
 * Has source made into the bundle with this key, and gives a source of its bytes; if another one
 * has been added meanwhile, that one's. source and maker are taken over, also on failure;
 * ret_source may be source. A source that cannot be kept at all is read by a pump instead.
 * FG_ERR_MEMORY.
 */
enum fg_status fg_bundlecache_add(struct fg_bundlecache *cache, const uint8_t *key, uint8_t tag,
                                  struct fg_source *source, const struct fg_bundle_maker *maker,
                                  struct fg_wait *wait, struct fg_source *ret_source);

/* What the state shows. The counts only grow. */
struct fg_bundlecache_view {
    uint64_t limit; /* bytes */
    uint64_t bytes; /* of all files */
    uint64_t entries;
    uint64_t making;   /* of the entries: those being made */
    uint64_t hits;     /* answered from a whole file */
    uint64_t shared;   /* answered from one that was being made */
    uint64_t misses;   /* made */
    uint64_t failures; /* that could not be kept, or were given up */
    uint64_t evictions;
    uint64_t damaged;        /* files that were not what was written */
    uint64_t oldest_seconds; /* since the oldest entry was made; 0 if there is none */
};

void fg_bundlecache_describe(struct fg_bundlecache *cache, struct fg_bundlecache_view *ret_view);

#endif
