/*
 * Revlogs: the input is an index with its data inline (or, where its header says otherwise, without
 * any). Whatever is opened has entries within bounds, and texts that fit their announced size and
 * node, or an error.
 */
#define _GNU_SOURCE /* memfd_create */

#include "tests/fuzz/fuzz.h"

#include "handlers/repo/history.h"
#include "handlers/repo/revlog.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20 };

static void check_entry(const struct fg_revlog *revlog, uint32_t rev)
{
    struct fg_revlog_entry entry;
    bool is_delta;
    fg_revlog_entry(revlog, rev, &entry);
    HOLDS(entry.parents[0] >= FG_REV_NULL && entry.parents[0] < (int32_t)rev);
    HOLDS(entry.parents[1] >= FG_REV_NULL && entry.parents[1] < (int32_t)rev);
    HOLDS(fg_revlog_delta_parent(revlog, rev, &is_delta) < (int32_t)rev);
}

static void read_texts(const struct fg_revlog *revlog)
{
    struct fg_revlog_reader reader = {0};
    struct fg_buffer text = FG_BUFFER_INIT(TEXT_MAX);
    for (uint32_t rev = 0; rev < fg_revlog_count(revlog); rev++) {
        struct fg_error error = {0};
        check_entry(revlog, rev);
        enum fg_status status = fg_revlog_text(revlog, &reader, rev, NULL, &text, &error);
        HOLDS(status == FG_OK || error.message[0] != '\0');
        HOLDS(text.size <= TEXT_MAX);
    }
    fg_revlog_reader_clear(&reader);
    fg_buffer_free(&text);
}

static void read_branches(const struct fg_revlog *revlog)
{
    struct fg_history *history;
    uint32_t count = fg_revlog_count(revlog);
    if (fg_history_extend(NULL, revlog, &history, NULL) == FG_OK) {
        (void)fg_history_read_branches(history, revlog, count, NULL, 0, NULL);
        HOLDS(history->branches_known <= count);
        fg_history_unref(history);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[64];
    int fd = memfd_create("revlog", MFD_CLOEXEC);
    HOLDS(fd >= 0);
    HOLDS(write(fd, data, size) == (ssize_t)size);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    struct fg_revlog *revlog;
    struct fg_error error = {0};
    if (fg_revlog_open(AT_FDCWD, name, &revlog, &error) == FG_OK) {
        read_texts(revlog);
        read_branches(revlog);
        fg_revlog_close(revlog);
    } else {
        HOLDS(error.message[0] != '\0');
    }
    close(fd);
    return 0;
}
