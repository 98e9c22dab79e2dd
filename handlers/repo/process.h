/* Running another program to its end, within a time limit. */
#ifndef FRAMEGATE_HANDLERS_REPO_PROCESS_H
#define FRAMEGATE_HANDLERS_REPO_PROCESS_H

#include "framing/buffer.h"
#include "framing/status.h"

#include <stdatomic.h>

/* What to run. All borrowed. */
struct fg_process {
    char *const *argv; /* argv[0] is looked up in PATH unless it has a slash */
    char *const *environment;
    unsigned seconds;
    int input; /* a file that is its standard input, from its beginning; -1: an empty one */
    const atomic_bool
        *stop; /* set while it runs: it is ended as if the time were up; NULL: never */
    int extra; /* a descriptor that the program gets as FG_PROCESS_EXTRA_PATH; -1: none */
    struct fg_buffer *output; /* what it writes on standard output, */
    struct fg_buffer *errors; /* on standard error: of more than the ceiling only the end is kept */
};

/* Where the program finds the extra file. */
#define FG_PROCESS_EXTRA_PATH "/proc/self/fd/3"

/*
 * Runs a program in the folder "/" with only the given environment. It gets a process group of its
 * own, which is told to end (SIGTERM) after so many seconds, and killed soon after; the group of a
 * program that a signal ends is killed at once. What the program leaves running when it ends by
 * itself is left alone. *ret_exit is its exit status, or 128 and the signal's number. FG_ERR_LIMIT:
 * the time is up; FG_ERR_STATE: stop; FG_ERR_IO: it cannot be started or watched; FG_ERR_MEMORY.
 */
enum fg_status fg_process_run(const struct fg_process *process, int *ret_exit,
                              struct fg_error *error);

#endif
