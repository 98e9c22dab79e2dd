/*
 * The worker pool: one lock, one condition, a ring of jobs.
 */
#include "gateway/workers.h"

#include <pthread.h>
#include <stdbool.h>
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
    bool stopping;
    pthread_t *threads;
    uint32_t threads_count;
};

static void *work(void *context)
{
    struct fg_workers *workers = context;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (workers->waiting == 0 && !workers->stopping) {
            pthread_cond_wait(&workers->changed, &workers->lock);
        }
        if (workers->waiting == 0) {
            break;
        }
        struct job job = workers->ring[workers->first];
        workers->first = (workers->first + 1) % workers->capacity;
        workers->waiting--;
        pthread_mutex_unlock(&workers->lock);
        job.run(job.context);
        pthread_mutex_lock(&workers->lock);
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

uint32_t fg_workers_waiting(struct fg_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    uint32_t waiting = workers->waiting;
    pthread_mutex_unlock(&workers->lock);
    return waiting;
}
