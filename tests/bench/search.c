/*
 * The baseline of `known`: a binary search for each node over the same nodes, sorted, in memory.
 *
 * Usage: search SORTED WANTED SECONDS. The files hold nodes of 20 bytes. Prints nodes per second.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { NODE = 20 };

static uint8_t *read_nodes(const char *path, size_t *ret_count)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)info.st_size;
    uint8_t *nodes = malloc(size + 1);
    if (nodes == NULL || fread(nodes, 1, size, file) != size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    *ret_count = size / NODE;
    return nodes;
}

static int contains(const uint8_t *nodes, size_t count, const uint8_t *wanted)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(nodes + middle * NODE, wanted, NODE);
        if (order == 0) {
            return 1;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return 0;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: search SORTED WANTED SECONDS\n");
        return 2;
    }
    size_t count;
    size_t wanted_count;
    uint8_t *nodes = read_nodes(argv[1], &count);
    uint8_t *wanted = read_nodes(argv[2], &wanted_count);
    uint64_t found = 0;
    uint64_t searched = 0;
    double start = now();
    double end = start + strtod(argv[3], NULL);
    while (now() < end) {
        for (size_t i = 0; i < wanted_count; i++) {
            found += (uint64_t)contains(nodes, count, wanted + i * NODE);
        }
        searched += wanted_count;
    }
    printf("%.0f %llu\n", (double)searched / (now() - start), (unsigned long long)found);
    free(nodes);
    free(wanted);
    return 0;
}
