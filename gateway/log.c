/*
 * Three logs, each with a queue and a thread. The thread writes whole lines in pieces of at most
 * PIPE_BUF bytes, so that lines of several processes do not mix, and only once poll says that there
 * is room: descriptors that are shared with other processes stay as they are, blocking as a rule.
 * If another process is faster, only this thread waits.
 */
#include "gateway/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MAX_SIZE = 1024,
    QUEUE_MAX = 1 << 20, /* bytes that wait; at full load a disk is behind by less */
    LOOK_MS = 100,       /* how late it is noticed that a log was given up or replaced */
    FLUSH_MS = 1000,     /* that the end of the program waits for its logs */
};

enum state { NEW, RUNNING, FINISHED };

struct fg_log {
    int fd;
    const char *name;
    pthread_mutex_t lock; /* of what follows, up to the thread's own part */
    pthread_cond_t changed;
    enum state state;
    bool ending;
    bool ended; /* the thread is done */
    struct fg_buffer waiting;
    pthread_t thread;
    atomic_bool given_up; /* what is left is dropped */
    _Atomic uint64_t lost;

    /* Of the thread alone: */
    bool torn;    /* what was written last is no whole line */
    bool failing; /* the last lines could not be written, and that was said */
    uint64_t told;
};

enum { OUTPUT, ERRORS, ACCESS, LOGS };
#define LOG(number, text)                                                                          \
    {                                                                                              \
        .fd = (number), .name = (text), .lock = PTHREAD_MUTEX_INITIALIZER,                         \
        .waiting = FG_BUFFER_INIT(QUEUE_MAX),                                                      \
    }
static struct fg_log logs[LOGS] = {[OUTPUT] = LOG(STDOUT_FILENO, "standard output"),
                                   [ERRORS] = LOG(STDERR_FILENO, "standard error"),
                                   [ACCESS] = LOG(-1, "the access log")};

/* -- the thread ------------------------------------------------------------------------------- */

static uint64_t count_lines(struct fg_bytes bytes)
{
    uint64_t count = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        count += bytes.data[i] == '\n';
    }
    return count;
}

/* Until a piece can be written, or fails; false if the log was given up. */
static bool await(const struct fg_log *log)
{
    struct pollfd wait = {.fd = log->fd, .events = POLLOUT};
    while (!atomic_load(&log->given_up)) {
        if (poll(&wait, 1, LOOK_MS) > 0) {
            return true;
        }
    }
    return false;
}

/* Writes a piece and takes from it what was written. False: errno says why not all of it. */
static bool put(struct fg_log *log, struct fg_bytes *piece)
{
    while (piece->size > 0) {
        if (!await(log)) {
            errno = ETIMEDOUT;
            return false;
        }
        ssize_t written = write(log->fd, piece->data, piece->size);
        if (written < 0 && errno != EINTR && errno != EAGAIN) {
            return false;
        }
        if (written > 0) {
            log->torn = piece->data[written - 1] != '\n';
            piece->data += written;
            piece->size -= (size_t)written;
        }
    }
    return true;
}

/* As many whole lines as go into one write. */
static size_t piece_size(struct fg_bytes lines)
{
    if (lines.size <= PIPE_BUF) {
        return lines.size;
    }
    const uint8_t *end = memrchr(lines.data, '\n', PIPE_BUF);
    return end != NULL ? (size_t)(end + 1 - lines.data) : PIPE_BUF;
}

/* 0, or the errno of the last piece that failed. */
static int put_all(struct fg_log *log, struct fg_bytes lines)
{
    int failure = 0;
    while (lines.size > 0) {
        struct fg_bytes newline = {(const uint8_t *)"\n", log->torn ? 1 : 0};
        struct fg_bytes piece = {lines.data, piece_size(lines)};
        lines.data += piece.size;
        lines.size -= piece.size;
        if (!put(log, &newline) || !put(log, &piece)) {
            failure = errno;
            atomic_fetch_add(&log->lost, count_lines(piece));
        }
    }
    return failure;
}

/*
 * Says how many lines were lost. The thread of standard error writes that itself, since its queue
 * may be full again. False: it could not.
 */
static bool tell_lost(struct fg_log *log, uint64_t count)
{
    char line[LINE_MAX_SIZE];
    int size = snprintf(line, sizeof(line), "framegate: %llu lines of %s were lost\n",
                        (unsigned long long)count, log->name);
    struct fg_bytes text = {(const uint8_t *)line, (size_t)size};
    if (log == &logs[ERRORS]) {
        return put_all(log, text) == 0;
    }
    fg_log_write(&logs[ERRORS], text);
    return true;
}

/* Once when lines begin to be lost, as far as there is somewhere to say it, and once at its end. */
static void tell(struct fg_log *log, int failure)
{
    uint64_t lost = atomic_load(&log->lost);
    if (failure != 0 && !log->failing && log != &logs[ERRORS]) {
        fg_log_message("%s cannot be written, lines are lost: %s", log->name, strerror(failure));
    }
    if (failure == 0 && lost != log->told && tell_lost(log, lost - log->told)) {
        log->told = lost;
    }
    log->failing = failure != 0;
}

static void *write_out(void *context)
{
    struct fg_log *log = context;
    struct fg_buffer taken = FG_BUFFER_INIT(QUEUE_MAX);
    pthread_mutex_lock(&log->lock);
    for (;;) {
        while (log->waiting.size == 0 && !log->ending) {
            pthread_cond_wait(&log->changed, &log->lock);
        }
        if (log->waiting.size == 0) {
            break;
        }
        struct fg_buffer empty = taken;
        taken = log->waiting;
        log->waiting = empty;
        pthread_mutex_unlock(&log->lock);
        tell(log, put_all(log, fg_buffer_view(&taken)));
        fg_buffer_reset(&taken);
        pthread_mutex_lock(&log->lock);
    }
    log->ended = true;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
    fg_buffer_free(&taken);
    return NULL;
}

/* -- starting and ending ---------------------------------------------------------------------- */

/* No signal is for the thread: who started the program may not have blocked any yet. */
static enum fg_status start(struct fg_log *log)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&log->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    uint8_t *space; /* the first message is the one that says what memory was too short for */
    if (fg_buffer_reserve(&log->waiting, LINE_MAX_SIZE, &space) != FG_OK) {
        return FG_ERR_MEMORY;
    }
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&log->thread, NULL, write_out, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        return FG_ERR_MEMORY;
    }
    pthread_mutex_lock(&log->lock);
    log->state = RUNNING;
    pthread_mutex_unlock(&log->lock);
    return FG_OK;
}

enum fg_status fg_log_start(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            /* Read-only, so that writing fails and is counted as lost. */
            (void)!open("/dev/null", O_RDONLY);
        }
    }
    enum fg_status status = start(&logs[ERRORS]);
    return status == FG_OK ? start(&logs[OUTPUT]) : status;
}

/* Waits until its thread is done, or until then; the lock is held. */
static bool wait_for_end(struct fg_log *log, const struct timespec *deadline)
{
    while (!log->ended &&
           pthread_cond_timedwait(&log->changed, &log->lock, deadline) != ETIMEDOUT) {
    }
    return log->ended;
}

static struct timespec milliseconds_from_now(long milliseconds)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += milliseconds / 1000;
    time.tv_nsec += milliseconds % 1000 * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static void finish(struct fg_log *log, const struct timespec *deadline)
{
    pthread_mutex_lock(&log->lock);
    bool running = log->state == RUNNING;
    log->state = FINISHED;
    log->ending = true;
    if (running) {
        pthread_cond_broadcast(&log->changed);
        if (!wait_for_end(log, deadline)) {
            const struct timespec last = milliseconds_from_now(2L * LOOK_MS);
            atomic_store(&log->given_up, true);
            running = wait_for_end(log, &last);
        }
    }
    pthread_mutex_unlock(&log->lock);
    if (running) {
        pthread_join(log->thread, NULL);
        fg_buffer_free(&log->waiting);
    }
}

void fg_log_finish(void)
{
    const struct timespec deadline = milliseconds_from_now(FLUSH_MS);
    finish(&logs[ACCESS], &deadline); /* first: its thread may have something to say */
    finish(&logs[OUTPUT], &deadline);
    finish(&logs[ERRORS], &deadline);
}

enum fg_status fg_log_open(const char *where, int *ret_fd, struct fg_error *error)
{
    *ret_fd = strcmp(where, "-") == 0 ? STDERR_FILENO : -1;
    if (*ret_fd >= 0 || strcmp(where, "off") == 0) {
        return FG_OK;
    }
    /* Not blocking: a FIFO may have no reader, and its thread must notice that it is replaced. */
    *ret_fd = open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
    return *ret_fd >= 0 ? FG_OK
                        : fg_fail(error, FG_ERR_IO, 0, "cannot write the access log %s: %s", where,
                                  errno == ENXIO ? "nobody reads this FIFO" : strerror(errno));
}

enum fg_status fg_log_use(int fd, struct fg_log **ret_log)
{
    *ret_log = fd == STDERR_FILENO ? &logs[ERRORS] : fd >= 0 ? &logs[ACCESS] : NULL;
    if (*ret_log != &logs[ACCESS]) {
        return FG_OK;
    }
    logs[ACCESS].fd = fd;
    return start(&logs[ACCESS]);
}

bool fg_log_replace(struct fg_log *log, int fd)
{
    if (log != &logs[ACCESS] || fd <= STDERR_FILENO) {
        if (fd > STDERR_FILENO) {
            close(fd);
        }
        return fd == (log != NULL ? log->fd : -1);
    }
    /* The number stays: the thread uses it without a lock. */
    bool replaced = dup3(fd, log->fd, O_CLOEXEC) >= 0;
    close(fd);
    return replaced;
}

/* -- writing ---------------------------------------------------------------------------------- */

struct fg_log *fg_log_output(void)
{
    return &logs[OUTPUT];
}

void fg_log_write(struct fg_log *log, struct fg_bytes lines)
{
    if (log == NULL || lines.size == 0) {
        return;
    }
    pthread_mutex_lock(&log->lock);
    enum state state = log->state;
    if (state == RUNNING && fg_buffer_append(&log->waiting, lines.data, lines.size) == FG_OK) {
        pthread_cond_signal(&log->changed);
    } else if (state != NEW) {
        atomic_fetch_add(&log->lost, count_lines(lines));
    }
    pthread_mutex_unlock(&log->lock);
    if (state == NEW) {
        (void)put_all(log, lines);
    }
}

__attribute__((format(printf, 2, 0))) static void say(const char *who, const char *format,
                                                      va_list arguments)
{
    char line[LINE_MAX_SIZE];
    int prefix = snprintf(line, sizeof(line), "%s: ", who);
    if (vsnprintf(line + prefix, sizeof(line) - (size_t)prefix - 1, format, arguments) < 0) {
        return;
    }
    size_t total = strlen(line);
    if (line[total - 1] != '\n') {
        line[total++] = '\n';
    }
    fg_log_write(&logs[ERRORS], (struct fg_bytes){(const uint8_t *)line, total});
}

void fg_log_message(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("framegate", format, arguments);
    va_end(arguments);
}

void fg_log_failure(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("framegate serve", format, arguments);
    va_end(arguments);
}

uint64_t fg_log_lost(void)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < LOGS; i++) {
        lost += atomic_load(&logs[i].lost);
    }
    return lost;
}
