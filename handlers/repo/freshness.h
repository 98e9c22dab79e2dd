/*
 * Telling without reading whether a snapshot is still true: the stamps of the few files that it was
 * made from, and whether somebody is writing to the repository at the moment.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_FRESHNESS_H
#define FRAMEGATE_HANDLERS_REPO_FRESHNESS_H

#include "handlers/repo/file.h"
#include "handlers/repo/layout.h"

#include <stdbool.h>
#include <stdint.h>

/* The files that matter, but those of the configuration. The first few say where the others are and
 * how to read them. */
enum fg_stamped {
    FG_STAMPED_HG, /* these three are folders: only which they are counts */
    FG_STAMPED_SOURCE,
    FG_STAMPED_STORE,
    FG_STAMPED_REQUIRES,
    FG_STAMPED_STORE_REQUIRES,
    FG_STAMPED_LAYOUT_END, /* not a file */
    FG_STAMPED_CHANGELOG = FG_STAMPED_LAYOUT_END,
    FG_STAMPED_PHASEROOTS,
    FG_STAMPED_OBSSTORE,
    FG_STAMPED_BOOKMARKS,
    FG_STAMPED_LOCALTAGS,
    FG_STAMPED_WORKING_COPY_START, /* not a file; from here on: only where something is hidden */
    FG_STAMPED_DIRSTATE = FG_STAMPED_WORKING_COPY_START,
    FG_STAMPED_MERGE_STATE,
    FG_STAMPED_COUNT,
};

struct fg_stamps {
    struct fg_file_stamp files[FG_STAMPED_COUNT];
    /*
     * Until then (ns since the epoch) a file may have been changed again without its times showing
     * it, since they advance by the kernel's clock tick. 0: settled, all files are older.
     */
    int64_t settles;
};

/*
 * Takes the stamps. working_copy: also those of its files. FG_ERR_IO.
 */
enum fg_status fg_stamps_take(const struct fg_layout *layout, bool working_copy,
                              struct fg_stamps *ret_stamps, struct fg_error *error);

/*
 * True if the layout's watch can tell that nothing has changed since stamps were last found equal,
 * so that they need not be taken. Looks by itself at what the watch does not see: folders above the
 * watched ones, and the state of a merge.
 */
bool fg_stamps_still_true(struct fg_layout *layout, bool working_copy,
                          const struct fg_stamps *stamps);

/* True if the layout's folders and requirements are the same. */
bool fg_stamps_same_layout(const struct fg_stamps *a, const struct fg_stamps *b);

/* True if all is the same. */
bool fg_stamps_equal(const struct fg_stamps *a, const struct fg_stamps *b);

/* True if the stamps may not tell all yet and should be checked against the files by now. */
bool fg_stamps_need_check(const struct fg_stamps *stamps);

#endif
