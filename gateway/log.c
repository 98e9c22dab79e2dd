/*
 * Writing whole lines with one write, so that lines of several threads do not mix.
 */
#include "gateway/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 1024 };

enum fg_status fg_log_open(const char *where, struct fg_log *ret_log, struct fg_error *error)
{
    struct fg_log log = {.fd = -1};
    if (strcmp(where, "-") == 0) {
        log.fd = STDERR_FILENO;
    } else if (strcmp(where, "off") != 0) {
        log.fd = open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        if (log.fd < 0) {
            return fg_fail(error, FG_ERR_IO, 0, "cannot write the access log %s: %s", where,
                           strerror(errno));
        }
        log.to_close = 1;
    }
    *ret_log = log;
    return FG_OK;
}

void fg_log_close(struct fg_log *log)
{
    if (log != NULL && log->to_close) {
        close(log->fd);
        *log = (struct fg_log){.fd = -1};
    }
}

bool fg_log_replace(struct fg_log *log, struct fg_log *fresh)
{
    /* The number stays: others write to it without a lock. */
    bool replaced = log->to_close && fresh->to_close && dup3(fresh->fd, log->fd, O_CLOEXEC) >= 0;
    bool same = !log->to_close && !fresh->to_close && log->fd == fresh->fd;
    fg_log_close(fresh);
    return replaced || same;
}

void fg_log_write(const struct fg_log *log, struct fg_bytes lines)
{
    while (log->fd >= 0 && lines.size > 0) {
        ssize_t written = write(log->fd, lines.data, lines.size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        lines.data += written;
        lines.size -= (size_t)written;
    }
}

void fg_log_message(const char *format, ...)
{
    char line[LINE_MAX_SIZE];
    int prefix = snprintf(line, sizeof(line), "framegate: ");
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line + prefix, sizeof(line) - (size_t)prefix - 1, format, arguments);
    va_end(arguments);
    if (size < 0) {
        return;
    }
    size_t total = strlen(line);
    if (line[total - 1] != '\n') {
        line[total++] = '\n';
    }
    const struct fg_log log = {.fd = STDERR_FILENO};
    fg_log_write(&log, (struct fg_bytes){(const uint8_t *)line, total});
}
