/*
 * conformance FILE...: runs vector files, prints every difference and a closing count. Exits 1
 * when there is a difference, or a file is missing, empty or has a line that is not understood;
 * 2 on bad usage.
 */
#include "tests/conformance/conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *kind;
    void (*run)(struct vector *vector);
} kinds[] = {
    {"human", run_human},
    {"command-frames", run_command_frames},
    {"bytes-response-frames", run_bytes_response_frames},
    {"error-frame", run_error_frame},
    {"text-output-frame", run_text_output_frame},
    {"read", run_read},
    {"reactor", run_reactor},
};

static void run_vector(struct vector *vector)
{
    const char *kind = get_string(vector, vector->json, "kind");
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kind, kinds[i].kind) == 0) {
            kinds[i].run(vector);
            return;
        }
    }
    if (kind != NULL) {
        vector_differs(vector, "unknown kind \"%s\"", kind);
    }
}

/* One line of the file. True if it passed. */
static bool run_line(const char *file, size_t line, const char *text, size_t size)
{
    struct vector vector = {.file = file, .line = line};
    json_error_t error;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (json == NULL) {
        vector_differs(&vector, "not a JSON object: %s", error.text);
        return false;
    }
    vector.json = json;
    run_vector(&vector);
    json_decref(json);
    return !vector.failed;
}

static void run_file(const char *file, size_t *passed, size_t *failed)
{
    FILE *stream = fopen(file, "r");
    if (stream == NULL) {
        perror(file);
        ++*failed;
        return;
    }
    char *text = NULL;
    size_t capacity = 0;
    size_t lines = 0;
    ssize_t size;
    while ((size = getline(&text, &capacity, stream)) >= 0) {
        lines++;
        if (run_line(file, lines, text, (size_t)size)) {
            ++*passed;
        } else {
            ++*failed;
        }
    }
    if (ferror(stream)) {
        perror(file);
        ++*failed;
    } else if (lines == 0) {
        fprintf(stderr, "%s: no vectors in it\n", file);
        ++*failed;
    }
    free(text);
    fclose(stream);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: conformance FILE...\n");
        return 2;
    }
    size_t passed = 0;
    size_t failed = 0;
    for (int i = 1; i < argc; i++) {
        run_file(argv[i], &passed, &failed);
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed == 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
