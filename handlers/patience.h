/*
 * How long a thread may take for what it does. A repository decides how much there is to read, and
 * neither a huge nor a hostile one may hold a thread for ever: who starts work says how long it may
 * take, and each loop whose length a repository decides asks whether it may go on. Kept with the
 * thread: the loops lie deep, and every function on the way to them would have to hand it down.
 */
#ifndef FRAMEGATE_HANDLERS_PATIENCE_H
#define FRAMEGATE_HANDLERS_PATIENCE_H

#include "framing/status.h"

#include <stdbool.h>

/*
 * Gives the calling thread so many seconds, until fg_patience_end. 0, and a thread that was given
 * nothing: until fg_patience_stop.
 */
void fg_patience_begin(unsigned seconds);

/* Gives it as many seconds again, from now on: each piece of what is made has its own time. */
void fg_patience_renew(void);

/* True if something was given up because the time was over. */
bool fg_patience_end(void);

/*
 * May the calling thread go on? FG_ERR_LIMIT: its time is over, or fg_patience_stop was called.
 * Costs 10 ns; to be called for each piece of work of bounded size.
 */
enum fg_status fg_patience_check(struct fg_error *error);

/* From now on nothing goes on, on any thread: the program is to end. */
void fg_patience_stop(void);

#endif
