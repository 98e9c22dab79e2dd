/* Texts of statuses, and filling in of errors. */
#include "framing/status.h"

#include "framing/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *fg_status_text(enum fg_status status)
{
    switch (status) {
    case FG_OK:
        return "ok";
    case FG_NEED_MORE:
        return "more input needed";
    case FG_END:
        return "end reached";
    case FG_PENDING:
        return "nothing available yet";
    case FG_ERR_MEMORY:
        return "out of memory";
    case FG_ERR_LIMIT:
        return "limit reached";
    case FG_ERR_SYNTAX:
        return "malformed input";
    case FG_ERR_TRUNCATED:
        return "truncated input";
    case FG_ERR_ARGUMENT:
        return "argument out of range";
    case FG_ERR_STATE:
        return "not allowed in this state";
    case FG_ERR_IO:
        return "read or write failed";
    case FG_ERR_NOT_FOUND:
        return "not found";
    case FG_ERR_CORRUPT:
        return "stored data is corrupt";
    case FG_ERR_UNSUPPORTED:
        return "not supported";
    }
    return "unknown status";
}

static void fill(struct fg_error *error, enum fg_limit limit, size_t offset, const char *format,
                 va_list args)
{
    if (error == NULL) {
        return;
    }
    int length = vsnprintf(error->message, sizeof error->message, format, args);
    if (length < 0) {
        error->message[0] = '\0';
    }
    size_t size = strlen(error->message);
    if (length > 0 && (size_t)length > size) {
        struct fg_bytes text = {(const uint8_t *)error->message, size};
        error->message[fg_utf8_cut(text, size)] = '\0';
    }
    for (char *c = error->message; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    error->offset = offset;
    error->limit = limit;
}

void fg_error_set(struct fg_error *error, size_t offset, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(error, FG_LIMIT_NONE, offset, format, args);
    va_end(args);
}

void fg_error_set_limit(struct fg_error *error, enum fg_limit limit, size_t offset,
                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(error, limit, offset, format, args);
    va_end(args);
}
