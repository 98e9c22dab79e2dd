/* Small files, files without a name, stamps and lines. */
#define _GNU_SOURCE /* asprintf, O_TMPFILE, mkostemp */

#include "handlers/repo/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum fg_status fg_file_stamp(int folder, const char *name, struct fg_file_stamp *ret_stamp,
                             struct fg_error *error)
{
    struct stat status;
    if (fstatat(folder, name, &status, 0) != 0) {
        if (errno != ENOENT && errno != ENOTDIR) {
            return fg_fail(error, FG_ERR_IO, 0, "cannot look at %s: %s", name, strerror(errno));
        }
        *ret_stamp = (struct fg_file_stamp){.exists = false};
        return FG_OK;
    }
    *ret_stamp = (struct fg_file_stamp){
        .exists = true,
        .device = status.st_dev,
        .inode = status.st_ino,
        .size = status.st_size,
        .modified = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec,
        .changed = (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec,
    };
    return FG_OK;
}

bool fg_file_stamp_equal(const struct fg_file_stamp *a, const struct fg_file_stamp *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->modified == b->modified && a->changed == b->changed;
}

enum fg_status fg_file_open(int folder, const char *name, int *ret_fd, struct fg_error *error)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        return fg_fail(error, missing ? FG_ERR_NOT_FOUND : FG_ERR_IO, 0, "cannot open %s: %s", name,
                       strerror(errno));
    }
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return fg_fail(error, FG_ERR_IO, 0, "%s is not a regular file", name);
    }
    *ret_fd = fd;
    return FG_OK;
}

enum fg_status fg_file_unnamed(const char *what, int *ret_fd, struct fg_error *error)
{
    const char *folder = getenv("TMPDIR");
    folder = folder != NULL && folder[0] == '/' ? folder : "/tmp";
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        /* A file system that cannot: the name is there for a moment. */
        char *path;
        if (asprintf(&path, "%s/framegate-XXXXXX", folder) < 0) {
            return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
        }
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) {
            unlink(path);
        }
        free(path);
    }
    if (fd < 0) {
        return fg_fail(error, FG_ERR_IO, 0, "%s: %s", what, strerror(errno));
    }
    *ret_fd = fd;
    return FG_OK;
}

static enum fg_status read_all(int fd, const char *name, struct fg_buffer *buffer,
                               struct fg_error *error)
{
    fg_buffer_reset(buffer);
    struct stat status;
    size_t expected =
        fstat(fd, &status) == 0 && status.st_size > 0 ? (size_t)status.st_size : (size_t)0;
    for (;;) {
        /* One byte more than expected, so that the end shows without another round. */
        size_t room = expected > buffer->size ? expected - buffer->size + 1 : 4096;
        if (room > buffer->ceiling - buffer->size) {
            room = buffer->ceiling - buffer->size;
        }
        uint8_t probe;
        uint8_t *space = &probe;
        if (room > 0) {
            enum fg_status reserved = fg_buffer_reserve(buffer, room, &space);
            if (reserved != FG_OK) {
                return fg_fail(error, reserved, 0, "no memory for %s", name);
            }
        }
        ssize_t got = read(fd, space, room > 0 ? room : 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fg_fail(error, FG_ERR_IO, 0, "cannot read %s: %s", name, strerror(errno));
        }
        if (got == 0) {
            return FG_OK;
        }
        if (room == 0) {
            return fg_fail(error, FG_ERR_LIMIT, 0, "%s has more than %zu bytes", name,
                           buffer->ceiling);
        }
        buffer->size += (size_t)got;
    }
}

enum fg_status fg_file_read(int folder, const char *name, struct fg_buffer *buffer,
                            struct fg_error *error)
{
    int fd = -1;
    enum fg_status status = fg_file_open(folder, name, &fd, error);
    if (status != FG_OK) {
        return status;
    }
    status = read_all(fd, name, buffer, error);
    close(fd);
    return status;
}

enum fg_status fg_file_read_counted(int folder, const char *name, struct fg_buffer *buffer,
                                    struct fg_holding *holding, struct fg_error *error)
{
    struct stat info;
    uint64_t size =
        fstatat(folder, name, &info, 0) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
    /* No more than the buffer takes is read, whatever the file has. */
    size = size < buffer->ceiling ? size : buffer->ceiling;
    enum fg_status status = fg_holding_ask(holding, holding->bytes + size, error);
    return status == FG_OK ? fg_file_read(folder, name, buffer, error) : status;
}

enum fg_status fg_file_read_at(int fd, uint64_t offset, uint8_t *ret_data, size_t size,
                               struct fg_error *error)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(fd, ret_data + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fg_fail(error, FG_ERR_IO, (size_t)offset, "cannot read a revlog: %s",
                           strerror(errno));
        }
        if (got == 0) {
            return fg_fail(error, FG_ERR_TRUNCATED, (size_t)offset,
                           "a revlog's data ends too early");
        }
        done += (size_t)got;
    }
    return FG_OK;
}

bool fg_line_next(struct fg_bytes *text, struct fg_bytes *ret_line)
{
    if (text->size == 0) {
        return false;
    }
    size_t end = 0;
    while (end < text->size && text->data[end] != '\n' && text->data[end] != '\r') {
        end++;
    }
    *ret_line = (struct fg_bytes){text->data, end};
    size_t next = end;
    if (next < text->size) {
        bool both =
            text->data[next] == '\r' && next + 1 < text->size && text->data[next + 1] == '\n';
        next += both ? 2 : 1;
    }
    text->data += next;
    text->size -= next;
    return true;
}

static bool is_blank(uint8_t character)
{
    return character == ' ' || (character >= '\t' && character <= '\r');
}

struct fg_bytes fg_bytes_strip(struct fg_bytes text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}
