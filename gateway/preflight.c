/*
 * Looking before the start. Nothing here changes anything.
 */
#include "gateway/preflight.h"

#include "handlers/repo/hgrc.h"

/*
 * hgweb would follow these. Whoever moves from there with deny_read in the hgrc would publish what
 * was private, so each has to be said to the gateway, in its own words or with none.
 */
static enum fg_status check_hgrc(const struct fg_config *config, const struct fg_hgrc *hgrc,
                                 struct fg_error *error)
{
    static const struct {
        const char *option;
        const char *key; /* of the setting that replaces it */
    } rows[FG_HGRC_ACCESS_COUNT] = {
        [FG_HGRC_ALLOW_PULL] = {"allow-pull", "deny-read"},
        [FG_HGRC_ALLOW_PUSH] = {"allow-push", "allow-push"},
        [FG_HGRC_ALLOW_READ] = {"allow_read", "allow-read"},
        [FG_HGRC_DENY_PUSH] = {"deny_push", "deny-push"},
        [FG_HGRC_DENY_READ] = {"deny_read", "deny-read"},
        [FG_HGRC_PUSH_SSL] = {"push_ssl", "push-ssl"},
    };
    for (size_t i = 0; i < FG_HGRC_ACCESS_COUNT; i++) {
        const struct fg_hgrc_option *option = &hgrc->access[i];
        if (option->file != NULL && fg_config_origin(config, rows[i].key) == FG_ORIGIN_DEFAULT) {
            return fg_fail(error, FG_ERR_ARGUMENT, 0,
                           "%.120s:%u: [web] %s is not followed: give --%s, or write %s into [web] "
                           "of the configuration file",
                           option->file, option->line, rows[i].option, rows[i].key, rows[i].key);
        }
    }
    return FG_OK;
}

enum fg_status fg_preflight_repository(const struct fg_config *config,
                                       struct fg_repository *repository, struct fg_error *error)
{
    struct fg_hgrc hgrc;
    enum fg_status status = fg_repository_hgrc(repository, &hgrc, error);
    if (status == FG_OK) {
        status = check_hgrc(config, &hgrc, error);
        fg_hgrc_clear(&hgrc);
    }
    return status;
}
