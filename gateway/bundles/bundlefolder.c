/* The bundle cache's folder. */
#include "gateway/bundles/bundlefolder.h"

#include "gateway/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fg_bundlefolder {
    pthread_mutex_t lock;
    const struct fg_config *config;
    struct fg_workers *workers;
    struct fg_memory *memory;
    bool opened; /* or tried */
    struct fg_bundlecache *cache;
};

/* Makes one folder; that it is there is fine, and what else is wrong shows when it is used. */
static void make_folder(const char *path)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return;
    }
}

/* The folder that caches of this program are below. False if the environment names none. */
static bool find_base(char ret_path[PATH_MAX])
{
    const char *directory = getenv("CACHE_DIRECTORY"); /* systemd's */
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int size = -1;
    if (directory != NULL && directory[0] == '/') {
        size = snprintf(ret_path, PATH_MAX, "%s", directory);
    } else if (cache != NULL && cache[0] == '/') {
        size = snprintf(ret_path, PATH_MAX, "%s/framegate", cache);
    } else if (home != NULL && home[0] == '/') {
        size = snprintf(ret_path, PATH_MAX, "%s/.cache/framegate", home);
    }
    return size >= 0 && size < PATH_MAX;
}

/* A folder for each repository, since two gateways cannot share one. */
static bool find_folder(const char *repository, char ret_path[PATH_MAX])
{
    enum { SHORT_SIZE = 8 };
    char *real = realpath(repository, NULL);
    struct sha256_ctx context;
    uint8_t digest[SHORT_SIZE];
    if (real == NULL || !find_base(ret_path) || strlen(ret_path) > PATH_MAX - 3 * SHORT_SIZE) {
        free(real);
        return false;
    }
    sha256_init(&context);
    sha256_update(&context, strlen(real), (const uint8_t *)real);
    sha256_digest(&context, sizeof(digest), digest);
    free(real);
    char *end = ret_path + strlen(ret_path);
    *end++ = '/';
    for (size_t i = 0; i < SHORT_SIZE; i++) {
        end += snprintf(end, 3, "%02x", digest[i]);
    }
    return true;
}

/* Makes the folder that a repository's folder is in, and the one above it (~/.cache). */
static void make_base(const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", folder);
    char *name = strrchr(path, '/');
    *name = '\0';
    name = strrchr(path, '/');
    if (name != NULL && name > path) {
        *name = '\0';
        make_folder(path);
        *name = '/';
    }
    make_folder(path);
}

/* Says in a folder whose name does not tell, for which repository it is. */
static void label(const char *folder, const char *repository)
{
    char path[PATH_MAX + sizeof("/repository")];
    char *real = realpath(repository, NULL);
    snprintf(path, sizeof(path), "%s/repository", folder);
    int fd =
        real != NULL ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (fd >= 0) {
        if (dprintf(fd, "%s\n", real) < 0) {
            fg_log_message("%s cannot be written", path);
        }
        close(fd);
    }
    free(real);
}

void fg_bundlefolder_name(const struct fg_config *config, char ret_text[FG_BUNDLEFOLDER_TEXT_SIZE])
{
    char path[PATH_MAX];
    const char *folder = config->bundle_cache;
    if (strcmp(folder, "off") == 0 || config->bundle_cache_bytes == 0) {
        folder = "none";
    } else if (strcmp(folder, "auto") == 0) {
        folder = find_folder(config->repository, path)
                     ? path
                     : "none, since neither CACHE_DIRECTORY nor HOME names a folder";
    }
    snprintf(ret_text, FG_BUNDLEFOLDER_TEXT_SIZE, "%s", folder);
}

enum fg_status fg_bundlefolder_new(const struct fg_config *config, struct fg_workers *workers,
                                   struct fg_memory *memory, struct fg_bundlefolder **ret_folder,
                                   struct fg_error *error)
{
    *ret_folder = NULL;
    if (strcmp(config->bundle_cache, "off") == 0 || config->bundle_cache_bytes == 0) {
        return FG_OK;
    }
    struct fg_bundlefolder *folder = calloc(1, sizeof(*folder));
    if (folder == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    pthread_mutex_init(&folder->lock, NULL);
    folder->config = config;
    folder->workers = workers;
    folder->memory = memory;
    if (strcmp(config->bundle_cache, "auto") != 0) {
        struct fg_error inner;
        folder->opened = true;
        enum fg_status status =
            fg_bundlecache_open(config->bundle_cache, config->bundle_cache_bytes, workers, memory,
                                &folder->cache, &inner);
        if (status != FG_OK) {
            fg_bundlefolder_free(folder);
            char name[FG_SETTING_NAME_SIZE];
            fg_config_name(config, "bundle-cache", name);
            return fg_fail(error, status, 0, "%s: %s", name, inner.message);
        }
    }
    *ret_folder = folder;
    return FG_OK;
}

void fg_bundlefolder_free(struct fg_bundlefolder *folder)
{
    if (folder != NULL) {
        fg_bundlecache_close(folder->cache);
        pthread_mutex_destroy(&folder->lock);
        free(folder);
    }
}

struct fg_bundlecache *fg_bundlefolder_cache(struct fg_bundlefolder *folder)
{
    if (folder == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&folder->lock);
    if (!folder->opened) {
        char path[PATH_MAX];
        struct fg_error why = {.message = "neither CACHE_DIRECTORY nor HOME names a folder"};
        folder->opened = true;
        bool found = find_folder(folder->config->repository, path);
        if (found) {
            make_base(path);
        }
        if (!found || fg_bundlecache_open(path, folder->config->bundle_cache_bytes, folder->workers,
                                          folder->memory, &folder->cache, &why) != FG_OK) {
            fg_log_message("bundles are not kept: %s", why.message);
        } else {
            label(path, folder->config->repository);
        }
    }
    struct fg_bundlecache *cache = folder->cache;
    pthread_mutex_unlock(&folder->lock);
    return cache;
}

void fg_bundlefolder_describe(struct fg_bundlefolder *folder, struct fg_bundlecache_view *ret_view)
{
    *ret_view = (struct fg_bundlecache_view){.limit = 0};
    if (folder != NULL) {
        pthread_mutex_lock(&folder->lock);
        struct fg_bundlecache *cache = folder->cache;
        pthread_mutex_unlock(&folder->lock);
        ret_view->limit = folder->config->bundle_cache_bytes;
        if (cache != NULL) {
            fg_bundlecache_describe(cache, ret_view);
        }
    }
}
