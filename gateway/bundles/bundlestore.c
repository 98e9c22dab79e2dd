/* The files of the bundle cache. */
#include "gateway/bundles/bundlestore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

enum { BLOCK_SIZE = 64 * 1024 };

static const char key_name[] = "key";
static const char temporary_start[] = ".new-";
static const char magic[] = "FGBUNDL1";

struct fg_bundlestore {
    int folder;
    int lock; /* the file of the key, locked */
    uint8_t key[FG_BUNDLE_KEY_SIZE];
    uint64_t files; /* that were created, for their temporary names */
};

/* The header, as it lies in the file. Its MAC is of the bundle and then of what is before it. */
struct header {
    char magic[8];
    uint8_t size[8]; /* of the bundle, little-endian */
    uint8_t tag;
    uint8_t zeros[7];
    uint8_t key[FG_BUNDLE_KEY_SIZE];
    uint8_t mac[SHA256_DIGEST_SIZE];
};
_Static_assert(sizeof(struct header) == FG_BUNDLE_HEADER_SIZE, "the header has no gaps");

/* -- bytes ------------------------------------------------------------------------------------ */

static bool read_exactly(int fd, void *data, size_t size, off_t offset)
{
    uint8_t *at = data;
    while (size > 0) {
        ssize_t got = pread(fd, at, size, offset);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return false;
        }
        if (got > 0) {
            at += got;
            offset += got;
            size -= (size_t)got;
        }
    }
    return true;
}

static bool write_exactly(int fd, const void *data, size_t size, off_t offset)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t put = pwrite(fd, at, size, offset);
        if (put <= 0 && !(put < 0 && errno == EINTR)) {
            return false;
        }
        if (put > 0) {
            at += put;
            offset += put;
            size -= (size_t)put;
        }
    }
    return true;
}

static void name_of(const uint8_t *key, char ret_name[FG_BUNDLE_NAME_SIZE])
{
    for (size_t i = 0; i < FG_BUNDLE_KEY_SIZE; i++) {
        snprintf(ret_name + 2 * i, 3, "%02x", key[i]);
    }
}

static bool parse_name(const char *name, uint8_t ret_key[FG_BUNDLE_KEY_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(name) != FG_BUNDLE_NAME_SIZE - 1) {
        return false;
    }
    for (size_t i = 0; i < FG_BUNDLE_KEY_SIZE; i++) {
        const char *high = strchr(digits, name[2 * i]);
        const char *low = strchr(digits, name[2 * i + 1]);
        if (high == NULL || low == NULL) {
            return false;
        }
        ret_key[i] = (uint8_t)((high - digits) << 4 | (low - digits));
    }
    return true;
}

/* -- the folder ------------------------------------------------------------------------------- */

static enum fg_status open_folder(struct fg_bundlestore *store, const char *path,
                                  struct fg_error *error)
{
    struct stat info;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fg_fail(error, FG_ERR_IO, 0, "%s: %s", path, strerror(errno));
    }
    store->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->folder < 0 || fstat(store->folder, &info) != 0) {
        return fg_fail(error, FG_ERR_IO, 0, "%s: %s", path, strerror(errno));
    }
    if (info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0,
                       "%s: it belongs to somebody else, or others may write to it", path);
    }
    return FG_OK;
}

/* The folder's own key, made for a new one. Who has it locked has the folder. */
static enum fg_status open_key(struct fg_bundlestore *store, const char *path,
                               struct fg_error *error)
{
    struct stat info;
    store->lock = openat(store->folder, key_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock < 0 || fstat(store->lock, &info) != 0) {
        return fg_fail(error, FG_ERR_IO, 0, "%s/%s: %s", path, key_name, strerror(errno));
    }
    if (flock(store->lock, LOCK_EX | LOCK_NB) != 0) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "%s: another process uses it", path);
    }
    if (info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "%s/%s: others may read or write it", path,
                       key_name);
    }
    if (info.st_size == FG_BUNDLE_KEY_SIZE &&
        read_exactly(store->lock, store->key, FG_BUNDLE_KEY_SIZE, 0)) {
        return FG_OK;
    }
    if (getrandom(store->key, FG_BUNDLE_KEY_SIZE, 0) != FG_BUNDLE_KEY_SIZE ||
        ftruncate(store->lock, 0) != 0 ||
        !write_exactly(store->lock, store->key, FG_BUNDLE_KEY_SIZE, 0)) {
        return fg_fail(error, FG_ERR_IO, 0, "%s/%s: %s", path, key_name, strerror(errno));
    }
    return FG_OK;
}

static DIR *open_listing(struct fg_bundlestore *store)
{
    int fd = openat(store->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    if (listing == NULL && fd >= 0) {
        close(fd);
    }
    return listing;
}

static enum fg_status remove_temporaries(struct fg_bundlestore *store, const char *path,
                                         struct fg_error *error)
{
    DIR *listing = open_listing(store);
    if (listing == NULL) {
        return fg_fail(error, FG_ERR_IO, 0, "%s: %s", path, strerror(errno));
    }
    const struct dirent *entry;
    while ((entry = readdir(listing)) != NULL) {
        if (strncmp(entry->d_name, temporary_start, sizeof(temporary_start) - 1) == 0) {
            (void)unlinkat(store->folder, entry->d_name, 0);
        }
    }
    closedir(listing);
    return FG_OK;
}

enum fg_status fg_bundlestore_open(const char *path, struct fg_bundlestore **ret_store,
                                   struct fg_error *error)
{
    struct fg_bundlestore *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    store->folder = -1;
    store->lock = -1;
    enum fg_status status = open_folder(store, path, error);
    if (status == FG_OK) {
        status = open_key(store, path, error);
    }
    if (status == FG_OK) {
        status = remove_temporaries(store, path, error);
    }
    if (status != FG_OK) {
        fg_bundlestore_close(store);
        return status;
    }
    *ret_store = store;
    return FG_OK;
}

void fg_bundlestore_close(struct fg_bundlestore *store)
{
    if (store == NULL) {
        return;
    }
    if (store->lock >= 0) {
        close(store->lock);
    }
    if (store->folder >= 0) {
        close(store->folder);
    }
    explicit_bzero(store->key, sizeof(store->key));
    free(store);
}

struct listed {
    uint8_t key[FG_BUNDLE_KEY_SIZE];
    struct stat info;
};

static int compare_age(const void *one, const void *other)
{
    const struct timespec *a = &((const struct listed *)one)->info.st_mtim;
    const struct timespec *b = &((const struct listed *)other)->info.st_mtim;
    int order = (a->tv_sec > b->tv_sec) - (a->tv_sec < b->tv_sec);
    return order != 0 ? order : (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

enum fg_status fg_bundlestore_list(struct fg_bundlestore *store,
                                   void (*function)(void *context, const uint8_t *key,
                                                    const struct stat *info),
                                   void *context)
{
    DIR *listing = open_listing(store);
    struct fg_buffer found = FG_BUFFER_INIT(SIZE_MAX / 2);
    enum fg_status status = listing != NULL ? FG_OK : FG_ERR_IO;
    const struct dirent *entry;
    while (status == FG_OK && (entry = readdir(listing)) != NULL) {
        struct listed one;
        if (parse_name(entry->d_name, one.key) &&
            fstatat(store->folder, entry->d_name, &one.info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(one.info.st_mode)) {
            status = fg_buffer_append(&found, &one, sizeof(one));
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
    struct listed *all = (struct listed *)(void *)found.data;
    size_t count = found.size / sizeof(*all);
    if (status == FG_OK && count > 0) {
        qsort(all, count, sizeof(*all), compare_age);
        for (size_t i = 0; i < count; i++) {
            function(context, all[i].key, &all[i].info);
        }
    }
    fg_buffer_free(&found);
    return status;
}

/* -- writing ---------------------------------------------------------------------------------- */

enum fg_status fg_bundlefile_create(struct fg_bundlestore *store, struct fg_bundlefile *ret_file)
{
    struct fg_bundlefile file = {.size = 0};
    unsigned long long number = __atomic_add_fetch(&store->files, 1, __ATOMIC_RELAXED);
    snprintf(file.temporary, sizeof(file.temporary), "%s%llu", temporary_start, number);
    file.fd = openat(store->folder, file.temporary,
                     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file.fd < 0) {
        return FG_ERR_IO;
    }
    hmac_sha256_set_key(&file.mac, sizeof(store->key), store->key);
    *ret_file = file;
    return FG_OK;
}

enum fg_status fg_bundlefile_write(struct fg_bundlefile *file, struct fg_bytes bytes)
{
    if (!write_exactly(file->fd, bytes.data, bytes.size,
                       (off_t)(FG_BUNDLE_HEADER_SIZE + file->size))) {
        return FG_ERR_IO;
    }
    hmac_sha256_update(&file->mac, bytes.size, bytes.data);
    file->size += bytes.size;
    return FG_OK;
}

static void put_size(uint64_t size, uint8_t ret_size[8])
{
    for (unsigned i = 0; i < 8; i++) {
        ret_size[i] = (uint8_t)(size >> 8 * i);
    }
}

enum fg_status fg_bundlefile_finish(struct fg_bundlestore *store, struct fg_bundlefile *file,
                                    const uint8_t *key, uint8_t tag, struct stat *ret_info)
{
    struct header header = {.tag = tag};
    char name[FG_BUNDLE_NAME_SIZE];
    memcpy(header.magic, magic, sizeof(header.magic));
    memcpy(header.key, key, FG_BUNDLE_KEY_SIZE);
    put_size(file->size, header.size);
    hmac_sha256_update(&file->mac, offsetof(struct header, mac), (const uint8_t *)&header);
    hmac_sha256_digest(&file->mac, sizeof(header.mac), header.mac);
    name_of(key, name);
    if (!write_exactly(file->fd, &header, sizeof(header), 0) ||
        renameat(store->folder, file->temporary, store->folder, name) != 0) {
        fg_bundlefile_abandon(store, file);
        return FG_ERR_IO;
    }
    /* After the renaming, which is a change of its own. */
    if (fstat(file->fd, ret_info) != 0) {
        fg_bundlestore_remove(store, key);
        return FG_ERR_IO;
    }
    return FG_OK;
}

void fg_bundlefile_abandon(struct fg_bundlestore *store, struct fg_bundlefile *file)
{
    (void)unlinkat(store->folder, file->temporary, 0);
}

/* -- reading ---------------------------------------------------------------------------------- */

static bool is_unchanged(const struct stat *known, const struct stat *info)
{
    return known->st_dev == info->st_dev && known->st_ino == info->st_ino &&
           known->st_size == info->st_size && known->st_mtim.tv_sec == info->st_mtim.tv_sec &&
           known->st_mtim.tv_nsec == info->st_mtim.tv_nsec &&
           known->st_ctim.tv_sec == info->st_ctim.tv_sec &&
           known->st_ctim.tv_nsec == info->st_ctim.tv_nsec;
}

/* True if the bundle and its header give the MAC that the header has. */
static bool has_right_mac(struct fg_bundlestore *store, int fd, const struct header *header,
                          uint64_t size)
{
    struct hmac_sha256_ctx mac;
    uint8_t digest[SHA256_DIGEST_SIZE];
    uint8_t *block = malloc(BLOCK_SIZE);
    bool ok = block != NULL;
    hmac_sha256_set_key(&mac, sizeof(store->key), store->key);
    for (uint64_t done = 0; ok && done < size;) {
        size_t piece = size - done < BLOCK_SIZE ? (size_t)(size - done) : BLOCK_SIZE;
        ok = read_exactly(fd, block, piece, (off_t)(FG_BUNDLE_HEADER_SIZE + done));
        if (ok) {
            hmac_sha256_update(&mac, piece, block);
            done += piece;
        }
    }
    free(block);
    hmac_sha256_update(&mac, offsetof(struct header, mac), (const uint8_t *)header);
    hmac_sha256_digest(&mac, sizeof(digest), digest);
    return ok && memcmp(digest, header->mac, sizeof(digest)) == 0;
}

static bool is_right(struct fg_bundlestore *store, int fd, const uint8_t *key,
                     const struct stat *known, const struct stat *info, uint8_t *ret_tag)
{
    struct header header;
    uint8_t size[8];
    if (!S_ISREG(info->st_mode) || info->st_size < FG_BUNDLE_HEADER_SIZE ||
        !read_exactly(fd, &header, sizeof(header), 0)) {
        return false;
    }
    uint64_t bundle = (uint64_t)info->st_size - FG_BUNDLE_HEADER_SIZE;
    put_size(bundle, size);
    if (memcmp(header.magic, magic, sizeof(header.magic)) != 0 ||
        memcmp(header.size, size, sizeof(size)) != 0 ||
        memcmp(header.key, key, FG_BUNDLE_KEY_SIZE) != 0) {
        return false;
    }
    *ret_tag = header.tag;
    return (known != NULL && is_unchanged(known, info)) ||
           has_right_mac(store, fd, &header, bundle);
}

enum fg_status fg_bundlestore_load(struct fg_bundlestore *store, const uint8_t *key,
                                   const struct stat *known, int *ret_fd, uint8_t *ret_tag,
                                   struct stat *ret_info)
{
    char name[FG_BUNDLE_NAME_SIZE];
    struct stat info;
    name_of(key, name);
    /* A pipe in its place would be waited for. */
    int fd = openat(store->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? FG_ERR_NOT_FOUND : FG_ERR_IO;
    }
    bool ok = fstat(fd, &info) == 0;
    if (!ok || !is_right(store, fd, key, known, &info, ret_tag)) {
        close(fd);
        return ok ? FG_ERR_CORRUPT : FG_ERR_IO;
    }
    *ret_fd = fd;
    *ret_info = info;
    return FG_OK;
}

void fg_bundlestore_remove(struct fg_bundlestore *store, const uint8_t *key)
{
    char name[FG_BUNDLE_NAME_SIZE];
    name_of(key, name);
    (void)unlinkat(store->folder, name, 0);
}
