/*
 * What SIGHUP gives new values while the gateway runs: who may do what with its files, the
 * certificate, and the access log, which is opened again.
 */
#ifndef FRAMEGATE_GATEWAY_RELOAD_H
#define FRAMEGATE_GATEWAY_RELOAD_H

#include "gateway/access/access.h"
#include "gateway/gateway.h"
#include "gateway/tls.h"

/* A configuration and the files that it names, all read and checked. */
struct fg_loaded {
    struct fg_config config;
    struct fg_access *access; /* owned */
    struct fg_tls *tls;       /* owned; NULL: none */
};

/*
 * Reads it all. On failure nothing is left but config's file and check_only. FG_ERR_ARGUMENT: the
 * command line; FG_END: --help was on it; other errors of fg_config_load, fg_access_load and
 * fg_tls_load.
 */
enum fg_status fg_load(int argc, char *const *argv, struct fg_loaded *ret_loaded,
                       struct fg_error *error);

/* Frees what is left in it. */
void fg_loaded_clear(struct fg_loaded *loaded);

/*
 * Loads again and, if all is right, puts it into use; says in the log what was done, and which
 * settings wait for a new start. If something is wrong all stays as it was, and the log says why.
 */
void fg_reload(struct fg_gateway *gateway, struct fg_log *log, int argc, char *const *argv);

/* The access that is in use, with a reference for the caller. From any thread. */
struct fg_access *fg_gateway_access(struct fg_gateway *gateway);

#endif
