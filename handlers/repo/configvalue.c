/* What values of configuration mean: booleans and lists, as Mercurial reads them. */
#include "handlers/repo/configlayers.h"

#include <strings.h>

static bool equal_ignoring_case(struct fg_bytes text, const char *word)
{
    return text.size == strlen(word) && strncasecmp((const char *)text.data, word, text.size) == 0;
}

bool fg_config_boolean(struct fg_bytes value, bool *ret_truth)
{
    static const char *const words[][2] = {
        {"0", "1"}, {"no", "yes"}, {"false", "true"}, {"off", "on"}, {"never", "always"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (int truth = 0; truth < 2; truth++) {
            if (equal_ignoring_case(value, words[i][truth])) {
                *ret_truth = truth == 1;
                return true;
            }
        }
    }
    return false;
}

/* -- lists ------------------------------------------------------------------------------------- */

struct list {
    struct fg_bytes rest;
    struct fg_buffer word;
    fg_config_visitor visitor;
    void *context;
};

static bool is_one_of(uint8_t byte, const char *bytes)
{
    return memchr(bytes, byte, strlen(bytes)) != NULL;
}

static bool skip(struct list *list, const char *bytes)
{
    bool any = false;
    while (list->rest.size > 0 && is_one_of(list->rest.data[0], bytes)) {
        list->rest.data++;
        list->rest.size--;
        any = true;
    }
    return any;
}

static uint8_t take(struct list *list)
{
    list->rest.size--;
    return *list->rest.data++;
}

static enum fg_status give(struct list *list)
{
    enum fg_status status = list->visitor(list->context, fg_buffer_view(&list->word));
    fg_buffer_reset(&list->word);
    return status;
}

/* A word whose opening quote has been taken. Without a closing one the quote is part of it. */
static enum fg_status take_quoted(struct list *list)
{
    const struct fg_bytes start = list->rest;
    enum fg_status status = FG_OK;
    while (status == FG_OK && list->rest.size > 0 && list->rest.data[0] != '"') {
        bool escaped =
            list->rest.size > 1 && list->rest.data[0] == '\\' && list->rest.data[1] == '"';
        list->rest.data += escaped ? 1 : 0;
        list->rest.size -= escaped ? 1 : 0;
        status = fg_buffer_append_byte(&list->word, take(list));
    }
    if (status == FG_OK && list->rest.size == 0) {
        list->rest = start;
        fg_buffer_reset(&list->word);
        return fg_buffer_append_byte(&list->word, '"');
    }
    if (status == FG_OK) {
        (void)take(list);
        skip(list, " ,");
        if (list->rest.size == 1 && list->rest.data[0] == '"') {
            (void)take(list);
            status = fg_buffer_append_byte(&list->word, '"');
        }
        status = status == FG_OK && list->rest.size > 0 ? give(list) : status;
    }
    return status;
}

static enum fg_status take_plain(struct list *list)
{
    uint8_t byte = take(list);
    struct fg_buffer *word = &list->word;
    if (byte == '"' && word->size == 0) {
        return take_quoted(list);
    }
    if (byte == '"' && word->data[word->size - 1] == '\\') {
        word->size--;
    }
    return fg_buffer_append_byte(word, byte);
}

enum fg_status fg_config_words(struct fg_bytes value, fg_config_visitor visitor, void *context)
{
    struct list list = {.rest = value,
                        .word = FG_BUFFER_INIT(value.size + 1),
                        .visitor = visitor,
                        .context = context};
    enum fg_status status = FG_OK;
    skip(&list, " ,\n");
    while (list.rest.size > 0 && is_one_of(list.rest.data[list.rest.size - 1], " ,")) {
        list.rest.size--;
    }
    while (status == FG_OK && list.rest.size > 0) {
        if (skip(&list, " \t\n\v\f\r,")) {
            status = list.rest.size > 0 && list.word.size > 0 ? give(&list) : FG_OK;
        } else {
            status = take_plain(&list);
        }
    }
    if (status == FG_OK && list.word.size > 0) {
        status = give(&list);
    }
    fg_buffer_free(&list.word);
    return status;
}
