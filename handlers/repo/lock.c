/* Whether somebody has Mercurial's lock, and having it ourselves. */
#define _GNU_SOURCE /* gethostname */

#include "handlers/repo/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCK_SIZE = 1024, /* bytes of a lock's text */
    RETRY_MS = 10,
};

/*
 * How Mercurial names this machine in a lock: its host name and, on Linux, the number of its
 * namespace of processes.
 */
static bool own_lock_prefix(char *buffer, size_t size)
{
    char host[256];
    if (gethostname(host, sizeof host) != 0) {
        return false;
    }
    host[sizeof host - 1] = '\0';
    struct stat namespace;
    int length =
        stat("/proc/self/ns/pid", &namespace) == 0
            ? snprintf(buffer, size, "%s/%llx:", host, (unsigned long long)namespace.st_ino)
            : snprintf(buffer, size, "%s:", host);
    return length > 0 && (size_t)length < size;
}

/* True if the process that a lock names has ended without removing it. */
static bool is_stale(const char *lock)
{
    char prefix[512];
    if (!own_lock_prefix(prefix, sizeof prefix)) {
        return false;
    }
    size_t length = strlen(prefix);
    if (strncmp(lock, prefix, length) != 0) {
        return false; /* another machine's: there is no telling */
    }
    char *end;
    errno = 0;
    long process = strtol(lock + length, &end, 10);
    return errno == 0 && process > 0 && process <= INT32_MAX && kill((pid_t)process, 0) != 0 &&
           errno == ESRCH;
}

/* The lock's text; false if it is not there. Where links are not to be had it is a file, whose
 * text would say no more than that it is there: then it is empty. */
static bool read_lock(const struct fg_layout *layout, char *ret_text)
{
    struct stat status;
    ssize_t length = readlinkat(layout->store, "lock", ret_text, LOCK_SIZE - 1);
    ret_text[length > 0 ? length : 0] = '\0';
    return length >= 0 || fstatat(layout->store, "lock", &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool fg_layout_locked(const struct fg_layout *layout, bool *ret_transaction)
{
    struct stat status;
    char lock[LOCK_SIZE];
    *ret_transaction = false;
    if (!read_lock(layout, lock) || is_stale(lock)) {
        return false;
    }
    *ret_transaction = fstatat(layout->store, "journal", &status, AT_SYMLINK_NOFOLLOW) == 0;
    return true;
}

/* Removes a stale lock. Under a second lock, or two could remove it and one of them a new one. */
static void break_lock(const struct fg_layout *layout, const char *own)
{
    char lock[LOCK_SIZE];
    if (symlinkat(own, layout->store, "lock.break") == 0) {
        if (read_lock(layout, lock) && is_stale(lock)) {
            (void)unlinkat(layout->store, "lock", 0);
        }
        (void)unlinkat(layout->store, "lock.break", 0);
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum fg_status fg_lock_take(const struct fg_layout *layout, unsigned wait_ms,
                            struct fg_error *error)
{
    char prefix[512];
    char own[LOCK_SIZE];
    if (!own_lock_prefix(prefix, sizeof prefix)) {
        return fg_fail(error, FG_ERR_IO, 0, "cannot tell this machine's name");
    }
    snprintf(own, sizeof own, "%s%ld", prefix, (long)getpid());
    int64_t deadline = now_ms() + wait_ms;
    while (symlinkat(own, layout->store, "lock") != 0) {
        if (errno == EACCES || errno == EPERM || errno == EROFS) {
            return fg_fail(error, FG_ERR_UNSUPPORTED, 0, "cannot lock the repository: %s",
                           strerror(errno));
        }
        if (errno != EEXIST) {
            return fg_fail(error, FG_ERR_IO, 0, "cannot lock the repository: %s", strerror(errno));
        }
        char holder[LOCK_SIZE];
        if (read_lock(layout, holder) && is_stale(holder)) {
            break_lock(layout, own);
        }
        if (now_ms() >= deadline) {
            return fg_fail(error, FG_ERR_STATE, 0, "the repository is locked by '%.200s'", holder);
        }
        struct timespec pause = {.tv_nsec = (long)RETRY_MS * 1000000};
        nanosleep(&pause, NULL);
    }
    return FG_OK;
}

void fg_lock_release(const struct fg_layout *layout)
{
    (void)unlinkat(layout->store, "lock", 0);
}
