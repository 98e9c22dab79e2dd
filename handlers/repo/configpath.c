/* Expanding and joining paths. */
#define _GNU_SOURCE /* asprintf */

#include "handlers/repo/configpath.h"

#include "handlers/repo/limits.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- variables --------------------------------------------------------------------------------- */

static bool is_word(uint8_t byte)
{
    return byte == '_' || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

/* The variable whose '$' text begins with: its name, and all of its bytes. False if there is none.
 */
static bool find_variable(struct fg_bytes text, struct fg_bytes *ret_name, size_t *ret_size)
{
    size_t end = 1;
    if (text.size > 1 && text.data[1] == '{') {
        const uint8_t *brace = memchr(text.data, '}', text.size);
        if (brace == NULL) {
            return false;
        }
        *ret_size = (size_t)(brace - text.data) + 1;
        *ret_name = (struct fg_bytes){text.data + 2, *ret_size - 3};
        return true;
    }
    while (end < text.size && is_word(text.data[end])) {
        end++;
    }
    *ret_size = end;
    *ret_name = (struct fg_bytes){text.data + 1, end - 1};
    return end > 1;
}

/* A variable's value; NULL where there is none, or no memory to ask for it. */
static const char *value_of(struct fg_bytes name)
{
    char *string = fg_bytes_to_string(name);
    const char *value = string != NULL ? getenv(string) : NULL;
    free(string);
    return value;
}

/* What a variable is replaced by is not looked at again. */
static enum fg_status expand_variables(struct fg_bytes path, struct fg_buffer *ret_buffer)
{
    enum fg_status status = FG_OK;
    while (status == FG_OK && path.size > 0) {
        struct fg_bytes name;
        size_t size = 1;
        const char *value = NULL;
        if (path.data[0] == '$' && find_variable(path, &name, &size)) {
            value = value_of(name);
        }
        status = value != NULL ? fg_buffer_append_string(ret_buffer, value)
                               : fg_buffer_append(ret_buffer, path.data, size);
        path.data += size;
        path.size -= size;
    }
    return status;
}

/* -- homes ------------------------------------------------------------------------------------- */

/* Appends the home of a user; of this process's if name is NULL. FG_ERR_NOT_FOUND. */
static enum fg_status append_home(const char *name, struct fg_buffer *buffer)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char space[16384];
    if (name == NULL) {
        (void)getpwuid_r(getuid(), &entry, space, sizeof space, &found);
    } else {
        (void)getpwnam_r(name, &entry, space, sizeof space, &found);
    }
    return found != NULL ? fg_buffer_append_string(buffer, entry.pw_dir) : FG_ERR_NOT_FOUND;
}

/* Of "~/rest" or "~name/rest"; an unknown user's stays as it is. */
static enum fg_status expand_home(struct fg_bytes path, struct fg_buffer *buffer)
{
    const uint8_t *slash = memchr(path.data, '/', path.size);
    size_t size = slash != NULL ? (size_t)(slash - path.data) : path.size;
    const char *home = getenv("HOME");
    enum fg_status status;
    if (size > 1) {
        char *name = fg_bytes_to_string((struct fg_bytes){path.data + 1, size - 1});
        status = name != NULL ? append_home(name, buffer) : FG_ERR_MEMORY;
        free(name);
    } else {
        status = home != NULL ? fg_buffer_append_string(buffer, home) : append_home(NULL, buffer);
    }
    if (status == FG_ERR_NOT_FOUND) {
        return fg_buffer_append(buffer, path.data, path.size);
    }
    while (buffer->size > 0 && buffer->data[buffer->size - 1] == '/') {
        buffer->size--;
    }
    if (status == FG_OK && path.size > size) {
        status = fg_buffer_append(buffer, path.data + size, path.size - size);
    }
    return status == FG_OK && buffer->size == 0 ? fg_buffer_append_byte(buffer, '/') : status;
}

enum fg_status fg_config_path_expand(struct fg_bytes path, char **ret_path)
{
    struct fg_buffer plain = FG_BUFFER_INIT(FG_CONFIG_PATH_MAX);
    struct fg_buffer whole = FG_BUFFER_INIT(FG_CONFIG_PATH_MAX);
    if (path.size > 0 && memchr(path.data, '\0', path.size) != NULL) {
        return FG_ERR_ARGUMENT;
    }
    enum fg_status status = expand_variables(path, &plain);
    struct fg_buffer *result = &plain;
    if (status == FG_OK && plain.size > 0 && plain.data[0] == '~') {
        status = expand_home(fg_buffer_view(&plain), &whole);
        result = &whole;
    }
    if (status == FG_OK) {
        status = fg_buffer_append_byte(result, '\0');
    }
    if (status == FG_OK) {
        *ret_path = (char *)fg_buffer_detach(result);
    }
    fg_buffer_free(&plain);
    fg_buffer_free(&whole);
    return status;
}

/* -- joining ----------------------------------------------------------------------------------- */

/* Takes one part of a path off the end of what is kept; false if it cannot be taken. */
static bool drop_last(char *path, size_t root, size_t *size)
{
    size_t start = *size;
    while (start > root && path[start - 1] != '/') {
        start--;
    }
    if (*size == root || strncmp(path + start, "..", *size - start) == 0) {
        return false;
    }
    *size = start > root ? start - 1 : root;
    return true;
}

/* In place: it only gets shorter, but for "." of nothing, for which there is room. */
static void normalise(char *path)
{
    size_t root = path[0] == '/' ? 1 : 0;
    size_t size = root;
    for (const char *part = path + root; *part != '\0';) {
        size_t length = strcspn(part, "/");
        const char *next = part + length + (part[length] == '/' ? 1 : 0);
        bool dot = length == 1 && part[0] == '.';
        bool up = length == 2 && part[0] == '.' && part[1] == '.';
        bool dropped = up && (drop_last(path, root, &size) || root == 1);
        if (length > 0 && !dot && !dropped) {
            if (size > root) {
                path[size++] = '/';
            }
            memmove(path + size, part, length);
            size += length;
        }
        part = next;
    }
    if (size == 0) {
        path[size++] = '.';
    }
    path[size] = '\0';
}

char *fg_config_path_join(const char *folder, const char *path)
{
    char *joined;
    bool alone = path[0] == '/' || folder == NULL || folder[0] == '\0';
    int size = alone ? asprintf(&joined, "%s", path) : asprintf(&joined, "%s/%s", folder, path);
    if (size < 0) {
        return NULL;
    }
    if (size == 0) {
        free(joined);
        return strdup(".");
    }
    normalise(joined);
    return joined;
}

char *fg_config_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash != NULL ? (size_t)(slash - path) : 0;
    while (size > 0 && path[size - 1] == '/') {
        size--;
    }
    return slash != NULL && size == 0
               ? strdup("/")
               : fg_bytes_to_string((struct fg_bytes){(const uint8_t *)path, size});
}

/* -- the program ------------------------------------------------------------------------------- */

static bool is_program(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
           faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

enum fg_status fg_config_path_program(const char *name, char **ret_path)
{
    const char *path = getenv("PATH");
    path = strchr(name, '/') != NULL ? "" : path != NULL ? path : "/bin:/usr/bin";
    for (;;) {
        size_t size = strcspn(path, ":");
        char *candidate;
        if (asprintf(&candidate, "%.*s%s%s", (int)size, path, size > 0 ? "/" : "", name) < 0) {
            return FG_ERR_MEMORY;
        }
        if (is_program(candidate)) {
            *ret_path = candidate;
            return FG_OK;
        }
        free(candidate);
        if (path[size] == '\0') {
            return FG_ERR_NOT_FOUND;
        }
        path += size + 1;
    }
}
