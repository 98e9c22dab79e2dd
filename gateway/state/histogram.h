/*
 * A histogram of times with eight buckets for each doubling: a percentile read from it is within an
 * eighth of the true value, whatever the times are. Counting one is a few instructions.
 */
#ifndef FRAMEGATE_GATEWAY_HISTOGRAM_H
#define FRAMEGATE_GATEWAY_HISTOGRAM_H

#include <stdint.h>

/* Eight for 0 to 7 µs, then eight for each doubling up to 2^27 µs, two minutes; what took longer is
 * in the last. */
enum { FG_HISTOGRAM_BUCKETS = 8 + 24 * 8 };

/* uint64_t alone, so that histograms can be added up as arrays. */
struct fg_histogram {
    uint64_t sum; /* microseconds */
    uint64_t buckets[FG_HISTOGRAM_BUCKETS];
};

void fg_histogram_add(struct fg_histogram *histogram, uint64_t microseconds);

/* The least time, in microseconds, that counts in this bucket; FG_HISTOGRAM_BUCKETS is allowed. */
uint64_t fg_histogram_floor(unsigned bucket);

uint64_t fg_histogram_count(const struct fg_histogram *histogram);

/* Microseconds that this share (0 to 1) of all times does not exceed; 0 if there are none. */
double fg_histogram_percentile(const struct fg_histogram *histogram, double share);

#endif
