/*
 * Word lists. A list is one piece of memory, so that it is freed, compared and walked simply.
 */
#include "gateway/config/words.h"

#include <stdlib.h>
#include <string.h>

static bool separates(char byte)
{
    return byte == ' ' || byte == ',' || byte == '\t' || byte == '\n' || byte == '\r';
}

enum fg_status fg_words_parse(const char *text, struct fg_words *ret_words, struct fg_error *error)
{
    size_t size = strlen(text);
    char *words = malloc(size + 2); /* every word keeps or gets one byte behind it */
    if (words == NULL) {
        return fg_fail(error, FG_ERR_MEMORY, 0, "out of memory");
    }
    char *out = words;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (separates(text[i])) {
            if (out > words && out[-1] != '\0') {
                *out++ = '\0';
            }
            continue;
        }
        bool starts = out == words || out[-1] == '\0';
        if (starts && (byte == '#' || byte == ';')) {
            free(words);
            return fg_fail(error, FG_ERR_ARGUMENT, 0,
                           "'%c' starts a word of '%.100s'; a comment needs a line of its own",
                           byte, text);
        }
        if (byte < ' ' || byte == 0x7f || byte == '"' || byte == '\'') {
            free(words);
            return fg_fail(error, FG_ERR_ARGUMENT, 0,
                           "'%s' has a quote or a control character; words are separated by blanks "
                           "or commas",
                           text);
        }
        *out++ = text[i];
    }
    *out++ = '\0';
    if (out - words > 1 && out[-2] != '\0') {
        *out = '\0';
    }
    *ret_words = (struct fg_words){words};
    return FG_OK;
}

const char *fg_words_next(const struct fg_words *words, const char *previous)
{
    const char *next = words->text;
    if (previous != NULL) {
        next = previous + strlen(previous) + 1;
    }
    return next != NULL && *next != '\0' ? next : NULL;
}

bool fg_words_are_none(const struct fg_words *words)
{
    return fg_words_next(words, NULL) == NULL;
}

bool fg_words_contain(const struct fg_words *words, const char *word)
{
    for (const char *w = fg_words_next(words, NULL); w != NULL; w = fg_words_next(words, w)) {
        if (strcmp(w, word) == 0) {
            return true;
        }
    }
    return false;
}

bool fg_words_are_only(const struct fg_words *words, const char *word)
{
    const char *first = fg_words_next(words, NULL);
    return first != NULL && strcmp(first, word) == 0 && fg_words_next(words, first) == NULL;
}

bool fg_words_equal(const struct fg_words *one, const struct fg_words *other)
{
    const char *a = fg_words_next(one, NULL);
    const char *b = fg_words_next(other, NULL);
    while (a != NULL && b != NULL && strcmp(a, b) == 0) {
        a = fg_words_next(one, a);
        b = fg_words_next(other, b);
    }
    return a == NULL && b == NULL;
}

void fg_words_clear(struct fg_words *words)
{
    free(words->text);
    words->text = NULL;
}
