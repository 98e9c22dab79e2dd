/*
 * A source that takes long to read, read ahead of its consumer by jobs on the worker pool. The
 * consumer never waits: it is told that there is nothing now, and woken later. A job ends when the
 * buffer is full, so a consumer that is slow holds memory of fixed size and no worker.
 */
#ifndef FRAMEGATE_GATEWAY_PUMP_H
#define FRAMEGATE_GATEWAY_PUMP_H

#include "framing/source.h"
#include "gateway/workers.h"
#include "handlers/memory.h"

enum { FG_PUMP_SIZE = 128 * 1024 }; /* bytes of the buffer: two blocks of a reply */

/* What a source that had nothing (FG_PENDING) waits for. */
struct fg_wait {
    /*
     * Arranges that wake(wake_context) is called once, on any thread, when the source has something
     * or has ended. False if that is so already: wake is not called then. Destroying the source
     * takes it back; the owner of the source may not do that while wake runs.
     */
    bool (*arm)(void *context, void (*wake)(void *context), void *wake_context);
    void *context;
};

/*
 * Puts a pump in front of *source, which is taken over, also on failure; ret_source may be the same
 * object. The result must be read
 * and destroyed by one thread at a time; whenever it has nothing it fills *wait, which must live as
 * long as it. Jobs of the pump may outlive it: what source needs must live as long as the pool.
 * After the pool was stopped the source fails with FG_ERR_STATE. Without a pool (workers NULL) the
 * source is read by the consumer itself. Its own memory is counted in memory (or NULL), which must
 * live as long as the pool. FG_ERR_MEMORY.
 */
enum fg_status fg_pump_new(struct fg_workers *workers, struct fg_memory *memory,
                           struct fg_source *source, struct fg_wait *wait,
                           struct fg_source *ret_source);

#endif
