/*
 * Building JSON with jansson, whose every call can fail: these keep the first failure in *ok, so
 * that a document is built straight on and checked once. Values are taken over, also on failure;
 * NULL, jansson's own sign of failure, is one.
 */
#ifndef FRAMEGATE_GATEWAY_JSON_H
#define FRAMEGATE_GATEWAY_JSON_H

#include "framing/buffer.h"

#include <jansson.h>
#include <time.h>

void fg_json_put(json_t *object, bool *ok, const char *key, json_t *value);
void fg_json_put_number(json_t *object, bool *ok, const char *key, uint64_t number);
void fg_json_put_bool(json_t *object, bool *ok, const char *key, bool value);

/* text is UTF-8. */
void fg_json_put_text(json_t *object, bool *ok, const char *key, const char *text);

/* Microseconds, written as seconds. */
void fg_json_put_seconds(json_t *object, bool *ok, const char *key, double microseconds);

/* Seconds since 1970 with milliseconds. */
void fg_json_put_time(json_t *object, bool *ok, const char *key, const struct timespec *time);

void fg_json_add(json_t *array, bool *ok, json_t *value);

/* The bytes as printable ASCII, others as \xNN; NULL if memory is short. */
json_t *fg_json_printable(struct fg_bytes bytes);

/* The bytes as text, with each part that is not UTF-8 replaced; NULL if memory is short. */
json_t *fg_json_repaired(struct fg_bytes bytes);

/* The bytes in hexadecimal; NULL if memory is short. */
json_t *fg_json_hex(struct fg_bytes bytes);

/* Appends value as jansson dumps it with these flags. FG_ERR_MEMORY, FG_ERR_LIMIT. */
enum fg_status fg_json_append(struct fg_buffer *buffer, const json_t *value, size_t flags);

/*
 * The document as a string for free(), and NULL if ok is false or memory is short. Takes document
 * over.
 */
char *fg_json_finish(json_t *document, bool ok);

#endif
