/* The list of files of a stream clone: shared by the taking (streamlist.c) and the sending. */
#ifndef FRAMEGATE_HANDLERS_REPO_STREAMCLONE_INTERNAL_H
#define FRAMEGATE_HANDLERS_REPO_STREAMCLONE_INTERNAL_H

#include "handlers/repo/storefiles.h"
#include "handlers/repo/streamclone.h"

enum {
    FG_STREAM_WHOLE_MAX = 24, /* phaseroots, obsstore and the caches */
    FG_STREAM_ENDS_MAX = 4,   /* files of changelog and manifest */
    FG_STREAM_END_SIZE = 1024,
};

/*
 * A file that is replaced, not appended to: what it was at that moment is kept, in memory if it is
 * small, else by having it open.
 */
struct fg_stream_whole {
    int fd; /* -1: its contents are in bytes */
    struct fg_buffer bytes;
};

/* One file. */
struct fg_stream_file {
    size_t name; /* where its name starts in names */
    uint32_t name_size;
    int16_t whole; /* index of its contents; -1: it is opened by its name when its turn comes */
    bool cache;    /* in the folder of caches, not in the store */
    uint64_t size; /* bytes that belong to the clone */
    uint64_t inode;
    int64_t changed; /* ns since the epoch */
};

/*
 * The last bytes of the changelog and the manifest. Whatever takes bytes away from a file of the
 * store takes bytes away from these before it, so as long as they are what they were, so is
 * everything else.
 */
struct fg_stream_end {
    const char *name; /* static */
    uint64_t file_size;
    size_t size;
    uint8_t bytes[FG_STREAM_END_SIZE];
};

struct fg_streamclone {
    struct fg_layout *layout; /* a reference */
    struct fg_site_values values;
    enum fg_streamclone_form form;
    struct fg_buffer names;
    struct fg_stream_file *files; /* owned */
    size_t files_count;
    size_t files_capacity;
    struct fg_stream_whole whole[FG_STREAM_WHOLE_MAX];
    size_t whole_count;
    struct fg_stream_end ends[FG_STREAM_ENDS_MAX];
    size_t ends_count;
    uint64_t bytes; /* of all files */

    /* Sending. */
    size_t next;             /* the file after the present one */
    int fd;                  /* the present file, if it was opened by name; -1: none */
    uint64_t offset;         /* in the present file */
    uint64_t left;           /* of it */
    struct fg_buffer header; /* of it; before the first one the prefix */
    size_t header_sent;
    struct fg_storefile_finder finder;
    enum fg_status failed; /* FG_OK: nothing has */
    struct fg_error error; /* why it failed */
    bool checked;          /* at the end */
    struct fg_holding holding;
};

/* Fills the list of an otherwise empty clone, with the repository locked or quiet. */
enum fg_status fg_streamlist_take(struct fg_streamclone *clone, bool obsstore,
                                  struct fg_error *error);

/* Sorts it, and drops files that the store's own list names twice. The lock is not needed. */
void fg_streamlist_sort(struct fg_streamclone *clone);

/* Forgets a list, so that it can be taken anew. */
void fg_streamlist_clear(struct fg_streamclone *clone);

/* The name of a file in the list. */
static inline struct fg_bytes fg_stream_name(const struct fg_streamclone *clone,
                                             const struct fg_stream_file *file)
{
    return (struct fg_bytes){clone->names.data + file->name, file->name_size};
}

/* When the inode last changed. */
static inline int64_t fg_stream_changed(const struct stat *status)
{
    return (int64_t)status->st_ctim.tv_sec * 1000000000 + status->st_ctim.tv_nsec;
}

#endif
