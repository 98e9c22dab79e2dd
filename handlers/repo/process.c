/*
 * Running a program: posix_spawn, two pipes, and a pidfd so that its end is waited for together
 * with its output, also where a child of its own keeps the pipes open.
 */
#define _GNU_SOURCE /* pipe2, posix_spawn_file_actions_addchdir_np */

#include "handlers/repo/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    GRACE_MS = 3000, /* between being told to end and being killed: time to roll back */
    PIECE = 4096,    /* bytes read at once */
};

struct process {
    pid_t pid;
    int pidfd;
    int pipes[2]; /* the reading ends: standard output, standard error; -1 once ended */
    struct fg_buffer *buffers[2];
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int set_up_child(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
                        const int ends[2])
{
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGHUP);
    sigaddset(&usual, SIGCHLD);
    int failed = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(actions, ends[0], 1);
    failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(actions, ends[1], 2);
    failed = failed != 0 ? failed : posix_spawn_file_actions_addchdir_np(actions, "/");
    failed = failed != 0 ? failed : posix_spawnattr_setpgroup(attributes, 0);
    failed = failed != 0 ? failed : posix_spawnattr_setsigmask(attributes, &none);
    failed = failed != 0 ? failed : posix_spawnattr_setsigdefault(attributes, &usual);
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    return failed != 0 ? failed : posix_spawnattr_setflags(attributes, flags);
}

static int spawn(char *const argv[], char *const environment[], const int ends[2], pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = set_up_child(&actions, &attributes, ends);
        if (failed == 0) {
            failed = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environment);
        }
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0) {
            close(pair[i]);
            pair[i] = -1;
        }
    }
}

static enum fg_status start(struct process *process, char *const argv[], char *const environment[],
                            struct fg_error *error)
{
    int out[2] = {-1, -1};
    int err[2] = {-1, -1};
    int failed = 0;
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
        failed = errno;
    }
    int ends[2] = {out[1], err[1]};
    failed = failed != 0 ? failed : spawn(argv, environment, ends, &process->pid);
    close_pair(ends);
    if (failed != 0) {
        int readers[2] = {out[0], err[0]};
        close_pair(readers);
        return fg_fail(error, failed == ENOMEM ? FG_ERR_MEMORY : FG_ERR_IO, 0,
                       "cannot start %s: %s", argv[0], strerror(failed));
    }
    process->pipes[0] = out[0];
    process->pipes[1] = err[0];
    process->pidfd = pidfd_open(process->pid, 0);
    return FG_OK;
}

/* Keeps the end of what was written. */
static void keep_output(struct fg_buffer *buffer, const uint8_t *data, size_t size)
{
    if (size > buffer->ceiling) {
        data += size - buffer->ceiling;
        size = buffer->ceiling;
    }
    size_t room = buffer->ceiling - buffer->size;
    if (size > room) {
        size_t drop = size - room;
        memmove(buffer->data, buffer->data + drop, buffer->size - drop);
        buffer->size -= drop;
    }
    /* Without memory for its message a failure is still a failure. */
    (void)fg_buffer_append(buffer, data, size);
}

/* Reads what there is. The pipe is closed at its end. */
static void drain(struct process *process, int index)
{
    uint8_t piece[PIECE];
    ssize_t got = read(process->pipes[index], piece, sizeof piece);
    if (got > 0) {
        keep_output(process->buffers[index], piece, (size_t)got);
    } else if (got == 0 || errno != EINTR) {
        close(process->pipes[index]);
        process->pipes[index] = -1;
    }
}

/* True if the process ended before the deadline. */
static bool wait_for_end(struct process *process, int64_t deadline)
{
    for (;;) {
        struct pollfd files[3] = {
            {.fd = process->pidfd, .events = POLLIN},
            {.fd = process->pipes[0], .events = POLLIN},
            {.fd = process->pipes[1], .events = POLLIN},
        };
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            return false;
        }
        int ready = poll(files, 3, left < 60000 ? (int)left : 60000);
        if (ready < 0 && errno != EINTR) {
            return false;
        }
        if (ready <= 0) {
            continue;
        }
        bool output = false;
        for (int i = 0; i < 2; i++) {
            if (files[i + 1].revents != 0) {
                drain(process, i);
                output = true;
            }
        }
        if (files[0].revents != 0 && !output) {
            return true;
        }
    }
}

static int reap(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 255;
        }
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

enum fg_status fg_process_run(char *const argv[], char *const environment[], unsigned seconds,
                              struct fg_buffer *output, struct fg_buffer *errors, int *ret_exit,
                              struct fg_error *error)
{
    struct process process = {.buffers = {output, errors}};
    enum fg_status status = start(&process, argv, environment, error);
    if (status != FG_OK) {
        return status;
    }
    bool in_time = process.pidfd >= 0 && wait_for_end(&process, now_ms() + (int64_t)seconds * 1000);
    if (!in_time) {
        kill(-process.pid, SIGTERM);
        if (process.pidfd < 0 || !wait_for_end(&process, now_ms() + GRACE_MS)) {
            kill(-process.pid, SIGKILL);
        }
    }
    int exit_status = reap(process.pid);
    if (process.pidfd >= 0) {
        close(process.pidfd);
    }
    close_pair(process.pipes);
    if (!in_time) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "%s took longer than %u seconds and was ended",
                       argv[0], seconds);
    }
    *ret_exit = exit_status;
    return FG_OK;
}
