/*
 * GET /state and the digest: one function for each object of the documents, which are described in
 * www/schema/.
 */
#include "gateway/admin/statejson.h"

#include "framing/version.h"
#include "gateway/admin/bundlejson.h"

#include "gateway/admin/adminaccess.h"
#include "gateway/admin/exchangejson.h"
#include "gateway/exchange/exchange.h"
#include "gateway/state/vitals.h"
#include "gateway/tools/json.h"

#include <curl/curl.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>

/* -- what counts ------------------------------------------------------------------------------- */

static json_t *status_json(const struct fg_counters *counters, bool *ok)
{
    json_t *object = json_object();
    for (unsigned status = 0; status < FG_STATUS_MAX; status++) {
        if (counters->status[status] > 0) {
            char key[8];
            snprintf(key, sizeof(key), "%u", status);
            fg_json_put_number(object, ok, key, counters->status[status]);
        }
    }
    return object;
}

const char *fg_frame_type_key(uint8_t type, char buffer[8])
{
    const char *name = fg_frame_type_name(type);
    snprintf(buffer, 8, "%u", type);
    return name != NULL ? name : buffer;
}

static json_t *types_json(const uint64_t counts[FG_FRAME_TYPES], bool *ok)
{
    json_t *object = json_object();
    for (uint8_t type = 0; type < FG_FRAME_TYPES; type++) {
        char buffer[8];
        if (counts[type] > 0) {
            fg_json_put_number(object, ok, fg_frame_type_key(type, buffer), counts[type]);
        }
    }
    return object;
}

static json_t *ends_json(const struct fg_counters *counters, bool *ok)
{
    json_t *object = json_object();
    for (unsigned end = FG_END_ANSWERED + 1; end < FG_END_COUNT; end++) {
        fg_json_put_number(object, ok, fg_end_name(end), counters->ends[end]);
    }
    return object;
}

static json_t *totals_json(const struct fg_counters *counters, bool *ok)
{
    json_t *object = json_object();
    fg_json_put_number(object, ok, "requests", counters->requests);
    fg_json_put_number(object, ok, "ended", counters->ended);
    fg_json_put_number(object, ok, "aborted", counters->aborted);
    fg_json_put(object, ok, "aborted_by", ends_json(counters, ok));
    fg_json_put_number(object, ok, "commands", counters->commands);
    fg_json_put_number(object, ok, "command_errors", counters->command_errors);
    fg_json_put_number(object, ok, "protocol_errors", counters->protocol_errors);
    fg_json_put_number(object, ok, "streams_reopened", counters->streams_reopened);
    fg_json_put_number(object, ok, "frames_in", counters->frames_in);
    fg_json_put_number(object, ok, "frames_out", counters->frames_out);
    fg_json_put(object, ok, "frames_in_by_type", types_json(counters->frames_in_by_type, ok));
    fg_json_put(object, ok, "frames_out_by_type", types_json(counters->frames_out_by_type, ok));
    fg_json_put_number(object, ok, "bytes_in", counters->bytes_in);
    fg_json_put_number(object, ok, "bytes_out", counters->bytes_out);
    fg_json_put(object, ok, "status", status_json(counters, ok));
    fg_json_put_number(object, ok, "log_lines_lost", counters->log_lines_lost);
    return object;
}

static void put_percentile(json_t *object, bool *ok, const char *key,
                           const struct fg_histogram *latency, double share, uint64_t count)
{
    double value = fg_histogram_percentile(latency, share);
    fg_json_put(object, ok, key, count > 0 ? json_real(value / 1e6) : json_null());
}

static json_t *latency_json(const struct fg_histogram *latency, bool *ok)
{
    const uint64_t count = fg_histogram_count(latency);
    json_t *object = json_object();
    json_t *buckets = json_array();
    fg_json_put_number(object, ok, "count", count);
    fg_json_put_seconds(object, ok, "sum_seconds", (double)latency->sum);
    put_percentile(object, ok, "p50_seconds", latency, 0.5, count);
    put_percentile(object, ok, "p90_seconds", latency, 0.9, count);
    put_percentile(object, ok, "p99_seconds", latency, 0.99, count);
    for (unsigned i = 0; i < FG_HISTOGRAM_BUCKETS; i++) {
        if (latency->buckets[i] > 0) {
            json_t *bucket = json_object();
            fg_json_put_seconds(bucket, ok, "from_seconds", (double)fg_histogram_floor(i));
            fg_json_put_seconds(bucket, ok, "below_seconds", (double)fg_histogram_floor(i + 1));
            fg_json_put_number(bucket, ok, "count", latency->buckets[i]);
            fg_json_add(buckets, ok, bucket);
        }
    }
    fg_json_put(object, ok, "buckets", buckets);
    return object;
}

static json_t *command_json(const struct fg_command_counters *counters, bool *ok)
{
    json_t *object = json_object();
    fg_json_put_number(object, ok, "runs", counters->runs);
    fg_json_put_number(object, ok, "errors", counters->errors);
    fg_json_put_number(object, ok, "bytes_in", counters->bytes_in);
    fg_json_put_number(object, ok, "bytes_out", counters->bytes_out);
    fg_json_put(object, ok, "latency", latency_json(&counters->latency, ok));
    return object;
}

/* ran: only those that ran. */
static json_t *commands_json(const struct fg_state_view *view, bool ran, bool *ok)
{
    size_t count = 0;
    const struct fg_command_spec *const *all = fg_registry_all(&count);
    json_t *object = json_object();
    for (size_t i = 0; i < count && i < view->commands_count; i++) {
        if (!ran || view->commands[i].runs > 0) {
            fg_json_put(object, ok, all[i]->name, command_json(&view->commands[i], ok));
        }
    }
    return object;
}

/* -- settings ---------------------------------------------------------------------------------- */

static bool is_limit(const struct fg_setting *setting)
{
    return setting->reached != NULL && setting->type != FG_SETTING_CHOICE;
}

/* Every bound with its value and how often it was reached; null where the library enforces it. */
static json_t *limits_json(const struct fg_config *config, const struct fg_counters *counters,
                           bool *ok)
{
    size_t count = 0;
    const struct fg_setting *settings = fg_config_settings(&count);
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        const struct fg_setting *setting = &settings[i];
        if (!is_limit(setting)) {
            continue;
        }
        json_t *limit = json_object();
        fg_json_put_number(limit, ok, "value", fg_config_number(config, setting));
        fg_json_put(limit, ok, "hits",
                    setting->bound < FG_BOUND_COUNT
                        ? json_integer((json_int_t)counters->bounds[setting->bound])
                        : json_null());
        fg_json_put(object, ok, setting->key, limit);
    }
    return object;
}

/* Only the bounds that were reached. */
static json_t *limits_hit_json(const struct fg_counters *counters, bool *ok)
{
    size_t count = 0;
    const struct fg_setting *settings = fg_config_settings(&count);
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        enum fg_bound bound = settings[i].bound;
        if (is_limit(&settings[i]) && bound < FG_BOUND_COUNT && counters->bounds[bound] > 0) {
            fg_json_put_number(object, ok, settings[i].key, counters->bounds[bound]);
        }
    }
    return object;
}

static json_t *text_or_null(const char *text)
{
    return text != NULL ? fg_json_printable(fg_bytes_from_string(text)) : json_null();
}

static json_t *address_json(const struct fg_address *address)
{
    char text[FG_ADDRESS_TEXT_SIZE];
    fg_address_format(address, text);
    return json_string(text);
}

static json_t *words_json(const struct fg_words *words, bool *ok)
{
    json_t *array = json_array();
    const char *word = fg_words_next(words, NULL);
    for (; word != NULL; word = fg_words_next(words, word)) {
        fg_json_add(array, ok, fg_json_printable(fg_bytes_from_string(word)));
    }
    return array;
}

static json_t *setting_json(const struct fg_config *config, const struct fg_setting *setting,
                            bool *ok)
{
    const void *field = (const char *)config + setting->offset;
    switch (setting->type) {
    case FG_SETTING_TEXT:
        return text_or_null(*(char *const *)field);
    case FG_SETTING_ADDRESS:
        return address_json(field);
    case FG_SETTING_WORDS:
        return words_json(field, ok);
    case FG_SETTING_SWITCH:
        return json_boolean(fg_config_number(config, setting) != 0);
    case FG_SETTING_CHOICE:
        return json_string(setting->choices[fg_config_number(config, setting)]);
    default:
        return json_integer((json_int_t)fg_config_number(config, setting));
    }
}

/* Secrets stand in files alone, and these are only named here. */
static json_t *configuration_json(const struct fg_config *config, bool *ok)
{
    size_t count = 0;
    const struct fg_setting *settings = fg_config_settings(&count);
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        fg_json_put(object, ok, settings[i].key, setting_json(config, &settings[i], ok));
    }
    return object;
}

/* -- the program ------------------------------------------------------------------------------- */

static json_t *build_json(bool *ok)
{
    json_t *object = json_object();
    json_t *libraries = json_object();
    fg_json_put_text(libraries, ok, "libmicrohttpd", MHD_get_version());
    fg_json_put_text(libraries, ok, "gnutls", gnutls_check_version(NULL));
    fg_json_put_text(libraries, ok, "jansson", jansson_version_str());
    fg_json_put_text(libraries, ok, "libcurl", curl_version_info(CURLVERSION_NOW)->version);
    fg_json_put_text(object, ok, "type", FRAMEGATE_BUILD_TYPE);
    fg_json_put_text(object, ok, "compiler", FRAMEGATE_COMPILER);
    fg_json_put_text(object, ok, "sanitizers", FRAMEGATE_SANITIZE);
    fg_json_put(object, ok, "libraries", libraries);
    return object;
}

static json_t *listener_json(const char *name, const struct fg_address *address, bool tls,
                             uint64_t connections, uint64_t connections_max, bool *ok)
{
    json_t *object = json_object();
    fg_json_put_text(object, ok, "name", name);
    fg_json_put(object, ok, "address", address_json(address));
    fg_json_put_bool(object, ok, "tls", tls);
    fg_json_put_number(object, ok, "connections", connections);
    fg_json_put_number(object, ok, "connections_max", connections_max);
    return object;
}

static json_t *listeners_json(const struct fg_gateway *gateway,
                              const struct fg_listening *listening, bool *ok)
{
    const struct fg_config *config = &gateway->config;
    json_t *array = json_array();
    fg_json_add(array, ok,
                listener_json("public", &gateway->public_address, config->tls_certificate != NULL,
                              listening->connections, config->connections, ok));
    fg_json_add(array, ok,
                listener_json("admin", &gateway->admin_address, fg_admin_has_tls(config),
                              listening->admin_connections, listening->admin_connections_max, ok));
    return array;
}

static json_t *threads_json(const struct fg_gateway *gateway, const struct fg_vitals *vitals,
                            bool *ok)
{
    json_t *object = json_object();
    fg_json_put_number(object, ok, "serving", gateway->config.threads);
    fg_json_put_number(object, ok, "workers", gateway->config.workers);
    fg_json_put_number(object, ok, "workers_busy", fg_workers_busy(gateway->workers));
    fg_json_put_number(object, ok, "push_workers", gateway->config.push_workers);
    fg_json_put_number(object, ok, "push_workers_busy", fg_workers_busy(gateway->push_workers));
    fg_json_put_number(object, ok, "pushes_waiting", fg_workers_waiting(gateway->push_workers));
    fg_json_put_number(object, ok, "process", vitals->threads);
    return object;
}

static json_t *memory_json(const struct fg_gateway *gateway, const struct fg_vitals *vitals,
                           bool *ok)
{
    json_t *object = json_object();
    fg_json_put_number(object, ok, "resident_bytes", vitals->resident_bytes);
    fg_json_put_number(object, ok, "resident_max_bytes", vitals->resident_max_bytes);
    fg_json_put_number(object, ok, "limit_bytes", gateway->config.memory_bytes);
    return object;
}

/* -- the repository ---------------------------------------------------------------------------- */

static json_t *tip_json(const struct fg_repository_view *view, bool *ok)
{
    if (view->tip_rev < 0) {
        return json_null();
    }
    json_t *object = json_object();
    fg_json_put_number(object, ok, "rev", (uint64_t)view->tip_rev);
    fg_json_put(object, ok, "node",
                fg_json_hex((struct fg_bytes){view->tip.bytes, sizeof(view->tip.bytes)}));
    return object;
}

/* Files that could not be read. Names of files need not be UTF-8. */
static json_t *damaged_json(struct fg_repository *repository, bool *ok)
{
    struct fg_damage damages[FG_DAMAGES_MAX];
    size_t count = fg_repository_damages(repository, damages);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        fg_json_put(object, ok, "file",
                    text_or_null(damages[i].file[0] != '\0' ? damages[i].file : NULL));
        fg_json_put(object, ok, "reason", text_or_null(damages[i].reason));
        fg_json_put_time(object, ok, "found", &damages[i].found);
        fg_json_add(array, ok, object);
    }
    return array;
}

static json_t *repository_json(struct fg_repository *repository, const struct timespec *now,
                               bool *ok)
{
    struct fg_repository_view view;
    fg_repository_describe(repository, &view);
    double age = (double)(now->tv_sec - view.read.tv_sec) * 1e6 +
                 (double)(now->tv_nsec - view.read.tv_nsec) / 1e3;
    json_t *object = json_object();
    json_t *requirements = json_array();
    for (size_t i = 0; i < view.requirements_count; i++) {
        fg_json_add(requirements, ok, json_string(view.requirements[i]));
    }
    fg_json_put(object, ok, "path", text_or_null(fg_repository_path(repository)));
    fg_json_put_number(object, ok, "changesets", view.changesets);
    fg_json_put_number(object, ok, "heads", view.heads);
    fg_json_put(object, ok, "tip", tip_json(&view, ok));
    fg_json_put(object, ok, "requirements", requirements);
    fg_json_put_seconds(object, ok, "age_seconds", age > 0 ? age : 0);
    fg_json_put_number(object, ok, "reads", view.reads);
    fg_json_put_seconds(object, ok, "read_last_seconds", (double)view.read_last_us);
    fg_json_put_seconds(object, ok, "read_max_seconds", (double)view.read_max_us);
    fg_json_put(object, ok, "error", text_or_null(view.error[0] != '\0' ? view.error : NULL));
    fg_json_put(object, ok, "damaged", damaged_json(repository, ok));
    return object;
}

/* -- the documents ----------------------------------------------------------------------------- */

/* What both documents have. */
static void put_common(json_t *root, bool *ok, struct fg_gateway *gateway,
                       const struct fg_state_view *view, const struct fg_listening *listening)
{
    fg_json_put_time(root, ok, "time", &view->time);
    fg_json_put_seconds(root, ok, "uptime_seconds", (double)view->uptime_microseconds);
    fg_json_put_bool(root, ok, "draining", atomic_load(&gateway->draining));
    fg_json_put_number(root, ok, "connections", listening->connections);
    fg_json_put_number(root, ok, "memory_bytes", view->memory_bytes);
    fg_json_put_number(root, ok, "worker_queue", fg_workers_waiting(gateway->workers));
    fg_json_put(root, ok, "totals", totals_json(&view->counters, ok));
}

static json_t *state_document(struct fg_gateway *gateway, const struct fg_state_view *view,
                              const struct fg_listening *listening, bool *ok)
{
    struct fg_vitals vitals;
    fg_vitals_read(&vitals);
    json_t *root = json_object();
    json_t *exchanges = json_array();
    json_t *finished = json_array();
    json_t *failed = json_array();
    const struct fg_exchange_view *in_flight = view->in_flight;
    for (size_t i = 0; i < view->in_flight_count; i++) {
        fg_json_add(exchanges, ok, fg_exchange_json(&in_flight[i], ok));
    }
    for (size_t i = 0; i < view->finished_count; i++) {
        fg_json_add(finished, ok, fg_finished_json(&view->finished[i], ok));
    }
    for (size_t i = 0; i < view->failed_count; i++) {
        fg_json_add(failed, ok, fg_finished_json(&view->failed[i], ok));
    }
    put_common(root, ok, gateway, view, listening);
    fg_json_put_text(root, ok, "version", FG_VERSION);
    fg_json_put(root, ok, "build", build_json(ok));
    fg_json_put(root, ok, "configuration", configuration_json(&gateway->config, ok));
    fg_json_put(root, ok, "limits", limits_json(&gateway->config, &view->counters, ok));
    fg_json_put(root, ok, "listeners", listeners_json(gateway, listening, ok));
    fg_json_put(root, ok, "threads", threads_json(gateway, &vitals, ok));
    fg_json_put_number(root, ok, "push_disk_bytes", view->push_disk_bytes);
    fg_json_put(root, ok, "memory", memory_json(gateway, &vitals, ok));
    fg_json_put_seconds(root, ok, "cpu_seconds", (double)vitals.cpu_microseconds);
    fg_json_put(root, ok, "commands", commands_json(view, false, ok));
    fg_json_put(root, ok, "repository", repository_json(gateway->repository, &view->time, ok));
    fg_json_put(root, ok, "bundles", fg_bundles_json(gateway, ok));
    fg_json_put(root, ok, "exchanges", exchanges);
    fg_json_put(root, ok, "finished", finished);
    fg_json_put(root, ok, "failed", failed);
    return root;
}

static json_t *digest_document(struct fg_gateway *gateway, const struct fg_state_view *view,
                               const struct fg_listening *listening, bool *ok)
{
    struct fg_vitals vitals;
    fg_vitals_read(&vitals);
    json_t *root = json_object();
    put_common(root, ok, gateway, view, listening);
    fg_json_put_number(root, ok, "in_flight", view->in_flight_count);
    fg_json_put_number(root, ok, "resident_bytes", vitals.resident_bytes);
    fg_json_put(root, ok, "commands", commands_json(view, true, ok));
    fg_json_put(root, ok, "limits_hit", limits_hit_json(&view->counters, ok));
    return root;
}

enum fg_status fg_gateway_look(struct fg_gateway *gateway, struct fg_state_view *ret_view)
{
    enum fg_status status = fg_state_look(gateway->state, sizeof(struct fg_exchange_view),
                                          fg_exchange_describe, ret_view);
    if (status == FG_OK) {
        ret_view->counters.bounds[FG_BOUND_COMMAND_TIME] +=
            fg_workers_overdue(gateway->workers) + fg_workers_overdue(gateway->push_workers);
    }
    return status;
}

typedef json_t *(*document_maker)(struct fg_gateway *gateway, const struct fg_state_view *view,
                                  const struct fg_listening *listening, bool *ok);

static char *make(struct fg_gateway *gateway, const struct fg_listening *listening,
                  document_maker document)
{
    struct fg_state_view view;
    if (fg_gateway_look(gateway, &view) != FG_OK) {
        return NULL;
    }
    bool ok = true;
    json_t *root = document(gateway, &view, listening, &ok);
    fg_state_view_clear(&view);
    return fg_json_finish(root, ok);
}

char *fg_state_json(struct fg_gateway *gateway, const struct fg_listening *listening)
{
    return make(gateway, listening, state_document);
}

char *fg_digest_json(struct fg_gateway *gateway, const struct fg_listening *listening)
{
    return make(gateway, listening, digest_document);
}
