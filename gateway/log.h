/*
 * Where lines go: a file or standard error. Messages of the program, and the access log, which is
 * written in blocks because a system call for each request would cost more than the request.
 */
#ifndef FRAMEGATE_GATEWAY_LOG_H
#define FRAMEGATE_GATEWAY_LOG_H

#include "framing/buffer.h"

struct fg_log {
    int fd;       /* -1: lines are dropped */
    int to_close; /* fd was opened here */
};

/* "off", "-" (standard error), or a path that is appended to. FG_ERR_IO: error names it. */
enum fg_status fg_log_open(const char *where, struct fg_log *ret_log, struct fg_error *error);

/* Takes NULL. */
void fg_log_close(struct fg_log *log);

/*
 * Lets log write where fresh does, in one step for all threads that write, and takes fresh over.
 * False if it goes on as before, because one of them is no file and they differ.
 */
bool fg_log_replace(struct fg_log *log, struct fg_log *fresh);

/* Writes all of it; what cannot be written is dropped, since nobody could be told. */
void fg_log_write(const struct fg_log *log, struct fg_bytes lines);

/* A message of the program itself, as one line on standard error. */
void fg_log_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
