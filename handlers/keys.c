/* The namespaces and their keys. */
#include "handlers/keys.h"

#include "handlers/repo/bookmarks.h"
#include "handlers/repo/settings.h"

struct walk {
    const struct fg_snapshot *snapshot;
    fg_keys_visitor visitor;
    void *context;
};

/* Visits all pairs of a namespace. */
typedef enum fg_status (*list_function)(const struct walk *walk, struct fg_error *error);

static enum fg_status list_namespaces(const struct walk *walk, struct fg_error *error);

static enum fg_status list_bookmarks(const struct walk *walk, struct fg_error *error)
{
    (void)error;
    const struct fg_names *bookmarks = &walk->snapshot->bookmarks;
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < bookmarks->count && status == FG_OK; i++) {
        struct fg_bytes name = fg_names_name(bookmarks, i);
        const struct fg_node *node = &bookmarks->items[i].node;
        if (fg_bookmark_is_divergent(name) || !fg_snapshot_knows(walk->snapshot, node)) {
            continue;
        }
        char hex[FG_NODE_HEX_SIZE];
        fg_node_to_hex(node, hex);
        status = walk->visitor(walk->context, name, (struct fg_bytes){(uint8_t *)hex, sizeof hex});
    }
    return status;
}

/*
 * The roots of the draft phase, also where they are hidden: that is what Mercurial lists, since a
 * client advances phases by these roots.
 */
static enum fg_status list_phases(const struct walk *walk, struct fg_error *error)
{
    const struct fg_snapshot *snapshot = walk->snapshot;
    bool publishing = fg_snapshot_values(snapshot)->publishing;
    enum fg_status status = FG_OK;
    (void)error;
    const struct fg_phase_roots *roots = &snapshot->phase_roots;
    for (size_t i = 0; i < roots->count && status == FG_OK; i++) {
        uint32_t rev = roots->items[i].rev;
        if (roots->items[i].phase != FG_PHASE_DRAFT ||
            fg_view_phase(&snapshot->view, rev) > FG_PHASE_DRAFT) {
            continue;
        }
        char hex[FG_NODE_HEX_SIZE];
        fg_node_to_hex(fg_snapshot_node(snapshot, rev), hex);
        status = walk->visitor(walk->context, (struct fg_bytes){(uint8_t *)hex, sizeof hex},
                               fg_bytes_from_string("1"));
    }
    if (status == FG_OK && publishing) {
        status = walk->visitor(walk->context, fg_bytes_from_string("publishing"),
                               fg_bytes_from_string("True"));
    }
    return status;
}

/* Nothing: markers go in bundles. Clients look for the namespace to learn that they are taken. */
static enum fg_status list_obsolete(const struct walk *walk, struct fg_error *error)
{
    (void)walk;
    (void)error;
    return FG_OK;
}

static const struct {
    const char *name;
    list_function list;
} namespaces[] = {
    {"bookmarks", list_bookmarks},
    {"namespaces", list_namespaces},
    {"obsolete", list_obsolete},
    {"phases", list_phases},
};

enum { NAMESPACES_COUNT = sizeof namespaces / sizeof namespaces[0] };

static enum fg_status list_namespaces(const struct walk *walk, struct fg_error *error)
{
    (void)error;
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < NAMESPACES_COUNT && status == FG_OK; i++) {
        if (namespaces[i].list == list_obsolete && !fg_snapshot_values(walk->snapshot)->exchange) {
            continue;
        }
        status = walk->visitor(walk->context, fg_bytes_from_string(namespaces[i].name),
                               fg_bytes_from_string(""));
    }
    return status;
}

enum fg_status fg_keys_walk(const struct fg_snapshot *snapshot, struct fg_bytes namespace,
                            fg_keys_visitor visitor, void *context, struct fg_error *error)
{
    struct walk walk = {snapshot, visitor, context};
    for (size_t i = 0; i < NAMESPACES_COUNT; i++) {
        if (fg_bytes_equal_string(namespace, namespaces[i].name)) {
            return namespaces[i].list(&walk, error);
        }
    }
    return FG_OK;
}
