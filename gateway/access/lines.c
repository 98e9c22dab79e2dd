/*
 * Reading small files. Their contents are secrets or nearly: room for all is made first, since a
 * buffer that grows leaves copies behind, and it is wiped before it is freed.
 */
#include "gateway/access/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 16 * 1024 };

void fg_lines_wipe(struct fg_buffer *contents)
{
    if (contents->data != NULL) {
        explicit_bzero(contents->data, contents->capacity);
    }
    fg_buffer_free(contents);
}

static enum fg_status read_all(int fd, const char *path, struct fg_buffer *contents,
                               struct fg_error *error)
{
    struct stat facts;
    size_t piece = fstat(fd, &facts) == 0 && facts.st_size > 0 ? (size_t)facts.st_size + 1 : PIECE;
    for (;; piece = PIECE) {
        uint8_t *space = NULL;
        size_t room = contents->ceiling - contents->size;
        if (room == 0) {
            return fg_fail(error, FG_ERR_LIMIT, 0, "%s: has over %zu bytes", path,
                           contents->ceiling - 1);
        }
        room = room < piece ? room : piece;
        enum fg_status status = fg_buffer_reserve(contents, room, &space);
        if (status != FG_OK) {
            return fg_fail(error, status, 0, "%s: %s", path, fg_status_text(status));
        }
        ssize_t size = read(fd, space, room);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            return fg_fail(error, FG_ERR_IO, 0, "cannot read %s: %s", path, strerror(errno));
        }
        if (size == 0) {
            return FG_OK;
        }
        contents->size += (size_t)size;
    }
}

enum fg_status fg_lines_read_file(const char *path, struct fg_buffer *contents,
                                  struct fg_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fg_fail(error, FG_ERR_IO, 0, "cannot read %s: %s", path, strerror(errno));
    }
    enum fg_status status = read_all(fd, path, contents, error);
    close(fd);
    if (status != FG_OK) {
        fg_lines_wipe(contents);
    }
    return status;
}

static enum fg_status take_line(char *line, size_t size, const char *path, unsigned number,
                                fg_line_taker take, void *context, struct fg_error *error)
{
    struct fg_error inner = {.message = ""};
    enum fg_status status = FG_OK;
    if (size > 0 && line[size - 1] == '\r') {
        line[--size] = '\0';
    }
    if (strlen(line) != size) {
        status = fg_fail(&inner, FG_ERR_SYNTAX, 0, "a NUL");
    } else if (size > 0 && line[0] != '#') {
        status = take(context, line, &inner);
    }
    return status == FG_OK ? FG_OK
                           : fg_fail(error, status, 0, "%s:%u: %s", path, number, inner.message);
}

enum fg_status fg_lines_read(const char *path, fg_line_taker take, void *context,
                             struct fg_error *error)
{
    struct fg_buffer contents = FG_BUFFER_INIT((16 << 20) + 1);
    enum fg_status status = fg_lines_read_file(path, &contents, error);
    if (status != FG_OK) {
        return status;
    }
    status = fg_buffer_append_byte(&contents, '\n');
    char *line = (char *)contents.data;
    char *end = line + contents.size;
    for (unsigned number = 1; status == FG_OK && line < end; number++) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (line_end == NULL) {
            break;
        }
        *line_end = '\0';
        status = take_line(line, (size_t)(line_end - line), path, number, take, context, error);
        line = line_end + 1;
    }
    fg_lines_wipe(&contents);
    return status;
}

enum fg_status fg_lines_cut_user(char *line, char **ret_rest, struct fg_error *error)
{
    char *colon = strchr(line, ':');
    if (colon == NULL) {
        return fg_fail(error, FG_ERR_SYNTAX, 0, "a line is USER:SECRET");
    }
    size_t size = (size_t)(colon - line);
    for (size_t i = 0; i < size; i++) {
        if (line[i] <= ' ' || line[i] >= 0x7f || strchr("\"',", line[i]) != NULL) {
            size = 0;
        }
    }
    if (size == 0 || size >= FG_USER_SIZE) {
        return fg_fail(error, FG_ERR_SYNTAX, 0,
                       "a user has 1 to %d printable ASCII characters without blanks, quotes and "
                       "commas",
                       FG_USER_SIZE - 1);
    }
    *colon = '\0';
    *ret_rest = colon + 1;
    return FG_OK;
}
