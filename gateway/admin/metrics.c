/*
 * Metrics, one function for each group of them. Names follow Prometheus' conventions: base units,
 * _total for what only grows.
 */
#include "gateway/admin/metrics.h"

#include "framing/version.h"
#include "gateway/bundles/bundlefolder.h"
#include "gateway/exchange/exchange.h"
#include "gateway/state/vitals.h"
#include "gateway/tls.h"

#include <inttypes.h>

/* What is written and to where; the first failure stays in status. */
struct page {
    bool debug; /* commands for debugging are offered */
    struct fg_buffer *buffer;
    enum fg_status status;
};

#define PUT(page, ...)                                                                             \
    do {                                                                                           \
        if ((page)->status == FG_OK) {                                                             \
            (page)->status = fg_buffer_append_format((page)->buffer, __VA_ARGS__);                 \
        }                                                                                          \
    } while (0)

static void head(struct page *page, const char *name, const char *type, const char *help)
{
    PUT(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A metric without labels. */
static void put_one(struct page *page, const char *name, const char *type, const char *help,
                    uint64_t value)
{
    head(page, name, type, help);
    PUT(page, "%s %" PRIu64 "\n", name, value);
}

static void put_seconds(struct page *page, const char *name, const char *type, const char *help,
                        double value)
{
    head(page, name, type, help);
    PUT(page, "%s %.6f\n", name, value);
}

static void put_totals(struct page *page, const struct fg_counters *counters)
{
    put_one(page, "framegate_requests_total", "counter",
            "Requests that began, and what came instead of one.", counters->requests);
    put_one(page, "framegate_requests_ended_total", "counter", "Of these, those that are over.",
            counters->ended);
    head(page, "framegate_requests_aborted_total", "counter",
         "Of these, those without an answer that was sent whole, by why.");
    for (unsigned end = FG_END_ANSWERED + 1; end < FG_END_COUNT; end++) {
        PUT(page, "framegate_requests_aborted_total{reason=\"%s\"} %" PRIu64 "\n", fg_end_name(end),
            counters->ends[end]);
    }
    put_one(page, "framegate_protocol_errors_total", "counter",
            "Requests in which the peer broke the protocol.", counters->protocol_errors);
    put_one(page, "framegate_streams_reopened_total", "counter",
            "Begin flags on streams that were open.", counters->streams_reopened);
    put_one(page, "framegate_received_bytes_total", "counter", "Bytes of bodies received.",
            counters->bytes_in);
    put_one(page, "framegate_sent_bytes_total", "counter", "Bytes of answers, without their heads.",
            counters->bytes_out);
    put_one(page, "framegate_log_lines_lost_total", "counter",
            "Lines of the logs that could not be written.", counters->log_lines_lost);
    head(page, "framegate_responses_total", "counter", "Answers that were sent whole, by status.");
    for (unsigned status = 0; status < FG_STATUS_MAX; status++) {
        if (counters->status[status] > 0) {
            PUT(page, "framegate_responses_total{status=\"%u\"} %" PRIu64 "\n", status,
                counters->status[status]);
        }
    }
}

static void put_frames(struct page *page, const char *name, const char *help,
                       const uint64_t counts[FG_FRAME_TYPES])
{
    head(page, name, "counter", help);
    for (uint8_t type = 0; type < FG_FRAME_TYPES; type++) {
        char buffer[8];
        const char *key = fg_frame_type_key(type, buffer);
        /* Named types are always there, so that a rate can be computed from the first one on. */
        if (counts[type] > 0 || key != buffer) {
            PUT(page, "%s{type=\"%s\"} %" PRIu64 "\n", name, key, counts[type]);
        }
    }
}

/* -- commands ---------------------------------------------------------------------------------- */

/* One metric of every command. */
static void put_commands(struct page *page, const struct fg_state_view *view, const char *name,
                         const char *help, uint64_t (*value)(const struct fg_command_counters *))
{
    size_t count = 0;
    const struct fg_command_spec *const *all = fg_registry_all(&count);
    head(page, name, "counter", help);
    for (size_t i = 0; i < count && i < view->commands_count; i++) {
        if (all[i]->debug && !page->debug) {
            continue;
        }
        PUT(page, "%s{command=\"%s\"} %" PRIu64 "\n", name, all[i]->name,
            value(&view->commands[i]));
    }
}

static uint64_t runs_of(const struct fg_command_counters *counters)
{
    return counters->runs;
}

static uint64_t errors_of(const struct fg_command_counters *counters)
{
    return counters->errors;
}

static uint64_t bytes_in_of(const struct fg_command_counters *counters)
{
    return counters->bytes_in;
}

static uint64_t bytes_out_of(const struct fg_command_counters *counters)
{
    return counters->bytes_out;
}

enum { FIRST_BUCKET_US = 16, BUCKET_FACTOR = 4, LAST_BUCKET_US = 1 << 26 };

static void put_latency(struct page *page, const char *command, const struct fg_histogram *latency)
{
    uint64_t count = 0;
    unsigned bucket = 0;
    for (uint64_t bound = FIRST_BUCKET_US; bound <= LAST_BUCKET_US; bound *= BUCKET_FACTOR) {
        for (; bucket < FG_HISTOGRAM_BUCKETS && fg_histogram_floor(bucket + 1) <= bound; bucket++) {
            count += latency->buckets[bucket];
        }
        PUT(page,
            "framegate_command_duration_seconds_bucket{command=\"%s\",le=\"%.6f\"} %" PRIu64 "\n",
            command, (double)bound / 1e6, count);
    }
    PUT(page, "framegate_command_duration_seconds_bucket{command=\"%s\",le=\"+Inf\"} %" PRIu64 "\n",
        command, fg_histogram_count(latency));
    PUT(page, "framegate_command_duration_seconds_sum{command=\"%s\"} %.6f\n", command,
        (double)latency->sum / 1e6);
    PUT(page, "framegate_command_duration_seconds_count{command=\"%s\"} %" PRIu64 "\n", command,
        fg_histogram_count(latency));
}

static void put_all_commands(struct page *page, const struct fg_state_view *view)
{
    size_t count = 0;
    const struct fg_command_spec *const *all = fg_registry_all(&count);
    put_commands(page, view, "framegate_commands_total", "Commands that ran or were refused.",
                 runs_of);
    put_commands(page, view, "framegate_command_errors_total",
                 "Commands that were answered with an application error.", errors_of);
    put_commands(page, view, "framegate_command_received_bytes_total",
                 "Bytes of requests and of their data.", bytes_in_of);
    put_commands(page, view, "framegate_command_sent_bytes_total", "Bytes of replies.",
                 bytes_out_of);
    head(page, "framegate_command_duration_seconds", "histogram",
         "Time from the complete request to the reply.");
    for (size_t i = 0; i < count && i < view->commands_count; i++) {
        if (!all[i]->debug || page->debug) {
            put_latency(page, all[i]->name, &view->commands[i].latency);
        }
    }
}

/* -- the gateway ------------------------------------------------------------------------------- */

static void put_limits(struct page *page, const struct fg_counters *counters)
{
    size_t count = 0;
    const struct fg_setting *settings = fg_config_settings(&count);
    head(page, "framegate_limit_hits_total", "counter",
         "How often a bound was reached, by its option.");
    for (size_t i = 0; i < count; i++) {
        if (settings[i].reached != NULL && settings[i].bound < FG_BOUND_COUNT) {
            PUT(page, "framegate_limit_hits_total{limit=\"%s\"} %" PRIu64 "\n", settings[i].key,
                counters->bounds[settings[i].bound]);
        }
    }
}

static void put_gateway(struct page *page, struct fg_gateway *gateway,
                        const struct fg_state_view *view, const struct fg_listening *listening)
{
    struct fg_vitals vitals;
    fg_vitals_read(&vitals);
    head(page, "framegate_build_info", "gauge", "Always 1; the version is a label.");
    PUT(page, "framegate_build_info{version=\"%s\"} 1\n", FG_VERSION);
    put_one(page, "framegate_draining", "gauge", "1 once it was told to stop.",
            atomic_load(&gateway->draining));
    put_one(page, "framegate_connections", "gauge", "Connections open at the public listener.",
            listening->connections);
    put_one(page, "framegate_connections_max", "gauge", "Connections that may be open there.",
            gateway->config.connections);
    put_one(page, "framegate_exchanges_in_flight", "gauge", "Requests that are not over.",
            view->in_flight_count);
    put_one(page, "framegate_exchange_memory_bytes", "gauge",
            "Bytes of exchanges, and of requests and replies that one holds if over 64 KiB.",
            view->memory_bytes);
    put_one(page, "framegate_workers", "gauge", "Threads that run slow commands.",
            gateway->config.workers);
    put_one(page, "framegate_workers_busy", "gauge", "Workers that run a command.",
            fg_workers_busy(gateway->workers));
    put_one(page, "framegate_push_workers", "gauge", "Threads that run hg for pushes.",
            gateway->config.push_workers);
    put_one(page, "framegate_push_workers_busy", "gauge", "Of these, those that do.",
            fg_workers_busy(gateway->push_workers));
    put_one(page, "framegate_pushes_waiting", "gauge", "Pushes that wait for such a thread.",
            fg_workers_waiting(gateway->push_workers));
    put_one(page, "framegate_push_disk_bytes", "gauge",
            "Bytes of disk of the pushed bundles that are on their way.", view->push_disk_bytes);
    put_one(page, "framegate_worker_queue_length", "gauge", "Slow commands that wait for a worker.",
            fg_workers_waiting(gateway->workers));
    put_one(page, "process_resident_memory_bytes", "gauge", "Memory of the process in RAM.",
            vitals.resident_bytes);
    put_seconds(page, "process_cpu_seconds_total", "counter", "Processor time of all threads.",
                (double)vitals.cpu_microseconds / 1e6);
    put_one(page, "process_threads", "gauge", "Threads of the process.", vitals.threads);
    put_seconds(page, "process_start_time_seconds", "gauge", "Start, in seconds since 1970.",
                (double)view->time.tv_sec + (double)view->time.tv_nsec / 1e9 -
                    (double)view->uptime_microseconds / 1e6);
}

static void put_bundles(struct page *page, struct fg_bundlefolder *folder)
{
    struct fg_bundlecache_view view;
    fg_bundlefolder_describe(folder, &view);
    put_one(page, "framegate_bundle_cache_bytes", "gauge", "Bytes of the bundles that are kept.",
            view.bytes);
    put_one(page, "framegate_bundle_cache_limit_bytes", "gauge",
            "Bytes that they may have; 0 where none are kept.", view.limit);
    put_one(page, "framegate_bundle_cache_entries", "gauge", "Bundles, whole or being made.",
            view.entries);
    head(page, "framegate_bundle_cache_requests_total", "counter",
         "Requests for bundles: answered from a whole one, from one being made, or made.");
    PUT(page, "framegate_bundle_cache_requests_total{result=\"hit\"} %" PRIu64 "\n", view.hits);
    PUT(page, "framegate_bundle_cache_requests_total{result=\"shared\"} %" PRIu64 "\n",
        view.shared);
    PUT(page, "framegate_bundle_cache_requests_total{result=\"miss\"} %" PRIu64 "\n", view.misses);
    put_one(page, "framegate_bundle_cache_failures_total", "counter",
            "Bundles that could not be kept, or were given up.", view.failures);
    put_one(page, "framegate_bundle_cache_evictions_total", "counter",
            "Bundles that made room for others.", view.evictions);
    put_one(page, "framegate_bundle_cache_damaged_total", "counter",
            "Files that were not what was written.", view.damaged);
}

/* What an operator wants to be woken for. */
static void put_condition(struct page *page, struct fg_gateway *gateway,
                          const struct fg_state_view *view)
{
    struct fg_error failure;
    bool ready =
        !atomic_load(&gateway->draining) && !fg_repository_failure(gateway->repository, &failure);
    int64_t reloaded = atomic_load(&gateway->reloaded);
    int64_t expires = fg_tls_expires();
    put_one(page, "framegate_ready", "gauge",
            "1 if it can serve: not told to stop, and the repository could be read the last time.",
            ready);
    put_one(page, "framegate_reload_successful", "gauge",
            "0 if the last SIGHUP changed nothing, since something was wrong.",
            !atomic_load(&gateway->reload_failed));
    head(page, "framegate_reload_success_timestamp_seconds", "gauge",
         "When settings were last read, in seconds since 1970.");
    PUT(page, "framegate_reload_success_timestamp_seconds %" PRId64 "\n",
        reloaded != 0
            ? reloaded
            : (int64_t)view->time.tv_sec - (int64_t)(view->uptime_microseconds / 1000000));
    if (expires > 0) {
        head(page, "framegate_certificate_expiry_timestamp_seconds", "gauge",
             "When the certificate in use expires, in seconds since 1970.");
        PUT(page, "framegate_certificate_expiry_timestamp_seconds %" PRId64 "\n", expires);
    }
}

static void put_logins(struct page *page, const struct fg_counters *counters)
{
    head(page, "framegate_login_failures_total", "counter",
         "Requests answered with 401, by whether credentials were missing or wrong.");
    PUT(page, "framegate_login_failures_total{reason=\"missing\"} %" PRIu64 "\n",
        counters->logins_missing);
    PUT(page, "framegate_login_failures_total{reason=\"wrong\"} %" PRIu64 "\n",
        counters->logins_wrong);
}

static void put_repository(struct page *page, struct fg_repository *repository,
                           const struct timespec *now)
{
    struct fg_repository_view view;
    fg_repository_describe(repository, &view);
    put_one(page, "framegate_repository_changesets", "gauge", "Changesets stored.",
            view.changesets);
    put_one(page, "framegate_repository_heads", "gauge", "Heads of what is served.", view.heads);
    struct fg_damage damages[FG_DAMAGES_MAX];
    put_one(page, "framegate_repository_damaged_files", "gauge",
            "Files of the store that could not be read, until they are others.",
            fg_repository_damages(repository, damages));
    put_one(page, "framegate_repository_reads_total", "counter", "Snapshots that were read.",
            view.reads);
    double age =
        (double)(now->tv_sec - view.read.tv_sec) + (double)(now->tv_nsec - view.read.tv_nsec) / 1e9;
    put_seconds(page, "framegate_repository_snapshot_age_seconds", "gauge",
                "Since the present snapshot was read.", age > 0 ? age : 0);
    put_seconds(page, "framegate_repository_last_read_seconds", "gauge",
                "How long reading the present snapshot took.", (double)view.read_last_us / 1e6);
}

enum fg_status fg_metrics_append(struct fg_gateway *gateway, const struct fg_listening *listening,
                                 struct fg_buffer *buffer)
{
    struct fg_state_view view;
    if (fg_gateway_look(gateway, &view) != FG_OK) {
        return FG_ERR_MEMORY;
    }
    struct page page = {gateway->config.debugreflect, buffer, FG_OK};
    put_gateway(&page, gateway, &view, listening);
    put_condition(&page, gateway, &view);
    put_logins(&page, &view.counters);
    put_totals(&page, &view.counters);
    put_frames(&page, "framegate_received_frames_total", "Frames received, by type.",
               view.counters.frames_in_by_type);
    put_frames(&page, "framegate_sent_frames_total", "Frames made, by type.",
               view.counters.frames_out_by_type);
    put_all_commands(&page, &view);
    put_limits(&page, &view.counters);
    put_repository(&page, gateway->repository, &view.time);
    put_bundles(&page, gateway->bundles);
    fg_state_view_clear(&view);
    return page.status;
}
