/*
 * getbundle: the changesets between what the client has and what it wants, with what belongs to
 * them, as a bundle that is made while it is sent.
 */
#include "handlers/bundle/bundle2.h"
#include "handlers/bundle/caps.h"
#include "handlers/bundle/changegroup.h"
#include "handlers/bundle/obsmarkers.h"
#include "handlers/bundle/parts.h"
#include "handlers/commands.h"
#include "handlers/registry.h"
#include "handlers/repo/file.h"
#include "handlers/repo/limits.h"
#include "handlers/repo/streamclone.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TINY_MAX = 1024,          /* bytes up to which a bundle is not worth compressing */
    GATHERED_MAX = 64 * 1024, /* bytes of parts up to which it is made at once */
};

/* What was asked for. */
struct request {
    const struct fg_call *call;
    struct fg_snapshot *snapshot; /* borrowed */
    struct fg_bundle_caps caps;
    struct fg_rev_list heads;
    bool null_head; /* the null node is wanted, too, which stands for nothing */
    struct fg_rev_list common;
    struct fg_outgoing outgoing;
    bool small; /* all parts lie in memory, and are few bytes */
};

static void clear(struct request *request)
{
    fg_bundle_caps_clear(&request->caps);
    free(request->heads.revs);
    free(request->common.revs);
    fg_outgoing_clear(&request->outgoing);
}

/* -- arguments -------------------------------------------------------------------------------- */

/* The items of a list argument, which stand side by side; none if it was left out. */
static const struct fg_cbor_item *list_of(const struct fg_call *call, const char *name,
                                          size_t *ret_count)
{
    uint32_t index;
    if (fg_command_argument(call->command, name, &index) != FG_OK) {
        *ret_count = 0;
        return NULL;
    }
    const struct fg_cbor_item *item = &call->command->request.items[index];
    *ret_count = (size_t)item->count;
    return item + 1;
}

static bool flag_of(const struct fg_call *call, const char *name, bool preset)
{
    uint32_t index;
    if (fg_command_argument(call->command, name, &index) != FG_OK) {
        return preset;
    }
    return call->command->request.items[index].type == FG_CBOR_TRUE;
}

static int32_t find_served(const struct fg_snapshot *snapshot, const struct fg_node *node)
{
    int32_t rev = fg_nodetable_find(&snapshot->history->table, node, fg_snapshot_count(snapshot));
    return rev != FG_REV_NULL && fg_view_serves(&snapshot->view, (uint32_t)rev) ? rev : FG_REV_NULL;
}

static enum fg_status refuse_head(struct fg_bytes bytes, struct fg_error *error)
{
    struct fg_node node;
    char hex[FG_NODE_HEX_SIZE];
    if (bytes.size != FG_NODE_SIZE) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "getbundle: a head has %zu bytes, not %d",
                       bytes.size, FG_NODE_SIZE);
    }
    memcpy(node.bytes, bytes.data, FG_NODE_SIZE);
    fg_node_to_hex(&node, hex);
    return fg_fail(error, FG_ERR_NOT_FOUND, 0, "unknown revision '%.*s'", FG_NODE_HEX_SIZE, hex);
}

/*
 * The revisions of a list of nodes. What the client has in common may be unknown here, or may have
 * become so; what it wants must be there, or be the null node.
 */
static enum fg_status read_nodes(struct request *request, const char *name, bool wanted,
                                 struct fg_rev_list *list, struct fg_error *error)
{
    size_t count;
    const struct fg_cbor_item *items = list_of(request->call, name, &count);
    list->revs = calloc(count > 0 ? count : 1, sizeof *list->revs);
    if (list->revs == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        struct fg_bytes bytes = items[i].string;
        struct fg_node node = fg_node_null;
        int32_t rev = FG_REV_NULL;
        if (bytes.size == FG_NODE_SIZE) {
            memcpy(node.bytes, bytes.data, FG_NODE_SIZE);
            rev = find_served(request->snapshot, &node);
        }
        if (rev != FG_REV_NULL) {
            list->revs[list->count++] = (uint32_t)rev;
        } else if (wanted && bytes.size == FG_NODE_SIZE && fg_node_is_null(&node)) {
            request->null_head = true;
        } else if (wanted) {
            return refuse_head(bytes, error);
        }
    }
    return FG_OK;
}

/* Without heads all of the served view is wanted. */
static enum fg_status read_heads(struct request *request, struct fg_error *error)
{
    size_t count;
    list_of(request->call, "heads", &count);
    if (count > 0) {
        return read_nodes(request, "heads", true, &request->heads, error);
    }
    const struct fg_rev_list *all = &request->snapshot->view.heads;
    request->heads.revs = calloc(all->count > 0 ? all->count : 1, sizeof *all->revs);
    if (request->heads.revs == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    if (all->count > 0) {
        memcpy(request->heads.revs, all->revs, all->count * sizeof *all->revs);
    }
    request->heads.count = all->count;
    request->null_head = fg_snapshot_count(request->snapshot) == 0;
    return FG_OK;
}

static enum fg_status read_caps(struct request *request, struct fg_error *error)
{
    size_t count;
    const struct fg_cbor_item *items = list_of(request->call, "bundlecaps", &count);
    for (size_t i = 0; i < count; i++) {
        enum fg_status status = fg_bundle_caps_add(&request->caps, items[i].string);
        if (status != FG_OK) {
            return fg_fail(error, status, 0, "no memory for bundlecaps");
        }
    }
    return FG_OK;
}

static enum fg_status read_request(struct request *request, struct fg_error *error)
{
    enum fg_status status = read_caps(request, error);
    if (status == FG_OK) {
        status = read_heads(request, error);
    }
    if (status == FG_OK) {
        status = read_nodes(request, "common", false, &request->common, error);
    }
    return status;
}

/* Looks at every changeset, so it is only for those who want changesets. */
static enum fg_status find_outgoing(struct request *request, struct fg_error *error)
{
    enum fg_status status =
        fg_outgoing_find(request->snapshot, &request->heads, &request->common, &request->outgoing);
    return status == FG_OK ? FG_OK : fg_fail(error, status, 0, "out of memory");
}

/* -- parts ------------------------------------------------------------------------------------ */

/* Adds a part that was made in memory, unless making it failed. */
static enum fg_status add_buffer(struct fg_bundle *bundle, const char *type,
                                 const struct fg_bundle_param *params, size_t params_count,
                                 enum fg_status status, struct fg_buffer *buffer,
                                 struct fg_error *error)
{
    if (status != FG_OK) {
        fg_buffer_free(buffer);
        return status;
    }
    struct fg_source payload = fg_source_from_buffer(buffer);
    return fg_bundle_add(bundle, type, params, params_count, &payload, error);
}

/* The highest version that the client takes. One that names none is of before there were several.
 */
static enum fg_status choose_version(const struct fg_bundle_caps *caps,
                                     enum fg_changegroup_version *ret_version,
                                     const char **ret_name, struct fg_error *error)
{
    static const struct {
        const char *name;
        enum fg_changegroup_version version;
    } versions[] = {
        {"03", FG_CHANGEGROUP_03}, {"02", FG_CHANGEGROUP_02}, {"01", FG_CHANGEGROUP_01}};
    struct fg_bytes values;
    if (!fg_bundle_caps_find(caps, "changegroup", &values) || values.size == 0) {
        *ret_version = FG_CHANGEGROUP_01;
        *ret_name = NULL;
        return FG_OK;
    }
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (fg_bundle_caps_has(caps, "changegroup", versions[i].name)) {
            *ret_version = versions[i].version;
            *ret_name = versions[i].name;
            return FG_OK;
        }
    }
    return fg_fail(error, FG_ERR_ARGUMENT, 0, "no common changegroup version");
}

static enum fg_status add_changegroup(struct request *request, struct fg_bundle *bundle,
                                      struct fg_error *error)
{
    if (!flag_of(request->call, "cg", true) || request->caps.text.size == 0) {
        return FG_OK;
    }
    enum fg_changegroup_version version;
    const char *name;
    enum fg_status status = find_outgoing(request, error);
    if (status != FG_OK || request->outgoing.missing == 0) {
        return status;
    }
    status = choose_version(&request->caps, &version, &name, error);
    if (status != FG_OK) {
        return status;
    }
    char number[16];
    snprintf(number, sizeof number, "%u", (unsigned)request->outgoing.missing);
    struct fg_bundle_param params[2];
    size_t count = 0;
    if (name != NULL) {
        params[count++] = (struct fg_bundle_param){"version", fg_bytes_from_string(name), true};
    }
    params[count++] = (struct fg_bundle_param){"nbchanges", fg_bytes_from_string(number), false};
    struct fg_source payload;
    status = fg_changegroup_source(request->snapshot, &request->outgoing, version,
                                   request->call->memory, &payload, error);
    return status == FG_OK ? fg_bundle_add(bundle, "CHANGEGROUP", params, count, &payload, error)
                           : status;
}

static enum fg_status add_bookmarks(struct request *request, struct fg_bundle *bundle,
                                    struct fg_error *error)
{
    struct fg_bytes values;
    if (!flag_of(request->call, "bookmarks", false)) {
        return FG_OK;
    }
    if (!fg_bundle_caps_find(&request->caps, "bookmarks", &values)) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "no common bookmarks exchange method");
    }
    struct fg_buffer buffer = FG_BUFFER_INIT(FG_ANSWER_MAX);
    enum fg_status status = fg_part_put_bookmarks(request->snapshot, &buffer);
    if (status != FG_OK) {
        fg_fail(error, status, 0, "no memory for bookmarks");
    } else if (buffer.size == 0) {
        return FG_OK;
    }
    return add_buffer(bundle, "BOOKMARKS", NULL, 0, status, &buffer, error);
}

static enum fg_status add_keys(struct request *request, struct fg_bundle *bundle,
                               struct fg_error *error)
{
    size_t count;
    const struct fg_cbor_item *items = list_of(request->call, "listkeys", &count);
    enum fg_status status = FG_OK;
    for (size_t i = 0; i < count && status == FG_OK; i++) {
        const struct fg_bundle_param param = {"namespace", items[i].string, true};
        struct fg_buffer buffer = FG_BUFFER_INIT(FG_ANSWER_MAX);
        if (error != NULL) {
            error->message[0] = '\0';
        }
        status = fg_part_put_keys(request->snapshot, items[i].string, &buffer, error);
        if (status != FG_OK && error != NULL && error->message[0] == '\0') {
            fg_fail(error, status, 0, "the keys cannot be listed: %s", fg_status_text(status));
        }
        status = add_buffer(bundle, "LISTKEYS", &param, 1, status, &buffer, error);
    }
    return status;
}

/* The markers go as they are stored; Mercurial has written format 1 since 3.2. */
static enum fg_status add_obsmarkers(struct request *request, struct fg_bundle *bundle,
                                     struct fg_error *error)
{
    if (!flag_of(request->call, "obsmarkers", false)) {
        return FG_OK;
    }
    struct fg_buffer buffer = FG_BUFFER_INIT(FG_OBSSTORE_MAX);
    enum fg_status status = fg_part_put_obsmarkers(request->snapshot, &request->heads,
                                                   request->null_head, &buffer, error);
    if (status == FG_OK && buffer.size == 0) {
        return FG_OK;
    }
    const char *format = status == FG_OK && buffer.data[0] == 0 ? "V0" : "V1";
    if (status == FG_OK && !fg_bundle_caps_has(&request->caps, "obsmarkers", format)) {
        status = fg_fail(error, FG_ERR_ARGUMENT, 0, "no common obsolescence markers format");
    }
    return add_buffer(bundle, "OBSMARKERS", NULL, 0, status, &buffer, error);
}

static enum fg_status add_phases(struct request *request, struct fg_bundle *bundle,
                                 struct fg_error *error)
{
    if (!flag_of(request->call, "phases", false)) {
        return FG_OK;
    }
    if (!fg_bundle_caps_has(&request->caps, "phases", "heads")) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0, "no common phases exchange method");
    }
    struct fg_buffer buffer = FG_BUFFER_INIT(FG_ANSWER_MAX);
    enum fg_status status =
        fg_part_put_phases(request->snapshot, &request->heads, request->null_head, &buffer, error);
    return add_buffer(bundle, "PHASE-HEADS", NULL, 0, status, &buffer, error);
}

/* -- the store's files ------------------------------------------------------------------------ */

/*
 * Whether the files go with the obsolescence markers. A client that could not take them would see
 * what is hidden here.
 */
static enum fg_status choose_obsstore(struct request *request, bool *ret_obsstore,
                                      struct fg_error *error)
{
    struct fg_bytes values;
    struct fg_file_stamp stamp;
    uint8_t version;
    int fd = -1;
    *ret_obsstore = false;
    int store = request->snapshot->layout->store;
    enum fg_status status = fg_file_stamp(store, "obsstore", &stamp, error);
    if (status != FG_OK || !stamp.exists || stamp.size <= 1) {
        return status;
    }
    if (!fg_bundle_caps_find(&request->caps, "obsmarkers", &values) || values.size == 0) {
        return fg_fail(error, FG_ERR_UNSUPPORTED, 0,
                       "server has obsolescence markers, but client cannot receive them via "
                       "stream clone");
    }
    status = fg_file_open(store, "obsstore", &fd, error);
    if (status == FG_OK) {
        status = fg_file_read_at(fd, 0, &version, sizeof version, error);
        close(fd);
    }
    char name[8];
    snprintf(name, sizeof name, "V%u", status == FG_OK ? version : 0u);
    *ret_obsstore = status == FG_OK && fg_bundle_caps_has(&request->caps, "obsmarkers", name);
    return status;
}

/* The requirements as the part has them, with commas quoted. */
static enum fg_status put_requirements(const struct fg_snapshot *snapshot, struct fg_buffer *quoted)
{
    struct fg_buffer plain = FG_BUFFER_INIT(FG_SMALL_FILE_MAX);
    enum fg_status status = fg_streamclone_requirements(snapshot, &plain);
    for (size_t i = 0; i < plain.size && status == FG_OK; i++) {
        status = plain.data[i] == ',' ? fg_buffer_append_string(quoted, "%2C")
                                      : fg_buffer_append_byte(quoted, plain.data[i]);
    }
    fg_buffer_free(&plain);
    return status;
}

static enum fg_status add_stream(struct request *request, struct fg_bundle *bundle,
                                 struct fg_error *error)
{
    if (!flag_of(request->call, "stream", false)) {
        return FG_OK;
    }
    bool obsstore;
    struct fg_streamclone *clone;
    enum fg_status status = choose_obsstore(request, &obsstore, error);
    if (status == FG_OK) {
        status = fg_streamclone_new(request->snapshot, FG_STREAMCLONE_V2, obsstore,
                                    request->call->memory, &clone, error);
    }
    if (status != FG_OK) {
        return status;
    }
    char bytes[24];
    char files[24];
    struct fg_buffer requirements = FG_BUFFER_INIT(FG_SMALL_FILE_MAX);
    snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)fg_streamclone_bytes(clone));
    snprintf(files, sizeof files, "%llu", (unsigned long long)fg_streamclone_files(clone));
    status = put_requirements(request->snapshot, &requirements);
    struct fg_source payload = fg_streamclone_source(clone, (struct fg_bytes){NULL, 0});
    if (status != FG_OK) {
        fg_source_destroy(&payload);
        fg_fail(error, status, 0, "out of memory");
    } else {
        const struct fg_bundle_param params[] = {
            {"bytecount", fg_bytes_from_string(bytes), true},
            {"filecount", fg_bytes_from_string(files), true},
            {"requirements", fg_buffer_view(&requirements), true}};
        status = fg_bundle_add(bundle, "STREAM2", params, sizeof params / sizeof params[0],
                               &payload, error);
    }
    fg_buffer_free(&requirements);
    return status;
}

/* -- the bundle ------------------------------------------------------------------------------- */

static enum fg_status make_bundle2(struct request *request, struct fg_source *ret_source,
                                   struct fg_error *error)
{
    /* In the order in which Mercurial sends them. */
    static enum fg_status (*const adders[])(struct request *, struct fg_bundle *,
                                            struct fg_error *) = {
        add_stream, add_changegroup, add_bookmarks, add_keys, add_obsmarkers, add_phases};
    struct fg_bundle *bundle;
    enum fg_status status = fg_bundle_new(request->call->memory, &bundle);
    if (status != FG_OK) {
        return fg_fail(error, status, 0, "out of memory");
    }
    for (size_t i = 0; i < sizeof adders / sizeof adders[0] && status == FG_OK; i++) {
        status = adders[i](request, bundle, error);
    }
    if (status != FG_OK) {
        fg_bundle_free(bundle);
        return status;
    }
    request->small = fg_bundle_is_small(bundle, GATHERED_MAX);
    *ret_source = fg_bundle_source(bundle);
    return FG_OK;
}

/* Clients of before bundle2 get a changegroup and nothing around it. */
static enum fg_status make_bundle1(struct request *request, struct fg_source *ret_source,
                                   struct fg_error *error)
{
    static const char *const others[] = {"bookmarks", "obsmarkers", "phases", "stream"};
    size_t keys;
    list_of(request->call, "listkeys", &keys);
    bool more = keys > 0 || !flag_of(request->call, "cg", true);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        more = more || flag_of(request->call, others[i], false);
    }
    if (more) {
        return fg_fail(error, FG_ERR_ARGUMENT, 0,
                       "getbundle: without HG20 in bundlecaps a bundle has a changegroup only");
    }
    enum fg_status status = find_outgoing(request, error);
    return status == FG_OK
               ? fg_changegroup_source(request->snapshot, &request->outgoing, FG_CHANGEGROUP_01,
                                       request->call->memory, ret_source, error)
               : status;
}

/* Reads a small bundle, so that the reply lies in memory. */
static enum fg_status gather(struct fg_reply *reply, struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(2 * GATHERED_MAX);
    enum fg_status status = fg_source_drain(&reply->body, &buffer);
    fg_source_destroy(&reply->body);
    if (status != FG_OK) {
        fg_buffer_free(&buffer);
        return fg_fail(error, status, 0, "no memory for the bundle");
    }
    reply->slow_body = false;
    reply->dense = buffer.size <= TINY_MAX;
    reply->body = fg_source_from_buffer(&buffer);
    return FG_OK;
}

/* Descending, as the heads of a view are. */
static int compare_revs(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;
    return (*a < *b) - (*a > *b);
}

/*
 * True if all heads are wanted and nothing is there already: a clone. Puts the heads in order, and
 * leaves out those that were named twice.
 */
static bool is_full(struct request *request)
{
    struct fg_rev_list *heads = &request->heads;
    const struct fg_rev_list *all = &request->snapshot->view.heads;
    if (heads->count == 0 || request->common.count > 0 || !flag_of(request->call, "cg", true)) {
        return false;
    }
    qsort(heads->revs, heads->count, sizeof heads->revs[0], compare_revs);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < heads->count; i++) {
        if (heads->revs[i] != heads->revs[kept - 1]) {
            heads->revs[kept++] = heads->revs[i];
        }
    }
    heads->count = kept;
    return heads->count == all->count &&
           memcmp(heads->revs, all->revs, all->count * sizeof all->revs[0]) == 0;
}

/* What the site's configuration does not give. */
static enum fg_status check_allowed(struct request *request, struct fg_error *error)
{
    const struct fg_site_values *values = fg_snapshot_values(request->snapshot);
    if (!values->bundle1 && !request->caps.bundle2) {
        return fg_fail(error, FG_ERR_UNSUPPORTED, 0,
                       "incompatible Mercurial client; bundle2 required (see "
                       "https://www.mercurial-scm.org/wiki/IncompatibleClient)");
    }
    if (!values->full_bundles && is_full(request)) {
        return fg_fail(error, FG_ERR_UNSUPPORTED, 0,
                       "server has pull-based clones disabled (remove --pull if specified or "
                       "upgrade Mercurial)");
    }
    return FG_OK;
}

static enum fg_status run(const struct fg_call *call, struct fg_reply *ret_reply,
                          struct fg_error *error)
{
    struct request request = {.call = call, .snapshot = call->snapshot};
    enum fg_status status = read_request(&request, error);
    if (status == FG_OK) {
        status = check_allowed(&request, error);
    }
    if (status == FG_OK) {
        status = request.caps.bundle2 ? make_bundle2(&request, &ret_reply->body, error)
                                      : make_bundle1(&request, &ret_reply->body, error);
    }
    clear(&request);
    ret_reply->slow_body = status == FG_OK;
    ret_reply->dense = flag_of(call, "stream", false);
    if (status != FG_OK) {
        return status;
    }
    return request.small ? gather(ret_reply, error) : fg_reply_tell(call, ret_reply, error);
}

/* Neither changesets nor files nor markers: as where a client has found that it has all. */
static bool is_news_free(const struct fg_call *call)
{
    return !flag_of(call, "cg", true) && !flag_of(call, "stream", false) &&
           !(flag_of(call, "obsmarkers", false) && fg_snapshot_has_markers(call->snapshot));
}

/* The store's files need not be kept once more, nor what is made faster than it is found. */
static bool is_own(const struct fg_call *call)
{
    return flag_of(call, "stream", false) || is_news_free(call);
}

/* Where there are drafts, their phases may have every changeset looked at. */
static bool is_quick(const struct fg_call *call)
{
    const struct fg_snapshot *snapshot = call->snapshot;
    return is_news_free(call) &&
           (!flag_of(call, "phases", false) || snapshot->phase_roots.count == 0 ||
            fg_snapshot_values(snapshot)->publishing);
}

static const struct fg_argument_spec arguments[] = {
    {"bookmarks", FG_ARGUMENT_BOOL, false, "True"},
    {"bundlecaps", FG_ARGUMENT_LIST_OF_BYTES, false, "[b'HG20']"},
    {"cbattempted", FG_ARGUMENT_BOOL, false, "False"},
    {"cg", FG_ARGUMENT_BOOL, false, "True"},
    {"common", FG_ARGUMENT_LIST_OF_BYTES, false, "[b'deadbeef']"},
    {"heads", FG_ARGUMENT_LIST_OF_BYTES, false, "[b'deadbeef']"},
    {"listkeys", FG_ARGUMENT_LIST_OF_BYTES, false, "[b'bookmarks']"},
    {"obsmarkers", FG_ARGUMENT_BOOL, false, "False"},
    {"phases", FG_ARGUMENT_BOOL, false, "True"},
    {"stream", FG_ARGUMENT_BOOL, false, "False"},
    {NULL, FG_ARGUMENT_BOOL, false, NULL},
};

const struct fg_command_spec fg_command_getbundle = {
    .name = "getbundle",
    .permission = FG_PERMISSION_PULL,
    .arguments = arguments,
    .run = run,
    .slow = true,
    .shareable = true,
    .quick = is_quick,
    .own = is_own,
};
