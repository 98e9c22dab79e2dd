/*
 * Loading and reloading. Everything new is made first, so that what can fail fails before anything
 * has changed.
 */
#include "gateway/reload.h"

#include "gateway/log.h"
#include "gateway/preflight.h"

#include <string.h>
#include <time.h>

void fg_loaded_clear(struct fg_loaded *loaded)
{
    fg_access_unref(loaded->access);
    fg_tls_free(loaded->tls);
    fg_config_clear(&loaded->config);
    *loaded = (struct fg_loaded){.access = NULL};
}

enum fg_status fg_load(int argc, char *const *argv, struct fg_loaded *ret_loaded,
                       struct fg_error *error)
{
    *ret_loaded = (struct fg_loaded){.access = NULL};
    struct fg_config *config = &ret_loaded->config;
    enum fg_status status = fg_config_load(argc, argv, config, error);
    const char *file = config->file;
    bool check_only = config->check_only;
    if (status == FG_OK) {
        status = fg_access_load(config, &ret_loaded->access, error);
    }
    if (status == FG_OK) {
        status = fg_tls_load(config, &ret_loaded->tls, error);
    }
    if (status != FG_OK) {
        fg_loaded_clear(ret_loaded);
        config->file = file;
        config->check_only = check_only;
    }
    return status;
}

struct fg_access *fg_gateway_access(struct fg_gateway *gateway)
{
    struct fg_shard *shard = fg_state_shard(gateway->state);
    pthread_mutex_lock(&shard->lock);
    struct fg_access *access = fg_access_ref(atomic_load(&gateway->access));
    pthread_mutex_unlock(&shard->lock);
    return access;
}

static void replace_access(struct fg_gateway *gateway, struct fg_access *access)
{
    struct fg_access *before = atomic_exchange(&gateway->access, access);
    /* Takes every shard's lock once: whoever still reads the old one does it inside of one. */
    (void)fg_state_in_flight(gateway->state);
    fg_access_unref(before);
}

/* What a new start alone can change, though its setting is one that SIGHUP reloads. */
static enum fg_status check(const struct fg_gateway *gateway, const struct fg_config *config,
                            struct fg_error *error)
{
    char name[FG_SETTING_NAME_SIZE];
    if ((gateway->config.tls_certificate != NULL) != (config->tls_certificate != NULL)) {
        fg_config_name(config, "tls-certificate", name);
        return fg_fail(error, FG_ERR_ARGUMENT, 0,
                       "%s: whether there is TLS at all changes with a new start alone", name);
    }
    return FG_OK;
}

static void say_differences(const struct fg_config *old, const struct fg_config *config)
{
    const struct fg_setting *setting = fg_config_next_difference(old, config, NULL);
    while (setting != NULL) {
        fg_log_message("%s has changed, which waits for a new start", setting->key);
        setting = fg_config_next_difference(old, config, setting);
    }
}

void fg_reload(struct fg_gateway *gateway, struct fg_log *log, int argc, char *const *argv)
{
    struct fg_loaded loaded;
    int fresh = -1;
    struct fg_error error = {.message = ""};
    enum fg_status status = fg_load(argc, argv, &loaded, &error);
    if (status == FG_OK) {
        status = check(gateway, &loaded.config, &error);
    }
    if (status == FG_OK) {
        status = fg_preflight_repository(&loaded.config, gateway->repository, &error);
    }
    if (status == FG_OK) {
        status = fg_log_open(loaded.config.access_log, &fresh, &error);
    }
    atomic_store(&gateway->reload_failed, status != FG_OK);
    if (status != FG_OK) {
        fg_log_message("not reloaded, all stays as it was: %s", error.message);
        fg_loaded_clear(&loaded);
        return;
    }
    fg_repository_grant(gateway->repository, fg_preflight_granted(&loaded.config));
    say_differences(&gateway->config, &loaded.config);
    fg_preflight_warn(&loaded.config, loaded.access);
    if (!fg_log_replace(log, fresh)) {
        fg_log_message("access-log has changed, which waits for a new start");
    }
    replace_access(gateway, loaded.access);
    loaded.access = NULL;
    fg_tls_use(loaded.tls);
    loaded.tls = NULL;
    atomic_store(&gateway->reloaded, (int64_t)time(NULL));
    fg_log_message("reloaded");
    fg_loaded_clear(&loaded);
}
