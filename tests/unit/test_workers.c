/* The worker pool. */
#include "gateway/workers.h"

#include "handlers/patience.h"

#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int started;
static atomic_int ran;

static void wait_at_gate(void *context)
{
    (void)context;
    atomic_fetch_add(&started, 1);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    atomic_fetch_add(&ran, 1);
}

static int reset(void **state)
{
    (void)state;
    atomic_store(&started, 0);
    atomic_store(&ran, 0);
    return 0;
}

static void the_queue_is_bounded_and_everything_in_it_runs(void **state)
{
    (void)state;
    struct fg_workers *workers = NULL;
    assert_int_equal(fg_workers_new(2, 3, &workers), FG_OK);
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fg_workers_submit(workers, wait_at_gate, NULL), FG_OK);
    }
    while (atomic_load(&started) < 2) {
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fg_workers_submit(workers, wait_at_gate, NULL), FG_OK);
        assert_int_equal(fg_workers_waiting(workers), i + 1);
    }
    assert_int_equal(fg_workers_submit(workers, wait_at_gate, NULL), FG_ERR_LIMIT);
    pthread_mutex_unlock(&gate);
    fg_workers_stop(workers);
    assert_int_equal(atomic_load(&ran), 5);
    assert_int_equal(fg_workers_submit(workers, wait_at_gate, NULL), FG_ERR_LIMIT);
    fg_workers_free(workers);
}

static void many_jobs_run_once_each(void **state)
{
    (void)state;
    struct fg_workers *workers = NULL;
    int accepted = 0;
    assert_int_equal(fg_workers_new(4, 7, &workers), FG_OK);
    while (accepted < 10000) {
        accepted += fg_workers_submit(workers, wait_at_gate, NULL) == FG_OK;
    }
    fg_workers_free(workers);
    assert_int_equal(atomic_load(&ran), 10000);
}

/* What a repository makes of a job. */
static void go_on(void *context)
{
    (void)context;
    while (fg_patience_check(NULL) == FG_OK) {
        const struct timespec time = {.tv_nsec = 1000000};
        nanosleep(&time, NULL);
    }
    atomic_fetch_add(&ran, 1);
}

static void a_job_has_its_time(void **state)
{
    (void)state;
    struct fg_workers *workers = NULL;
    assert_int_equal(fg_workers_new(2, 3, &workers), FG_OK);
    fg_workers_set_patience(workers, 1);
    assert_int_equal(fg_workers_submit(workers, go_on, NULL), FG_OK);
    fg_workers_stop(workers);
    assert_int_equal(atomic_load(&ran), 1);
    assert_int_equal(fg_workers_overdue(workers), 1);
    fg_workers_free(workers);
}

static void the_end_waits_for_no_job(void **state)
{
    (void)state;
    struct fg_workers *workers = NULL;
    assert_int_equal(fg_workers_new(2, 3, &workers), FG_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fg_workers_submit(workers, go_on, NULL), FG_OK);
    }
    fg_patience_stop();
    fg_workers_stop(workers);
    assert_int_equal(atomic_load(&ran), 3);
    assert_int_equal(fg_workers_overdue(workers), 0);
    fg_workers_free(workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_queue_is_bounded_and_everything_in_it_runs, reset),
        cmocka_unit_test_setup(many_jobs_run_once_each, reset),
        cmocka_unit_test_setup(a_job_has_its_time, reset),
        cmocka_unit_test_setup(the_end_waits_for_no_job, reset), /* the last: see its name */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
