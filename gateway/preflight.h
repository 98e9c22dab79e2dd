/*
 * What is looked at before the gateway starts, or starts over with a new configuration, beside the
 * configuration and its files themselves.
 */
#ifndef FRAMEGATE_GATEWAY_PREFLIGHT_H
#define FRAMEGATE_GATEWAY_PREFLIGHT_H

#include "gateway/access/access.h"
#include "gateway/config/config.h"
#include "handlers/repo/repository.h"

/*
 * Opens the repository that config names. Errors of fg_repository_open; error names the setting
 * where there is none.
 */
enum fg_status fg_preflight_open(const struct fg_config *config,
                                 struct fg_repository **ret_repository, struct fg_error *error);

/*
 * Whether the repository is one that may be served as config says: Mercurial's configuration for it
 * can be parsed, has nothing that would have to be followed and is not, and none of hgweb's options
 * of access but those that config says itself; where anybody may push, there is an hg. Says in the
 * log what is not followed and does no harm. Errors of fg_repository_config and
 * fg_siteconfig_check; FG_ERR_ARGUMENT: error names file, line and option; FG_ERR_NOT_FOUND: no hg.
 */
enum fg_status fg_preflight_repository(const struct fg_config *config,
                                       struct fg_repository *repository, struct fg_error *error);

/* The options of access that config says itself, as fg_repository_grant takes them. */
unsigned fg_preflight_granted(const struct fg_config *config);

/* Becomes the account that config names, if it names one. Errors of fg_privileges_drop. */
enum fg_status fg_preflight_user(const struct fg_config *config, struct fg_error *error);

/* Says in the log what may be meant so, but hardly is: users of lists who cannot log in. */
void fg_preflight_warn(const struct fg_config *config, const struct fg_access *access);

/*
 * All that a start does short of binding and serving, leaving nothing behind. Says each problem on
 * standard error, or on standard output that all is fine. This process is of no use afterwards: it
 * has become config's user. True if all is fine.
 */
bool fg_preflight_check(const struct fg_config *config, const struct fg_access *access);

#endif
