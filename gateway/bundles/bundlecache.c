/*
 * The bundle cache: a list of entries, most recently asked for first, under one lock. Files are
 * written and read outside of it.
 */
#include "gateway/bundles/bundlecache.h"

#include "handlers/patience.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    ENTRIES_MAX = 4096,     /* each costs a look at its key for each question */
    BLOCK_SIZE = 64 * 1024, /* written at once */
    TURN_SIZE = 4 << 20,    /* written before the next job has its turn */
    WAKE_SIZE = 256 * 1024, /* written before followers that sleep are woken: waking costs */
};

enum entry_state {
    ENTRY_MAKING,
    ENTRY_WHOLE,
    ENTRY_LOADING, /* whole; one who asked is reading it through */
    ENTRY_FAILED,  /* cannot be kept: followers make it for themselves */
    ENTRY_BROKEN,  /* its source failed: others would too, or make short memory shorter */
};

struct follower;

struct entry {
    struct entry *next;     /* asked for before this one */
    struct entry *previous; /* asked for after this one */
    struct fg_bundlecache *cache;
    uint8_t key[FG_BUNDLE_KEY_SIZE];
    uint8_t tag;
    enum entry_state state;
    bool listed;        /* in the cache's list */
    uint64_t users;     /* followers, and the job */
    uint64_t followers; /* that read it */
    int fd;             /* open as long as it has users; -1 */
    uint64_t size;      /* bytes of the bundle that are in the file */
    bool known;         /* info is of the file as it was last seen to be right */
    struct stat info;
    time_t made; /* wall clock */

    /* While it is made: */
    struct fg_job job;
    struct fg_source source;
    enum fg_status ended; /* BROKEN: what its source said, a failure or FG_END */
    uint64_t woken_at;    /* size when the sleepers were last woken */
    struct fg_bundlefile file;
    struct follower *sleepers;
};

struct follower {
    struct entry *entry;
    uint64_t offset;
    struct fg_bundle_maker maker;
    struct fg_wait *wait;
    struct fg_source own; /* made once more, for itself */
    bool has_own;
    struct follower *next; /* in the entry's list, while it sleeps */
    struct follower **link;
    void (*wake)(void *context);
    void *wake_context;
};

struct fg_bundlecache {
    pthread_mutex_t lock;
    pthread_cond_t loaded;
    struct fg_bundlestore *store;
    struct fg_workers *workers;
    struct fg_memory *memory;
    struct entry *entries; /* asked for last */
    struct entry *oldest;
    struct fg_bundlecache_view counts;
};

/* -- the list; with the lock held ------------------------------------------------------------- */

static void link_first(struct fg_bundlecache *cache, struct entry *entry)
{
    entry->next = cache->entries;
    entry->previous = NULL;
    if (entry->next != NULL) {
        entry->next->previous = entry;
    } else {
        cache->oldest = entry;
    }
    cache->entries = entry;
    entry->listed = true;
    cache->counts.entries++;
    cache->counts.bytes += entry->size;
}

static void unlink_entry(struct fg_bundlecache *cache, struct entry *entry)
{
    if (!entry->listed) {
        return;
    }
    if (entry->previous != NULL) {
        entry->previous->next = entry->next;
    } else {
        cache->entries = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    } else {
        cache->oldest = entry->previous;
    }
    entry->listed = false;
    cache->counts.entries--;
    cache->counts.bytes -= entry->size;
}

static struct entry *find_entry(struct fg_bundlecache *cache, const uint8_t *key)
{
    struct entry *entry = cache->entries;
    while (entry != NULL && memcmp(entry->key, key, FG_BUNDLE_KEY_SIZE) != 0) {
        entry = entry->next;
    }
    return entry;
}

static void release(struct entry *entry)
{
    if (--entry->users > 0) {
        return;
    }
    if (entry->fd >= 0) {
        close(entry->fd);
        entry->fd = -1;
    }
    if (!entry->listed) {
        free(entry);
    }
}

/* Takes an entry out for good. One that has users goes with the last of them. */
static void drop(struct fg_bundlecache *cache, struct entry *entry)
{
    unlink_entry(cache, entry);
    if (entry->users == 0) {
        free(entry);
    }
}

static bool has_room(const struct fg_bundlecache *cache, uint64_t bytes)
{
    return cache->counts.bytes + bytes <= cache->counts.limit &&
           cache->counts.entries <= ENTRIES_MAX;
}

/*
 * Makes room for so many bytes more: of the entries that are whole, those go that were not asked
 * for longest. False if that cannot be.
 */
static bool make_room(struct fg_bundlecache *cache, uint64_t bytes)
{
    struct entry *entry = cache->oldest;
    while (entry != NULL && !has_room(cache, bytes)) {
        struct entry *previous = entry->previous;
        if (entry->state == ENTRY_WHOLE) {
            fg_bundlestore_remove(cache->store, entry->key);
            cache->counts.evictions++;
            drop(cache, entry);
        }
        entry = previous;
    }
    return has_room(cache, bytes);
}

/* -- making ----------------------------------------------------------------------------------- */

/* Wakes all who sleep. With the lock held, but for the calls. */
static void wake_sleepers(struct fg_bundlecache *cache, struct entry *entry)
{
    while (entry->sleepers != NULL) {
        struct follower *follower = entry->sleepers;
        void (*wake)(void *context) = follower->wake;
        void *wake_context = follower->wake_context;
        entry->sleepers = follower->next;
        if (follower->next != NULL) {
            follower->next->link = &entry->sleepers;
        }
        follower->link = NULL;
        pthread_mutex_unlock(&cache->lock);
        /* Who sleeps cannot go before this call. */
        wake(wake_context);
        pthread_mutex_lock(&cache->lock);
    }
}

/* One block from the source to the file. FG_END: it is whole. */
static enum fg_status make_block(struct entry *entry, uint8_t *block, size_t *ret_size)
{
    struct fg_bundlecache *cache = entry->cache;
    size_t size = 0;
    fg_patience_renew();
    enum fg_status status = fg_source_read(&entry->source, block, BLOCK_SIZE, &size);
    if (status == FG_OK) {
        pthread_mutex_lock(&cache->lock);
        bool room = entry->followers > 0 && make_room(cache, size);
        pthread_mutex_unlock(&cache->lock);
        const struct fg_bytes bytes = {block, size};
        if (!room || fg_bundlefile_write(&entry->file, bytes) != FG_OK) {
            return FG_ERR_LIMIT;
        }
        *ret_size = size;
    } else if (status != FG_END || fg_source_lacks(&entry->source)) {
        /* Also one that says itself what it lacks: the next one may be whole. */
        pthread_mutex_lock(&cache->lock);
        entry->ended = status == FG_PENDING ? FG_ERR_IO : status;
        pthread_mutex_unlock(&cache->lock);
        status = FG_ERR_IO;
    }
    return status;
}

/* Making has ended. With the lock held. */
static void end_making(struct entry *entry, enum fg_status status)
{
    struct fg_bundlecache *cache = entry->cache;
    if (status == FG_END && fg_bundlefile_finish(cache->store, &entry->file, entry->key, entry->tag,
                                                 &entry->info) == FG_OK) {
        entry->state = ENTRY_WHOLE;
        entry->known = true;
    } else {
        if (status != FG_END) {
            fg_bundlefile_abandon(cache->store, &entry->file);
        }
        entry->state = entry->ended != FG_OK ? ENTRY_BROKEN : ENTRY_FAILED;
        cache->counts.failures++;
        unlink_entry(cache, entry);
    }
    fg_source_destroy(&entry->source);
    wake_sleepers(cache, entry);
    release(entry);
}

static void run(void *context)
{
    struct entry *entry = context;
    struct fg_bundlecache *cache = entry->cache;
    uint8_t *block = malloc(BLOCK_SIZE);
    enum fg_status status = block != NULL ? FG_OK : FG_ERR_MEMORY;
    size_t turn = 0;
    while (status == FG_OK && turn < TURN_SIZE) {
        size_t size = 0;
        status = make_block(entry, block, &size);
        pthread_mutex_lock(&cache->lock);
        if (status == FG_OK) {
            entry->size += size;
            cache->counts.bytes += size;
            turn += size;
            if (entry->size - entry->woken_at >= WAKE_SIZE) {
                entry->woken_at = entry->size;
                wake_sleepers(cache, entry);
            }
        }
        pthread_mutex_unlock(&cache->lock);
    }
    free(block);
    if (status == FG_OK && !fg_workers_push(cache->workers, &entry->job)) {
        status = FG_ERR_STATE;
    }
    if (status != FG_OK) {
        pthread_mutex_lock(&cache->lock);
        end_making(entry, status);
        pthread_mutex_unlock(&cache->lock);
    }
}

/* -- making once more ------------------------------------------------------------------------- */

/* A source that is made when it is first read, and starts behind what was sent already. */
struct remade {
    struct fg_bundle_maker maker;
    uint64_t skip;
    struct fg_source source;
    bool made;
};

static enum fg_status read_remade(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct remade *remade = context;
    if (!remade->made) {
        enum fg_status status = remade->maker.make(remade->maker.context, &remade->source);
        if (status != FG_OK) {
            return status;
        }
        remade->made = true;
    }
    for (;;) {
        size_t size = 0;
        enum fg_status status = fg_source_read(&remade->source, buffer, capacity, &size);
        if (status != FG_OK) {
            /* It ends before what was sent already: these are other bytes. */
            return status == FG_END && remade->skip > 0 ? FG_ERR_CORRUPT : status;
        }
        if (size > remade->skip) {
            size -= (size_t)remade->skip;
            memmove(buffer, buffer + remade->skip, size);
            remade->skip = 0;
            *ret_size = size;
            return FG_OK;
        }
        remade->skip -= size;
    }
}

static void destroy_remade(void *context)
{
    struct remade *remade = context;
    if (remade->made) {
        fg_source_destroy(&remade->source);
    }
    if (remade->maker.destroy != NULL) {
        remade->maker.destroy(remade->maker.context);
    }
    free(remade);
}

/* From now on the follower reads what is made for it alone. */
static enum fg_status make_own(struct follower *follower)
{
    struct remade *remade = calloc(1, sizeof(*remade));
    if (remade == NULL) {
        return FG_ERR_MEMORY;
    }
    remade->maker = follower->maker;
    remade->skip = follower->offset;
    follower->maker = (struct fg_bundle_maker){.make = NULL};
    struct fg_source source = {
        .read = read_remade, .destroy = destroy_remade, .context = remade, .size = FG_SIZE_UNKNOWN};
    const struct fg_bundlecache *cache = follower->entry->cache;
    enum fg_status status =
        fg_pump_new(cache->workers, cache->memory, &source, follower->wait, &follower->own);
    follower->has_own = status == FG_OK;
    return status;
}

/* -- following -------------------------------------------------------------------------------- */

static bool arm(void *context, void (*wake)(void *context), void *wake_context)
{
    struct follower *follower = context;
    struct entry *entry = follower->entry;
    pthread_mutex_lock(&entry->cache->lock);
    bool sleeps = entry->state == ENTRY_MAKING && entry->size == follower->offset;
    if (sleeps) {
        follower->wake = wake;
        follower->wake_context = wake_context;
        follower->next = entry->sleepers;
        follower->link = &entry->sleepers;
        if (follower->next != NULL) {
            follower->next->link = &follower->next;
        }
        entry->sleepers = follower;
    }
    pthread_mutex_unlock(&entry->cache->lock);
    return sleeps;
}

static enum fg_status read_file(struct follower *follower, uint64_t available, uint8_t *buffer,
                                size_t capacity, size_t *ret_size)
{
    size_t size = available < capacity ? (size_t)available : capacity;
    ssize_t got =
        pread(follower->entry->fd, buffer, size, (off_t)(FG_BUNDLE_HEADER_SIZE + follower->offset));
    if (got <= 0) {
        return FG_ERR_IO;
    }
    follower->offset += (uint64_t)got;
    *ret_size = (size_t)got;
    return FG_OK;
}

static enum fg_status read_following(void *context, uint8_t *buffer, size_t capacity,
                                     size_t *ret_size)
{
    struct follower *follower = context;
    struct entry *entry = follower->entry;
    if (!follower->has_own) {
        pthread_mutex_lock(&entry->cache->lock);
        uint64_t available = entry->size - follower->offset;
        enum entry_state state = entry->state;
        enum fg_status ended = entry->ended;
        pthread_mutex_unlock(&entry->cache->lock);
        if (available > 0) {
            return read_file(follower, available, buffer, capacity, ret_size);
        }
        if (state == ENTRY_MAKING) {
            *follower->wait = (struct fg_wait){arm, follower};
            return FG_PENDING;
        }
        if (state != ENTRY_FAILED) {
            return state == ENTRY_BROKEN ? ended : FG_END;
        }
        enum fg_status status = make_own(follower);
        if (status != FG_OK) {
            return status;
        }
    }
    return fg_source_read(&follower->own, buffer, capacity, ret_size);
}

static void destroy_follower(void *context)
{
    struct follower *follower = context;
    struct entry *entry = follower->entry;
    struct fg_bundlecache *cache = entry->cache;
    pthread_mutex_lock(&cache->lock);
    if (follower->link != NULL) {
        *follower->link = follower->next;
        if (follower->next != NULL) {
            follower->next->link = follower->link;
        }
    }
    entry->followers--;
    release(entry);
    pthread_mutex_unlock(&cache->lock);
    if (follower->has_own) {
        fg_source_destroy(&follower->own);
    }
    if (follower->maker.destroy != NULL) {
        follower->maker.destroy(follower->maker.context);
    }
    free(follower);
}

/* A source that follows the entry. With the lock held. */
static void follow(struct follower *follower, struct entry *entry,
                   const struct fg_bundle_maker *maker, struct fg_wait *wait,
                   struct fg_source *ret_source)
{
    *follower = (struct follower){.entry = entry, .maker = *maker, .wait = wait};
    entry->users++;
    entry->followers++;
    *ret_source = (struct fg_source){.read = read_following,
                                     .destroy = destroy_follower,
                                     .context = follower,
                                     .size = FG_SIZE_UNKNOWN};
}

/* -- asking ----------------------------------------------------------------------------------- */

/* Opens the file of a whole entry. With the lock held, but while the file is read through. */
static enum fg_status load(struct fg_bundlecache *cache, struct entry *entry)
{
    int fd = -1;
    uint8_t tag = 0;
    struct stat info;
    if (entry->fd >= 0) {
        return FG_OK;
    }
    entry->state = ENTRY_LOADING;
    entry->users++;
    pthread_mutex_unlock(&cache->lock);
    enum fg_status status = fg_bundlestore_load(
        cache->store, entry->key, entry->known ? &entry->info : NULL, &fd, &tag, &info);
    pthread_mutex_lock(&cache->lock);
    entry->state = ENTRY_WHOLE;
    if (status == FG_OK) {
        entry->fd = fd;
        entry->tag = tag;
        entry->info = info;
        entry->known = true;
    } else {
        cache->counts.damaged++;
        fg_bundlestore_remove(cache->store, entry->key);
        unlink_entry(cache, entry);
    }
    pthread_cond_broadcast(&cache->loaded);
    entry->users--;
    return status;
}

/* The entry with this key, ready to be followed; NULL if there is none. With the lock held. */
static struct entry *find_ready(struct fg_bundlecache *cache, const uint8_t *key)
{
    struct entry *entry;
    while ((entry = find_entry(cache, key)) != NULL && entry->state == ENTRY_LOADING) {
        pthread_cond_wait(&cache->loaded, &cache->lock);
    }
    if (entry != NULL && entry->state == ENTRY_WHOLE && load(cache, entry) != FG_OK) {
        drop(cache, entry);
        entry = NULL;
    }
    if (entry != NULL) {
        unlink_entry(cache, entry);
        link_first(cache, entry);
        if (entry->state == ENTRY_MAKING) {
            cache->counts.shared++;
        } else {
            cache->counts.hits++;
        }
    }
    return entry;
}

enum fg_status fg_bundlecache_find(struct fg_bundlecache *cache, const uint8_t *key,
                                   const struct fg_bundle_maker *maker, struct fg_wait *wait,
                                   uint8_t *ret_tag, struct fg_source *ret_source)
{
    struct follower *follower = malloc(sizeof(*follower));
    if (follower == NULL) {
        return FG_ERR_MEMORY;
    }
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find_ready(cache, key);
    if (entry != NULL) {
        *ret_tag = entry->tag;
        follow(follower, entry, maker, wait, ret_source);
    }
    pthread_mutex_unlock(&cache->lock);
    if (entry == NULL) {
        free(follower);
        return FG_ERR_NOT_FOUND;
    }
    return FG_OK;
}

/* An entry to be made of source, which is taken over then. NULL if it cannot be. */
static struct entry *new_entry(struct fg_bundlecache *cache, const uint8_t *key, uint8_t tag,
                               struct fg_source *source)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL || fg_bundlefile_create(cache->store, &entry->file) != FG_OK) {
        free(entry);
        return NULL;
    }
    memcpy(entry->key, key, FG_BUNDLE_KEY_SIZE);
    entry->cache = cache;
    entry->tag = tag;
    entry->fd = entry->file.fd;
    entry->made = time(NULL);
    entry->job = (struct fg_job){.run = run, .context = entry};
    entry->source = *source;
    *source = fg_source_empty();
    return entry;
}

static void destroy_maker(const struct fg_bundle_maker *maker)
{
    if (maker->destroy != NULL) {
        maker->destroy(maker->context);
    }
}

/* The source as it is: read ahead, and not kept. */
static enum fg_status read_alone(struct fg_bundlecache *cache, struct fg_source *source,
                                 const struct fg_bundle_maker *maker, struct fg_wait *wait,
                                 struct fg_source *ret_source)
{
    destroy_maker(maker);
    return fg_pump_new(cache->workers, cache->memory, source, wait, ret_source);
}

enum fg_status fg_bundlecache_add(struct fg_bundlecache *cache, const uint8_t *key, uint8_t tag,
                                  struct fg_source *source, const struct fg_bundle_maker *maker,
                                  struct fg_wait *wait, struct fg_source *ret_source)
{
    struct follower *follower = malloc(sizeof(*follower));
    struct fg_source given = *source;
    *source = fg_source_empty();
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = follower != NULL ? find_ready(cache, key) : NULL;
    if (entry != NULL && entry->tag == tag) {
        /* Somebody was faster by a little, or has even made it by now. */
        follow(follower, entry, maker, wait, ret_source);
        pthread_mutex_unlock(&cache->lock);
        fg_source_destroy(&given);
        return FG_OK;
    }
    cache->counts.misses++;
    entry = follower != NULL && entry == NULL ? new_entry(cache, key, tag, &given) : NULL;
    if (entry == NULL) {
        cache->counts.failures++;
        pthread_mutex_unlock(&cache->lock);
        free(follower);
        return read_alone(cache, &given, maker, wait, ret_source);
    }
    link_first(cache, entry);
    entry->users = 1;
    follow(follower, entry, maker, wait, ret_source);
    if (!fg_workers_push(cache->workers, &entry->job)) {
        end_making(entry, FG_ERR_STATE);
    }
    pthread_mutex_unlock(&cache->lock);
    return FG_OK;
}

/* -- beginning and end ------------------------------------------------------------------------ */

/* A file of another time: believed once it was read through. */
static void add_found(void *context, const uint8_t *key, const struct stat *info)
{
    struct fg_bundlecache *cache = context;
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL || info->st_size < FG_BUNDLE_HEADER_SIZE) {
        fg_bundlestore_remove(cache->store, key);
        free(entry);
        return;
    }
    memcpy(entry->key, key, FG_BUNDLE_KEY_SIZE);
    entry->cache = cache;
    entry->state = ENTRY_WHOLE;
    entry->fd = -1;
    entry->size = (uint64_t)info->st_size - FG_BUNDLE_HEADER_SIZE;
    entry->made = info->st_mtim.tv_sec;
    link_first(cache, entry);
    (void)make_room(cache, 0);
}

enum fg_status fg_bundlecache_open(const char *path, uint64_t bytes, struct fg_workers *workers,
                                   struct fg_memory *memory, struct fg_bundlecache **ret_cache,
                                   struct fg_error *error)
{
    struct fg_bundlecache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->loaded, NULL);
    cache->workers = workers;
    cache->memory = memory;
    cache->counts.limit = bytes;
    enum fg_status status = fg_bundlestore_open(path, &cache->store, error);
    if (status == FG_OK && fg_bundlestore_list(cache->store, add_found, cache) != FG_OK) {
        status = fg_fail(error, FG_ERR_IO, 0, "%s: it cannot be listed", path);
    }
    if (status != FG_OK) {
        fg_bundlecache_close(cache);
        return status;
    }
    *ret_cache = cache;
    return FG_OK;
}

void fg_bundlecache_close(struct fg_bundlecache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (struct entry *entry = cache->entries; entry != NULL;) {
        struct entry *next = entry->next;
        drop(cache, entry);
        entry = next;
    }
    fg_bundlestore_close(cache->store);
    pthread_cond_destroy(&cache->loaded);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

void fg_bundlecache_describe(struct fg_bundlecache *cache, struct fg_bundlecache_view *ret_view)
{
    time_t now = time(NULL);
    pthread_mutex_lock(&cache->lock);
    *ret_view = cache->counts;
    time_t oldest = now;
    for (const struct entry *entry = cache->entries; entry != NULL; entry = entry->next) {
        ret_view->making += entry->state == ENTRY_MAKING;
        oldest = entry->made < oldest ? entry->made : oldest;
    }
    ret_view->oldest_seconds = (uint64_t)(now - oldest);
    pthread_mutex_unlock(&cache->lock);
}
