/*
 * Opens a repository and asks it everything, with the first, the second, … allocation failing,
 * until none is left to fail: fgfail REPOSITORY; or, with --bundles, asks it for bundles. Each
 * time, every step must succeed with the same answer or fail for want of memory, and a later try
 * must succeed. Leaks are for the sanitizer to find.
 */
#define _GNU_SOURCE /* the declarations of what is wrapped */

#include "handlers/repo/repository.h"
#include "tests/repo/asking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

/* Allocations until one fails; negative: none does. */
static long countdown = -1;

static bool fails(void)
{
    return countdown >= 0 && countdown-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

struct question {
    const char *command;
    const char *args;
};

static const struct question all_but_bundles[] = {
    {"heads", "{}"},
    {"pushkey", "{b'namespace': b'n', b'key': b'k', b'old': b'o', b'new': b'x'}"},
    {"known", "{b'nodes': [b'aaaaaaaaaaaaaaaaaaaa']}"},
    {"lookup", "{b'key': b'default'}"},
    {"branchmap", "{}"},
    {"listkeys", "{b'namespace': b'bookmarks'}"},
    {"listkeys", "{b'namespace': b'phases'}"},
    {"capabilities", "{}"},
    {NULL, NULL},
};

static const struct question bundles[] = {
    {"getbundle", "{}"},
    {"getbundle",
     "{b'bundlecaps': [b'HG20', b'bundle2=changegroup%3D02%0Aphases%3Dheads%0Abookmarks%0A"
     "obsmarkers%3DV1'], b'phases': True, b'bookmarks': True, b'obsmarkers': True, "
     "b'listkeys': [b'phases']}"},
    {NULL, NULL},
};

static const struct question *questions = all_but_bundles;

enum { QUESTIONS_MAX = 8 };

/* The right answers, from a run in which nothing failed. */
static struct fg_buffer right[QUESTIONS_MAX];

static void die(const char *what, long step, const struct fg_error *error)
{
    fprintf(stderr, "fgfail: %s (allocation %ld): %s\n", what, step, error->message);
    exit(EXIT_FAILURE);
}

/* A failure must be for want of memory; a reader that cannot be made is one of its messages. */
static void check(enum fg_status status, size_t question, const struct fg_buffer *text, long step,
                  const struct fg_error *error)
{
    if (status == FG_OK &&
        !fg_bytes_equal(fg_buffer_view(text), fg_buffer_view(&right[question]))) {
        die("a wrong answer", step, error);
    }
    if (status != FG_OK && status != FG_ERR_MEMORY) {
        die("another failure than memory", step, error);
    }
}

static void ask_all(struct fg_repository *repository, long step)
{
    for (size_t i = 0; questions[i].command != NULL; i++) {
        struct fg_error error = {0};
        struct fg_buffer text = FG_BUFFER_INIT(BUFFER_MAX);
        enum fg_status status = asking_now(repository, fg_bytes_from_string(questions[i].command),
                                           fg_bytes_from_string(questions[i].args), &text, &error);
        if (step < 0) {
            right[i] = text;
            if (status != FG_OK) {
                die("cannot be asked", step, &error);
            }
            continue;
        }
        check(status, i, &text, step, &error);
        fg_buffer_free(&text);
    }
}

/* One run with a failure at step. False: there was none, all is done. */
static bool run(const char *path, long step)
{
    struct fg_repository *repository = NULL;
    struct fg_error error = {0};
    countdown = step;
    enum fg_status status = fg_repository_open(path, &repository, &error);
    if (status == FG_OK) {
        ask_all(repository, step);
    } else if (status != FG_ERR_MEMORY || step < 0) {
        die("cannot be opened", step, &error);
    }
    bool failed = countdown < 0;
    countdown = -1;
    if (status == FG_OK && step >= 0) {
        ask_all(repository, step); /* once more, with memory */
    }
    fg_repository_close(repository);
    return failed;
}

/* As run for all steps, on a repository that stays open. Returns how many allocations failed. */
static long run_bundles(const char *path)
{
    struct fg_repository *repository;
    struct fg_error error = {0};
    if (fg_repository_open(path, &repository, &error) != FG_OK) {
        die("cannot be opened", -1, &error);
    }
    questions = bundles;
    ask_all(repository, -1);
    long step = -1;
    do {
        countdown = ++step;
        ask_all(repository, step);
    } while (countdown < 0);
    countdown = -1;
    ask_all(repository, step); /* once more, with memory */
    fg_repository_close(repository);
    return step;
}

static long run_all(const char *path)
{
    run(path, -1);
    long step = 0;
    while (run(path, step)) {
        step++;
    }
    return step;
}

int main(int argc, char **argv)
{
    bool only_bundles = argc == 3 && strcmp(argv[1], "--bundles") == 0;
    if (argc != 2 && !only_bundles) {
        fputs("usage: fgfail [--bundles] REPOSITORY\n", stderr);
        return 2;
    }
    asking_checks_canonical = false;
    long step = only_bundles ? run_bundles(argv[2]) : run_all(argv[1]);
    printf("%ld allocations failed in turn\n", step);
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        fg_buffer_free(&right[i]);
    }
    return EXIT_SUCCESS;
}
