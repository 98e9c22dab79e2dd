/*
 * Handlers and a repository that do what a test of the gateway needs and real ones must not: wait,
 * change nothing through rw, answer with megabytes, fail half-way. Linked in place of handlers/.
 *
 *   capabilities  pull  {}
 *   heads         pull  list of one node
 *   known         pull  `nodes`: "1" for each
 *   echo          pull  keeps its command data and answers with it
 *   fail          pull  an application error
 *   pushkey       push  true
 *   sleep         pull  on a worker: waits `ms` milliseconds, as long as it may go on, and answers
 *                       with their number
 *   stream        pull  `bytes` bytes made while they are sent, value = offset % 251
 *   broken        pull  a source that fails after 100,000 bytes
 *   big           pull  `bytes` bytes in memory
 */
#include "framing/cbor.h"
#include "handlers/clonebundles.h"
#include "handlers/patience.h"
#include "handlers/registry.h"
#include "handlers/repo/repository.h"
#include "handlers/repo/siteconfig.h"
#include "handlers/repo/streamclone.h"
#include "tests/support/counter.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct fg_repository {
    int unused;
};

enum fg_status fg_repository_open_with(const char *path, const char *program,
                                       struct fg_repository **ret_repository,
                                       struct fg_error *error)
{
    (void)program;
    return fg_repository_open(path, ret_repository, error);
}

enum fg_status fg_repository_open(const char *path, struct fg_repository **ret_repository,
                                  struct fg_error *error)
{
    if (strcmp(path, "/nonexistent") == 0) {
        return fg_fail(error, FG_ERR_NOT_FOUND, 0, "no repository at %s", path);
    }
    *ret_repository = calloc(1, sizeof(struct fg_repository));
    return *ret_repository != NULL ? FG_OK : fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
}

void fg_repository_close(struct fg_repository *repository)
{
    free(repository);
}

enum fg_status fg_repository_warm(struct fg_repository *repository, struct fg_error *error)
{
    (void)repository;
    (void)error;
    return FG_OK;
}

void fg_repository_stop_writers(struct fg_repository *repository)
{
    (void)repository;
}

void fg_repository_set_push_limits(struct fg_repository *repository, struct fg_push_limits limits)
{
    (void)repository;
    (void)limits;
}

void fg_repository_set_memory(struct fg_repository *repository, struct fg_memory *memory)
{
    (void)repository;
    (void)memory;
}

void fg_repository_set_listener(struct fg_repository *repository, fg_repository_listener listener)
{
    (void)repository;
    (void)listener;
}

void fg_repository_tell(const struct fg_repository *repository, const char *format, ...)
{
    (void)repository;
    (void)format;
}

void fg_repository_set_writer_seconds(struct fg_repository *repository, unsigned seconds)
{
    (void)repository;
    (void)seconds;
}

void fg_repository_grant(struct fg_repository *repository, unsigned granted)
{
    (void)repository;
    (void)granted;
}

/* A reference is an allocation, so that the sanitizer sees a forgotten one. */
enum fg_status fg_repository_snapshot(struct fg_repository *repository,
                                      struct fg_snapshot **ret_snapshot, struct fg_error *error)
{
    (void)repository;
    *ret_snapshot = malloc(sizeof(**ret_snapshot));
    return *ret_snapshot != NULL ? FG_OK : fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
}

enum fg_status fg_repository_recent(struct fg_repository *repository, uint64_t now,
                                    struct fg_snapshot **ret_snapshot, struct fg_error *error)
{
    (void)now;
    return fg_repository_snapshot(repository, ret_snapshot, error);
}

bool fg_repository_failure(struct fg_repository *repository, struct fg_error *ret_error)
{
    (void)repository;
    (void)ret_error;
    return false;
}

enum fg_status fg_repository_config(struct fg_repository *repository,
                                    struct fg_siteconfig **ret_config, struct fg_error *error)
{
    static struct fg_siteconfig config;
    (void)repository;
    (void)error;
    *ret_config = &config;
    return FG_OK;
}

enum fg_status fg_siteconfig_check(const struct fg_siteconfig *config, unsigned granted,
                                   struct fg_error *error)
{
    (void)config;
    (void)granted;
    (void)error;
    return FG_OK;
}

void fg_siteconfig_unref(struct fg_siteconfig *config)
{
    (void)config;
}

bool fg_settings_next_warning(const struct fg_config_lines *lines, size_t *index,
                              struct fg_site_refusal *ret_warning)
{
    (void)lines;
    (void)index;
    (void)ret_warning;
    return false;
}

const struct fg_site_values *fg_snapshot_values(const struct fg_snapshot *snapshot)
{
    static const struct fg_site_values values = {.publishing = true, .uncompressed = true};
    (void)snapshot;
    return &values;
}

size_t fg_repository_damages(struct fg_repository *repository,
                             struct fg_damage ret_damages[FG_DAMAGES_MAX])
{
    (void)repository;
    (void)ret_damages;
    return 0;
}

const char *fg_repository_path(const struct fg_repository *repository)
{
    (void)repository;
    return "/fake";
}

void fg_repository_describe(struct fg_repository *repository, struct fg_repository_view *ret_view)
{
    (void)repository;
    *ret_view = (struct fg_repository_view){.changesets = 3, .heads = 1, .tip_rev = 2, .reads = 1};
    memset(ret_view->tip.bytes, 0xab, sizeof(ret_view->tip.bytes));
    ret_view->requirements[ret_view->requirements_count++] = "store";
}

bool fg_snapshot_has_markers(const struct fg_snapshot *snapshot)
{
    (void)snapshot;
    return false;
}

bool fg_streamclone_allowed(const struct fg_snapshot *snapshot)
{
    (void)snapshot;
    return true;
}

enum fg_status fg_streamclone_requirements(const struct fg_snapshot *snapshot,
                                           struct fg_buffer *buffer)
{
    (void)snapshot;
    return fg_buffer_append_string(buffer, "revlogv1");
}

bool fg_clonebundles_exist(const struct fg_snapshot *snapshot)
{
    (void)snapshot;
    return false;
}

enum fg_status fg_snapshot_digest(struct fg_snapshot *snapshot, uint8_t ret_digest[FG_DIGEST_SIZE],
                                  struct fg_error *error)
{
    (void)snapshot;
    (void)error;
    memset(ret_digest, 7, FG_DIGEST_SIZE);
    return FG_OK;
}

struct fg_snapshot *fg_snapshot_ref(struct fg_snapshot *snapshot)
{
    return snapshot;
}

void fg_snapshot_unref(struct fg_snapshot *snapshot)
{
    free(snapshot);
}

/* -- commands --------------------------------------------------------------------------------- */

static uint64_t number_argument(const struct fg_call *call, const char *name)
{
    uint32_t index = 0;
    if (fg_command_argument(call->command, name, &index) != FG_OK) {
        return 0;
    }
    return call->command->request.items[index].number;
}

static enum fg_status reply_buffer(struct fg_buffer *buffer, uint8_t flags, struct fg_reply *reply)
{
    reply->body = fg_source_from_buffer(buffer);
    reply->flags = flags;
    return FG_OK;
}

static enum fg_status run_capabilities(const struct fg_call *call, struct fg_reply *reply,
                                       struct fg_error *error)
{
    (void)call;
    (void)error;
    static const uint8_t empty_map = 0xa0;
    reply->body = fg_source_from_bytes((struct fg_bytes){&empty_map, 1});
    reply->flags = FG_BYTES_RESPONSE_CBOR;
    return FG_OK;
}

static enum fg_status run_heads(const struct fg_call *call, struct fg_reply *reply,
                                struct fg_error *error)
{
    (void)call;
    struct fg_buffer buffer = FG_BUFFER_INIT(64);
    uint8_t node[20];
    memset(node, 0xab, sizeof(node));
    if (fg_cbor_put_array(&buffer, 1) != FG_OK ||
        fg_cbor_put_bytes(&buffer, node, sizeof(node)) != FG_OK) {
        fg_buffer_free(&buffer);
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    return reply_buffer(&buffer, FG_BYTES_RESPONSE_CBOR, reply);
}

static enum fg_status run_known(const struct fg_call *call, struct fg_reply *reply,
                                struct fg_error *error)
{
    uint32_t index = 0;
    char known[1000];
    struct fg_buffer buffer = FG_BUFFER_INIT(2000);
    memset(known, '1', sizeof(known));
    if (fg_command_argument(call->command, "nodes", &index) != FG_OK ||
        call->command->request.items[index].count > sizeof(known) ||
        fg_cbor_put_bytes(&buffer, known, (size_t)call->command->request.items[index].count) !=
            FG_OK) {
        fg_buffer_free(&buffer);
        return fg_fail(error, FG_ERR_LIMIT, 0, "no nodes, or too many");
    }
    return reply_buffer(&buffer, FG_BYTES_RESPONSE_CBOR, reply);
}

static enum fg_status run_echo(const struct fg_call *call, struct fg_reply *reply,
                               struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(SIZE_MAX / 2);
    if (fg_buffer_append(&buffer, call->command->data.data, call->command->data.size) != FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    return reply_buffer(&buffer, 0, reply);
}

static enum fg_status run_fail(const struct fg_call *call, struct fg_reply *reply,
                               struct fg_error *error)
{
    (void)call;
    (void)reply;
    return fg_fail(error, FG_ERR_IO, 0, "failed as asked");
}

static enum fg_status run_pushkey(const struct fg_call *call, struct fg_reply *reply,
                                  struct fg_error *error)
{
    (void)call;
    (void)error;
    static const uint8_t yes = 0xf5;
    reply->body = fg_source_from_bytes((struct fg_bytes){&yes, 1});
    reply->flags = FG_BYTES_RESPONSE_CBOR;
    return FG_OK;
}

static enum fg_status run_sleep(const struct fg_call *call, struct fg_reply *reply,
                                struct fg_error *error)
{
    uint64_t ms = number_argument(call, "ms");
    const struct timespec step = {.tv_nsec = 1000000};
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t end = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + ms;
    while ((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 < end) {
        enum fg_status status = fg_patience_check(error);
        if (status != FG_OK) {
            return status;
        }
        nanosleep(&step, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    struct fg_buffer buffer = FG_BUFFER_INIT(32);
    if (fg_cbor_put_uint(&buffer, ms) != FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    return reply_buffer(&buffer, FG_BYTES_RESPONSE_CBOR, reply);
}

static enum fg_status reply_counter(uint64_t end, uint64_t fails_at, struct fg_reply *reply,
                                    struct fg_error *error)
{
    struct counter *counter = malloc(sizeof(*counter));
    if (counter == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    *counter = (struct counter){.end = end, .fails_at = fails_at};
    reply->body =
        (struct fg_source){.read = read_counter, .destroy = free, .context = counter, .size = end};
    reply->flags = 0;
    return FG_OK;
}

static enum fg_status run_stream(const struct fg_call *call, struct fg_reply *reply,
                                 struct fg_error *error)
{
    return reply_counter(number_argument(call, "bytes"), UINT64_MAX, reply, error);
}

static enum fg_status run_broken(const struct fg_call *call, struct fg_reply *reply,
                                 struct fg_error *error)
{
    (void)call;
    return reply_counter(1000000, 100000, reply, error);
}

static enum fg_status run_big(const struct fg_call *call, struct fg_reply *reply,
                              struct fg_error *error)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(SIZE_MAX / 2);
    uint8_t *space = NULL;
    size_t size = (size_t)number_argument(call, "bytes");
    if (fg_buffer_reserve(&buffer, size, &space) != FG_OK) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    memset(space, 'b', size);
    buffer.size = size;
    return reply_buffer(&buffer, 0, reply);
}

/* -- the registry ----------------------------------------------------------------------------- */

static const struct fg_argument_spec no_arguments[] = {{.name = NULL}};
static const struct fg_argument_spec bytes_arguments[] = {{"bytes", FG_ARGUMENT_INT, true, "1"},
                                                          {.name = NULL}};
static const struct fg_argument_spec ms_arguments[] = {{"ms", FG_ARGUMENT_INT, true, "1"},
                                                       {.name = NULL}};
static const struct fg_argument_spec nodes_arguments[] = {
    {"nodes", FG_ARGUMENT_LIST_OF_BYTES, true, "[]"}, {.name = NULL}};

#define PULL FG_PERMISSION_PULL
static const struct fg_command_spec big = {
    .name = "big", .permission = PULL, .arguments = bytes_arguments, .run = run_big};
static const struct fg_command_spec broken = {
    .name = "broken", .permission = PULL, .arguments = no_arguments, .run = run_broken};
static const struct fg_command_spec capabilities = {
    .name = "capabilities", .permission = PULL, .arguments = no_arguments, .run = run_capabilities};
static const struct fg_command_spec echo = {.name = "echo",
                                            .permission = PULL,
                                            .arguments = no_arguments,
                                            .run = run_echo,
                                            .takes_data = true};
static const struct fg_command_spec failing = {
    .name = "fail", .permission = PULL, .arguments = no_arguments, .run = run_fail};
static const struct fg_command_spec heads = {
    .name = "heads", .permission = PULL, .arguments = no_arguments, .run = run_heads};
static const struct fg_command_spec known = {
    .name = "known", .permission = PULL, .arguments = nodes_arguments, .run = run_known};
static const struct fg_command_spec pushkey = {.name = "pushkey",
                                               .permission = FG_PERMISSION_PUSH,
                                               .arguments = no_arguments,
                                               .run = run_pushkey,
                                               .slow = true};
static const struct fg_command_spec sleeping = {
    .name = "sleep", .permission = PULL, .arguments = ms_arguments, .run = run_sleep, .slow = true};
static const struct fg_command_spec streaming = {
    .name = "stream", .permission = PULL, .arguments = bytes_arguments, .run = run_stream};

static const struct fg_command_spec *const all[] = {
    &big, &broken, &capabilities, &echo, &failing, &heads, &known, &pushkey, &sleeping, &streaming};

const struct fg_command_spec *const *fg_registry_all(size_t *ret_count)
{
    *ret_count = sizeof(all) / sizeof(all[0]);
    return all;
}

const struct fg_command_spec *fg_registry_find(struct fg_bytes name)
{
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (fg_bytes_equal_string(name, all[i]->name)) {
            return all[i];
        }
    }
    return NULL;
}

enum fg_status fg_command_argument(const struct fg_command *command, const char *name,
                                   uint32_t *ret_index)
{
    uint32_t index =
        command->args != 0 ? fg_cbor_map_find(&command->request, command->args, name) : 0;
    if (index == 0) {
        return FG_ERR_NOT_FOUND;
    }
    *ret_index = index;
    return FG_OK;
}

/* Only what the tests rely on: required arguments are there. */
enum fg_status fg_registry_check_arguments(const struct fg_command_spec *spec,
                                           const struct fg_command *command, struct fg_error *error)
{
    for (const struct fg_argument_spec *argument = spec->arguments; argument->name != NULL;
         argument++) {
        uint32_t index = 0;
        if (fg_command_argument(command, argument->name, &index) != FG_OK) {
            return fg_fail(error, FG_ERR_ARGUMENT, 0, "missing argument '%s'", argument->name);
        }
    }
    return FG_OK;
}
