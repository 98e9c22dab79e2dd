/*
 * Fuzz targets: each file defines LLVMFuzzerTestOneInput. With the fuzz preset it is linked with
 * libFuzzer; in every other build with replay.c, which runs the kept corpus as an ordinary test.
 */
#ifndef FRAMEGATE_TESTS_FUZZ_H
#define FRAMEGATE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An invariant. Unlike assert it holds in release builds too. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
