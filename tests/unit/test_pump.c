/* The pump: reading ahead on workers for consumers of any pace. */
#include "gateway/exchange/pump.h"

#include "tests/support/counter.h"
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static void destroy_counter(void *context)
{
    struct counter *counter = context;
    atomic_store(&counter->destroyed, true);
}

static struct fg_source source_of(struct counter *counter)
{
    return (struct fg_source){.read = read_counter,
                              .destroy = destroy_counter,
                              .context = counter,
                              .size = FG_SIZE_UNKNOWN};
}

/* -- a consumer that sleeps ------------------------------------------------------------------- */

struct sleeper {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int wakes;
};

static void wake(void *context)
{
    struct sleeper *sleeper = context;
    pthread_mutex_lock(&sleeper->lock);
    sleeper->wakes++;
    pthread_cond_signal(&sleeper->changed);
    pthread_mutex_unlock(&sleeper->lock);
}

static enum fg_status read_waiting(struct fg_source *source, struct fg_wait *wait, uint8_t *buffer,
                                   size_t capacity, size_t *ret_size)
{
    struct sleeper sleeper = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    enum fg_status status;
    while ((status = fg_source_read(source, buffer, capacity, ret_size)) == FG_PENDING) {
        if (!wait->arm(wait->context, wake, &sleeper)) {
            continue;
        }
        pthread_mutex_lock(&sleeper.lock);
        while (sleeper.wakes == 0) {
            pthread_cond_wait(&sleeper.changed, &sleeper.lock);
        }
        assert_int_equal(sleeper.wakes, 1);
        sleeper.wakes = 0;
        pthread_mutex_unlock(&sleeper.lock);
    }
    return status;
}

struct reader {
    pthread_t thread;
    struct counter counter;
    struct fg_workers *workers;
    size_t piece;
    enum fg_status status;
    uint64_t size;
    bool right;
};

static void *read_all(void *context)
{
    struct reader *reader = context;
    struct fg_source source = source_of(&reader->counter);
    struct fg_wait wait;
    uint8_t *buffer = malloc(reader->piece);
    size_t size = 0;
    reader->right = true;
    reader->status = fg_pump_new(reader->workers, NULL, &source, &wait, &source);
    while (reader->status == FG_OK) {
        reader->status = read_waiting(&source, &wait, buffer, reader->piece, &size);
        for (size_t i = 0; reader->status == FG_OK && i < size; i++) {
            reader->right = reader->right && buffer[i] == (uint8_t)((reader->size + i) % 251);
        }
        reader->size += reader->status == FG_OK ? size : 0;
    }
    free(buffer);
    fg_source_destroy(&source);
    return NULL;
}

static void many_readers_of_any_pace_get_everything(void **state)
{
    (void)state;
    enum { READERS = 24 };
    static struct reader readers[READERS];
    struct fg_workers *workers = NULL;
    assert_int_equal(fg_workers_new(2, 1, &workers), FG_OK);
    static const size_t pieces[] = {1000, 1, 65536, 3 * FG_PUMP_SIZE, 7, FG_PUMP_SIZE};
    static const size_t steps[] = {1000000, 1, 4096, 100};
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.workers = workers, .piece = pieces[i % 6]};
        readers[i].counter.end = i % 5 == 4 ? 0 : 100000 + 100003 * (i % 4);
        readers[i].counter.fails_at = i % 7 == 6 ? 50000 : UINT64_MAX;
        readers[i].counter.step = steps[i % 4];
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
    }
    fg_workers_free(workers);
    for (size_t i = 0; i < READERS; i++) {
        const struct counter *counter = &readers[i].counter;
        bool fails = counter->fails_at < counter->end;
        assert_int_equal(readers[i].status, fails ? FG_ERR_IO : FG_END);
        assert_true(readers[i].right);
        assert_int_equal(readers[i].size, fails ? counter->offset : counter->end);
        assert_true(atomic_load(&counter->destroyed));
    }
}

/* One worker; what it pumps is not taken, and yet it is free for others. */
static void a_consumer_that_stops_holds_no_worker(void **state)
{
    (void)state;
    struct fg_workers *workers = NULL;
    assert_int_equal(fg_workers_new(1, 1, &workers), FG_OK);
    struct counter counter = {.end = 100u << 20, .fails_at = UINT64_MAX, .step = 4096};
    struct fg_source source = source_of(&counter);
    struct fg_wait wait;
    uint8_t byte;
    size_t size = 0;
    assert_int_equal(fg_pump_new(workers, NULL, &source, &wait, &source), FG_OK);
    assert_int_equal(read_waiting(&source, &wait, &byte, 1, &size), FG_OK);
    struct reader other = {.workers = workers, .piece = 5000};
    other.counter = (struct counter){.end = 1000000, .fails_at = UINT64_MAX, .step = 4096};
    read_all(&other);
    assert_int_equal(other.status, FG_END);
    assert_int_equal(other.size, 1000000);
    assert_in_range(counter.offset, FG_PUMP_SIZE / 2, FG_PUMP_SIZE + 1);
    fg_source_destroy(&source);
    fg_workers_free(workers);
    assert_true(atomic_load(&counter.destroyed));
}

/* A consumer that is always there already when it is woken. */
struct keen {
    struct fg_source source;
    struct fg_wait wait;
    struct counter counter;
    struct fg_workers *workers;
    bool submitted;
    atomic_bool other_ran;
    atomic_bool ended;
    bool in_time;
};

static void note(void *context)
{
    struct keen *keen = context;
    atomic_store(&keen->other_ran, true);
}

static enum fg_status read_and_submit(void *context, uint8_t *buffer, size_t capacity,
                                      size_t *ret_size)
{
    struct keen *keen = context;
    if (!keen->submitted) {
        keen->submitted = true;
        assert_int_equal(fg_workers_submit(keen->workers, note, keen), FG_OK);
    }
    return read_counter(&keen->counter, buffer, capacity, ret_size);
}

static void drain(void *context)
{
    static uint8_t buffer[FG_PUMP_SIZE];
    struct keen *keen = context;
    enum fg_status status;
    size_t size = 0;
    do {
        do {
            status = fg_source_read(&keen->source, buffer, sizeof(buffer), &size);
        } while (status == FG_OK);
    } while (status == FG_PENDING && !keen->wait.arm(keen->wait.context, drain, keen));
    if (status != FG_PENDING) {
        keen->in_time = atomic_load(&keen->other_ran);
        atomic_store(&keen->ended, true);
    }
}

static void a_consumer_that_keeps_up_leaves_the_worker_to_others(void **state)
{
    (void)state;
    static struct keen keen;
    assert_int_equal(fg_workers_new(1, 1, &keen.workers), FG_OK);
    keen.counter = (struct counter){.end = 64u << 20, .fails_at = UINT64_MAX, .step = 65536};
    struct fg_source source = {.read = read_and_submit, .context = &keen, .size = FG_SIZE_UNKNOWN};
    assert_int_equal(fg_pump_new(keen.workers, NULL, &source, &keen.wait, &keen.source), FG_OK);
    drain(&keen);
    while (!atomic_load(&keen.ended)) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    fg_workers_free(keen.workers);
    assert_true(keen.in_time);
    assert_int_equal(keen.counter.offset, keen.counter.end);
    fg_source_destroy(&keen.source);
}

static void it_may_be_destroyed_at_any_time(void **state)
{
    (void)state;
    struct fg_workers *workers = NULL;
    assert_int_equal(fg_workers_new(2, 1, &workers), FG_OK);
    static struct counter counters[300];
    for (size_t i = 0; i < 300; i++) {
        struct fg_wait wait;
        uint8_t buffer[1000];
        size_t size = 0;
        counters[i] = (struct counter){.end = 1u << 20, .fails_at = UINT64_MAX, .step = 512};
        struct fg_source source = source_of(&counters[i]);
        assert_int_equal(fg_pump_new(workers, NULL, &source, &wait, &source), FG_OK);
        for (size_t reads = 0; reads < i % 5; reads++) {
            enum fg_status status = fg_source_read(&source, buffer, sizeof(buffer), &size);
            assert_true(status == FG_OK || status == FG_PENDING);
        }
        fg_source_destroy(&source);
    }
    fg_workers_free(workers);
    for (size_t i = 0; i < 300; i++) {
        assert_true(atomic_load(&counters[i].destroyed));
    }
}

/* Who sleeps is woken by what still runs, and then hears that it is over. */
static void it_fails_when_the_pool_has_stopped(void **state)
{
    (void)state;
    struct fg_workers *workers = NULL;
    assert_int_equal(fg_workers_new(1, 1, &workers), FG_OK);
    struct counter counter = {.end = 10u << 20, .fails_at = UINT64_MAX, .step = 4096};
    struct fg_source source = source_of(&counter);
    struct fg_wait wait;
    uint8_t buffer[4096];
    size_t size = 0;
    uint64_t taken = 0;
    assert_int_equal(fg_pump_new(workers, NULL, &source, &wait, &source), FG_OK);
    assert_int_equal(fg_source_read(&source, buffer, sizeof(buffer), &size), FG_PENDING);
    fg_workers_stop(workers);
    enum fg_status status;
    while ((status = read_waiting(&source, &wait, buffer, sizeof(buffer), &size)) == FG_OK) {
        taken += size;
    }
    assert_int_equal(status, FG_ERR_STATE);
    assert_int_equal(taken, FG_PUMP_SIZE);
    fg_source_destroy(&source);
    fg_workers_free(workers);
    assert_true(atomic_load(&counter.destroyed));
}

static void without_a_pool_it_is_the_source(void **state)
{
    (void)state;
    struct reader reader = {.piece = 5000};
    reader.counter = (struct counter){.end = 100000, .fails_at = UINT64_MAX, .step = 4096};
    read_all(&reader);
    assert_int_equal(reader.status, FG_END);
    assert_true(reader.right);
    assert_int_equal(reader.size, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_readers_of_any_pace_get_everything),
        cmocka_unit_test(a_consumer_that_stops_holds_no_worker),
        cmocka_unit_test(a_consumer_that_keeps_up_leaves_the_worker_to_others),
        cmocka_unit_test(it_may_be_destroyed_at_any_time),
        cmocka_unit_test(it_fails_when_the_pool_has_stopped),
        cmocka_unit_test(without_a_pool_it_is_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
