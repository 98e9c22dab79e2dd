/* Runs a fuzz target over the files and folders that are named: replay PATH... */
#include "tests/fuzz/fuzz.h"

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

static size_t inputs;

static int run_file(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)place;
    if (type != FTW_F) {
        return 0;
    }
    /* Of the exact size, so that a sanitizer sees every read beyond it. */
    size_t size = (size_t)info->st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    FILE *file = fopen(path, "rb");
    if (data == NULL || file == NULL || fread(data, 1, size, file) != size) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (nftw(argv[i], run_file, 16, FTW_PHYS) != 0) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
    }
    printf("%zu inputs replayed\n", inputs);
    return inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
