/* Sources in memory; others are made by whoever owns their bytes. */
#include "framing/source.h"

#include <stdlib.h>

struct fg_source fg_source_empty(void)
{
    return (struct fg_source){.size = 0};
}

struct fg_source fg_source_from_bytes(struct fg_bytes bytes)
{
    return (struct fg_source){.size = bytes.size, .memory = bytes.data};
}

struct fg_source fg_source_from_buffer(struct fg_buffer *buffer)
{
    size_t size = buffer->size;
    uint8_t *data = fg_buffer_detach(buffer);
    return (struct fg_source){.size = size, .memory = data, .destroy = free, .context = data};
}

void fg_source_destroy(struct fg_source *source)
{
    if (source != NULL) {
        if (source->destroy != NULL) {
            source->destroy(source->context);
        }
        *source = fg_source_empty();
    }
}
