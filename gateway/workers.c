/*
 * The worker pool: one lock, one condition, a ring of jobs and a list of pushed ones.
 */
#include "gateway/workers.h"

#include "gateway/log.h"
#include "handlers/patience.h"

#include <pthread.h>
#include <stdlib.h>

struct job {
    void (*run)(void *context);
    void *context;
};

struct fg_workers {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *ring;
    uint32_t capacity;
    uint32_t first;
    uint32_t waiting;
    struct fg_job *pushed; /* a list, in the order of their coming */
    struct fg_job **pushed_end;
    bool turn; /* of the pushed ones, where both kinds wait */
    uint32_t busy;
    unsigned seconds; /* for a job */
    uint64_t overdue;
    bool stopping;
    pthread_t *threads;
    uint32_t threads_count;
};

static bool is_idle(const struct fg_workers *workers)
{
    return workers->waiting == 0 && workers->pushed == NULL;
}

/* The next job, of either kind in turn. There is one. */
static struct job take(struct fg_workers *workers)
{
    workers->turn = !workers->turn;
    if (workers->pushed != NULL && (workers->turn || workers->waiting == 0)) {
        struct fg_job *pushed = workers->pushed;
        workers->pushed = pushed->next;
        if (workers->pushed == NULL) {
            workers->pushed_end = &workers->pushed;
        }
        return (struct job){pushed->run, pushed->context};
    }
    struct job job = workers->ring[workers->first];
    workers->first = (workers->first + 1) % workers->capacity;
    workers->waiting--;
    return job;
}

/* True if it gave something up. */
static bool run_job(const struct job *job, unsigned seconds)
{
    fg_patience_begin(seconds);
    job->run(job->context);
    bool overdue = fg_patience_end();
    if (overdue) {
        fg_log_message("a worker gave up what took longer than %u seconds", seconds);
    }
    return overdue;
}

static void *work(void *context)
{
    struct fg_workers *workers = context;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (is_idle(workers) && !workers->stopping) {
            pthread_cond_wait(&workers->changed, &workers->lock);
        }
        if (is_idle(workers)) {
            break;
        }
        struct job job = take(workers);
        workers->busy++;
        unsigned seconds = workers->seconds;
        pthread_mutex_unlock(&workers->lock);
        bool overdue = run_job(&job, seconds);
        pthread_mutex_lock(&workers->lock);
        workers->busy--;
        workers->overdue += overdue;
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

enum fg_status fg_workers_new(uint32_t count, uint32_t queue, struct fg_workers **ret_workers)
{
    struct fg_workers *workers = calloc(1, sizeof(*workers));
    if (workers == NULL) {
        return FG_ERR_MEMORY;
    }
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->changed, NULL);
    workers->capacity = queue;
    workers->pushed_end = &workers->pushed;
    workers->ring = calloc(queue, sizeof(*workers->ring));
    workers->threads = calloc(count, sizeof(*workers->threads));
    bool ok = workers->ring != NULL && workers->threads != NULL;
    while (ok && workers->threads_count < count) {
        ok = pthread_create(&workers->threads[workers->threads_count], NULL, work, workers) == 0;
        workers->threads_count += ok;
    }
    if (!ok) {
        fg_workers_free(workers);
        return FG_ERR_MEMORY;
    }
    *ret_workers = workers;
    return FG_OK;
}

void fg_workers_set_patience(struct fg_workers *workers, unsigned seconds)
{
    pthread_mutex_lock(&workers->lock);
    workers->seconds = seconds;
    pthread_mutex_unlock(&workers->lock);
}

uint64_t fg_workers_overdue(struct fg_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    uint64_t overdue = workers->overdue;
    pthread_mutex_unlock(&workers->lock);
    return overdue;
}

void fg_workers_stop(struct fg_workers *workers)
{
    if (workers == NULL) {
        return;
    }
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    for (uint32_t i = 0; i < workers->threads_count; i++) {
        pthread_join(workers->threads[i], NULL);
    }
    workers->threads_count = 0;
}

void fg_workers_free(struct fg_workers *workers)
{
    if (workers == NULL) {
        return;
    }
    fg_workers_stop(workers);
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->lock);
    free(workers->ring);
    free(workers->threads);
    free(workers);
}

enum fg_status fg_workers_submit(struct fg_workers *workers, void (*run)(void *context),
                                 void *context)
{
    enum fg_status status = FG_ERR_LIMIT;
    pthread_mutex_lock(&workers->lock);
    if (!workers->stopping && workers->waiting < workers->capacity) {
        uint32_t last = (workers->first + workers->waiting) % workers->capacity;
        workers->ring[last] = (struct job){run, context};
        workers->waiting++;
        pthread_cond_signal(&workers->changed);
        status = FG_OK;
    }
    pthread_mutex_unlock(&workers->lock);
    return status;
}

bool fg_workers_push(struct fg_workers *workers, struct fg_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&workers->lock);
    bool taken = !workers->stopping;
    if (taken) {
        *workers->pushed_end = job;
        workers->pushed_end = &job->next;
        pthread_cond_signal(&workers->changed);
    }
    pthread_mutex_unlock(&workers->lock);
    return taken;
}

uint32_t fg_workers_waiting(struct fg_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    uint32_t waiting = workers->waiting;
    pthread_mutex_unlock(&workers->lock);
    return waiting;
}

uint32_t fg_workers_busy(struct fg_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    uint32_t busy = workers->busy;
    pthread_mutex_unlock(&workers->lock);
    return busy;
}
