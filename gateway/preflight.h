/*
 * What is looked at before the gateway starts, or starts over with a new configuration, beside the
 * configuration and its files themselves.
 */
#ifndef FRAMEGATE_GATEWAY_PREFLIGHT_H
#define FRAMEGATE_GATEWAY_PREFLIGHT_H

#include "gateway/config/config.h"
#include "handlers/repo/repository.h"

/*
 * Whether the repository is one that may be served as config says: its hgrc can be parsed, and has
 * none of hgweb's options of access but those that config says itself. Errors of fg_hgrc_read;
 * FG_ERR_ARGUMENT: error names file, line and option.
 */
enum fg_status fg_preflight_repository(const struct fg_config *config,
                                       struct fg_repository *repository, struct fg_error *error);

#endif
