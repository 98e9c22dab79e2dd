/* Notices: a table of damaged files, which is searched from end to end since it is short. */
#include "handlers/repo/notices.h"

#include "handlers/repo/file.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fg_notices {
    atomic_uint references;
    char *path;
    _Atomic(fg_repository_listener) listener;
    pthread_mutex_t mutex; /* guards what follows */
    struct fg_damage damages[FG_DAMAGES_MAX];
    struct fg_file_stamp stamps[FG_DAMAGES_MAX];
    size_t count;
    bool full; /* more were found, and that was told */
};

struct fg_notices *fg_notices_new(const char *path)
{
    struct fg_notices *notices = calloc(1, sizeof *notices);
    char *copy = strdup(path);
    if (notices == NULL || copy == NULL) {
        free(notices);
        free(copy);
        return NULL;
    }
    atomic_init(&notices->references, 1);
    atomic_init(&notices->listener, NULL);
    pthread_mutex_init(&notices->mutex, NULL);
    notices->path = copy;
    return notices;
}

struct fg_notices *fg_notices_ref(struct fg_notices *notices)
{
    atomic_fetch_add_explicit(&notices->references, 1, memory_order_relaxed);
    return notices;
}

void fg_notices_unref(struct fg_notices *notices)
{
    if (notices == NULL ||
        atomic_fetch_sub_explicit(&notices->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    pthread_mutex_destroy(&notices->mutex);
    free(notices->path);
    free(notices);
}

void fg_notices_set_listener(struct fg_notices *notices, fg_repository_listener listener)
{
    atomic_store(&notices->listener, listener);
}

void fg_notices_tell(struct fg_notices *notices, const char *format, va_list arguments)
{
    enum { LINE_MAX_SIZE = 960 };
    char line[LINE_MAX_SIZE];
    fg_repository_listener listener = atomic_load(&notices->listener);
    if (listener == NULL || vsnprintf(line, sizeof line, format, arguments) < 0) {
        return;
    }
    for (char *at = line; *at != '\0'; at++) {
        /* Bytes of UTF-8 stay; a terminal obeys what is below. */
        *at = (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at;
    }
    listener(line);
}

static void tell(struct fg_notices *notices, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(struct fg_notices *notices, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fg_notices_tell(notices, format, arguments);
    va_end(arguments);
}

/* -- damage ------------------------------------------------------------------------------------ */

bool fg_is_damage(enum fg_status status)
{
    return status == FG_ERR_CORRUPT || status == FG_ERR_TRUNCATED || status == FG_ERR_IO ||
           status == FG_ERR_NOT_FOUND || status == FG_ERR_UNSUPPORTED;
}

/* Two findings are the same if they are of the same file, or of none and for the same reason. */
static bool is_same(const struct fg_damage *a, const struct fg_damage *b)
{
    return strcmp(a->file, b->file) == 0 &&
           (a->file[0] != '\0' || strcmp(a->reason, b->reason) == 0);
}

static struct fg_file_stamp stamp_of(int store, const char *file)
{
    struct fg_file_stamp stamp = {.exists = false};
    (void)fg_file_stamp(store, file, &stamp, NULL);
    return stamp;
}

/* Text that is cut, if it must be, between two characters, and fit for a line. */
static void copy_text(const char *text, char *ret_copy, size_t capacity)
{
    struct fg_error error;
    fg_error_set(&error, 0, "%s", text);
    (void)snprintf(ret_copy, capacity, "%s", error.message);
}

/* Puts a finding into the table. False: it is there already, or there is no room and that is known.
 */
static bool remember(struct fg_notices *notices, const struct fg_damage *found,
                     const struct fg_file_stamp *stamp)
{
    size_t at = 0;
    while (at < notices->count && !is_same(&notices->damages[at], found)) {
        at++;
    }
    if (at == FG_DAMAGES_MAX) {
        bool known = notices->full;
        notices->full = true;
        return !known;
    }
    bool known = at < notices->count && fg_file_stamp_equal(&notices->stamps[at], stamp);
    if (!known) {
        notices->damages[at] = *found;
        notices->stamps[at] = *stamp;
        notices->count += at == notices->count ? 1 : 0;
    }
    return !known;
}

void fg_notices_damage(struct fg_notices *notices, int store, const char *file, const char *reason)
{
    struct fg_damage found = {.file = ""};
    if (notices == NULL) {
        return;
    }
    struct fg_file_stamp stamp = stamp_of(store, file);
    copy_text(file, found.file, sizeof found.file);
    copy_text(reason, found.reason, sizeof found.reason);
    clock_gettime(CLOCK_REALTIME, &found.found);
    pthread_mutex_lock(&notices->mutex);
    bool is_new = remember(notices, &found, &stamp);
    bool full = notices->full;
    pthread_mutex_unlock(&notices->mutex);
    if (is_new) {
        tell(notices, "the repository %s is damaged: %s%s%s%s", notices->path, found.file,
             found.file[0] != '\0' ? ": " : "", found.reason,
             full ? " (further files are not told)" : "");
    }
}

void fg_notices_look_again(struct fg_notices *notices, int store, bool all_read)
{
    if (notices == NULL) {
        return;
    }
    size_t kept = 0;
    pthread_mutex_lock(&notices->mutex);
    for (size_t i = 0; i < notices->count; i++) {
        const char *file = notices->damages[i].file;
        struct fg_file_stamp stamp = stamp_of(store, file);
        if (file[0] == '\0' ? !all_read : fg_file_stamp_equal(&stamp, &notices->stamps[i])) {
            notices->damages[kept] = notices->damages[i];
            notices->stamps[kept++] = notices->stamps[i];
        }
    }
    notices->full = notices->full && kept == notices->count;
    notices->count = kept;
    pthread_mutex_unlock(&notices->mutex);
}

size_t fg_notices_damages(struct fg_notices *notices, struct fg_damage ret_damages[FG_DAMAGES_MAX])
{
    pthread_mutex_lock(&notices->mutex);
    size_t count = notices->count;
    memcpy(ret_damages, notices->damages, count * sizeof *ret_damages);
    pthread_mutex_unlock(&notices->mutex);
    return count;
}
