/*
 * Reads a bundle slowly: fgslow REPOSITORY BYTES asks for all of a repository's history, reads so
 * many bytes, prints "waiting" and waits for a line of standard input, reads the rest, and prints
 * "ok SIZE" or "error STATUS". Exits with 1 if it cannot get that far.
 */
#include "handlers/registry.h"
#include "handlers/repo/repository.h"
#include "tests/repo/asking.h"

#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what, const struct fg_error *error)
{
    fprintf(stderr, "fgslow: %s: %s\n", what, error->message);
    return EXIT_FAILURE;
}

/* Reads on until there are limit bytes in all, or to the end. */
static enum fg_status read_to(struct fg_source *body, unsigned long long limit,
                              unsigned long long *size)
{
    static uint8_t buffer[4096];
    enum fg_status status = FG_OK;
    while (status == FG_OK && *size < limit) {
        size_t got = 0;
        status = fg_source_read(body, buffer, sizeof buffer, &got);
        *size += got;
    }
    /* An answer may say itself that it was cut. */
    return status == FG_END && fg_source_lacks(body) ? FG_ERR_CORRUPT : status;
}

static int run(struct fg_repository *repository, const struct fg_command *command,
               unsigned long long limit)
{
    struct fg_error error = {0};
    struct fg_snapshot *snapshot;
    if (fg_repository_snapshot(repository, &snapshot, &error) != FG_OK) {
        return fail("no snapshot", &error);
    }
    struct fg_call call = {.command = command, .repository = repository, .snapshot = snapshot};
    struct fg_reply reply = {.flags = 0};
    enum fg_status status =
        fg_registry_find(fg_bytes_from_string("getbundle"))->run(&call, &reply, &error);
    fg_snapshot_unref(snapshot);
    if (status != FG_OK) {
        return fail("no bundle", &error);
    }
    unsigned long long size = 0;
    status = read_to(&reply.body, limit, &size);
    puts("waiting");
    fflush(stdout);
    while (getchar() != '\n') {
        if (feof(stdin)) {
            break;
        }
    }
    if (status == FG_OK) {
        status = read_to(&reply.body, UINT64_MAX, &size);
    }
    if (status == FG_END) {
        printf("ok %llu\n", size);
    } else {
        printf("error %d\n", (int)status);
    }
    fg_source_destroy(&reply.body);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: fgslow REPOSITORY BYTES\n", stderr);
        return 2;
    }
    struct fg_repository *repository;
    struct fg_command command = {.requestid = 1};
    struct fg_error error = {0};
    if (fg_repository_open(argv[1], &repository, &error) != FG_OK) {
        return fail("cannot open the repository", &error);
    }
    int result;
    if (asking_command(fg_bytes_from_string("getbundle"), fg_bytes_from_string("{}"), &command,
                       &error) != FG_OK) {
        result = fail("cannot ask", &error);
    } else {
        result = run(repository, &command, strtoull(argv[2], NULL, 10));
    }
    fg_cbor_clear(&command.request);
    fg_buffer_free(&command.encoded);
    fg_repository_close(repository);
    return result;
}
