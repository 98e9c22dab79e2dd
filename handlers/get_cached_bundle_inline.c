/*
 * get_cached_bundle_inline: a bundle that the server has, as it lies in the folder that Mercurial
 * keeps such bundles in; before it its size, seven bits a byte, the lowest first. The client names
 * the file: it is looked for below that folder alone, and nothing on the way may be a link.
 */
#include "handlers/commands.h"
#include "handlers/repo/file.h"
#include "handlers/repo/snapshot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "bundle-cache"

enum {
    PATH_MAX_SIZE = 1024, /* of the name that the client gives */
    QUOTE_MAX = 100,      /* bytes of it that a message repeats */
    VARINT_MAX = 10,
};

struct cached {
    int fd;
    uint64_t offset;
    uint64_t size;
    uint8_t head[VARINT_MAX];
    size_t head_size;
    size_t head_given;
    struct fg_error error;
};

static enum fg_status read_cached(void *context, uint8_t *buffer, size_t capacity, size_t *ret_size)
{
    struct cached *cached = context;
    size_t size = cached->head_size - cached->head_given;
    if (size > 0) {
        size = size < capacity ? size : capacity;
        memcpy(buffer, cached->head + cached->head_given, size);
        cached->head_given += size;
        *ret_size = size;
        return FG_OK;
    }
    uint64_t left = cached->size - cached->offset;
    if (left == 0) {
        return FG_END;
    }
    size = left < capacity ? (size_t)left : capacity;
    /* Its size was told before: one that became shorter cuts the answer. */
    enum fg_status status =
        fg_file_read_at(cached->fd, cached->offset, buffer, size, &cached->error);
    if (status == FG_OK) {
        cached->offset += size;
        *ret_size = size;
    }
    return status;
}

static void destroy_cached(void *context)
{
    struct cached *cached = context;
    close(cached->fd);
    free(cached);
}

static void put_size(struct cached *cached)
{
    uint64_t rest = cached->size;
    do {
        uint8_t more = rest >= 0x80 ? 0x80 : 0;
        cached->head[cached->head_size++] = (uint8_t)(more | (rest & 0x7f));
        rest >>= 7;
    } while (rest > 0);
}

/* Opens what path (changed on the way) names below folder; -1 if that is nothing to be sent. */
static int open_below(int folder, char *path)
{
    int at = openat(folder, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char *part = path;
    while (at >= 0) {
        char *slash = strchr(part, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        int flags = slash != NULL ? O_RDONLY | O_DIRECTORY : O_RDONLY | O_NONBLOCK | O_NOCTTY;
        bool climbs = part[0] == '\0' || strcmp(part, ".") == 0 || strcmp(part, "..") == 0;
        int next = climbs ? -1 : openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        at = next;
        if (slash == NULL) {
            break;
        }
        part = slash + 1;
    }
    return at;
}

static int open_cached(int hg, struct fg_bytes name, struct stat *ret_stat)
{
    char path[PATH_MAX_SIZE];
    if (name.size >= sizeof(path) || memchr(name.data, '\0', name.size) != NULL) {
        return -1;
    }
    memcpy(path, name.data, name.size);
    path[name.size] = '\0';
    int fd = open_below(hg, path);
    if (fd >= 0 && (fstat(fd, ret_stat) != 0 || !S_ISREG(ret_stat->st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct fg_bytes name = fg_call_bytes(call, "path");
    struct stat found;
    int fd = name.size > 0 ? open_cached(call->snapshot->layout->hg, name, &found) : -1;
    if (fd < 0) {
        int size = name.size < QUOTE_MAX ? (int)name.size : QUOTE_MAX;
        return fg_fail(error, FG_ERR_NOT_FOUND, 0, "clonebundle %.*s does not exist", size,
                       size > 0 ? (const char *)name.data : "");
    }
    struct cached *cached = calloc(1, sizeof(*cached));
    if (cached == NULL) {
        close(fd);
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    cached->fd = fd;
    cached->size = (uint64_t)found.st_size;
    put_size(cached);
    ret_reply->body = (struct fg_source){.read = read_cached,
                                         .destroy = destroy_cached,
                                         .context = cached,
                                         .error = &cached->error,
                                         .size = cached->head_size + cached->size};
    ret_reply->slow_body = true;
    ret_reply->dense = true;
    return fg_reply_tell(call, ret_reply, error);
}

static const struct fg_argument_spec arguments[] = {
    {"path", FG_ARGUMENT_BYTES, true, "b'full.hg'"},
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_get_cached_bundle_inline = {
    .name = "get_cached_bundle_inline",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
};
