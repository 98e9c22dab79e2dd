/* Small files: reading within limits, lines, working copies, mappings that are cut. */
#include "tests/support/support.h"

#include "handlers/repo/file.h"
#include "handlers/repo/layout.h"
#include "handlers/repo/mapping.h"
#include "handlers/repo/workingcopy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct fg_layout layout;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/framegate-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    layout.hg_path = folder;
    layout.source_path = folder;
    layout.hg = open(folder, O_PATH | O_DIRECTORY);
    return layout.hg < 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"file", "dirstate"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unlinkat(layout.hg, names[i], 0);
    }
    close(layout.hg);
    return rmdir(folder);
}

static void write_file(const char *name, struct fg_bytes contents)
{
    int fd = openat(layout.hg, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, contents.data, contents.size), contents.size);
    close(fd);
}

static void large_files_are_counted(void **state)
{
    (void)state;
    struct fg_memory memory;
    struct fg_buffer buffer = FG_BUFFER_INIT(100);
    write_file("file", BYTES("0123456789"));
    fg_memory_init(&memory, 5);
    struct fg_holding holding = {.memory = &memory};
    assert_int_equal(fg_file_read_counted(layout.hg, "file", &buffer, &holding, NULL), FG_OK);
    assert_bytes(fg_buffer_view(&buffer), "0123456789");
    assert_int_equal(fg_memory_bytes(&memory), 10);
    /* Again it would be 20, and twice 5 may be held. */
    assert_int_equal(fg_file_read_counted(layout.hg, "file", &buffer, &holding, NULL),
                     FG_ERR_LIMIT);
    assert_int_equal(fg_memory_bytes(&memory), 10);
    fg_holding_set(&holding, 0);
    assert_int_equal(fg_memory_bytes(&memory), 0);
    assert_int_equal(fg_file_read_counted(layout.hg, "none", &buffer, &holding, NULL),
                     FG_ERR_NOT_FOUND);
    fg_buffer_free(&buffer);
}

static void files_are_read_up_to_the_ceiling(void **state)
{
    (void)state;
    struct fg_buffer buffer = FG_BUFFER_INIT(10);
    write_file("file", BYTES("0123456789"));
    assert_int_equal(fg_file_read(layout.hg, "file", &buffer, NULL), FG_OK);
    assert_bytes(fg_buffer_view(&buffer), "0123456789");
    write_file("file", BYTES("0123456789x"));
    assert_int_equal(fg_file_read(layout.hg, "file", &buffer, NULL), FG_ERR_LIMIT);
    assert_int_equal(fg_file_read(layout.hg, "none", &buffer, NULL), FG_ERR_NOT_FOUND);
    assert_int_equal(fg_file_read(layout.hg, ".", &buffer, NULL), FG_ERR_IO);
    fg_buffer_free(&buffer);
}

static void stamps_tell_contents_apart(void **state)
{
    (void)state;
    struct fg_file_stamp a;
    struct fg_file_stamp b;
    assert_int_equal(fg_file_stamp(layout.hg, "file", &a, NULL), FG_OK);
    assert_int_equal(fg_file_stamp(layout.hg, "file", &b, NULL), FG_OK);
    assert_true(fg_file_stamp_equal(&a, &b));
    write_file("file", BYTES("0123456789xy"));
    assert_int_equal(fg_file_stamp(layout.hg, "file", &b, NULL), FG_OK);
    assert_false(fg_file_stamp_equal(&a, &b));
    assert_int_equal(fg_file_stamp(layout.hg, "none/at all", &a, NULL), FG_OK);
    assert_false(a.exists);
}

static void lines_end_as_in_python(void **state)
{
    (void)state;
    static const char *const expected[] = {"a", "", "b", "c", "", "d"};
    struct fg_bytes text = BYTES("a\n\nb\r\nc\r\rd");
    struct fg_bytes line;
    for (size_t i = 0; i < 6; i++) {
        assert_true(fg_line_next(&text, &line));
        assert_true(fg_bytes_equal_string(line, expected[i]));
    }
    assert_false(fg_line_next(&text, &line));
    assert_bytes(fg_bytes_strip(BYTES(" \t\v x y\f\r\n")), "x y");
}

#define NODE_A "aaaaaaaaaaaaaaaaaaaa"
#define NODE_B "bbbbbbbbbbbbbbbbbbbb"
#define PAD    "\0\0\0\0\0\0\0\0\0\0\0\0"

static void parents_are_read_in_both_formats(void **state)
{
    (void)state;
    struct fg_node parents[2];
    layout.requirements = 0;
    assert_int_equal(fg_workingcopy_parents(&layout, parents, NULL), FG_OK);
    assert_true(fg_node_is_null(&parents[0]));
    write_file("dirstate", BYTES(NODE_A NODE_B "more"));
    assert_int_equal(fg_workingcopy_parents(&layout, parents, NULL), FG_OK);
    assert_memory_equal(parents[0].bytes, NODE_A, FG_NODE_SIZE);
    assert_memory_equal(parents[1].bytes, NODE_B, FG_NODE_SIZE);
    layout.requirements = FG_REQUIREMENT_DIRSTATE_V2;
    assert_int_equal(fg_workingcopy_parents(&layout, parents, NULL), FG_ERR_CORRUPT);
    write_file("dirstate", BYTES("dirstate-v2\n" NODE_B PAD NODE_A PAD "more"));
    assert_int_equal(fg_workingcopy_parents(&layout, parents, NULL), FG_OK);
    assert_memory_equal(parents[0].bytes, NODE_B, FG_NODE_SIZE);
    assert_memory_equal(parents[1].bytes, NODE_A, FG_NODE_SIZE);
    write_file("dirstate", BYTES("dirstate-v2\n" NODE_B PAD NODE_A));
    assert_int_equal(fg_workingcopy_parents(&layout, parents, NULL), FG_ERR_CORRUPT);
    layout.requirements = 0;
    write_file("dirstate", BYTES(NODE_A "short"));
    assert_int_equal(fg_workingcopy_parents(&layout, parents, NULL), FG_ERR_CORRUPT);
}

static void a_file_that_is_cut_while_mapped_reads_as_zeros(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    int fd = openat(layout.hg, "file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    struct fg_mapping *mapping;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fg_mapping_new(fd, SIZE, &mapping, NULL), FG_OK);
        struct fg_bytes bytes = fg_mapping_bytes(mapping);
        assert_int_equal(bytes.data[0], 'x');
        assert_false(fg_mapping_torn(mapping));
        assert_int_equal(ftruncate(fd, 1), 0);
        size_t sum = 0;
        for (size_t at = 1; at < SIZE; at++) {
            sum += bytes.data[at];
        }
        assert_int_equal(sum, 0);
        assert_true(fg_mapping_torn(mapping));
        fg_mapping_free(mapping);
        assert_int_equal(ftruncate(fd, SIZE), 0);
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_files_are_counted),
        cmocka_unit_test(files_are_read_up_to_the_ceiling),
        cmocka_unit_test(stamps_tell_contents_apart),
        cmocka_unit_test(lines_end_as_in_python),
        cmocka_unit_test(parents_are_read_in_both_formats),
        cmocka_unit_test(a_file_that_is_cut_while_mapped_reads_as_zeros),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
