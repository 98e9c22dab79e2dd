/*
 * Runs commands on a repository without a gateway, for the tests in this folder:
 *
 *   fgquery REPOSITORY
 *       each line of standard input is "COMMAND LITERAL" (a dict with the arguments); prints
 *       "ok LITERAL" or "error STATUS MESSAGE"
 *   fgquery --seconds N REPOSITORY
 *       the same, with so much time for a writing command
 *   fgquery --hammer SECONDS THREADS REPOSITORY
 *       threads ask the same questions over and over; prints each different line of answers once
 *   fgquery --storepath
 *       prints each line of standard input as paths in the store
 *   fgquery --measure REPOSITORY
 *       prints times as JSON
 *
 * Exits with 1 and one line on standard error if the repository cannot be opened.
 */
#define _GNU_SOURCE /* getline, clock_gettime */

#include "handlers/registry.h"
#include "handlers/repo/snapshot.h"
#include "handlers/repo/storepath.h"
#include "tests/repo/asking.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void answer_line(struct fg_repository *repository, const char *line, size_t size)
{
    const char *blank = memchr(line, ' ', size);
    size_t name_size = blank != NULL ? (size_t)(blank - line) : size;
    struct fg_bytes name = {(const uint8_t *)line, name_size};
    struct fg_bytes args = fg_bytes_from_string("{}");
    if (blank != NULL) {
        args = (struct fg_bytes){(const uint8_t *)blank + 1, size - name_size - 1};
    }
    struct fg_buffer text = FG_BUFFER_INIT(BUFFER_MAX);
    struct fg_error error = {0};
    enum fg_status status = asking_now(repository, name, args, &text, &error);
    if (status == FG_OK) {
        printf("ok %.*s\n", (int)text.size, (const char *)text.data);
    } else {
        printf("error %d %s\n", (int)status, error.message);
    }
    fflush(stdout);
    fg_buffer_free(&text);
}

static void answer_lines(struct fg_repository *repository)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        answer_line(repository, line, (size_t)(line[size - 1] == '\n' ? size - 1 : size));
    }
    free(line);
}

/* -- hammering -------------------------------------------------------------------------------- */

static const char *const questions[][2] = {
    {"heads", "{}"},
    {"heads", "{b'publiconly': True}"},
    {"branchmap", "{}"},
    {"listkeys", "{b'namespace': b'bookmarks'}"},
    {"listkeys", "{b'namespace': b'phases'}"},
    {"lookup", "{b'key': b'tip'}"},
    {"lookup", "{b'key': b'moving'}"},
};

enum { QUESTIONS_COUNT = sizeof questions / sizeof questions[0], SEEN_MAX = 1 << 16 };

static struct hammer {
    struct fg_repository *repository;
    struct timespec end;
    pthread_mutex_t mutex;
    char *seen[SEEN_MAX];
    size_t seen_count;
    unsigned long asked;
} hammer = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Remembers an answer; prints it the first time. */
static void note(const char *answer)
{
    pthread_mutex_lock(&hammer.mutex);
    hammer.asked++;
    size_t i = 0;
    while (i < hammer.seen_count && strcmp(hammer.seen[i], answer) != 0) {
        i++;
    }
    if (i == hammer.seen_count && i < SEEN_MAX) {
        hammer.seen[hammer.seen_count++] = strdup(answer);
        puts(answer);
    }
    pthread_mutex_unlock(&hammer.mutex);
}

/* All questions to one snapshot: the answers make one line, so that they can be seen to agree. */
static void ask_all(struct fg_snapshot *snapshot)
{
    struct fg_buffer line = FG_BUFFER_INIT(BUFFER_MAX);
    for (size_t i = 0; i < QUESTIONS_COUNT; i++) {
        struct fg_error error = {0};
        enum fg_status status =
            asking_ask(hammer.repository, snapshot, fg_bytes_from_string(questions[i][0]),
                       fg_bytes_from_string(questions[i][1]), &line, &error);
        if (status != FG_OK) {
            fg_buffer_append_format(&line, "error %d %s", (int)status, error.message);
        }
        fg_buffer_append_string(&line, "\t");
    }
    fg_buffer_append_byte(&line, '\0');
    note((const char *)line.data);
    fg_buffer_free(&line);
}

static uint64_t microseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool time_is_up(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > hammer.end.tv_sec ||
           (now.tv_sec == hammer.end.tv_sec && now.tv_nsec >= hammer.end.tv_nsec);
}

static void *hammer_thread(void *unused)
{
    (void)unused;
    while (!time_is_up()) {
        struct fg_snapshot *snapshot;
        struct fg_error error = {0};
        /* As requests that come thick and fast get it. */
        enum fg_status status =
            fg_repository_recent(hammer.repository, microseconds_now(), &snapshot, &error);
        if (status == FG_PENDING) {
            status = fg_repository_snapshot(hammer.repository, &snapshot, &error);
        }
        if (status == FG_OK) {
            ask_all(snapshot);
            fg_snapshot_unref(snapshot);
        } else {
            char message[300];
            snprintf(message, sizeof message, "error %d %s", (int)status, error.message);
            note(message);
        }
    }
    return NULL;
}

static void run_hammer(struct fg_repository *repository, long seconds, long threads)
{
    enum { THREADS_MAX = 64 };
    pthread_t ids[THREADS_MAX];
    threads = threads < THREADS_MAX ? threads : THREADS_MAX;
    hammer.repository = repository;
    clock_gettime(CLOCK_MONOTONIC, &hammer.end);
    hammer.end.tv_sec += seconds;
    long started = 0;
    while (started < threads && pthread_create(&ids[started], NULL, hammer_thread, NULL) == 0) {
        started++;
    }
    for (long i = 0; i < started; i++) {
        pthread_join(ids[i], NULL);
    }
    printf("asked %lu\n", hammer.asked);
    for (size_t i = 0; i < hammer.seen_count; i++) {
        free(hammer.seen[i]);
    }
}

/* -- measuring -------------------------------------------------------------------------------- */

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Seconds for one question, the average of many. */
static double time_question(struct fg_repository *repository, const char *name, const char *args,
                            int times)
{
    double start = seconds_now();
    for (int i = 0; i < times; i++) {
        struct fg_buffer text = FG_BUFFER_INIT(BUFFER_MAX);
        asking_now(repository, fg_bytes_from_string(name), fg_bytes_from_string(args), &text, NULL);
        fg_buffer_free(&text);
    }
    return (seconds_now() - start) / times;
}

/* Seconds for the handler heads and its snapshot alone, without making text of the answer. */
static double time_heads(struct fg_repository *repository)
{
    enum { TIMES = 20000 };
    struct fg_command command = {0};
    if (asking_command(fg_bytes_from_string("heads"), fg_bytes_from_string("{}"), &command, NULL) !=
        FG_OK) {
        return -1;
    }
    const struct fg_command_spec *spec = fg_registry_find(fg_bytes_from_string("heads"));
    double start = seconds_now();
    for (int i = 0; i < TIMES; i++) {
        struct fg_snapshot *snapshot;
        if (fg_repository_snapshot(repository, &snapshot, NULL) != FG_OK) {
            return -1;
        }
        struct fg_call call = {.command = &command, .repository = repository, .snapshot = snapshot};
        struct fg_reply reply = {0};
        if (spec->run(&call, &reply, NULL) == FG_OK) {
            fg_source_destroy(&reply.body);
        }
        fg_snapshot_unref(snapshot);
    }
    double result = (seconds_now() - start) / TIMES;
    fg_cbor_clear(&command.request);
    fg_buffer_free(&command.encoded);
    return result;
}

static void measure(const char *path)
{
    struct fg_repository *repository;
    double start = seconds_now();
    if (fg_repository_open(path, &repository, NULL) != FG_OK) {
        return;
    }
    double opened = seconds_now() - start;
    double heads = time_heads(repository);
    double first_branchmap = time_question(repository, "branchmap", "{}", 1);
    double branchmap = time_question(repository, "branchmap", "{}", 20);
    double first_tags = time_question(repository, "lookup", "{b'key': b'no such name'}", 1);
    double lookup = time_question(repository, "lookup", "{b'key': b'no such name'}", 1000);
    struct fg_snapshot *snapshot;
    uint32_t count = 0;
    if (fg_repository_snapshot(repository, &snapshot, NULL) == FG_OK) {
        count = fg_snapshot_count(snapshot);
        fg_snapshot_unref(snapshot);
    }
    printf("{\"changesets\": %u, \"open\": %.6f, \"heads\": %.9f, \"first_branchmap\": %.6f, "
           "\"branchmap\": %.6f, \"first_lookup\": %.6f, \"lookup\": %.9f}\n",
           count, opened, heads, first_branchmap, branchmap, first_tags, lookup);
    fg_repository_close(repository);
}

/* Prints each path of standard input as it is encoded in three kinds of store. */
static void encode_paths(void)
{
    const unsigned fncache = FG_REQUIREMENT_STORE | FG_REQUIREMENT_FNCACHE;
    const unsigned requirements[] = {FG_REQUIREMENT_STORE, fncache,
                                     fncache | FG_REQUIREMENT_DOTENCODE};
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        struct fg_buffer text = FG_BUFFER_INIT(BUFFER_MAX);
        for (size_t i = 0; i < sizeof requirements / sizeof requirements[0]; i++) {
            fg_storepath_encode((struct fg_bytes){(uint8_t *)line, (size_t)size - 1},
                                requirements[i], &text);
            fg_buffer_append_string(&text, i < 2 ? "\t" : "\n");
        }
        fwrite(text.data, 1, text.size, stdout);
        fg_buffer_free(&text);
    }
    free(line);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--storepath") == 0) {
        encode_paths();
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--measure") == 0) {
        measure(argv[2]);
        return 0;
    }
    struct fg_repository *repository;
    struct fg_error error = {0};
    if (fg_repository_open(argv[argc - 1], &repository, &error) != FG_OK) {
        fprintf(stderr, "fgquery: %s\n", error.message);
        return 1;
    }
    if (argc == 4 && strcmp(argv[1], "--seconds") == 0) {
        unsigned seconds = (unsigned)strtoul(argv[2], NULL, 10);
        fg_repository_set_writer_seconds(repository, seconds);
    }
    if (argc == 5 && strcmp(argv[1], "--hammer") == 0) {
        run_hammer(repository, strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
    } else {
        answer_lines(repository);
    }
    fg_repository_close(repository);
    return 0;
}
