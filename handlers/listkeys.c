/* listkeys: the keys and values of a namespace: namespaces, bookmarks, phases. */
#include "handlers/commands.h"
#include "handlers/repo/bookmarks.h"
#include "handlers/repo/hgrc.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/snapshot.h"

#include <string.h>

/* Puts all pairs of a namespace. */
typedef enum fg_status (*list_function)(const struct fg_snapshot *snapshot,
                                        struct fg_buffer *buffer, struct fg_error *error);

static enum fg_status list_namespaces(const struct fg_snapshot *snapshot, struct fg_buffer *buffer,
                                      struct fg_error *error);

static enum fg_status put_hex(const struct fg_node *node, struct fg_buffer *buffer)
{
    char hex[FG_NODE_HEX_SIZE];
    fg_node_to_hex(node, hex);
    return fg_cbor_put_bytes(buffer, hex, sizeof hex);
}

static enum fg_status list_bookmarks(const struct fg_snapshot *snapshot, struct fg_buffer *buffer,
                                     struct fg_error *error)
{
    (void)error;
    const struct fg_names *bookmarks = &snapshot->bookmarks;
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < bookmarks->count && status == FG_OK; i++) {
        struct fg_bytes name = fg_names_name(bookmarks, i);
        const struct fg_node *node = &bookmarks->items[i].node;
        if (fg_bookmark_is_divergent(name) || !fg_snapshot_knows(snapshot, node)) {
            continue;
        }
        status = fg_cbor_put_bytes(buffer, name.data, name.size);
        if (status == FG_OK) {
            status = put_hex(node, buffer);
        }
    }
    return status;
}

/*
 * The roots of the draft phase, also where they are hidden: that is what Mercurial lists, since a
 * client advances phases by these roots.
 */
static enum fg_status list_phases(const struct fg_snapshot *snapshot, struct fg_buffer *buffer,
                                  struct fg_error *error)
{
    bool publishing;
    enum fg_status status = fg_hgrc_publishing(snapshot->layout, &publishing, error);
    const struct fg_phase_roots *roots = &snapshot->phase_roots;
    for (size_t i = 0; i < roots->count && status == FG_OK; i++) {
        uint32_t rev = roots->items[i].rev;
        if (roots->items[i].phase != FG_PHASE_DRAFT ||
            fg_view_phase(&snapshot->view, rev) > FG_PHASE_DRAFT) {
            continue;
        }
        status = put_hex(fg_snapshot_node(snapshot, rev), buffer);
        if (status == FG_OK) {
            status = fg_cbor_put_bytestring(buffer, "1");
        }
    }
    if (status == FG_OK && publishing) {
        status = fg_cbor_put_bytestring(buffer, "publishing");
        if (status == FG_OK) {
            status = fg_cbor_put_bytestring(buffer, "True");
        }
    }
    return status;
}

static const struct {
    const char *name;
    list_function list;
} namespaces[] = {
    {"bookmarks", list_bookmarks},
    {"namespaces", list_namespaces},
    {"phases", list_phases},
};

enum { NAMESPACES_COUNT = sizeof namespaces / sizeof namespaces[0] };

static enum fg_status list_namespaces(const struct fg_snapshot *snapshot, struct fg_buffer *buffer,
                                      struct fg_error *error)
{
    (void)snapshot;
    (void)error;
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < NAMESPACES_COUNT && status == FG_OK; i++) {
        status = fg_cbor_put_bytestring(buffer, namespaces[i].name);
        if (status == FG_OK) {
            status = fg_cbor_put_bytestring(buffer, "");
        }
    }
    return status;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(FG_ANSWER_MAX);
    struct fg_bytes namespace = fg_call_bytes(call, "namespace");
    if (error != NULL) {
        error->message[0] = '\0';
    }
    enum fg_status status = FG_OK;
    struct fg_cbor_map map;
    fg_cbor_map_begin(&buffer, &map);
    for (size_t i = 0; i < NAMESPACES_COUNT && status == FG_OK; i++) {
        if (fg_bytes_equal_string(namespace, namespaces[i].name)) {
            status = namespaces[i].list(call->snapshot, &buffer, error);
        }
    }
    if (status == FG_OK) {
        /* A root that the file names twice is one key. */
        status = fg_cbor_map_end(&buffer, &map, true);
    }
    return fg_reply_from_buffer(status, &buffer, ret_reply, error);
}

static const struct fg_argument_spec arguments[] = {
    {"namespace", FG_ARGUMENT_BYTES, true, "b'ns'"},
    {NULL, FG_ARGUMENT_BYTES, false, NULL},
};

const struct fg_command_spec fg_command_listkeys = {
    .name = "listkeys",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
};
