/* The histogram of times: every time in its bucket, percentiles near the truth. */
#include "gateway/state/histogram.h"

#include "tests/support/support.h"

static void buckets_cover_all_times_without_gaps(void **state)
{
    (void)state;
    for (unsigned bucket = 0; bucket < FG_HISTOGRAM_BUCKETS; bucket++) {
        const uint64_t from = fg_histogram_floor(bucket);
        const uint64_t to = fg_histogram_floor(bucket + 1);
        assert_true(from < to);
        /* An eighth, or a single microsecond. */
        assert_true(to - from == 1 || (to - from) * 8 <= from);
        const uint64_t times[] = {from, from + (to - from) / 2, to - 1};
        for (size_t i = 0; i < 3; i++) {
            struct fg_histogram histogram = {.sum = 0};
            fg_histogram_add(&histogram, times[i]);
            assert_int_equal(histogram.buckets[bucket], 1);
            assert_int_equal(histogram.sum, times[i]);
        }
    }
    assert_int_equal(fg_histogram_floor(0), 0);
    assert_int_equal(fg_histogram_floor(FG_HISTOGRAM_BUCKETS), 1 << 27);
}

static void what_takes_longer_counts_in_the_last(void **state)
{
    (void)state;
    struct fg_histogram histogram = {.sum = 0};
    fg_histogram_add(&histogram, 1U << 27);
    fg_histogram_add(&histogram, UINT64_MAX / 2);
    assert_int_equal(histogram.buckets[FG_HISTOGRAM_BUCKETS - 1], 2);
    assert_int_equal(fg_histogram_count(&histogram), 2);
}

static int ascending(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void percentiles_are_near_the_truth(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    static uint64_t times[COUNT];
    struct fg_histogram histogram = {.sum = 0};
    uint64_t random = 1;
    assert_true(fg_histogram_percentile(&histogram, 0.5) == 0);
    for (size_t i = 0; i < COUNT; i++) {
        times[i] = (next_random(&random) % 1000) << (next_random(&random) % 12);
        fg_histogram_add(&histogram, times[i]);
    }
    qsort(times, COUNT, sizeof(times[0]), ascending);
    const double shares[] = {0.01, 0.5, 0.9, 0.99, 1};
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        const double truth = (double)times[(size_t)(shares[i] * COUNT) - 1];
        const double found = fg_histogram_percentile(&histogram, shares[i]);
        assert_true(found >= truth * 7 / 8 - 1 && found <= truth * 9 / 8 + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_cover_all_times_without_gaps),
        cmocka_unit_test(what_takes_longer_counts_in_the_last),
        cmocka_unit_test(percentiles_are_near_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
