/* One deadline for each thread, and one flag for all. */
#include "handlers/patience.h"

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

static atomic_bool stopped;
static _Thread_local uint64_t deadline; /* us; 0: none */
static _Thread_local unsigned given;    /* seconds */
static _Thread_local bool over;

/* As of the last tick of the system's clock, which is all that seconds need. */
static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void fg_patience_renew(void)
{
    deadline = given > 0 ? now_us() + (uint64_t)given * 1000000 : 0;
}

void fg_patience_begin(unsigned seconds)
{
    given = seconds;
    over = false;
    fg_patience_renew();
}

bool fg_patience_end(void)
{
    bool was_over = over;
    given = 0;
    deadline = 0;
    over = false;
    return was_over;
}

enum fg_status fg_patience_check(struct fg_error *error)
{
    if (atomic_load_explicit(&stopped, memory_order_relaxed)) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "the server stops");
    }
    if (deadline == 0 || now_us() < deadline) {
        return FG_OK;
    }
    over = true;
    return fg_fail(error, FG_ERR_LIMIT, 0, "this took longer than %u seconds", given);
}

void fg_patience_stop(void)
{
    atomic_store(&stopped, true);
}
