/* The texts that are parsed line by line: a changeset, and local tags. */
#include "tests/fuzz/fuzz.h"

#include "handlers/repo/changeset.h"
#include "handlers/repo/tags.h"

static void parse_tags(struct fg_bytes text)
{
    struct fg_names names = {0};
    HOLDS(fg_tags_parse_local(text, &names) == FG_OK);
    for (size_t i = 0; i < names.count; i++) {
        struct fg_bytes name = fg_names_name(&names, i);
        HOLDS(fg_names_find(&names, name) == &names.items[i].node);
    }
    fg_names_clear(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_changeset changeset = {0};
    struct fg_error error = {0};
    struct fg_bytes text = {data, size};
    if (fg_changeset_parse(text, &changeset, &error) == FG_OK) {
        HOLDS(changeset.branch.size <= size + 7); /* or "default" */
    } else {
        HOLDS(error.message[0] != '\0');
    }
    fg_changeset_clear(&changeset);
    parse_tags(text);
    return 0;
}
