/*
 * A fixed number of threads that run jobs from a queue of fixed length: slow commands go here, so
 * that they hold up no connection but their own.
 */
#ifndef FRAMEGATE_GATEWAY_WORKERS_H
#define FRAMEGATE_GATEWAY_WORKERS_H

#include "framing/status.h"

#include <stdbool.h>
#include <stdint.h>

struct fg_workers;

/* Starts count threads; up to queue jobs may wait. FG_ERR_MEMORY (also: no thread to be had). */
enum fg_status fg_workers_new(uint32_t count, uint32_t queue, struct fg_workers **ret_workers);

/*
 * Gives each job so many seconds (handlers/patience.h); 0, which is the default: no end. Before the
 * first job.
 */
void fg_workers_set_patience(struct fg_workers *workers, unsigned seconds);

/* How many jobs gave something up because their time was over. */
uint64_t fg_workers_overdue(struct fg_workers *workers);

/* Takes no more jobs, runs what still waits, and ends the threads. Takes NULL. */
void fg_workers_stop(struct fg_workers *workers);

/* Stops if that was not done, and frees. Takes NULL. */
void fg_workers_free(struct fg_workers *workers);

/*
 * Has a worker call run(context). FG_ERR_LIMIT: as many jobs as may wait do already, or the pool
 * was stopped; run will not be called.
 */
enum fg_status fg_workers_submit(struct fg_workers *workers, void (*run)(void *context),
                                 void *context);

/* A job that its owner has room for, so that handing it over cannot fail for want of it. */
struct fg_job {
    struct fg_job *next;
    void (*run)(void *context);
    void *context;
};

/*
 * Has a worker call job->run(job->context). For the parts of work that was let in already: however
 * many wait, they take turns with the jobs of fg_workers_submit. The job is the pool's until run is
 * called. False if the pool was stopped; run will not be called.
 */
bool fg_workers_push(struct fg_workers *workers, struct fg_job *job);

/* How many jobs of fg_workers_submit wait. */
uint32_t fg_workers_waiting(struct fg_workers *workers);

/* How many threads run one. */
uint32_t fg_workers_busy(struct fg_workers *workers);

#endif
