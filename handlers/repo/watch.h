/*
 * Hearing from the kernel that files in some folders may have changed, so that a request need not
 * look at each of them. Only a hint that there is something to look at: what has changed, stamps
 * tell (handlers/repo/freshness.h).
 */
#ifndef FRAMEGATE_HANDLERS_REPO_WATCH_H
#define FRAMEGATE_HANDLERS_REPO_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct fg_watch;

/*
 * Watches open folders. NULL where that is not to be had, or not to be relied on: on file systems
 * that others than this kernel write to (NFS and its like), or without memory. Everything works
 * without, with more system calls.
 */
struct fg_watch *fg_watch_new(const int *folders, size_t count);

/*
 * Watches for the folders above an absolute path being moved away. False if that is not to be had.
 * What is mounted over one of them is not seen.
 */
bool fg_watch_add_above(struct fg_watch *watch, const char *path);

/* Takes NULL. */
void fg_watch_free(struct fg_watch *watch);

/*
 * True if there is trust, and nothing has happened in the folders since the last fg_watch_forget.
 * Any thread.
 */
bool fg_watch_is_quiet(struct fg_watch *watch);

/*
 * For the one thread that checks or reads the files: forgets what has happened so far. From here on
 * the watch is not quiet until fg_watch_trust; what happens in between stays noted.
 */
void fg_watch_forget(struct fg_watch *watch);

/* The same thread: what was looked at after fg_watch_forget was as it should be. */
void fg_watch_trust(struct fg_watch *watch);

#endif
