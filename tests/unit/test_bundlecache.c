/* The bundle cache: followers of any pace, sources and disks that fail. */
#include "gateway/bundles/bundlecache.h"

#include "tests/support/counter.h"
#include "tests/support/support.h"

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/framegate-test-XXXXXX";
static struct fg_workers *workers;
static atomic_int made; /* sources, again */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    atomic_store(&made, 0);
    return mkdtemp(folder) != NULL && fg_workers_new(3, 1, &workers) == FG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* -- sources ---------------------------------------------------------------------------------- */

static struct fg_source new_counter(uint64_t end, uint64_t fails_at)
{
    struct counter *counter = malloc(sizeof(*counter));
    *counter = (struct counter){.end = end, .fails_at = fails_at, .step = 10007};
    return (struct fg_source){
        .read = read_counter, .destroy = free, .context = counter, .size = FG_SIZE_UNKNOWN};
}

static enum fg_status make_again(void *context, struct fg_source *ret_source)
{
    const uint64_t *end = context;
    atomic_fetch_add(&made, 1);
    *ret_source = new_counter(*end, UINT64_MAX);
    return FG_OK;
}

static void wake(void *context)
{
    atomic_store((atomic_bool *)context, true);
}

/* Reads all that a source gives and checks it; the status that ended it. */
static enum fg_status read_all(struct fg_source *source, struct fg_wait *wait, size_t piece,
                               uint64_t *ret_size)
{
    uint8_t *buffer = malloc(piece);
    uint64_t total = 0;
    size_t size = 0;
    enum fg_status status;
    while ((status = fg_source_read(source, buffer, piece, &size)) == FG_OK ||
           status == FG_PENDING) {
        atomic_bool woken = false;
        if (status == FG_PENDING) {
            bool sleeps = wait->arm(wait->context, wake, &woken);
            while (sleeps && !atomic_load(&woken)) {
                usleep(100);
            }
            continue;
        }
        for (size_t i = 0; i < size; i++) {
            if (buffer[i] != (uint8_t)((total + i) % 251)) {
                status = FG_ERR_SYNTAX;
            }
        }
        total += size;
        if (status != FG_OK) {
            break;
        }
    }
    free(buffer);
    fg_source_destroy(source);
    *ret_size = total;
    return status;
}

/* -- asking ----------------------------------------------------------------------------------- */

struct asker {
    pthread_t thread;
    struct fg_bundlecache *cache;
    uint8_t key[FG_BUNDLE_KEY_SIZE];
    uint64_t end;
    uint64_t fails_at;
    size_t piece;
    enum fg_status status;
    uint64_t size;
};

static void *ask(void *context)
{
    struct asker *asker = context;
    const struct fg_bundle_maker maker = {make_again, NULL, &asker->end};
    struct fg_wait wait;
    struct fg_source source;
    uint8_t tag = 0;
    asker->status = fg_bundlecache_find(asker->cache, asker->key, &maker, &wait, &tag, &source);
    if (asker->status == FG_ERR_NOT_FOUND) {
        source = new_counter(asker->end, asker->fails_at);
        tag = 5;
        asker->status =
            fg_bundlecache_add(asker->cache, asker->key, tag, &source, &maker, &wait, &source);
    }
    if (asker->status == FG_OK) {
        asker->status = read_all(&source, &wait, asker->piece, &asker->size);
    }
    if (tag != 5) {
        asker->status = FG_ERR_STATE;
    }
    return NULL;
}

static struct fg_bundlecache *open_cache(uint64_t bytes)
{
    struct fg_bundlecache *cache = NULL;
    struct fg_error error;
    if (fg_bundlecache_open(folder, bytes, workers, NULL, &cache, &error) != FG_OK) {
        fail_msg("%s", error.message);
    }
    return cache;
}

static void close_cache(struct fg_bundlecache *cache)
{
    fg_workers_free(workers);
    fg_bundlecache_close(cache);
}

static struct fg_bundlecache_view counts(struct fg_bundlecache *cache)
{
    struct fg_bundlecache_view view;
    fg_bundlecache_describe(cache, &view);
    return view;
}

enum { ASKERS = 16 };

/* Many ask for the same; each gets all of it. */
static void ask_at_once(struct fg_bundlecache *cache, uint64_t end, uint64_t fails_at,
                        enum fg_status expected)
{
    static const size_t pieces[] = {70000, 100, 4096, 1000000};
    static struct asker askers[ASKERS];
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){
            .cache = cache, .end = end, .fails_at = fails_at, .piece = pieces[i % 4]};
        memset(askers[i].key, 9, sizeof(askers[i].key));
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
    }
    for (size_t i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
    }
    for (size_t i = 0; i < ASKERS; i++) {
        assert_int_equal(askers[i].status, expected);
        assert_true(askers[i].size == end || expected != FG_END);
    }
}

static void one_is_made_for_many(void **state)
{
    (void)state;
    struct fg_bundlecache *cache = open_cache(100 << 20);
    ask_at_once(cache, 3000000, UINT64_MAX, FG_END);
    ask_at_once(cache, 3000000, UINT64_MAX, FG_END);
    struct fg_bundlecache_view view = counts(cache);
    assert_int_equal(view.misses, 1);
    assert_int_equal(view.hits + view.shared, 2 * ASKERS - 1);
    assert_int_equal(view.entries, 1);
    assert_int_equal(view.bytes, 3000000);
    assert_int_equal(atomic_load(&made), 0);
    close_cache(cache);
}

static void who_comes_too_late_to_make_it_follows(void **state)
{
    (void)state;
    struct fg_bundlecache *cache = open_cache(100 << 20);
    struct asker first = {.cache = cache, .end = 300000, .fails_at = UINT64_MAX, .piece = 4096};
    ask(&first);
    assert_int_equal(first.status, FG_END);
    const struct fg_bundle_maker maker = {make_again, NULL, &first.end};
    struct fg_wait wait;
    uint64_t size = 0;
    struct fg_source source = new_counter(first.end, UINT64_MAX);
    assert_int_equal(fg_bundlecache_add(cache, first.key, 5, &source, &maker, &wait, &source),
                     FG_OK);
    assert_int_equal(read_all(&source, &wait, 4096, &size), FG_END);
    assert_int_equal(size, first.end);
    struct fg_bundlecache_view view = counts(cache);
    assert_int_equal(view.misses, 1);
    assert_int_equal(view.hits + view.shared, 1);
    assert_int_equal(view.failures, 0);
    close_cache(cache);
}

static void what_cannot_be_kept_is_made_for_each(void **state)
{
    (void)state;
    struct fg_bundlecache *cache = open_cache(1000000);
    ask_at_once(cache, 3000000, UINT64_MAX, FG_END);
    struct fg_bundlecache_view view = counts(cache);
    assert_int_equal(view.entries, 0);
    assert_int_equal(view.bytes, 0);
    assert_true(view.failures >= 1);
    assert_true(atomic_load(&made) >= 1);
    close_cache(cache);
}

/* A source that fails would fail for the others too. */
static void a_failure_is_everybodys(void **state)
{
    (void)state;
    struct fg_bundlecache *cache = open_cache(100 << 20);
    ask_at_once(cache, 3000000, 500000, FG_ERR_IO);
    assert_int_equal(counts(cache).entries, 0);
    assert_int_equal(atomic_load(&made), 0);
    close_cache(cache);
}

static void it_is_found_after_a_restart(void **state)
{
    (void)state;
    struct fg_bundlecache *cache = open_cache(100 << 20);
    ask_at_once(cache, 200000, UINT64_MAX, FG_END);
    fg_bundlecache_close(cache);
    cache = open_cache(100 << 20);
    assert_int_equal(counts(cache).entries, 1);
    ask_at_once(cache, 200000, UINT64_MAX, FG_END);
    assert_int_equal(counts(cache).misses, 0);
    assert_int_equal(counts(cache).hits, ASKERS);
    fg_bundlecache_close(cache);
    /* A smaller one keeps what fits. */
    cache = open_cache(100000);
    assert_int_equal(counts(cache).entries, 0);
    assert_int_equal(counts(cache).evictions, 1);
    close_cache(cache);
}

static void a_stopped_pool_makes_no_more(void **state)
{
    (void)state;
    struct fg_bundlecache *cache = open_cache(100 << 20);
    fg_workers_stop(workers);
    ask_at_once(cache, 3000000, UINT64_MAX, FG_ERR_STATE);
    close_cache(cache);
}

static void nobody_need_read_to_the_end(void **state)
{
    (void)state;
    struct fg_bundlecache *cache = open_cache(100 << 20);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t end = 1000000;
        const struct fg_bundle_maker maker = {make_again, NULL, &end};
        uint8_t key[FG_BUNDLE_KEY_SIZE] = {(uint8_t)i};
        uint8_t buffer[1000];
        size_t size = 0;
        struct fg_wait wait;
        struct fg_source source = new_counter(end, UINT64_MAX);
        assert_int_equal(fg_bundlecache_add(cache, key, 5, &source, &maker, &wait, &source), FG_OK);
        for (unsigned reads = 0; reads < i % 4; reads++) {
            (void)fg_source_read(&source, buffer, sizeof(buffer), &size);
        }
        fg_source_destroy(&source);
    }
    fg_workers_stop(workers);
    struct fg_bundlecache_view view = counts(cache);
    assert_int_equal(view.making, 0);
    assert_int_equal(view.entries + view.failures, 200);
    close_cache(cache);
}

/* Sources in memory, and without bytes at all, are sources like others. */
static void what_lies_in_memory_is_kept_too(void **state)
{
    (void)state;
    enum { BYTES = 200 };
    uint8_t bytes[BYTES];
    for (size_t i = 0; i < BYTES; i++) {
        bytes[i] = (uint8_t)i;
    }
    struct fg_bundlecache *cache = open_cache(100 << 20);
    for (uint8_t count = 0; count < 2; count++) {
        uint64_t end = BYTES * (uint64_t)count;
        const struct fg_bundle_maker maker = {make_again, NULL, &end};
        const uint8_t key[FG_BUNDLE_KEY_SIZE] = {count};
        struct fg_wait wait;
        uint64_t size = 1;
        struct fg_source source =
            count == 0 ? fg_source_empty() : fg_source_from_bytes((struct fg_bytes){bytes, BYTES});
        assert_int_equal(fg_bundlecache_add(cache, key, 5, &source, &maker, &wait, &source), FG_OK);
        assert_int_equal(read_all(&source, &wait, 4096, &size), FG_END);
        assert_int_equal(size, end);
        uint8_t tag;
        assert_int_equal(fg_bundlecache_find(cache, key, &maker, &wait, &tag, &source), FG_OK);
        assert_int_equal(read_all(&source, &wait, 4096, &size), FG_END);
        assert_int_equal(size, end);
    }
    assert_int_equal(counts(cache).entries, 2);
    close_cache(cache);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_is_made_for_many),
        TEST(who_comes_too_late_to_make_it_follows),
        TEST(what_cannot_be_kept_is_made_for_each),
        TEST(a_failure_is_everybodys),
        TEST(it_is_found_after_a_restart),
        TEST(a_stopped_pool_makes_no_more),
        TEST(nobody_need_read_to_the_end),
        TEST(what_lies_in_memory_is_kept_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
