/*
 * Human strings: whatever line is accepted gives a frame whose human string is accepted too and
 * gives the same frame; whatever is refused is refused with a message and a place in the line.
 */
#include "tests/fuzz/fuzz.h"

#include "framing/humanstring.h"

#include <string.h>

static void check_frame(struct fg_bytes bytes)
{
    struct fg_frame frame = {.payload = bytes.data + FG_FRAME_HEADER_SIZE};
    struct fg_buffer human = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_buffer again = FG_BUFFER_INIT(SIZE_MAX);
    HOLDS(bytes.size >= FG_FRAME_HEADER_SIZE);
    fg_frame_header_decode(bytes.data, &frame.header);
    HOLDS(frame.header.length == bytes.size - FG_FRAME_HEADER_SIZE);
    HOLDS(fg_humanstring_decode(&frame, &human) == FG_OK);
    HOLDS(memchr(human.data, '\n', human.size) == NULL);
    HOLDS(fg_humanstring_encode(fg_buffer_view(&human), &again, NULL) == FG_OK);
    HOLDS(fg_bytes_equal(fg_buffer_view(&again), bytes));
    fg_buffer_free(&human);
    fg_buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_buffer frame = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_error error = {0};
    if (fg_humanstring_encode((struct fg_bytes){data, size}, &frame, &error) == FG_OK) {
        check_frame(fg_buffer_view(&frame));
    } else {
        HOLDS(error.message[0] != '\0');
        HOLDS(error.offset <= size);
        HOLDS(frame.size == 0);
    }
    fg_buffer_free(&frame);
    return 0;
}
