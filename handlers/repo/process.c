/*
 * Running a program: posix_spawn, pipes, and a pidfd so that its end is waited for together with
 * its output, also where a child of its own keeps the pipes open.
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
    TICK_MS = 500,   /* how long stop may go unnoticed */
    GRACE_MS = 3000, /* between being told to end and being killed: time to roll back */
    PIECE = 4096,    /* bytes read at once */
    EXTRA = 3,       /* the number of the descriptor in FG_PROCESS_EXTRA_PATH */
};

enum { OUTPUT, ERRORS, PIPES };

/* A running program. */
struct child {
    pid_t pid;
    int pidfd;
    int pipes[PIPES]; /* our ends; -1 once ended */
    struct fg_buffer *buffers[PIPES];
    const atomic_bool *stop; /* NULL: nothing stops it */
    enum fg_status status;   /* FG_ERR_MEMORY: not all that it wrote could be kept */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int set_up_signals(posix_spawnattr_t *attributes)
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
    int failed = posix_spawnattr_setpgroup(attributes, 0);
    failed = failed != 0 ? failed : posix_spawnattr_setsigmask(attributes, &none);
    failed = failed != 0 ? failed : posix_spawnattr_setsigdefault(attributes, &usual);
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    return failed != 0 ? failed : posix_spawnattr_setflags(attributes, flags);
}

/* ends are the program's ends of the pipes; without an input of ours it reads nothing. */
static int set_up_files(posix_spawn_file_actions_t *actions, const int ends[PIPES],
                        const struct fg_process *process)
{
    int failed =
        process->input >= 0
            ? posix_spawn_file_actions_adddup2(actions, process->input, STDIN_FILENO)
            : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    for (int i = OUTPUT; i < PIPES && failed == 0; i++) {
        failed = posix_spawn_file_actions_adddup2(actions, ends[i], STDOUT_FILENO + i);
    }
    if (failed == 0 && process->extra >= 0) {
        failed = posix_spawn_file_actions_adddup2(actions, process->extra, EXTRA);
    }
    return failed != 0 ? failed : posix_spawn_file_actions_addchdir_np(actions, "/");
}

static int spawn(const struct fg_process *process, const int ends[PIPES], pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = set_up_signals(&attributes);
        failed = failed != 0 ? failed : set_up_files(&actions, ends, process);
        if (failed == 0) {
            failed = posix_spawnp(ret_pid, process->argv[0], &actions, &attributes, process->argv,
                                  process->environment);
        }
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static void close_all(int pipes[PIPES])
{
    for (int i = 0; i < PIPES; i++) {
        if (pipes[i] >= 0) {
            close(pipes[i]);
            pipes[i] = -1;
        }
    }
}

static bool open_pipes(int ours[PIPES], int ends[PIPES])
{
    for (int i = OUTPUT; i < PIPES; i++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) != 0) {
            return false;
        }
        ours[i] = pair[0];
        ends[i] = pair[1];
    }
    return true;
}

/* For messages, which clients get: without the folder where the program is. */
static const char *name_of(const struct fg_process *process)
{
    const char *slash = strrchr(process->argv[0], '/');
    return slash != NULL ? slash + 1 : process->argv[0];
}

/*
 * True if a signal ended the program, which has ended and is not reaped: its own, or that of what a
 * shell around it ran.
 */
static bool was_killed(pid_t pid)
{
    enum { SHELL_SIGNAL = 128, SIGNAL_MAX = 64 };
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0) {
        return false;
    }
    return info.si_code != CLD_EXITED ||
           (info.si_status > SHELL_SIGNAL && info.si_status <= SHELL_SIGNAL + SIGNAL_MAX);
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

static enum fg_status start(struct child *child, const struct fg_process *process,
                            struct fg_error *error)
{
    int ends[PIPES] = {-1, -1};
    int failed = open_pipes(child->pipes, ends) ? 0 : errno;
    if (failed == 0 && process->input >= 0 && lseek(process->input, 0, SEEK_SET) != 0) {
        failed = errno;
    }
    failed = failed != 0 ? failed : spawn(process, ends, &child->pid);
    close_all(ends);
    if (failed != 0) {
        close_all(child->pipes);
        return fg_fail(error, failed == ENOMEM ? FG_ERR_MEMORY : FG_ERR_IO, 0,
                       "cannot start %s: %s", name_of(process), strerror(failed));
    }
    child->pidfd = pidfd_open(child->pid, 0);
    if (child->pidfd < 0) {
        /* No descriptors are left, for one: its end could not be noticed. */
        failed = errno;
        kill(-child->pid, SIGKILL);
        (void)reap(child->pid);
        close_all(child->pipes);
        return fg_fail(error, FG_ERR_IO, 0, "cannot watch %s: %s", name_of(process),
                       strerror(failed));
    }
    return FG_OK;
}

/* Keeps the end of what was written. FG_ERR_MEMORY: a piece is missing. */
static enum fg_status keep_output(struct fg_buffer *buffer, const uint8_t *data, size_t size)
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
    return fg_buffer_append(buffer, data, size);
}

static void end_pipe(struct child *child, int index)
{
    close(child->pipes[index]);
    child->pipes[index] = -1;
}

/* Reads what there is. The pipe is closed at its end. */
static void drain(struct child *child, int index)
{
    uint8_t piece[PIECE];
    ssize_t got = read(child->pipes[index], piece, sizeof piece);
    if (got > 0) {
        enum fg_status status = keep_output(child->buffers[index], piece, (size_t)got);
        child->status = child->status == FG_OK ? status : child->status;
    } else if (got == 0 || errno != EINTR) {
        end_pipe(child, index);
    }
}

/* True if the program ended before the deadline. */
static bool wait_for_end(struct child *child, int64_t deadline)
{
    for (;;) {
        struct pollfd files[PIPES + 1] = {
            {.fd = child->pipes[OUTPUT], .events = POLLIN},
            {.fd = child->pipes[ERRORS], .events = POLLIN},
            {.fd = child->pidfd, .events = POLLIN},
        };
        int64_t left = deadline - now_ms();
        if (left <= 0 || (child->stop != NULL && atomic_load(child->stop))) {
            return false;
        }
        int ready = poll(files, PIPES + 1, left < TICK_MS ? (int)left : TICK_MS);
        if (ready < 0 && errno != EINTR) {
            return false;
        }
        if (ready <= 0) {
            continue;
        }
        bool output = false;
        for (int i = OUTPUT; i < PIPES; i++) {
            if (files[i].revents != 0) {
                drain(child, i);
                output = true;
            }
        }
        if (files[PIPES].revents != 0 && !output) {
            return true;
        }
    }
}

enum fg_status fg_process_run(const struct fg_process *process, int *ret_exit,
                              struct fg_error *error)
{
    struct child child = {
        .pipes = {-1, -1}, .buffers = {process->output, process->errors}, .stop = process->stop};
    enum fg_status status = start(&child, process, error);
    if (status != FG_OK) {
        return status;
    }
    bool in_time = wait_for_end(&child, now_ms() + (int64_t)process->seconds * 1000);
    if (!in_time) {
        child.stop = NULL; /* has done its work */
        kill(-child.pid, SIGTERM);
        (void)wait_for_end(&child, now_ms() + GRACE_MS);
    }
    /* It, or what it started and did not end. Until it is reaped the group is its own. */
    if (!in_time || was_killed(child.pid)) {
        kill(-child.pid, SIGKILL);
    }
    int exit_status = reap(child.pid);
    close(child.pidfd);
    close_all(child.pipes);
    if (!in_time && process->stop != NULL && atomic_load(process->stop)) {
        return fg_fail(error, FG_ERR_STATE, 0, "%s was ended since the server stops",
                       name_of(process));
    }
    if (!in_time) {
        return fg_fail(error, FG_ERR_LIMIT, 0, "%s took longer than %u seconds and was ended",
                       name_of(process), process->seconds);
    }
    if (child.status != FG_OK) {
        return fg_fail(error, child.status, 0, "what %s said: %s", name_of(process),
                       fg_status_text(child.status));
    }
    *ret_exit = exit_status;
    return FG_OK;
}
