/* Stamps of files. */
#define _GNU_SOURCE /* CLOCK_REALTIME_COARSE */

#include "handlers/repo/freshness.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How coarse a file system's clock may be: the longest kernel tick is 10 ms. */
#define TICK_NS 50000000

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Of a folder only its identity counts; its times change with every file in it. */
static void keep_identity(struct fg_file_stamp *stamp)
{
    stamp->size = 0;
    stamp->modified = 0;
    stamp->changed = 0;
}

static bool is_share(const struct fg_layout *layout)
{
    return (layout->requirements & (FG_REQUIREMENT_SHARED | FG_REQUIREMENT_RELSHARED)) != 0;
}

static enum fg_status take_folders(const struct fg_layout *layout, struct fg_stamps *stamps,
                                   struct fg_error *error)
{
    struct fg_file_stamp *files = stamps->files;
    bool has_store =
        (layout->requirements & (FG_REQUIREMENT_STORE | FG_REQUIREMENT_SHARE_SAFE)) != 0;
    enum fg_status status = fg_file_stamp(AT_FDCWD, layout->hg_path, &files[FG_STAMPED_HG], error);
    if (status == FG_OK && is_share(layout)) {
        status = fg_file_stamp(AT_FDCWD, layout->source_path, &files[FG_STAMPED_SOURCE], error);
    }
    if (status == FG_OK && has_store) {
        status = fg_file_stamp(layout->source, "store", &files[FG_STAMPED_STORE], error);
    }
    for (int i = FG_STAMPED_HG; i <= FG_STAMPED_STORE; i++) {
        keep_identity(&files[i]);
    }
    return status;
}

enum fg_status fg_stamps_take(const struct fg_layout *layout, bool working_copy,
                              struct fg_stamps *ret_stamps, struct fg_error *error)
{
    bool share_safe = (layout->requirements & FG_REQUIREMENT_SHARE_SAFE) != 0;
    const struct {
        enum fg_stamped file;
        int folder;
        const char *name;
        bool wanted;
    } files[] = {
        {FG_STAMPED_REQUIRES, layout->hg, "requires", true},
        {FG_STAMPED_STORE_REQUIRES, layout->store, "requires", share_safe},
        {FG_STAMPED_CHANGELOG, layout->store, "00changelog.i", true},
        {FG_STAMPED_PHASEROOTS, layout->store, "phaseroots", true},
        {FG_STAMPED_OBSSTORE, layout->store, "obsstore", true},
        {FG_STAMPED_BOOKMARKS, fg_layout_bookmarks_folder(layout), "bookmarks", true},
        {FG_STAMPED_LOCALTAGS, layout->hg, "localtags", true},
        {FG_STAMPED_DIRSTATE, layout->hg, "dirstate", working_copy},
        {FG_STAMPED_MERGE_STATE, layout->hg, "merge/state2", working_copy},
    };
    struct fg_stamps stamps;
    memset(&stamps, 0, sizeof stamps);
    enum fg_status status = take_folders(layout, &stamps, error);
    int64_t newest = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0] && status == FG_OK; i++) {
        if (files[i].wanted) {
            struct fg_file_stamp *stamp = &stamps.files[files[i].file];
            status = fg_file_stamp(files[i].folder, files[i].name, stamp, error);
            newest = stamp->changed > newest ? stamp->changed : newest;
        }
    }
    if (status == FG_OK) {
        stamps.settles = now_ns() < newest + TICK_NS ? newest + TICK_NS : 0;
        *ret_stamps = stamps;
    }
    return status;
}

/* Whether a path still leads to the folder that it led to. */
static bool same_folder(const char *path, const struct fg_file_stamp *known)
{
    struct fg_file_stamp stamp;
    return fg_file_stamp(AT_FDCWD, path, &stamp, NULL) == FG_OK && stamp.exists &&
           stamp.device == known->device && stamp.inode == known->inode;
}

/*
 * Whether the paths still lead to the same folders. Looking at a path is a tenth of what a small
 * request costs; where the watch sees folders being moved, only a mount can change that, and
 * that is looked for once in a tick of the kernel's clock.
 */
static bool same_paths(struct fg_layout *layout, const struct fg_stamps *stamps)
{
    int64_t now = now_ns();
    if (layout->watches_above &&
        atomic_load_explicit(&layout->looked, memory_order_relaxed) == now) {
        return true;
    }
    bool same =
        same_folder(layout->hg_path, &stamps->files[FG_STAMPED_HG]) &&
        (!is_share(layout) || same_folder(layout->source_path, &stamps->files[FG_STAMPED_SOURCE]));
    if (same) {
        atomic_store_explicit(&layout->looked, now, memory_order_relaxed);
    }
    return same;
}

bool fg_stamps_still_true(struct fg_layout *layout, bool working_copy,
                          const struct fg_stamps *stamps)
{
    if (layout->watch == NULL || stamps->settles != 0 || !fg_watch_is_quiet(layout->watch) ||
        !same_paths(layout, stamps)) {
        return false;
    }
    struct fg_file_stamp merge;
    return !working_copy || (fg_file_stamp(layout->hg, "merge/state2", &merge, NULL) == FG_OK &&
                             fg_file_stamp_equal(&merge, &stamps->files[FG_STAMPED_MERGE_STATE]));
}

static bool equal_range(const struct fg_stamps *a, const struct fg_stamps *b, int start, int end)
{
    for (int i = start; i < end; i++) {
        if (!fg_file_stamp_equal(&a->files[i], &b->files[i])) {
            return false;
        }
    }
    return true;
}

bool fg_stamps_same_layout(const struct fg_stamps *a, const struct fg_stamps *b)
{
    return equal_range(a, b, 0, FG_STAMPED_LAYOUT_END);
}

bool fg_stamps_equal(const struct fg_stamps *a, const struct fg_stamps *b)
{
    return equal_range(a, b, 0, FG_STAMPED_COUNT);
}

bool fg_stamps_need_check(const struct fg_stamps *stamps)
{
    return stamps->settles != 0 && now_ns() >= stamps->settles;
}
