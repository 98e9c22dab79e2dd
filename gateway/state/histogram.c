/*
 * Buckets by the highest four bits of a time.
 */
#include "gateway/state/histogram.h"

enum { SUB_BITS = 3, SUB = 1 << SUB_BITS };

static unsigned bucket_of(uint64_t microseconds)
{
    if (microseconds < SUB) {
        return (unsigned)microseconds;
    }
    unsigned shift = 63U - SUB_BITS - (unsigned)__builtin_clzll(microseconds);
    unsigned bucket = SUB * shift + (unsigned)(microseconds >> shift);
    return bucket < FG_HISTOGRAM_BUCKETS ? bucket : FG_HISTOGRAM_BUCKETS - 1;
}

void fg_histogram_add(struct fg_histogram *histogram, uint64_t microseconds)
{
    histogram->sum += microseconds;
    histogram->buckets[bucket_of(microseconds)]++;
}

uint64_t fg_histogram_floor(unsigned bucket)
{
    if (bucket < 2 * SUB) {
        return bucket;
    }
    return (uint64_t)(SUB + bucket % SUB) << (bucket / SUB - 1);
}

uint64_t fg_histogram_count(const struct fg_histogram *histogram)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < FG_HISTOGRAM_BUCKETS; i++) {
        count += histogram->buckets[i];
    }
    return count;
}

double fg_histogram_percentile(const struct fg_histogram *histogram, double share)
{
    const double wanted = share * (double)fg_histogram_count(histogram);
    double below = 0;
    for (unsigned i = 0; i < FG_HISTOGRAM_BUCKETS; i++) {
        const double here = (double)histogram->buckets[i];
        if (here > 0 && below + here >= wanted) {
            /* As if the times of a bucket were spread evenly over it. */
            const double from = (double)fg_histogram_floor(i);
            const double width = (double)fg_histogram_floor(i + 1) - from;
            return from + width * (wanted - below) / here;
        }
        below += here;
    }
    return 0;
}
