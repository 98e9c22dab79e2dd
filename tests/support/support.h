/*
 * What unit tests share: cmocka's headers in the order it wants, and shorthands for bytes.
 */
#ifndef FRAMEGATE_TESTS_SUPPORT_H
#define FRAMEGATE_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After the above, which it needs and does not include. */
#include <cmocka.h>

#include "framing/buffer.h"
#include "framing/limits.h"

/* A view of a string literal, which may have NUL bytes inside. */
#define BYTES(literal) ((struct fg_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static const struct fg_limits default_limits = FG_LIMITS_DEFAULT;
static const struct fg_limits no_limits = FG_LIMITS_NONE;

/* Fails unless the bytes are those of the string literal. */
#define assert_bytes(view, literal)                                                                \
    do {                                                                                           \
        struct fg_bytes assert_bytes_view = (view);                                                \
        assert_int_equal(assert_bytes_view.size, sizeof(literal) - 1);                             \
        if (assert_bytes_view.size > 0) {                                                          \
            assert_memory_equal(assert_bytes_view.data, literal, sizeof(literal) - 1);             \
        }                                                                                          \
    } while (0)

/* A random number generator with a fixed seed, the same everywhere (xorshift64*). */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1d;
}

#endif
