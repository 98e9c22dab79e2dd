/*
 * What the system says of this process.
 */
#ifndef FRAMEGATE_GATEWAY_VITALS_H
#define FRAMEGATE_GATEWAY_VITALS_H

#include <stdint.h>

struct fg_vitals {
    uint64_t resident_bytes;
    uint64_t resident_max_bytes; /* the most there ever was */
    uint64_t threads;
    uint64_t cpu_microseconds; /* of all threads, those that have ended too */
};

/* Zeros where the system does not say. */
void fg_vitals_read(struct fg_vitals *ret_vitals);

#endif
