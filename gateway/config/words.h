/*
 * A list of words, as Mercurial's configuration writes one: separated by blanks, line breaks or
 * commas. Quotes, and what looks like a comment behind them, are refused instead of being taken for
 * a word.
 */
#ifndef FRAMEGATE_GATEWAY_WORDS_H
#define FRAMEGATE_GATEWAY_WORDS_H

#include "framing/status.h"

#include <stdbool.h>

struct fg_words {
    char *text; /* owned; each word with its NUL, an empty one at the end; NULL: no words */
};

/* FG_ERR_ARGUMENT: a quote, a control character, or a word that starts as a comment does.
 * FG_ERR_MEMORY. */
enum fg_status fg_words_parse(const char *text, struct fg_words *ret_words, struct fg_error *error);

/* The word after previous, the first one for NULL; NULL after the last. Borrowed from words. */
const char *fg_words_next(const struct fg_words *words, const char *previous);

bool fg_words_are_none(const struct fg_words *words);

bool fg_words_contain(const struct fg_words *words, const char *word);

/* True if the only word is word. */
bool fg_words_are_only(const struct fg_words *words, const char *word);

bool fg_words_equal(const struct fg_words *one, const struct fg_words *other);

/* Frees; takes a zeroed object. */
void fg_words_clear(struct fg_words *words);

#endif
