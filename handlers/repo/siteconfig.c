/* The configuration as an object. */
#define _GNU_SOURCE /* CLOCK_REALTIME_COARSE */

#include "handlers/repo/siteconfig.h"

#include <stdlib.h>
#include <time.h>

struct fg_siteconfig *fg_siteconfig_ref(struct fg_siteconfig *config)
{
    atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
    return config;
}

void fg_siteconfig_unref(struct fg_siteconfig *config)
{
    if (config != NULL &&
        atomic_fetch_sub_explicit(&config->references, 1, memory_order_acq_rel) == 1) {
        fg_config_lines_clear(&config->lines);
        fg_layout_unref(config->layout);
        free(config);
    }
}

enum fg_status fg_siteconfig_read(struct fg_layout *layout, const char *program,
                                  struct fg_siteconfig **ret_config, struct fg_error *error)
{
    struct fg_siteconfig *config = calloc(1, sizeof *config);
    if (config == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    bool shared = (layout->requirements & FG_REQUIREMENT_SHARE_SAFE) != 0 &&
                  strcmp(layout->source_path, layout->hg_path) != 0;
    const struct fg_config_place place = {program, layout->hg_path,
                                          shared ? layout->source_path : NULL};
    atomic_init(&config->references, 1);
    atomic_init(&config->looked, 0);
    config->layout = fg_layout_ref(layout);
    config->status =
        fg_config_lines_read(&place, fg_settings_wants, &config->lines, &config->error);
    if (config->status == FG_OK) {
        bool generaldelta = (layout->requirements & FG_REQUIREMENT_GENERALDELTA) != 0;
        config->status =
            fg_settings_judge(&config->lines, generaldelta, &config->settings, &config->error);
    }
    if (config->status == FG_ERR_MEMORY || config->status == FG_ERR_IO) {
        enum fg_status status = fg_fail(error, config->status, 0, "%s", config->error.message);
        fg_siteconfig_unref(config);
        return status;
    }
    *ret_config = config;
    return FG_OK;
}

bool fg_siteconfig_is_fresh(struct fg_siteconfig *config, bool now)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME_COARSE, &time);
    int64_t tick = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    if (!now && atomic_load_explicit(&config->looked, memory_order_relaxed) == tick) {
        return true;
    }
    bool fresh = fg_config_lines_fresh(&config->lines);
    if (fresh) {
        atomic_store_explicit(&config->looked, tick, memory_order_relaxed);
    }
    return fresh;
}

static enum fg_status refuse(const struct fg_site_refusal *refusal, struct fg_error *error)
{
    return fg_fail(error, FG_ERR_UNSUPPORTED, 0, "%.120s:%u: %s is not followed: %s", refusal->file,
                   refusal->line, refusal->setting, refusal->why);
}

enum fg_status fg_siteconfig_check(const struct fg_siteconfig *config, unsigned granted,
                                   struct fg_error *error)
{
    if (config->status != FG_OK) {
        return fg_fail(error, config->status, 0, "%s", config->error.message);
    }
    const struct fg_site_settings *settings = &config->settings;
    if (settings->refused.file != NULL) {
        return refuse(&settings->refused, error);
    }
    for (int i = 0; i < FG_SITE_ACCESS_COUNT; i++) {
        if (settings->access[i].file != NULL && (granted & (1u << i)) == 0) {
            return refuse(&settings->access[i], error);
        }
    }
    return FG_OK;
}
