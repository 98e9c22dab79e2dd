/*
 * Where the files of a repository are: the .hg folder, the store (which may belong to another
 * repository, for a share), and the requirements that say how to read them. Immutable once opened,
 * but for the watch, which any thread may ask.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_LAYOUT_H
#define FRAMEGATE_HANDLERS_REPO_LAYOUT_H

#include "framing/buffer.h"
#include "framing/status.h"
#include "handlers/memory.h"
#include "handlers/repo/watch.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The requirements that are handled, as bits. Each is one that Mercurial 3.x to 7 writes. All
 * others are refused: they may change what the store's files mean.
 */
enum fg_requirement {
    FG_REQUIREMENT_BOOKMARKSINSTORE = 1 << 0,
    FG_REQUIREMENT_DIRSTATE_TRACKED_KEY = 1 << 1,
    FG_REQUIREMENT_DIRSTATE_V2 = 1 << 2,
    FG_REQUIREMENT_DOTENCODE = 1 << 3,
    FG_REQUIREMENT_ARCHIVED_PHASE = 1 << 4,
    FG_REQUIREMENT_COMPRESSION_NONE = 1 << 5,
    FG_REQUIREMENT_COMPRESSION_ZSTD = 1 << 6,
    FG_REQUIREMENT_SPARSE = 1 << 7,
    FG_REQUIREMENT_FNCACHE = 1 << 8,
    FG_REQUIREMENT_GENERALDELTA = 1 << 9,
    FG_REQUIREMENT_INTERNAL_PHASE = 1 << 10,
    FG_REQUIREMENT_INTERNAL_PHASE_2 = 1 << 11,
    FG_REQUIREMENT_PERSISTENT_NODEMAP = 1 << 12,
    FG_REQUIREMENT_RELSHARED = 1 << 13,
    FG_REQUIREMENT_REVLOG_COMPRESSION_ZSTD = 1 << 14,
    FG_REQUIREMENT_REVLOGV1 = 1 << 15,
    FG_REQUIREMENT_SHARE_SAFE = 1 << 16,
    FG_REQUIREMENT_SHARED = 1 << 17,
    FG_REQUIREMENT_SPARSEREVLOG = 1 << 18,
    FG_REQUIREMENT_STORE = 1 << 19,
};

struct fg_notices; /* handlers/repo/notices.h */

struct fg_layout {
    atomic_uint references;
    struct fg_notices *notices; /* a reference: who hears of damage; NULL: nobody */
    unsigned requirements;      /* bits of enum fg_requirement: of the repository and its store */
    char *path;                 /* owned: the repository's absolute path */
    char *hg_path;              /* owned: its .hg */
    char *source_path;          /* owned: the .hg that has the store; hg_path if it is no share */
    int hg;                     /* open folders, for the ...at functions */
    int source;
    int store;
    struct fg_memory *memory; /* borrowed: where reading counts what it holds; NULL: nowhere */
    bool shares_bookmarks;    /* a share that has its source's bookmarks */
    struct fg_watch *watch;   /* of these folders; NULL if they cannot be watched */
    bool watches_above;       /* it also sees the folders above them being moved */
    _Atomic int64_t looked;   /* when the paths were last looked at (fg_stamps_still_true), ns */
};

/*
 * Opens a repository's folders and reads its requirements. The caller owns one reference.
 * FG_ERR_NOT_FOUND: no repository there, or a share's source is gone; FG_ERR_UNSUPPORTED: a
 * requirement that is not handled, error names it; FG_ERR_CORRUPT, FG_ERR_LIMIT, FG_ERR_IO,
 * FG_ERR_MEMORY.
 */
enum fg_status fg_layout_open(const char *path, struct fg_layout **ret_layout,
                              struct fg_error *error);

struct fg_layout *fg_layout_ref(struct fg_layout *layout);

/* Takes NULL. */
void fg_layout_unref(struct fg_layout *layout);

/* The folder with the file of bookmarks. */
int fg_layout_bookmarks_folder(const struct fg_layout *layout);

/* Fills ret_names with the names of all requirements, ascending, at most capacity; returns how
 * many. Static strings. */
size_t fg_layout_requirements(const struct fg_layout *layout, const char **ret_names,
                              size_t capacity);

/* The name of a requirement that is a format of the store's files, for index 0, 1, …, ascending;
 * NULL after the last. */
const char *fg_layout_format(const struct fg_layout *layout, unsigned index);

#endif
