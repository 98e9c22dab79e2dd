/*
 * Mercurial's lock of the store: a symbolic link "lock" that leads nowhere and whose target names
 * the machine, its namespace of processes and the process that holds it.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_LOCK_H
#define FRAMEGATE_HANDLERS_REPO_LOCK_H

#include "handlers/repo/layout.h"

/*
 * True if a living process holds the repository's lock: what the files say may be half of a
 * transaction. *ret_transaction: a transaction is open.
 */
bool fg_layout_locked(const struct fg_layout *layout, bool *ret_transaction);

/*
 * Takes the lock, waiting for at most so many milliseconds while somebody else has it; one that a
 * dead process of this machine left behind is removed first, as Mercurial does. FG_ERR_STATE:
 * somebody had it all the time, error says who; FG_ERR_UNSUPPORTED: this process may not write
 * there; FG_ERR_IO.
 */
enum fg_status fg_lock_take(const struct fg_layout *layout, unsigned wait_ms,
                            struct fg_error *error);

/* Gives back what fg_lock_take took. */
void fg_lock_release(const struct fg_layout *layout);

#endif
