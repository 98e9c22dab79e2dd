/*
 * Changegroups, made in steps: all changesets, whose texts tell which manifests and files are
 * needed; the manifests; then the files, one revlog after the other. Each step leaves a few bytes
 * to a text in the buffer from which the reader is served.
 */
#include "handlers/bundle/changegroup.h"

#include "handlers/bundle/paths.h"
#include "handlers/bundle/shadows.h"
#include "handlers/repo/changeset.h"
#include "handlers/repo/endian.h"
#include "handlers/repo/filelog.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/lock.h"
#include "handlers/repo/notices.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* Enough that steps are few, and little beside a text. */
    FILL = 64 * 1024,
    OUT_SLACK = 1 << 20,
};

enum stage {
    CHANGESETS,
    MANIFESTS,
    FILES,
    DONE,
};

struct changegroup {
    struct fg_snapshot *snapshot; /* owned reference */
    struct fg_outgoing outgoing;  /* owned */
    enum stage stage;
    struct fg_deltagroup group;
    struct fg_revlog *manifests;        /* owned */
    struct fg_node last_manifest;       /* of the last changeset */
    struct fg_shadows manifest_shadows; /* sorted by node, then by revision */
    struct fg_paths paths;
    struct fg_shadows file_shadows;
    struct fg_revlog *filelog; /* owned; the file that is being sent; NULL: none */
    uint32_t path;             /* the next file, or the one being sent */
    bool path_sent;            /* its name has been put */
    uint32_t rev;              /* the next revision of the present revlog */
    struct fg_buffer name;     /* for opening filelogs */
    const char *reading;       /* the file that is read, in the store; "" for several */
    struct fg_buffer out;
    size_t taken; /* bytes of out that were given */
    struct fg_holding holding;
    struct fg_error error; /* why reading failed */
};

static void destroy(void *context)
{
    struct changegroup *changegroup = context;
    if (changegroup == NULL) {
        return;
    }
    fg_buffer_free(&changegroup->out);
    fg_buffer_free(&changegroup->name);
    fg_revlog_close(changegroup->filelog);
    fg_revlog_close(changegroup->manifests);
    fg_shadows_clear(&changegroup->file_shadows);
    fg_shadows_clear(&changegroup->manifest_shadows);
    fg_paths_clear(&changegroup->paths);
    fg_deltagroup_clear(&changegroup->group);
    fg_outgoing_clear(&changegroup->outgoing);
    fg_snapshot_unref(changegroup->snapshot);
    fg_holding_set(&changegroup->holding, 0);
    free(changegroup);
}

/* Counts what it holds now. FG_ERR_LIMIT: that is too much. */
static enum fg_status count_held(struct changegroup *changegroup, struct fg_error *error)
{
    uint64_t held = sizeof *changegroup + changegroup->outgoing.count +
                    fg_deltagroup_held_bytes(&changegroup->group) +
                    fg_paths_held_bytes(&changegroup->paths) +
                    fg_shadows_held_bytes(&changegroup->manifest_shadows) +
                    fg_shadows_held_bytes(&changegroup->file_shadows) + changegroup->name.capacity +
                    changegroup->out.capacity;
    const struct fg_revlog *const revlogs[] = {changegroup->manifests, changegroup->filelog};
    for (size_t i = 0; i < sizeof revlogs / sizeof revlogs[0]; i++) {
        held += revlogs[i] != NULL ? fg_revlog_held_bytes(revlogs[i]) : 0;
    }
    return fg_holding_ask(&changegroup->holding, held, error);
}

/* -- changesets ------------------------------------------------------------------------------- */

/* Remembers what a changeset touches. */
static enum fg_status note_changeset(struct changegroup *changegroup, uint32_t rev,
                                     struct fg_error *error)
{
    struct fg_bytes text;
    enum fg_status status = fg_deltagroup_text(&changegroup->group, rev, &text, error);
    struct fg_node manifest;
    struct fg_bytes files;
    if (status == FG_OK) {
        status = fg_changeset_split(text, &manifest, &files, error);
    }
    if (status != FG_OK) {
        return status;
    }
    changegroup->last_manifest = manifest;
    struct fg_bytes name;
    while (fg_changeset_next_file(&files, &name)) {
        status = fg_paths_add(&changegroup->paths, name);
        if (status != FG_OK) {
            return fg_fail(error, status, 0, "no memory for the names of files");
        }
    }
    struct fg_shadow *shadow = fg_shadows_find(&changegroup->manifest_shadows, &manifest);
    if (shadow != NULL && shadow->link == FG_REV_NULL) {
        shadow->link = (int32_t)rev;
    }
    return FG_OK;
}

/* After the last changeset all needed is known. */
static enum fg_status end_changesets(struct changegroup *changegroup, struct fg_error *error)
{
    enum fg_status status = fg_changegroup_put_end(&changegroup->out);
    fg_paths_finish(&changegroup->paths);
    fg_shadows_sort_by_rev(&changegroup->manifest_shadows);
    changegroup->reading = "";
    if (status == FG_OK && !changegroup->outgoing.complete) {
        struct fg_shadows_search search = {
            .snapshot = changegroup->snapshot,
            .outgoing = &changegroup->outgoing,
            .manifests = changegroup->manifests,
            .paths = &changegroup->paths,
            .reader = &changegroup->group.reader,
        };
        status = fg_shadows_of_files(&search, &changegroup->file_shadows, error);
    }
    if (status == FG_OK) {
        status = fg_deltagroup_begin(&changegroup->group, changegroup->manifests,
                                     FG_DELTAGROUP_MANIFESTS, error);
    }
    changegroup->rev = 0;
    changegroup->stage = MANIFESTS;
    changegroup->reading = status == FG_OK ? "00manifest.i" : "";
    return status;
}

static enum fg_status step_changesets(struct changegroup *changegroup, struct fg_error *error)
{
    const struct fg_outgoing *outgoing = &changegroup->outgoing;
    while (changegroup->rev < outgoing->count) {
        uint32_t rev = changegroup->rev++;
        if (fg_outgoing_state(outgoing, (int32_t)rev) == FG_OUTGOING_MISSING) {
            enum fg_status status = note_changeset(changegroup, rev, error);
            return status == FG_OK
                       ? fg_deltagroup_put(&changegroup->group, rev, rev, &changegroup->out, error)
                       : status;
        }
    }
    return end_changesets(changegroup, error);
}

/* -- manifests and files ---------------------------------------------------------------------- */

/* The changeset of the bundle that brings a revision to the client; FG_REV_NULL: none does. */
static int32_t link_of(const struct changegroup *changegroup, uint32_t rev,
                       const struct fg_revlog_entry *entry)
{
    switch (fg_outgoing_state(&changegroup->outgoing, entry->link)) {
    case FG_OUTGOING_MISSING:
        return entry->link;
    case FG_OUTGOING_COMMON:
        return FG_REV_NULL;
    case FG_OUTGOING_OTHER:
        break;
    }
    if (changegroup->stage == MANIFESTS) {
        return fg_shadows_link(&changegroup->manifest_shadows, 0,
                               changegroup->manifest_shadows.count, rev);
    }
    const struct fg_path *path = &changegroup->paths.items[changegroup->path];
    return fg_shadows_link(&changegroup->file_shadows, path->shadows_first, path->shadows, rev);
}

/*
 * The next revision of a revlog that is sent; false if there is none. A node of zeros is where the
 * file was cut since it was opened: by a transaction that was undone, which brought nothing of
 * ours, or by a strip, which is found out at the end.
 */
static bool next_revision(struct changegroup *changegroup, const struct fg_revlog *revlog,
                          uint32_t *ret_rev, int32_t *ret_link)
{
    uint32_t count = fg_revlog_count(revlog);
    while (changegroup->rev < count) {
        uint32_t rev = changegroup->rev++;
        struct fg_revlog_entry entry;
        fg_revlog_entry(revlog, rev, &entry);
        if (fg_node_is_null(&entry.node)) {
            changegroup->rev = count;
            break;
        }
        int32_t link = link_of(changegroup, rev, &entry);
        if (link != FG_REV_NULL) {
            *ret_rev = rev;
            *ret_link = link;
            return true;
        }
    }
    return false;
}

/*
 * True if the last changeset's manifest is there. A revlog that was cut between two revisions looks
 * whole; what was cut off is what the last changesets need.
 */
static bool has_last_manifest(const struct changegroup *changegroup)
{
    if (fg_node_is_null(&changegroup->last_manifest)) {
        return true;
    }
    for (uint32_t rev = fg_revlog_count(changegroup->manifests); rev-- > 0;) {
        struct fg_revlog_entry entry;
        fg_revlog_entry(changegroup->manifests, rev, &entry);
        if (fg_node_equal(&entry.node, &changegroup->last_manifest)) {
            return true;
        }
    }
    return false;
}

static enum fg_status step_manifests(struct changegroup *changegroup, struct fg_error *error)
{
    uint32_t rev;
    int32_t link;
    if (next_revision(changegroup, changegroup->manifests, &rev, &link)) {
        return fg_deltagroup_put(&changegroup->group, rev, (uint32_t)link, &changegroup->out,
                                 error);
    }
    if (!has_last_manifest(changegroup)) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "the manifest of a changeset is missing");
    }
    enum fg_status status = fg_changegroup_put_end(&changegroup->out);
    if (status == FG_OK && changegroup->group.version == FG_CHANGEGROUP_03) {
        /* No manifests of folders. */
        status = fg_changegroup_put_end(&changegroup->out);
    }
    changegroup->stage = FILES;
    return status;
}

/* True if the numbers of the changesets that were sent are still theirs. */
static bool still_true(const struct changegroup *changegroup)
{
    const struct fg_snapshot *snapshot = changegroup->snapshot;
    uint32_t last = changegroup->outgoing.last;
    return changegroup->outgoing.missing == 0 ||
           fg_revlog_holds(snapshot->changelog, snapshot->layout->store, "00changelog.i", last,
                           fg_snapshot_node(snapshot, last));
}

static enum fg_status end_files(struct changegroup *changegroup, struct fg_error *error)
{
    if (!still_true(changegroup)) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "the repository was stripped meanwhile");
    }
    changegroup->stage = DONE;
    const struct fg_layout *layout = changegroup->snapshot->layout;
    fg_notices_look_again(layout->notices, layout->store, changegroup->outgoing.complete);
    return fg_changegroup_put_end(&changegroup->out);
}

static enum fg_status open_file(struct changegroup *changegroup, struct fg_error *error)
{
    const struct fg_path *path = &changegroup->paths.items[changegroup->path];
    enum fg_status status =
        fg_filelog_open(changegroup->snapshot->layout, (struct fg_bytes){path->name, path->size},
                        &changegroup->name, &changegroup->filelog, error);
    changegroup->reading =
        fg_filelog_name(&changegroup->name, (struct fg_bytes){path->name, path->size});
    changegroup->rev = 0;
    changegroup->path_sent = false;
    return status == FG_OK ? fg_deltagroup_begin(&changegroup->group, changegroup->filelog,
                                                 FG_DELTAGROUP_FILE, error)
                           : status;
}

/* The chunk with the path that a file's group begins with. */
static enum fg_status put_path(struct changegroup *changegroup)
{
    const struct fg_path *path = &changegroup->paths.items[changegroup->path];
    uint8_t length[4];
    fg_write_be32(length, path->size + (uint32_t)sizeof length);
    enum fg_status status = fg_buffer_append(&changegroup->out, length, sizeof length);
    changegroup->path_sent = true;
    return status == FG_OK ? fg_buffer_append(&changegroup->out, path->name, path->size) : status;
}

static enum fg_status close_file(struct changegroup *changegroup, struct fg_error *error)
{
    bool torn = fg_revlog_torn(changegroup->filelog);
    fg_revlog_close(changegroup->filelog);
    changegroup->filelog = NULL;
    changegroup->path++;
    if (torn && !still_true(changegroup)) {
        return fg_fail(error, FG_ERR_CORRUPT, 0, "the repository was stripped meanwhile");
    }
    return changegroup->path_sent ? fg_changegroup_put_end(&changegroup->out) : FG_OK;
}

static enum fg_status step_files(struct changegroup *changegroup, struct fg_error *error)
{
    if (changegroup->filelog == NULL) {
        return changegroup->path < changegroup->paths.count ? open_file(changegroup, error)
                                                            : end_files(changegroup, error);
    }
    uint32_t rev;
    int32_t link;
    if (!next_revision(changegroup, changegroup->filelog, &rev, &link)) {
        return close_file(changegroup, error);
    }
    enum fg_status status = changegroup->path_sent ? FG_OK : put_path(changegroup);
    return status == FG_OK ? fg_deltagroup_put(&changegroup->group, rev, (uint32_t)link,
                                               &changegroup->out, error)
                           : status;
}

/* -- the source ------------------------------------------------------------------------------- */

/*
 * Tells of a file that could not be read. That of a past that was rewritten, or of a file that is
 * being written at this moment, says nothing.
 */
static void tell_damage(const struct changegroup *changegroup, enum fg_status status,
                        const struct fg_error *error)
{
    const struct fg_layout *layout = changegroup->snapshot->layout;
    bool transaction;
    if (fg_is_damage(status) && !fg_layout_locked(layout, &transaction) &&
        still_true(changegroup)) {
        fg_notices_damage(layout->notices, layout->store, changegroup->reading, error->message);
    }
}

static enum fg_status step(struct changegroup *changegroup)
{
    switch (changegroup->stage) {
    case CHANGESETS:
        return step_changesets(changegroup, &changegroup->error);
    case MANIFESTS:
        return step_manifests(changegroup, &changegroup->error);
    case FILES:
        return step_files(changegroup, &changegroup->error);
    case DONE:
        break;
    }
    return FG_END;
}

static enum fg_status fill(struct changegroup *changegroup)
{
    fg_buffer_reset(&changegroup->out);
    changegroup->taken = 0;
    if (changegroup->out.capacity > 16 * FILL) {
        /* A large text is not kept for the rest of the stream. */
        fg_buffer_free(&changegroup->out);
    }
    while (changegroup->out.size < FILL && changegroup->stage != DONE &&
           !fg_deltagroup_has_rest(&changegroup->group)) {
        enum fg_status status = step(changegroup);
        if (status != FG_OK) {
            return status;
        }
    }
    enum fg_status status = count_held(changegroup, &changegroup->error);
    return status != FG_OK ? status : changegroup->out.size > 0 ? FG_OK : FG_END;
}

static enum fg_status read_changegroup(void *context, uint8_t *buffer, size_t capacity,
                                       size_t *ret_size)
{
    struct changegroup *changegroup = context;
    size_t given = 0;
    enum fg_status status = FG_OK;
    while (given < capacity && status == FG_OK) {
        size_t left = changegroup->out.size - changegroup->taken;
        size_t size = left < capacity - given ? left : capacity - given;
        if (left > 0) {
            memcpy(buffer + given, changegroup->out.data + changegroup->taken, size);
            changegroup->taken += size;
        } else {
            status = fg_deltagroup_read(&changegroup->group, buffer + given, capacity - given,
                                        &size, &changegroup->error);
            if (status == FG_END) {
                status = fill(changegroup);
            }
        }
        given += status == FG_OK ? size : 0;
    }
    if (status == FG_END && given > 0) {
        status = FG_OK;
    }
    if (status == FG_OK) {
        *ret_size = given;
    } else if (fg_failed(status)) {
        tell_damage(changegroup, status, &changegroup->error);
    }
    return status;
}

static enum fg_status prepare(struct changegroup *changegroup, enum fg_changegroup_version version,
                              struct fg_error *error)
{
    fg_buffer_init(&changegroup->name, SIZE_MAX);
    fg_buffer_init(&changegroup->out, FG_REVLOG_TEXT_MAX + OUT_SLACK);
    fg_deltagroup_init(&changegroup->group, version, changegroup->snapshot, &changegroup->outgoing);
    changegroup->group.reader.holding.memory = changegroup->holding.memory;
    enum fg_status status = fg_revlog_open(changegroup->snapshot->layout->store, "00manifest.i",
                                           &changegroup->manifests, error);
    if (status != FG_OK || changegroup->outgoing.complete) {
        return status;
    }
    status = fg_shadows_collect(&changegroup->manifest_shadows, changegroup->manifests,
                                &changegroup->outgoing);
    fg_shadows_sort(&changegroup->manifest_shadows);
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "no memory for manifests");
}

enum fg_status fg_changegroup_source(struct fg_snapshot *snapshot, struct fg_outgoing *outgoing,
                                     enum fg_changegroup_version version, struct fg_memory *memory,
                                     struct fg_source *ret_source, struct fg_error *error)
{
    struct changegroup *changegroup = calloc(1, sizeof *changegroup);
    if (changegroup == NULL) {
        fg_outgoing_clear(outgoing);
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    changegroup->holding.memory = memory;
    changegroup->reading = "00manifest.i";
    changegroup->snapshot = fg_snapshot_ref(snapshot);
    changegroup->outgoing = *outgoing;
    *outgoing = (struct fg_outgoing){0};
    enum fg_status status = prepare(changegroup, version, error);
    if (status == FG_OK) {
        status = fg_deltagroup_begin(&changegroup->group, snapshot->changelog,
                                     FG_DELTAGROUP_CHANGESETS, error);
    }
    if (status == FG_OK) {
        status = count_held(changegroup, error);
    }
    if (status != FG_OK) {
        if (error != NULL) {
            tell_damage(changegroup, status, error);
        }
        destroy(changegroup);
        return status;
    }
    changegroup->reading = "00changelog.i";
    *ret_source = (struct fg_source){.read = read_changegroup,
                                     .destroy = destroy,
                                     .context = changegroup,
                                     .error = &changegroup->error,
                                     .size = FG_SIZE_UNKNOWN};
    return FG_OK;
}
