/*
 * A fixed number of threads that run jobs from a queue of fixed length: slow commands go here, so
 * that they hold up no connection but their own.
 */
#ifndef FRAMEGATE_GATEWAY_WORKERS_H
#define FRAMEGATE_GATEWAY_WORKERS_H

#include "framing/status.h"

#include <stdint.h>

struct fg_workers;

/* Starts count threads; up to queue jobs may wait. FG_ERR_MEMORY (also: no thread to be had). */
enum fg_status fg_workers_new(uint32_t count, uint32_t queue, struct fg_workers **ret_workers);

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

/* How many jobs wait. */
uint32_t fg_workers_waiting(struct fg_workers *workers);

#endif
