/*
 * Where lines go: standard error, standard output, or a file. A log that nobody reads must hold up
 * nobody: lines go into a queue with a ceiling, and a thread of the log writes them. What finds no
 * room there, or cannot be written, is counted and dropped.
 */
#ifndef FRAMEGATE_GATEWAY_LOG_H
#define FRAMEGATE_GATEWAY_LOG_H

#include "framing/buffer.h"

struct fg_log;

/*
 * Starts the threads of standard output and standard error. Descriptors 0 to 2 that are closed are
 * occupied, so that no other file becomes one of them and gets the lines. FG_ERR_MEMORY: no thread.
 */
enum fg_status fg_log_start(void);

/*
 * Writes out what waits, for a second at most, and ends the threads of all logs; what comes later
 * is dropped. A thread that hangs in the kernel is left to the end of the process.
 */
void fg_log_finish(void);

/*
 * Opens what a log is to write to: "off" (*ret_fd is -1), "-" (standard error), or a path that is
 * appended to. Never waits, also not for the reader of a FIFO. FG_ERR_IO: error names it.
 */
enum fg_status fg_log_open(const char *where, int *ret_fd, struct fg_error *error);

/*
 * The access log, which writes to fd of fg_log_open and takes it over, also on failure; NULL for
 * -1. To be called once, after fg_log_start. It lives as long as the process. FG_ERR_MEMORY.
 */
enum fg_status fg_log_use(int fd, struct fg_log **ret_log);

/*
 * Lets log write to fd of fg_log_open in the next moment, and takes fd over. False if log goes on
 * as before, because one of them is no file and they differ.
 */
bool fg_log_replace(struct fg_log *log, int fd);

/* Standard output, for what a start says. */
struct fg_log *fg_log_output(void);

/*
 * Has whole lines written, soon; never waits. Before fg_log_start it writes by itself, and may
 * wait. Takes NULL.
 */
void fg_log_write(struct fg_log *log, struct fg_bytes lines);

/* A message of the program itself, as one line on standard error; as fg_log_write. */
void fg_log_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for what ends the program or keeps it from starting. */
void fg_log_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How many lines of all logs were dropped. */
uint64_t fg_log_lost(void);

#endif
