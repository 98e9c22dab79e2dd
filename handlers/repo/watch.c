/*
 * Watching folders with inotify. The queue of events is only emptied by the thread that then looks
 * at the files, after it has withdrawn its trust: so a thread that finds the queue empty and the
 * trust there can be sure that nothing has happened since the files were looked at.
 */
#define _GNU_SOURCE /* statfs */

#include "handlers/repo/watch.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Not in linux/magic.h. */
#define ZFS_MAGIC 0x2fc12fc1

struct fg_watch {
    int fd;
    atomic_bool trusted;
};

/* File systems on which all writing goes through this kernel. */
static bool is_local(int folder)
{
    static const uint32_t local[] = {
        EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
        F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, ZFS_MAGIC,
    };
    struct statfs info;
    if (fstatfs(folder, &info) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        if ((uint32_t)info.f_type == local[i]) {
            return true;
        }
    }
    return false;
}

static bool add_folder(const struct fg_watch *watch, int folder)
{
    char path[64];
    const uint32_t events = IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                            IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
    return is_local(folder) && inotify_add_watch(watch->fd, path, events) >= 0;
}

bool fg_watch_add_above(struct fg_watch *watch, const char *path)
{
    const uint32_t events = IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;
    char *copy = strdup(path);
    bool complete = copy != NULL;
    for (char *end = copy; complete && (end = strchr(end + 1, '/')) != NULL;) {
        *end = '\0';
        complete = inotify_add_watch(watch->fd, copy, events) >= 0;
        *end = '/';
    }
    free(copy);
    return complete;
}

struct fg_watch *fg_watch_new(const int *folders, size_t count)
{
    struct fg_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return NULL;
    }
    atomic_init(&watch->trusted, false);
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    bool complete = watch->fd >= 0;
    for (size_t i = 0; i < count && complete; i++) {
        complete = add_folder(watch, folders[i]);
    }
    if (!complete) {
        fg_watch_free(watch);
        return NULL;
    }
    return watch;
}

void fg_watch_free(struct fg_watch *watch)
{
    if (watch != NULL) {
        if (watch->fd >= 0) {
            close(watch->fd);
        }
        free(watch);
    }
}

bool fg_watch_is_quiet(struct fg_watch *watch)
{
    int waiting;
    /* In this order: who empties the queue withdraws the trust before. */
    return ioctl(watch->fd, FIONREAD, &waiting) == 0 && waiting == 0 &&
           atomic_load(&watch->trusted);
}

void fg_watch_forget(struct fg_watch *watch)
{
    char events[4096];
    atomic_store(&watch->trusted, false);
    ssize_t got;
    do {
        got = read(watch->fd, events, sizeof events);
    } while (got > 0 || (got < 0 && errno == EINTR));
}

void fg_watch_trust(struct fg_watch *watch)
{
    atomic_store(&watch->trusted, true);
}
