/*
 * What the operator of a repository hears of it: lines, and which files of its store were found
 * damaged. Such a file is told once, not with each request that needs it, and remembered until it
 * is another. Owned by references: a reply that is being sent may outlive its repository. All
 * functions may be called from any thread.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_NOTICES_H
#define FRAMEGATE_HANDLERS_REPO_NOTICES_H

#include "framing/status.h"
#include "handlers/repo/repository.h"

#include <stdarg.h>

struct fg_notices;

/* path: the repository's, copied. NULL: out of memory. The caller owns one reference. */
struct fg_notices *fg_notices_new(const char *path);
struct fg_notices *fg_notices_ref(struct fg_notices *notices);

/* Takes NULL. */
void fg_notices_unref(struct fg_notices *notices);

/* Who hears of all that follows. NULL: nobody. */
void fg_notices_set_listener(struct fg_notices *notices, fg_repository_listener listener);

/* As fg_repository_tell. */
void fg_notices_tell(struct fg_notices *notices, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* True for failures that say that a file is not what it should be. */
bool fg_is_damage(enum fg_status status);

/*
 * A file of the store (its name in that folder; "" if it is not known which) could not be read, for
 * this reason. Told if it was not known, or has changed since. Beyond FG_DAMAGES_MAX files further
 * ones are told once all together, and counted. Takes NULL as notices.
 */
void fg_notices_damage(struct fg_notices *notices, int store, const char *file, const char *reason);

/*
 * Forgets the files that have changed since they were found damaged, or, if all was read, also what
 * was found in no file in particular.
 */
void fg_notices_look_again(struct fg_notices *notices, int store, bool all_read);

/* As fg_repository_damages. */
size_t fg_notices_damages(struct fg_notices *notices, struct fg_damage ret_damages[FG_DAMAGES_MAX]);

#endif
