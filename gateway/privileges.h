/*
 * Giving up root.
 */
#ifndef FRAMEGATE_GATEWAY_PRIVILEGES_H
#define FRAMEGATE_GATEWAY_PRIVILEGES_H

#include "framing/status.h"

/*
 * Becomes the account with this name, with its groups and for good, and sets HOME, USER and LOGNAME
 * for programs that are run. Nothing to do if that is the account already. All threads change with
 * it; no other may use the environment. FG_ERR_NOT_FOUND: no such account; FG_ERR_IO: not allowed.
 */
enum fg_status fg_privileges_drop(const char *user, struct fg_error *error);

#endif
