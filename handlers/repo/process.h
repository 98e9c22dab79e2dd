/* Running another program to its end, within a time limit. */
#ifndef FRAMEGATE_HANDLERS_REPO_PROCESS_H
#define FRAMEGATE_HANDLERS_REPO_PROCESS_H

#include "framing/buffer.h"
#include "framing/status.h"

/*
 * Runs argv[0] (looked up in PATH unless it has a slash) in the folder "/" with an empty standard
 * input and only the given environment. What it writes on standard output and standard error is
 * collected in two buffers; of more than their ceilings only the end is kept. It gets a process
 * group of its own, which is told to end (SIGTERM) after so many seconds, and killed soon after.
 * *ret_exit is its exit status, or 128 and the signal's number.
 * FG_ERR_LIMIT: the time is up; FG_ERR_IO: it cannot be started; FG_ERR_MEMORY.
 */
enum fg_status fg_process_run(char *const argv[], char *const environment[], unsigned seconds,
                              struct fg_buffer *output, struct fg_buffer *errors, int *ret_exit,
                              struct fg_error *error);

#endif
