/*
 * Prints Mercurial's configuration as the repository side reads it. Each line of standard input is
 * words with tabs between them: the program hg, a repository, and variables of the environment as
 * NAME=VALUE; of those that matter the others are unset. Each answer is one line of JSON-like
 * Python: see print_config. Instead, with --table it prints the table of settings; with --refuse
 * REPOSITORY FILE it opens a repository that may be served, renames the file to its hgrc, which has
 * it refused, and prints how many of many requests at once are given a snapshot all the same.
 */
#include "handlers/repo/repository.h"
#include "handlers/repo/siteconfig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_bytes(struct fg_bytes bytes)
{
    putchar('b');
    putchar('\'');
    for (size_t i = 0; i < bytes.size; i++) {
        printf("\\x%02x", bytes.data[i]);
    }
    putchar('\'');
}

static void print_refusal(const char *key, const struct fg_site_refusal *refusal)
{
    if (refusal->file != NULL) {
        printf("'%s': ('%s:%u', '%s'), ", key, refusal->file, refusal->line, refusal->setting);
    }
}

/* A dictionary: error (or None), the values that are followed, what is refused, and each line. */
static void print_config(const struct fg_siteconfig *config)
{
    static const char *const access[FG_SITE_ACCESS_COUNT] = {
        "allow-pull", "allow-push", "allow_read", "deny_push", "deny_read", "push_ssl"};
    const struct fg_site_values *values = &config->settings.values;
    printf("{'error': ");
    if (config->status != FG_OK) {
        print_bytes(fg_bytes_from_string(config->error.message));
    } else {
        printf("None");
    }
    printf(", 'values': (%d, %d, %d, %d, %d, %d, %d), ", values->publishing, values->uncompressed,
           values->bundle2_stream, values->bundle1, values->full_bundles, values->exchange,
           values->related_heads);
    print_refusal("refused", &config->settings.refused);
    for (int i = 0; i < FG_SITE_ACCESS_COUNT; i++) {
        print_refusal(access[i], &config->settings.access[i]);
    }
    printf("'lines': [");
    for (size_t i = 0; i < config->lines.count; i++) {
        const struct fg_config_line *line = &config->lines.items[i];
        printf("(");
        print_bytes(line->section);
        printf(", ");
        print_bytes(line->name);
        printf(", ");
        print_bytes(fg_buffer_view(&line->value));
        printf(", '%s:%u', %d, %d), ", config->lines.files[line->file].path, line->line,
               line->unset, line->trusted);
    }
    printf("]}\n");
}

static void set_environment(char **rest)
{
    static const char *const names[] = {"HOME", "HGRCPATH", "XDG_CONFIG_HOME", "HGRCSKIPREPO"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsetenv(names[i]);
    }
    for (char *word = strtok_r(NULL, "\t", rest); word != NULL; word = strtok_r(NULL, "\t", rest)) {
        char *equals = strchr(word, '=');
        *equals = '\0';
        setenv(word, equals + 1, 1);
    }
}

static int answer(char *line)
{
    char *rest;
    const char *program = strtok_r(line, "\t", &rest);
    const char *path = strtok_r(NULL, "\t", &rest);
    struct fg_layout *layout;
    struct fg_siteconfig *config;
    struct fg_error error = {.message = ""};
    set_environment(&rest);
    enum fg_status status = fg_layout_open(path, &layout, &error);
    if (status == FG_OK) {
        status = fg_siteconfig_read(layout, program, &config, &error);
        fg_layout_unref(layout);
    }
    if (status != FG_OK) {
        fprintf(stderr, "fgconfig: %s: %s\n", path, error.message);
        return 1;
    }
    print_config(config);
    fg_siteconfig_unref(config);
    return 0;
}

static atomic_uint given;

static void *ask(void *context)
{
    enum { REQUESTS = 5000 };
    for (int i = 0; i < REQUESTS; i++) {
        struct fg_snapshot *snapshot;
        if (fg_repository_snapshot(context, &snapshot, NULL) == FG_OK) {
            atomic_fetch_add(&given, 1);
            fg_snapshot_unref(snapshot);
        }
    }
    return NULL;
}

static int refuse(const char *path, const char *file)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct fg_repository *repository;
    struct fg_error error;
    char hgrc[4096];
    (void)snprintf(hgrc, sizeof hgrc, "%s/.hg/hgrc", path);
    if (fg_repository_open(path, &repository, &error) != FG_OK || rename(file, hgrc) != 0 ||
        fg_repository_refresh(repository, &error) == FG_OK) {
        return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, ask, repository) != 0) {
            abort();
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    fg_repository_close(repository);
    printf("%u\n", atomic_load(&given));
    return 0;
}

int main(int argc, char **argv)
{
    struct fg_settings_row row;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    int result = 0;
    if (argc == 2 && strcmp(argv[1], "--table") == 0) {
        for (size_t i = 0; fg_settings_row(i, &row); i++) {
            printf("%s\t%s\t%s\t%s\n", row.section, row.name, row.done, row.why);
        }
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "--refuse") == 0) {
        return refuse(argv[2], argv[3]);
    }
    while (result == 0 && (size = getline(&line, &capacity, stdin)) > 0) {
        line[size - 1] = '\0';
        result = answer(line);
    }
    free(line);
    return result;
}
