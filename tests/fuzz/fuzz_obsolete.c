/* The obsolescence store: markers never reach beyond the input. */
#include "tests/fuzz/fuzz.h"

#include "handlers/repo/obsolete.h"

static size_t markers;

static void count_marker(void *context, const struct fg_node *predecessor)
{
    (void)context;
    (void)predecessor;
    markers++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_error error = {0};
    markers = 0;
    enum fg_status status =
        fg_obsolete_walk((struct fg_bytes){data, size}, count_marker, NULL, &error);
    HOLDS(status == FG_OK || error.message[0] != '\0');
    HOLDS(markers <= size / 26); /* the least that a marker takes */
    return 0;
}
