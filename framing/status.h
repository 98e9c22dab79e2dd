/*
 * The one status type of the whole project, and the place where a failure says what was wrong.
 *
 * Conventions that hold in every header:
 *  - Functions that can fail return enum fg_status. Outputs are parameters named ret_...; they are
 *    written on success only, unless the function says otherwise.
 *  - A struct fg_error parameter named error may be NULL; it is written on failure only.
 *  - ..._free and ..._clear functions take NULL or a zeroed object and do nothing then.
 *  - Nothing in framing/ logs, aborts, reads a clock or touches a file.
 */
#ifndef FRAMEGATE_FRAMING_STATUS_H
#define FRAMEGATE_FRAMING_STATUS_H

#include "framing/attributes.h"
#include "framing/limits.h"

#include <stddef.h>

FG_BEGIN_DECLARATIONS

enum fg_status {
    FG_OK = 0,

    /* Outcomes that are not failures. */
    FG_NEED_MORE, /* the input is a prefix of something well-formed */
    FG_END,       /* there is nothing left to give */
    FG_PENDING,   /* nothing to give now, later perhaps */

    /* Failures. */
    FG_ERR_MEMORY,      /* an allocation failed */
    FG_ERR_LIMIT,       /* a configured limit was reached */
    FG_ERR_SYNTAX,      /* the input is malformed */
    FG_ERR_TRUNCATED,   /* the input ends too early */
    FG_ERR_ARGUMENT,    /* the caller passed a value outside its range */
    FG_ERR_STATE,       /* the call is not allowed at this point */
    FG_ERR_IO,          /* reading a source, a file or a process failed */
    FG_ERR_NOT_FOUND,   /* what was asked for does not exist */
    FG_ERR_CORRUPT,     /* stored data contradicts itself */
    FG_ERR_UNSUPPORTED, /* well-formed, but not something this program handles */
};

/* What went wrong, for a person. */
struct fg_error {
    size_t offset; /* bytes from the start of the input at which it shows; 0 if there is none */
    enum fg_limit limit; /* which one FG_ERR_LIMIT is about, where a header promises to say so */
    char message[256];   /* UTF-8, one line, no full stop */
};

/* A few English words for a status; a static string, never NULL. */
const char *fg_status_text(enum fg_status status);

/* True for the failures, false for FG_OK and the three other outcomes. */
static inline int fg_failed(enum fg_status status)
{
    return status >= FG_ERR_MEMORY;
}

/*
 * Fills error (if it is not NULL) from a printf format, with FG_LIMIT_NONE. A message that is too
 * long is cut at a character. Line breaks and control characters in the result are replaced by '?',
 * since messages go to logs and frames.
 */
void fg_error_set(struct fg_error *error, size_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, for a limit that was reached. */
void fg_error_set_limit(struct fg_error *error, enum fg_limit limit, size_t offset,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Its argument. A call may stand where nobody uses the result, which a plain value may not. */
static inline enum fg_status fg_status_same(enum fg_status status)
{
    return status;
}

/*
 * fg_error_set, with the value status: a failing function ends in one line. A macro, so that the
 * compiler sees which status comes back, and knows what is set where it is FG_OK.
 */
#define fg_fail(error, status, offset, ...)                                                        \
    (fg_error_set((error), (offset), __VA_ARGS__), fg_status_same(status))

/* fg_fail for a limit of limits.h that was reached. */
#define fg_fail_limit(error, which, offset, ...)                                                   \
    (fg_error_set_limit((error), (which), (offset), __VA_ARGS__), fg_status_same(FG_ERR_LIMIT))

FG_END_DECLARATIONS

#endif
