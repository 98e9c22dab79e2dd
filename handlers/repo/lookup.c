/*
 * Names of changesets, in Mercurial's order of preference (scmutil.revsymbol): what is reserved, a
 * revision number, a whole node, bookmark, tag, branch, the start of a node.
 */
#include "framing/utf8.h"
#include "handlers/repo/snapshot.h"
#include "handlers/repo/workingcopy.h"

enum {
    WORKING_COPY_REV = 0x7fffffff, /* the number of the working copy, which is no changeset */
    NAME_SHOWN_MAX = 160,          /* bytes of a name in a message */
};

static enum fg_status unknown(struct fg_bytes name, struct fg_error *error)
{
    struct fg_buffer shown = FG_BUFFER_INIT(4 * NAME_SHOWN_MAX);
    struct fg_bytes start = {name.data, name.size < NAME_SHOWN_MAX ? name.size : NAME_SHOWN_MAX};
    enum fg_status status = fg_utf8_append_repaired(&shown, start);
    if (status == FG_OK) {
        fg_fail(error, FG_ERR_NOT_FOUND, 0, "unknown revision '%.*s'", (int)shown.size,
                shown.size > 0 ? (const char *)shown.data : "");
    } else {
        fg_fail(error, FG_ERR_NOT_FOUND, 0, "unknown revision");
    }
    fg_buffer_free(&shown);
    return FG_ERR_NOT_FOUND;
}

/* A revision of the served view, by its number. */
static enum fg_status served(const struct fg_snapshot *snapshot, uint32_t rev, struct fg_bytes name,
                             struct fg_node *ret_node, struct fg_error *error)
{
    if (!fg_view_serves(&snapshot->view, rev)) {
        return unknown(name, error);
    }
    *ret_node = *fg_snapshot_node(snapshot, rev);
    return FG_OK;
}

/* True if the name is a number as Mercurial prints it: no sign but minus, no leading zeros. */
static bool parse_number(struct fg_bytes name, int64_t *ret_number)
{
    size_t at = name.size > 0 && name.data[0] == '-' ? 1 : 0;
    bool leading_zero = name.size > at && name.data[at] == '0' && name.size > 1;
    if (name.size == at || name.size - at > 10 || leading_zero) {
        return false;
    }
    int64_t number = 0;
    for (size_t i = at; i < name.size; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') {
            return false;
        }
        number = number * 10 + (name.data[i] - '0');
    }
    *ret_number = at == 1 ? -number : number;
    return true;
}

/*
 * A lookup step: FG_OK: found; FG_PENDING: not this kind of name, go on; a failure: the end.
 */
static enum fg_status lookup_number(const struct fg_snapshot *snapshot, struct fg_bytes name,
                                    struct fg_node *ret_node, struct fg_error *error)
{
    int64_t number;
    if (!parse_number(name, &number)) {
        return FG_PENDING;
    }
    if (number == WORKING_COPY_REV) {
        return unknown(name, error);
    }
    int64_t count = fg_snapshot_count(snapshot);
    number += number < 0 ? count : 0;
    if (number < 0 || number >= count) {
        return FG_PENDING;
    }
    return served(snapshot, (uint32_t)number, name, ret_node, error);
}

static enum fg_status lookup_node(const struct fg_snapshot *snapshot, struct fg_bytes name,
                                  struct fg_node *ret_node, struct fg_error *error)
{
    struct fg_node node;
    if (!fg_node_from_hex(name, &node)) {
        return FG_PENDING;
    }
    if (fg_node_is_null(&node)) {
        *ret_node = node;
        return FG_OK;
    }
    int32_t rev = fg_nodetable_find(&snapshot->history->table, &node, fg_snapshot_count(snapshot));
    return rev == FG_REV_NULL ? FG_PENDING : served(snapshot, (uint32_t)rev, name, ret_node, error);
}

/* The first of bookmark, tag and branch that has the name, whatever it leads to. */
static enum fg_status find_name(struct fg_snapshot *snapshot, struct fg_bytes name,
                                struct fg_node *ret_node, struct fg_error *error)
{
    const struct fg_node *node = fg_names_find(&snapshot->bookmarks, name);
    if (node == NULL) {
        const struct fg_names *tags;
        enum fg_status status = fg_snapshot_tags(snapshot, &tags, error);
        if (status != FG_OK) {
            return status;
        }
        node = fg_names_find(tags, name);
    }
    if (node == NULL) {
        const struct fg_branches *branches;
        enum fg_status status = fg_snapshot_branches(snapshot, &branches, error);
        if (status != FG_OK) {
            return status;
        }
        const struct fg_branch *branch = fg_branches_get(branches, name);
        node = branch != NULL ? fg_snapshot_node(snapshot, branch->tip) : NULL;
    }
    if (node == NULL) {
        return FG_PENDING;
    }
    *ret_node = *node;
    return FG_OK;
}

static enum fg_status lookup_name(struct fg_snapshot *snapshot, struct fg_bytes name,
                                  struct fg_node *ret_node, struct fg_error *error)
{
    struct fg_node node;
    enum fg_status status = find_name(snapshot, name, &node, error);
    if (status != FG_OK) {
        return status;
    }
    /* A name for what is not there may still be the start of a node. */
    if (!fg_snapshot_knows(snapshot, &node)) {
        return FG_PENDING;
    }
    *ret_node = node;
    return FG_OK;
}

/* True if all of the digits are the given one, as in the null and the working copy's node. */
static bool all_digits(struct fg_bytes prefix, uint8_t lower, uint8_t upper)
{
    for (size_t i = 0; i < prefix.size; i++) {
        if (prefix.data[i] != lower && prefix.data[i] != upper) {
            return false;
        }
    }
    return true;
}

/*
 * Hidden changesets count for whether a prefix is ambiguous, as they do for Mercurial; so do the
 * null node, and the node of all f that stands for the working copy.
 */
static enum fg_status lookup_prefix(const struct fg_snapshot *snapshot, struct fg_bytes name,
                                    struct fg_node *ret_node, struct fg_error *error)
{
    struct fg_bytes prefix = name;
    if (prefix.size > 0 && prefix.data[0] == 'x') {
        prefix.data++;
        prefix.size--;
    }
    if (prefix.size == 0) { /* of everything */
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "ambiguous identifier");
    }
    if (prefix.size > FG_NODE_HEX_SIZE) {
        return unknown(name, error);
    }
    uint32_t rev;
    int found =
        fg_nodetable_match(&snapshot->history->table, prefix, fg_snapshot_count(snapshot), &rev);
    bool null = all_digits(prefix, '0', '0');
    bool working_copy = all_digits(prefix, 'f', 'f');
    if (found + (null ? 1 : 0) + (working_copy && found > 0 ? 1 : 0) > 1) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "ambiguous identifier");
    }
    if (found == 1) {
        return served(snapshot, rev, name, ret_node, error);
    }
    if (null) {
        *ret_node = fg_node_null;
        return FG_OK;
    }
    return unknown(name, error);
}

/* FG_PENDING: not one of the reserved names. */
static enum fg_status lookup_reserved(const struct fg_snapshot *snapshot, struct fg_bytes name,
                                      struct fg_node *ret_node, struct fg_error *error)
{
    if (fg_bytes_equal_string(name, "null")) {
        *ret_node = fg_node_null;
        return FG_OK;
    }
    if (fg_bytes_equal_string(name, "tip")) {
        int32_t tip = snapshot->view.tip;
        *ret_node = tip == FG_REV_NULL ? fg_node_null : *fg_snapshot_node(snapshot, (uint32_t)tip);
        return FG_OK;
    }
    if (!fg_bytes_equal_string(name, ".")) {
        return FG_PENDING;
    }
    struct fg_node parents[2];
    enum fg_status status = fg_workingcopy_parents(snapshot->layout, parents, error);
    if (status != FG_OK) {
        return status;
    }
    if (!fg_snapshot_knows(snapshot, &parents[0])) {
        return unknown(name, error);
    }
    *ret_node = parents[0];
    return FG_OK;
}

enum fg_status fg_snapshot_lookup(struct fg_snapshot *snapshot, struct fg_bytes name,
                                  struct fg_node *ret_node, struct fg_error *error)
{
    enum fg_status status = lookup_reserved(snapshot, name, ret_node, error);
    if (status == FG_PENDING) {
        status = lookup_number(snapshot, name, ret_node, error);
    }
    if (status == FG_PENDING) {
        status = lookup_node(snapshot, name, ret_node, error);
    }
    if (status == FG_PENDING) {
        status = lookup_name(snapshot, name, ret_node, error);
    }
    return status == FG_PENDING ? lookup_prefix(snapshot, name, ret_node, error) : status;
}
