/*
 * An allocator that can be told to fail, for a test whose target is linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc. Included by one file of the test.
 */
#ifndef FRAMEGATE_TESTS_ALLOCATION_H
#define FRAMEGATE_TESTS_ALLOCATION_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The allocation that fails: 0 is the next one. Negative: none does, and, if it was set before,
 * that one has failed.
 */
static long fails_in = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool fails_now(void)
{
    return fails_in >= 0 && fails_in-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails_now() ? NULL : __real_realloc(old, size);
}

#endif
