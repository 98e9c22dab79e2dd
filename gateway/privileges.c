/*
 * Giving up root: groups first, since only root may change them, and a look afterwards whether the
 * way back is really closed.
 */
#include "gateway/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum fg_status fg_privileges_drop(const char *user, struct fg_error *error)
{
    errno = 0;
    const struct passwd *account = getpwnam(user);
    if (account == NULL) {
        return fg_fail(error, FG_ERR_NOT_FOUND, 0, "there is no account '%s'%s%s", user,
                       errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    }
    if (account->pw_uid == 0) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "the account must not be root");
    }
    if (geteuid() != account->pw_uid || getuid() != account->pw_uid) {
        if (initgroups(account->pw_name, account->pw_gid) != 0 ||
            setresgid(account->pw_gid, account->pw_gid, account->pw_gid) != 0 ||
            setresuid(account->pw_uid, account->pw_uid, account->pw_uid) != 0) {
            return fg_fail(error, FG_ERR_IO, 0, "cannot become the user '%s': %s", user,
                           strerror(errno));
        }
        if (setuid(0) == 0) {
            return fg_fail(error, FG_ERR_IO, 0, "the user '%s' can become root again", user);
        }
    }
    if (setenv("HOME", account->pw_dir, 1) != 0 || setenv("USER", account->pw_name, 1) != 0 ||
        setenv("LOGNAME", account->pw_name, 1) != 0) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    return FG_OK;
}
