/* What rebuilding a text may take, whatever a repository's files say. */
#include "tests/support/support.h"

#include "handlers/repo/endian.h"
#include "handlers/repo/revlog.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

enum { MIB = 1 << 20, ENTRY = 64, HUNK = 12 };

static char folder[64];
static int folder_fd;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/framegate-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    folder_fd = open(folder, O_PATH | O_DIRECTORY);
    return folder_fd < 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlinkat(folder_fd, "x.i", 0);
    close(folder_fd);
    return rmdir(folder);
}

/* Appends zlib's form of a hunk (size 0: none) and so many zeros; returns its size. */
static size_t put_packed(struct fg_buffer *file, const uint8_t *hunk, size_t hunk_size,
                         size_t zeros)
{
    uint8_t *plain = calloc(1, hunk_size + zeros);
    assert_non_null(plain);
    memcpy(plain, hunk, hunk_size);
    uLongf size = compressBound(hunk_size + zeros);
    uint8_t *space;
    assert_int_equal(fg_buffer_reserve(file, size, &space), FG_OK);
    assert_int_equal(compress2(space, &size, plain, hunk_size + zeros, 9), Z_OK);
    file->size += size;
    free(plain);
    return size;
}

/* Appends an entry and its chunk: a delta that puts zeros before the text, or a text of zeros. */
static void put_revision(struct fg_buffer *file, uint32_t rev, uint64_t *offset, size_t text_size,
                         size_t zeros)
{
    uint8_t entry[ENTRY] = {0};
    uint8_t hunk[HUNK] = {0};
    size_t start = file->size;
    assert_int_equal(fg_buffer_append(file, entry, sizeof entry), FG_OK);
    fg_write_be32(hunk + 8, (uint32_t)zeros);
    size_t size = put_packed(file, hunk, rev == 0 ? 0 : sizeof hunk, zeros);
    uint8_t *at = file->data + start;
    fg_write_be32(at, rev == 0 ? 0x30001 : (uint32_t)(*offset >> 16));
    fg_write_be32(at + 4, (uint32_t)(*offset << 16));
    fg_write_be32(at + 8, (uint32_t)size);
    fg_write_be32(at + 12, (uint32_t)text_size);
    fg_write_be32(at + 16, rev == 0 ? 0 : rev - 1);
    fg_write_be32(at + 24, UINT32_MAX);
    fg_write_be32(at + 28, UINT32_MAX);
    *offset += size;
}

/* A revlog of a text of zeros and deltas that each bring as many again as their number says. */
static struct fg_revlog *make(const size_t *text_sizes, const size_t *zeros, uint32_t count)
{
    struct fg_buffer file = FG_BUFFER_INIT(16 * MIB);
    struct fg_revlog *revlog;
    uint64_t offset = 0;
    for (uint32_t rev = 0; rev < count; rev++) {
        put_revision(&file, rev, &offset, text_sizes[rev], zeros[rev]);
    }
    int fd = openat(folder_fd, "x.i", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, file.data, file.size), file.size);
    close(fd);
    fg_buffer_free(&file);
    assert_int_equal(fg_revlog_open(folder_fd, "x.i", &revlog, NULL), FG_OK);
    return revlog;
}

/* The most that one reader may keep from text to text. */
static void assert_small(const struct fg_revlog_reader *reader)
{
    assert_true(fg_revlog_reader_held_bytes(reader) < 2 * MIB);
}

static void a_delta_obeys_the_limit_of_the_text(void **state)
{
    (void)state;
    const size_t sizes[] = {MIB, MIB};
    const size_t zeros[] = {MIB, 4 * MIB};
    struct fg_revlog *revlog = make(sizes, zeros, 2);
    struct fg_memory memory;
    fg_memory_init(&memory, 2 * MIB);
    struct fg_revlog_reader reader = {.holding = {.memory = &memory}};
    struct fg_buffer text = FG_BUFFER_INIT(MIB + 64);
    struct fg_error error;
    assert_int_equal(fg_revlog_raw_text(revlog, &reader, 1, &text, &error), FG_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "more than"));
    /* With less than the delta would have taken, nobody had to be refused. */
    assert_int_equal(memory.refusals, 0);
    assert_int_equal(fg_memory_bytes(&memory), 0);
    assert_small(&reader);
    fg_buffer_free(&text);
    fg_revlog_reader_clear(&reader);
    fg_revlog_close(revlog);
}

static void a_text_larger_than_the_limit_is_not_begun(void **state)
{
    (void)state;
    const size_t sizes[] = {2 * MIB, 10};
    const size_t zeros[] = {MIB, 1};
    struct fg_revlog *revlog = make(sizes, zeros, 2);
    struct fg_revlog_reader reader = {.chain = NULL};
    struct fg_buffer text = FG_BUFFER_INIT(MIB);
    assert_int_equal(fg_revlog_raw_text(revlog, &reader, 1, &text, NULL), FG_ERR_LIMIT);
    assert_int_equal(text.capacity, 0);
    fg_revlog_reader_clear(&reader);
    fg_revlog_close(revlog);
}

static void what_a_text_takes_is_counted(void **state)
{
    (void)state;
    const size_t sizes[] = {MIB, 2 * MIB, 3 * MIB};
    const size_t zeros[] = {MIB, MIB, MIB};
    struct fg_revlog *revlog = make(sizes, zeros, 3);
    /* Up to twice this: the text, two deltas, and the result. */
    for (uint64_t ceiling = 0; ceiling <= 6 * MIB; ceiling += MIB / 2) {
        struct fg_memory memory;
        fg_memory_init(&memory, ceiling);
        struct fg_revlog_reader reader = {.holding = {.memory = &memory}};
        struct fg_buffer text = FG_BUFFER_INIT(4 * MIB);
        enum fg_status status = fg_revlog_raw_text(revlog, &reader, 2, &text, NULL);
        bool enough = 2 * ceiling >= 10 * MIB;
        bool scarce = 2 * ceiling < 5 * MIB;
        if (enough || scarce) {
            assert_int_equal(status, enough ? FG_OK : FG_ERR_LIMIT);
        }
        assert_int_equal(memory.refusals, status == FG_OK ? 0 : 1);
        assert_int_equal(fg_memory_bytes(&memory), 0);
        assert_true(status != FG_OK || text.size == 3 * MIB);
        assert_small(&reader);
        fg_buffer_free(&text);
        fg_revlog_reader_clear(&reader);
    }
    fg_revlog_close(revlog);
}

static void deltas_do_not_pile_up(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    size_t sizes[COUNT];
    size_t zeros[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        zeros[i] = MIB;
        sizes[i] = (i + 1) * MIB;
    }
    struct fg_revlog *revlog = make(sizes, zeros, COUNT);
    struct fg_memory memory;
    /* Without an end to what waits to be applied: a text of 40 MiB beside 39 MiB of deltas. */
    fg_memory_init(&memory, (2 * COUNT + 20) * (uint64_t)MIB / 2);
    struct fg_revlog_reader reader = {.holding = {.memory = &memory}};
    struct fg_buffer text = FG_BUFFER_INIT((COUNT + 1) * MIB);
    assert_int_equal(fg_revlog_raw_text(revlog, &reader, COUNT - 1, &text, NULL), FG_OK);
    assert_int_equal(text.size, COUNT * MIB);
    assert_small(&reader);
    fg_buffer_free(&text);
    fg_revlog_reader_clear(&reader);
    fg_revlog_close(revlog);
}

static void a_reader_does_no_more_work_than_it_may(void **state)
{
    (void)state;
    const size_t sizes[] = {MIB, 2 * MIB, 3 * MIB};
    const size_t zeros[] = {MIB, MIB, MIB};
    struct fg_revlog *revlog = make(sizes, zeros, 3);
    for (uint64_t most = MIB / 4; most <= 4 * MIB; most += MIB / 4) {
        struct fg_revlog_reader reader = {.work_max = most};
        struct fg_buffer text = FG_BUFFER_INIT(4 * MIB);
        enum fg_status status = fg_revlog_raw_text(revlog, &reader, 2, &text, NULL);
        /* Three times 1 MiB is unpacked, and little besides. */
        assert_int_equal(status, most > 3 * MIB ? FG_OK : FG_ERR_LIMIT);
        assert_int_equal(reader.exhausted, status != FG_OK);
        assert_true(reader.work <= most + 4096);
        fg_buffer_free(&text);
        fg_revlog_reader_clear(&reader);
    }
    fg_revlog_close(revlog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_delta_obeys_the_limit_of_the_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_larger_than_the_limit_is_not_begun, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_text_takes_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deltas_do_not_pile_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_does_no_more_work_than_it_may, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
