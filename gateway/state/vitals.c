/*
 * Reads /proc/self/status and a clock.
 */
#include "gateway/state/vitals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The number after name if the line starts with it; else before. */
static uint64_t number_after(const char *line, const char *name, uint64_t before)
{
    const size_t size = strlen(name);
    return strncmp(line, name, size) == 0 ? strtoull(line + size, NULL, 10) : before;
}

void fg_vitals_read(struct fg_vitals *ret_vitals)
{
    struct timespec cpu = {0, 0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    *ret_vitals = (struct fg_vitals){.cpu_microseconds = (uint64_t)cpu.tv_sec * 1000000 +
                                                         (uint64_t)cpu.tv_nsec / 1000};
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        ret_vitals->resident_bytes = number_after(line, "VmRSS:", ret_vitals->resident_bytes);
        ret_vitals->resident_max_bytes =
            number_after(line, "VmHWM:", ret_vitals->resident_max_bytes);
        ret_vitals->threads = number_after(line, "Threads:", ret_vitals->threads);
    }
    if (file != NULL) {
        fclose(file);
    }
    ret_vitals->resident_bytes *= 1024; /* it says KiB */
    ret_vitals->resident_max_bytes *= 1024;
}
