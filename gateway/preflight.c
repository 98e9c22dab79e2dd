/*
 * Looking before the start. Nothing here changes a file.
 */
#include "gateway/preflight.h"

#include "gateway/log.h"
#include "gateway/privileges.h"
#include "handlers/repo/configpath.h"
#include "handlers/repo/siteconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * hgweb would follow these. Whoever moves from there with deny_read in the hgrc would publish what
 * was private, so each has to be said to the gateway, in its own words or with none.
 */
static const struct {
    const char *option;
    const char *key; /* of the setting that replaces it */
} access_rows[FG_SITE_ACCESS_COUNT] = {
    [FG_SITE_ALLOW_PULL] = {"allow-pull", "deny-read"},
    [FG_SITE_ALLOW_PUSH] = {"allow-push", "allow-push"},
    [FG_SITE_ALLOW_READ] = {"allow_read", "allow-read"},
    [FG_SITE_DENY_PUSH] = {"deny_push", "deny-push"},
    [FG_SITE_DENY_READ] = {"deny_read", "deny-read"},
    [FG_SITE_PUSH_SSL] = {"push_ssl", "push-ssl"},
};

unsigned fg_preflight_granted(const struct fg_config *config)
{
    unsigned granted = 0;
    for (unsigned i = 0; i < FG_SITE_ACCESS_COUNT; i++) {
        if (fg_config_origin(config, access_rows[i].key) != FG_ORIGIN_DEFAULT) {
            granted |= 1u << i;
        }
    }
    return granted;
}

static enum fg_status check_access(const struct fg_config *config,
                                   const struct fg_site_settings *settings, struct fg_error *error)
{
    unsigned granted = fg_preflight_granted(config);
    for (unsigned i = 0; i < FG_SITE_ACCESS_COUNT; i++) {
        const struct fg_site_refusal *option = &settings->access[i];
        if (option->file != NULL && (granted & (1u << i)) == 0) {
            return fg_fail(error, FG_ERR_ARGUMENT, 0,
                           "%.120s:%u: [web] %s is not followed: give --%s, or write %s into [web] "
                           "of the configuration file",
                           option->file, option->line, access_rows[i].option, access_rows[i].key,
                           access_rows[i].key);
        }
    }
    return FG_OK;
}

/* What Mercurial would follow, and what costs or offers less here, is for the operator to know. */
static void warn_of_settings(const struct fg_siteconfig *config)
{
    struct fg_site_refusal warning;
    for (size_t i = 0; fg_settings_next_warning(&config->lines, &i, &warning);) {
        fg_log_message("%s:%u: %s is not followed: %s", warning.file, warning.line, warning.setting,
                       warning.why);
    }
}

/* Where a path does not exist: the folder that it would be made in. */
static enum fg_status check_parent(const char *path, struct fg_error *error)
{
    char *copy = strdup(path);
    if (copy == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    int result = faccessat(AT_FDCWD, dirname(copy), W_OK | X_OK, AT_EACCESS);
    free(copy);
    return result == 0 ? FG_OK
                       : fg_fail(error, FG_ERR_IO, 0, "cannot make %s: %s", path, strerror(errno));
}

/* Whether a file or folder may be written to, or made. */
static enum fg_status check_writable(const char *path, bool folder, struct fg_error *error)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return errno == ENOENT
                   ? check_parent(path, error)
                   : fg_fail(error, FG_ERR_IO, 0, "cannot look at %s: %s", path, strerror(errno));
    }
    if (folder != S_ISDIR(info.st_mode)) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "%s is %s folder", path, folder ? "no" : "a");
    }
    if (folder && (info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0,
                       "%s belongs to somebody else, or others may write to it", path);
    }
    return faccessat(AT_FDCWD, path, folder ? W_OK | X_OK : W_OK, AT_EACCESS) == 0
               ? FG_OK
               : fg_fail(error, FG_ERR_IO, 0, "cannot write to %s: %s", path, strerror(errno));
}

static enum fg_status check_hg(const struct fg_config *config, struct fg_error *error)
{
    char *path = NULL;
    char name[FG_SETTING_NAME_SIZE];
    if (fg_words_are_none(&config->allow_push) ||
        fg_config_path_program(config->hg, &path) != FG_ERR_NOT_FOUND) {
        free(path);
        return FG_OK;
    }
    fg_config_name(config, "hg", name);
    return fg_fail(error, FG_ERR_NOT_FOUND, 0,
                   "%s: there is no program '%.60s'%s, and pushing needs it", name, config->hg,
                   strchr(config->hg, '/') == NULL ? " in PATH" : "");
}

enum fg_status fg_preflight_open(const struct fg_config *config,
                                 struct fg_repository **ret_repository, struct fg_error *error)
{
    struct fg_error inner = {.message = ""};
    char name[FG_SETTING_NAME_SIZE];
    enum fg_status status =
        fg_repository_open_with(config->repository, config->hg, ret_repository, &inner);
    if (status == FG_OK) {
        return FG_OK;
    }
    if (status != FG_ERR_NOT_FOUND) {
        return fg_fail(error, status, inner.offset, "%s", inner.message);
    }
    fg_config_name(config, "repository", name);
    return fg_fail(error, status, 0, "%s: %s", name, inner.message);
}

enum fg_status fg_preflight_repository(const struct fg_config *config,
                                       struct fg_repository *repository, struct fg_error *error)
{
    struct fg_siteconfig *site = NULL;
    enum fg_status status = fg_repository_config(repository, &site, error);
    if (status == FG_OK) {
        status = fg_siteconfig_check(site, ~0u, error);
    }
    if (status == FG_OK) {
        status = check_access(config, &site->settings, error);
    }
    if (status == FG_OK) {
        status = check_hg(config, error);
    }
    if (status == FG_OK) {
        warn_of_settings(site);
    }
    fg_siteconfig_unref(site);
    return status;
}

enum fg_status fg_preflight_user(const struct fg_config *config, struct fg_error *error)
{
    struct fg_error inner = {.message = ""};
    char name[FG_SETTING_NAME_SIZE];
    enum fg_status status = config->user != NULL ? fg_privileges_drop(config->user, &inner) : FG_OK;
    if (status == FG_OK) {
        return FG_OK;
    }
    fg_config_name(config, "user", name);
    return fg_fail(error, status, 0, "%s: %s", name, inner.message);
}

static void warn_of(const struct fg_config *config, const struct fg_access *access, const char *key,
                    const struct fg_words *users)
{
    char name[FG_SETTING_NAME_SIZE];
    fg_config_name(config, key, name);
    for (const char *user = fg_words_next(users, NULL); user != NULL;
         user = fg_words_next(users, user)) {
        if (strcmp(user, "*") != 0 && !fg_access_knows(access, user)) {
            fg_log_message("%s: '%s' has neither a password nor a token", name, user);
        }
    }
}

void fg_preflight_warn(const struct fg_config *config, const struct fg_access *access)
{
    if (config->password_file != NULL || config->token_file != NULL) {
        warn_of(config, access, "allow-read", &config->allow_read);
        warn_of(config, access, "allow-push", &config->allow_push);
    }
}

/* -- --check-config --------------------------------------------------------------------------- */

static enum fg_status try_repository(const struct fg_config *config, struct fg_error *error)
{
    struct fg_repository *repository = NULL;
    enum fg_status status = fg_preflight_open(config, &repository, error);
    if (status == FG_OK) {
        status = fg_preflight_repository(config, repository, error);
        fg_repository_close(repository);
    }
    return status;
}

static enum fg_status try_access_log(const struct fg_config *config, struct fg_error *error)
{
    const char *path = config->access_log;
    bool none = strcmp(path, "off") == 0 || strcmp(path, "-") == 0;
    return none ? FG_OK : check_writable(path, false, error);
}

static enum fg_status try_bundle_cache(const struct fg_config *config, struct fg_error *error)
{
    const char *path = config->bundle_cache;
    bool none =
        strcmp(path, "off") == 0 || strcmp(path, "auto") == 0 || config->bundle_cache_bytes == 0;
    return none ? FG_OK : check_writable(path, true, error);
}

bool fg_preflight_check(const struct fg_config *config, const struct fg_access *access)
{
    static const struct {
        const char *key; /* to name before the message; NULL: it has a name in it */
        enum fg_status (*look)(const struct fg_config *config, struct fg_error *error);
    } steps[] = {
        {NULL, fg_preflight_user},
        {"access-log", try_access_log},
        {NULL, try_repository},
        {"bundle-cache", try_bundle_cache},
    };
    bool fine = true;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct fg_error error = {.message = ""};
        char name[FG_SETTING_NAME_SIZE] = "";
        if (steps[i].look(config, &error) == FG_OK) {
            continue;
        }
        if (steps[i].key != NULL) {
            fg_config_name(config, steps[i].key, name);
        }
        fg_log_failure("%s%s%s", name, steps[i].key != NULL ? ": " : "", error.message);
        fine = false;
    }
    fg_preflight_warn(config, access);
    if (fine) {
        printf("%s: fine\n", config->file != NULL ? config->file : "framegate serve");
    }
    return fine;
}
