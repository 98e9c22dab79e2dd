/* A source of counted bytes: byte number i is i modulo 251. */
#ifndef FRAMEGATE_TESTS_COUNTER_H
#define FRAMEGATE_TESTS_COUNTER_H

#include "framing/source.h"

#include <stdatomic.h>

struct counter {
    uint64_t offset;
    uint64_t end;
    uint64_t fails_at; /* then it fails with FG_ERR_IO */
    size_t step;       /* bytes it gives at once, at the most; 0: as many as there is room for */
    atomic_bool destroyed; /* set by who destroys it and tells */
};

/* Reads it, as a source does. */
static inline enum fg_status read_counter(void *context, uint8_t *buffer, size_t capacity,
                                          size_t *ret_size)
{
    struct counter *counter = context;
    if (counter->offset >= counter->fails_at) {
        return FG_ERR_IO;
    }
    if (counter->offset == counter->end) {
        return FG_END;
    }
    uint64_t left = counter->end - counter->offset;
    size_t size = left < capacity ? (size_t)left : capacity;
    size = counter->step == 0 || size < counter->step ? size : counter->step;
    for (size_t i = 0; i < size; i++) {
        buffer[i] = (uint8_t)((counter->offset + i) % 251);
    }
    counter->offset += size;
    *ret_size = size;
    return FG_OK;
}

#endif
