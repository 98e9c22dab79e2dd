/*
 * A library to be loaded before the program (LD_PRELOAD) that makes a chosen call fail: the Nth
 * read, write, accept, open, stat, mapping or allocation. Which one is said in a file that is
 * mapped by the test too (FRAMEGATE_FAILING names it), so that one run of the program goes through
 * all of them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* The order of faults.py. */
enum call {
    CALL_NONE,
    CALL_READ,
    CALL_RECV,
    CALL_SEND,
    CALL_WRITE,
    CALL_ACCEPT,
    CALL_OPEN,
    CALL_STAT,
    CALL_MAP,
    CALL_ALLOCATE,
};

/* As the file is laid out: 8 bytes each. */
struct control {
    _Atomic int64_t armed;     /* enum call */
    _Atomic int64_t countdown; /* calls that still succeed */
    _Atomic int64_t number;    /* what errno becomes */
    _Atomic int64_t failed;    /* calls that failed */
};

static struct control *control;

/* The allocator that comes next may itself allocate while it is looked up. */
static _Alignas(16) char early[65536];
static size_t early_used;

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

#define NEXT(name)                                                                                 \
    static __typeof__(name) *real_##name;                                                          \
    if (real_##name == NULL) {                                                                     \
        *(void **)&real_##name = next(#name);                                                      \
    }

__attribute__((constructor)) static void map_control(void)
{
    const char *path = getenv("FRAMEGATE_FAILING");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *mapped =
            mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapped != MAP_FAILED) {
            control = mapped;
        }
        close(fd);
    }
    /* What the program starts is not to fail. */
    unsetenv("LD_PRELOAD");
}

static int fails(enum call call)
{
    if (control == NULL || atomic_load(&control->armed) != (int64_t)call ||
        atomic_fetch_sub(&control->countdown, 1) != 0) {
        return 0;
    }
    atomic_fetch_add(&control->failed, 1);
    errno = (int)atomic_load(&control->number);
    return 1;
}

ssize_t read(int fd, void *buffer, size_t size)
{
    NEXT(read)
    return fails(CALL_READ) ? -1 : real_read(fd, buffer, size);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
    NEXT(pread)
    return fails(CALL_READ) ? -1 : real_pread(fd, buffer, size, offset);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    NEXT(recv)
    return fails(CALL_RECV) ? -1 : real_recv(fd, buffer, size, flags);
}

ssize_t send(int fd, const void *buffer, size_t size, int flags)
{
    NEXT(send)
    return fails(CALL_SEND) ? -1 : real_send(fd, buffer, size, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    NEXT(sendmsg)
    return fails(CALL_SEND) ? -1 : real_sendmsg(fd, message, flags);
}

ssize_t write(int fd, const void *buffer, size_t size)
{
    NEXT(write)
    return fails(CALL_WRITE) ? -1 : real_write(fd, buffer, size);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    NEXT(accept4)
    return fails(CALL_ACCEPT) ? -1 : real_accept4(fd, address, size, flags);
}

static mode_t mode_of(int flags, va_list list)
{
    return (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    NEXT(open)
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return fails(CALL_OPEN) ? -1 : real_open(path, flags, mode);
}

int openat(int fd, const char *path, int flags, ...)
{
    NEXT(openat)
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return fails(CALL_OPEN) ? -1 : real_openat(fd, path, flags, mode);
}

int stat(const char *path, struct stat *info)
{
    NEXT(stat)
    return fails(CALL_STAT) ? -1 : real_stat(path, info);
}

int fstat(int fd, struct stat *info)
{
    NEXT(fstat)
    return fails(CALL_STAT) ? -1 : real_fstat(fd, info);
}

int fstatat(int fd, const char *path, struct stat *info, int flags)
{
    NEXT(fstatat)
    return fails(CALL_STAT) ? -1 : real_fstatat(fd, path, info, flags);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    NEXT(mmap)
    return fails(CALL_MAP) ? MAP_FAILED : real_mmap(address, size, protection, flags, fd, offset);
}

/* -- allocation ------------------------------------------------------------------------------- */

static void *allocate_early(size_t size)
{
    size_t start = (early_used + 15) & ~(size_t)15;
    if (start + size > sizeof(early)) {
        return NULL;
    }
    early_used = start + size;
    return early + start;
}

static int is_early(const void *pointer)
{
    return (uintptr_t)pointer - (uintptr_t)early < sizeof(early);
}

/* Not by a call of __tls_get_addr: a sanitizer has its own, which is not ready yet. */
static _Thread_local __attribute__((tls_model("initial-exec"))) int looking_up;

#define NEXT_ALLOCATOR(name, otherwise)                                                            \
    static __typeof__(name) *real_##name;                                                          \
    if (real_##name == NULL) {                                                                     \
        if (looking_up) {                                                                          \
            return otherwise;                                                                      \
        }                                                                                          \
        looking_up = 1;                                                                            \
        *(void **)&real_##name = next(#name);                                                      \
        looking_up = 0;                                                                            \
        if (real_##name == NULL) {                                                                 \
            return otherwise; /* a sanitizer is starting */                                        \
        }                                                                                          \
    }

void *malloc(size_t size)
{
    NEXT_ALLOCATOR(malloc, allocate_early(size))
    return fails(CALL_ALLOCATE) ? NULL : real_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    NEXT_ALLOCATOR(calloc, allocate_early(count * size))
    return fails(CALL_ALLOCATE) ? NULL : real_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    NEXT_ALLOCATOR(realloc, NULL)
    if (is_early(old)) {
        void *copy = malloc(size);
        size_t rest = (size_t)(early + sizeof(early) - (char *)old);
        return copy != NULL ? memcpy(copy, old, size < rest ? size : rest) : NULL;
    }
    return fails(CALL_ALLOCATE) ? NULL : real_realloc(old, size);
}

void free(void *pointer)
{
    NEXT_ALLOCATOR(free, (void)0)
    if (!is_early(pointer)) {
        real_free(pointer);
    }
}
