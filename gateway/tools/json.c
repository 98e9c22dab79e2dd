/*
 * The helpers around jansson.
 */
#include "gateway/tools/json.h"

#include "framing/escape.h"
#include "framing/utf8.h"

/* 13 digits: seconds since 1970 to the millisecond, and no 1.2999999999999999e-5. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(13))

void fg_json_put(json_t *object, bool *ok, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        *ok = false;
    }
}

void fg_json_put_number(json_t *object, bool *ok, const char *key, uint64_t number)
{
    fg_json_put(object, ok, key, json_integer((json_int_t)number));
}

void fg_json_put_bool(json_t *object, bool *ok, const char *key, bool value)
{
    fg_json_put(object, ok, key, json_boolean(value));
}

void fg_json_put_text(json_t *object, bool *ok, const char *key, const char *text)
{
    fg_json_put(object, ok, key, json_string(text));
}

void fg_json_put_seconds(json_t *object, bool *ok, const char *key, double microseconds)
{
    fg_json_put(object, ok, key, json_real(microseconds / 1e6));
}

void fg_json_put_time(json_t *object, bool *ok, const char *key, const struct timespec *time)
{
    const long milliseconds = time->tv_nsec / 1000000;
    fg_json_put(object, ok, key, json_real((double)time->tv_sec + (double)milliseconds / 1000.0));
}

void fg_json_add(json_t *array, bool *ok, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        *ok = false;
    }
}

static json_t *string_of(struct fg_buffer *text, enum fg_status status)
{
    json_t *string = status == FG_OK
                         ? json_stringn(text->size > 0 ? (const char *)text->data : "", text->size)
                         : NULL;
    fg_buffer_free(text);
    return string;
}

json_t *fg_json_printable(struct fg_bytes bytes)
{
    struct fg_buffer text = FG_BUFFER_INIT(SIZE_MAX / 4);
    return string_of(&text, fg_escape_encode(bytes, 0, &text));
}

json_t *fg_json_repaired(struct fg_bytes bytes)
{
    struct fg_buffer text = FG_BUFFER_INIT(SIZE_MAX / 4);
    return string_of(&text, fg_utf8_append_repaired(&text, bytes));
}

json_t *fg_json_hex(struct fg_bytes bytes)
{
    struct fg_buffer text = FG_BUFFER_INIT(SIZE_MAX / 4);
    return string_of(&text, fg_buffer_append_hex(&text, bytes));
}

struct dump {
    struct fg_buffer *buffer;
    enum fg_status status;
};

static int dump_piece(const char *piece, size_t size, void *context)
{
    struct dump *dump = context;
    if (dump->status == FG_OK) {
        dump->status = fg_buffer_append(dump->buffer, piece, size);
    }
    return dump->status == FG_OK ? 0 : -1;
}

enum fg_status fg_json_append(struct fg_buffer *buffer, const json_t *value, size_t flags)
{
    struct dump dump = {.buffer = buffer, .status = FG_OK};
    int failed = json_dump_callback(value, dump_piece, &dump, flags);
    /* jansson 2.14 goes on where writing a key fails, so its own result is not enough. */
    if (dump.status == FG_OK && failed != 0) {
        return FG_ERR_MEMORY;
    }
    return dump.status;
}

char *fg_json_finish(json_t *document, bool ok)
{
    struct fg_buffer text = FG_BUFFER_INIT(SIZE_MAX / 4);
    ok = ok && fg_json_append(&text, document, DUMP_FLAGS) == FG_OK &&
         fg_buffer_append_byte(&text, '\0') == FG_OK;
    json_decref(document);
    if (!ok) {
        fg_buffer_free(&text);
        return NULL;
    }
    return (char *)fg_buffer_detach(&text);
}
