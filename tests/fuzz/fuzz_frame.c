/*
 * The frame reader: any slicing of an input gives the same frames, and each of them survives the
 * way through a human string and back. The first byte chooses the slicing.
 */
#include "tests/fuzz/fuzz.h"

#include "framing/humanstring.h"

/* What one pass over the input saw. */
struct seen {
    struct fg_buffer frames; /* all frames as they were read, made again */
    enum fg_status end;
};

static struct seen read_all(struct fg_bytes bytes, size_t slice)
{
    static const struct fg_limits limits = FG_LIMITS_DEFAULT;
    struct seen seen = {FG_BUFFER_INIT(SIZE_MAX), FG_NEED_MORE};
    struct fg_frame_reader reader;
    fg_frame_reader_init(&reader, &limits);
    for (size_t offset = 0; offset < bytes.size && !fg_failed(seen.end); offset += slice) {
        size_t left = bytes.size - offset;
        struct fg_bytes input = {bytes.data + offset, left < slice ? left : slice};
        struct fg_frame frame;
        size_t need = 0;
        while ((seen.end = fg_frame_reader_next(&reader, &input, &frame, &need, NULL)) == FG_OK) {
            HOLDS(frame.header.length <= limits.frame_payload);
            HOLDS(fg_frame_append(&seen.frames, &frame.header, frame.payload,
                                  FG_FRAME_LENGTH_MAX) == FG_OK);
        }
        HOLDS(seen.end != FG_NEED_MORE || (need > 0 && input.size == 0));
    }
    if (!fg_failed(seen.end)) {
        seen.end = fg_frame_reader_finish(&reader, NULL, NULL);
    }
    fg_frame_reader_clear(&reader);
    return seen;
}

static void check_round_trips(struct fg_bytes frames)
{
    static const struct fg_limits limits = FG_LIMITS_NONE;
    struct fg_frame_reader reader;
    struct fg_frame frame;
    fg_frame_reader_init(&reader, &limits);
    while (frames.size > 0) {
        const uint8_t *start = frames.data;
        struct fg_buffer human = FG_BUFFER_INIT(SIZE_MAX);
        struct fg_buffer again = FG_BUFFER_INIT(SIZE_MAX);
        HOLDS(fg_frame_reader_next(&reader, &frames, &frame, NULL, NULL) == FG_OK);
        HOLDS(fg_humanstring_decode(&frame, &human) == FG_OK);
        HOLDS(fg_humanstring_encode(fg_buffer_view(&human), &again, NULL) == FG_OK);
        HOLDS(fg_bytes_equal(fg_buffer_view(&again),
                             (struct fg_bytes){start, (size_t)(frames.data - start)}));
        fg_buffer_free(&human);
        fg_buffer_free(&again);
    }
    fg_frame_reader_clear(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct fg_bytes bytes = {data + 1, size - 1};
    struct seen whole = read_all(bytes, SIZE_MAX / 2);
    struct seen sliced = read_all(bytes, 1 + (size_t)data[0]);
    HOLDS(whole.end == sliced.end);
    HOLDS(fg_bytes_equal(fg_buffer_view(&whole.frames), fg_buffer_view(&sliced.frames)));
    check_round_trips(fg_buffer_view(&whole.frames));
    fg_buffer_free(&whole.frames);
    fg_buffer_free(&sliced.frames);
    return 0;
}
