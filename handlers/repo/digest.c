/* What is said of a snapshot as a whole. Its digest is of the changesets it has, and of all that is
 * said about them. */
#include "handlers/repo/snapshot.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/stat.h>

static void add_number(struct sha256_ctx *context, uint64_t number)
{
    sha256_update(context, sizeof(number), (const uint8_t *)&number);
}

/* A file that is read when it is asked for: which one it is now. */
static void add_file(struct sha256_ctx *context, int folder, const char *name)
{
    struct stat info;
    if (fstatat(folder, name, &info, 0) != 0) {
        add_number(context, 0);
        return;
    }
    add_number(context, (uint64_t)info.st_ino);
    add_number(context, (uint64_t)info.st_size);
    add_number(context, (uint64_t)info.st_mtim.tv_sec);
    add_number(context, (uint64_t)info.st_mtim.tv_nsec);
    add_number(context, (uint64_t)info.st_ctim.tv_sec);
    add_number(context, (uint64_t)info.st_ctim.tv_nsec);
}

static void add_names(struct sha256_ctx *context, const struct fg_names *names)
{
    add_number(context, names->count);
    for (size_t i = 0; i < names->count; i++) {
        struct fg_bytes name = fg_names_name(names, i);
        add_number(context, name.size);
        sha256_update(context, name.size, name.data);
        sha256_update(context, FG_NODE_SIZE, names->items[i].node.bytes);
    }
}

/* Of what the snapshot holds itself, which never changes. */
static void digest_snapshot(const struct fg_snapshot *snapshot, uint8_t ret_digest[FG_DIGEST_SIZE])
{
    struct sha256_ctx context;
    uint32_t count = fg_snapshot_count(snapshot);
    sha256_init(&context);
    sha256_update(&context, strlen(snapshot->layout->path) + 1,
                  (const uint8_t *)snapshot->layout->path);
    add_number(&context, snapshot->layout->requirements);
    add_number(&context, count);
    if (count > 0) {
        sha256_update(&context, (size_t)count * sizeof(struct fg_node),
                      (const uint8_t *)snapshot->history->table.nodes);
        sha256_update(&context, count, snapshot->view.flags);
    }
    add_names(&context, &snapshot->bookmarks);
    sha256_digest(&context, FG_DIGEST_SIZE, ret_digest);
}

enum fg_status fg_snapshot_digest(struct fg_snapshot *snapshot, uint8_t ret_digest[FG_DIGEST_SIZE],
                                  struct fg_error *error)
{
    struct sha256_ctx context;
    (void)error;
    sha256_init(&context);
    pthread_mutex_lock(&snapshot->lazy_mutex);
    if (!snapshot->digested) {
        digest_snapshot(snapshot, snapshot->digest);
        snapshot->digested = true;
    }
    sha256_update(&context, FG_DIGEST_SIZE, snapshot->digest);
    pthread_mutex_unlock(&snapshot->lazy_mutex);
    const struct fg_site_values *values = fg_snapshot_values(snapshot);
    add_number(&context, values->publishing);
    add_number(&context, values->bundle1);
    add_number(&context, values->full_bundles);
    add_file(&context, snapshot->layout->store, "obsstore");
    sha256_digest(&context, FG_DIGEST_SIZE, ret_digest);
    return FG_OK;
}

bool fg_snapshot_has_markers(const struct fg_snapshot *snapshot)
{
    struct stat info;
    /* Its first byte is the format. */
    return fstatat(snapshot->layout->store, "obsstore", &info, 0) == 0 && info.st_size > 1;
}
