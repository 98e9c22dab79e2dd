/* Reading the small files of a repository whole, and telling whether a file has changed. */
#ifndef FRAMEGATE_HANDLERS_REPO_FILE_H
#define FRAMEGATE_HANDLERS_REPO_FILE_H

#include "framing/buffer.h"
#include "framing/status.h"
#include "handlers/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What tells one content of a file from another without reading it. */
struct fg_file_stamp {
    bool exists;
    dev_t device;
    ino_t inode;
    off_t size;
    int64_t modified; /* ns since the epoch */
    int64_t changed;  /* ns since the epoch: the inode's own time, which nobody can set */
};

/*
 * The stamp of a file in a folder; a missing file (or folder on the way) is a stamp that does not
 * exist. FG_ERR_IO for other failures.
 */
enum fg_status fg_file_stamp(int folder, const char *name, struct fg_file_stamp *ret_stamp,
                             struct fg_error *error);

bool fg_file_stamp_equal(const struct fg_file_stamp *a, const struct fg_file_stamp *b);

/*
 * Opens a regular file for reading. *ret_fd is the caller's. FG_ERR_NOT_FOUND; FG_ERR_IO: also for
 * what is not a regular file (opening never waits for a peer).
 */
enum fg_status fg_file_open(int folder, const char *name, int *ret_fd, struct fg_error *error);

/*
 * Makes a file without a name for reading and writing, in the folder for temporary files: $TMPDIR
 * if that is an absolute path, else /tmp. *ret_fd is the caller's. FG_ERR_IO: error has what, which
 * says that there is no such file, and why; FG_ERR_MEMORY.
 */
enum fg_status fg_file_unnamed(const char *what, int *ret_fd, struct fg_error *error);

/*
 * Replaces the buffer's contents by those of a file. FG_ERR_NOT_FOUND: it does not exist;
 * FG_ERR_LIMIT: it has more than the buffer's ceiling; FG_ERR_IO, FG_ERR_MEMORY.
 */
enum fg_status fg_file_read(int folder, const char *name, struct fg_buffer *buffer,
                            struct fg_error *error);

/*
 * The same for a file that may be large: the holding has the file's size in addition from then on,
 * and the caller gives that back. FG_ERR_LIMIT also where it may not grow.
 */
enum fg_status fg_file_read_counted(int folder, const char *name, struct fg_buffer *buffer,
                                    struct fg_holding *holding, struct fg_error *error);

/*
 * Reads exactly size bytes at offset. FG_ERR_TRUNCATED: the file ends before; FG_ERR_IO.
 */
enum fg_status fg_file_read_at(int fd, uint64_t offset, uint8_t *ret_data, size_t size,
                               struct fg_error *error);

/*
 * Takes the next line off the front of *text: up to a line feed, carriage return or both, which
 * are not part of it. False when nothing is left.
 */
bool fg_line_next(struct fg_bytes *text, struct fg_bytes *ret_line);

/* Without ASCII blanks at both ends. */
struct fg_bytes fg_bytes_strip(struct fg_bytes text);

#endif
