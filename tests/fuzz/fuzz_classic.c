/*
 * The arguments of the classic transport. The first byte says how the rest is read: as a form, or
 * as a batch. What holds: what was read lies in what was given; a request that is made of it is
 * canonical CBOR and a command; what is put into a batch comes out of it as it was.
 */
#include "tests/fuzz/fuzz.h"

#include "framing/reactor.h"
#include "gateway/exchange/classic.h"

static const struct fg_limits limits = FG_LIMITS_DEFAULT;

static void check_request(const struct fg_command_spec *spec,
                          const struct fg_classic_arguments *arguments)
{
    struct fg_buffer request = FG_BUFFER_INIT(limits.request_bytes);
    struct fg_error error = {.message = ""};
    enum fg_status status = fg_classic_put_request(spec, arguments, &request, &error);
    if (status == FG_OK) {
        struct fg_command *command = NULL;
        HOLDS(fg_cbor_is_canonical(fg_buffer_view(&request), &limits));
        HOLDS(fg_command_from_request(&limits, 1, fg_buffer_view(&request), &command, &error) ==
              FG_OK);
        HOLDS(fg_bytes_equal_string(command->name, spec->name));
        /* What it was given has the right types; only what is missing can be wrong. */
        status = fg_registry_check_arguments(spec, command, &error);
        HOLDS(status == FG_OK || strstr(error.message, "is missing") != NULL);
        fg_command_free(command);
    } else {
        HOLDS(status == FG_ERR_LIMIT || error.message[0] != '\0');
    }
    fg_buffer_free(&request);
}

/* Every command makes what it can of the arguments. */
static void check_arguments(const struct fg_classic_arguments *arguments, size_t size)
{
    size_t count = 0;
    size_t bytes = 0;
    const struct fg_command_spec *const *all = fg_registry_all(&count);
    HOLDS(arguments->count <= FG_CLASSIC_ARGUMENTS_MAX);
    for (size_t i = 0; i < arguments->count; i++) {
        bytes += arguments->items[i].name.size + arguments->items[i].value.size;
    }
    HOLDS(bytes <= size);
    for (size_t i = 0; i < count; i++) {
        check_request(all[i], arguments);
    }
}

static void check_form(struct fg_bytes text)
{
    struct fg_classic_arguments arguments;
    struct fg_error error = {.message = ""};
    if (fg_classic_read_form(text, &arguments, &error) == FG_OK) {
        check_arguments(&arguments, text.size);
        fg_classic_arguments_clear(&arguments);
    } else {
        HOLDS(error.message[0] != '\0');
    }
}

static void check_batch(struct fg_bytes text)
{
    while (text.size > 0) {
        struct fg_classic_arguments arguments;
        struct fg_bytes name;
        struct fg_error error = {.message = ""};
        size_t before = text.size;
        enum fg_status status = fg_classic_read_batch(&text, &name, &arguments, &error);
        HOLDS(text.size < before);
        if (status == FG_OK) {
            check_arguments(&arguments, before);
            fg_classic_arguments_clear(&arguments);
        } else {
            HOLDS(error.message[0] != '\0');
        }
    }
}

static void check_escaping(struct fg_bytes text)
{
    struct fg_classic_arguments arguments;
    struct fg_bytes name;
    struct fg_buffer batch = FG_BUFFER_INIT(SIZE_MAX / 2);
    HOLDS(fg_buffer_append_string(&batch, "x k=") == FG_OK);
    HOLDS(fg_classic_put_escaped(&batch, text) == FG_OK);
    struct fg_bytes rest = fg_buffer_view(&batch);
    HOLDS(fg_classic_read_batch(&rest, &name, &arguments, NULL) == FG_OK);
    HOLDS(rest.size == 0 && arguments.count == 1);
    HOLDS(fg_bytes_equal(arguments.items[0].value, text));
    fg_classic_arguments_clear(&arguments);
    fg_buffer_free(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct fg_bytes text = {data + 1, size - 1};
    if (data[0] % 2 == 0) {
        check_form(text);
    } else {
        check_batch(text);
    }
    check_escaping(text);
    (void)fg_classic_choose_engine(text, data[0] % 4 < 2);
    return 0;
}
