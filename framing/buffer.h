/*
 * A growing byte buffer with a ceiling, and a borrowed view of bytes. Every buffer whose size a
 * peer can influence is one of these: the ceiling is given at the start and never moves.
 */
#ifndef FRAMEGATE_FRAMING_BUFFER_H
#define FRAMEGATE_FRAMING_BUFFER_H

#include "framing/attributes.h"
#include "framing/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

FG_BEGIN_DECLARATIONS

/* Bytes that somebody else owns. data may be NULL when size is 0. */
struct fg_bytes {
    const uint8_t *data;
    size_t size;
};

struct fg_buffer {
    uint8_t *data;   /* owned; NULL while nothing was ever appended */
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t ceiling;  /* size never exceeds this */

    /* The first failure of an append. From then on appends do nothing and return it. */
    enum fg_status failed;
};

/* An initialiser for a static or automatic buffer. No allocation. */
/* clang-format off */
#define FG_BUFFER_INIT(bytes) {.ceiling = (bytes)}
/* clang-format on */

/* Makes an empty buffer. No allocation, cannot fail. */
void fg_buffer_init(struct fg_buffer *buffer, size_t ceiling);

/* Frees the contents; the buffer is empty and usable afterwards. Takes NULL. */
void fg_buffer_free(struct fg_buffer *buffer);

/* Forgets the contents and a failure, and keeps the allocation. */
void fg_buffer_reset(struct fg_buffer *buffer);

/*
 * Whether all that was appended is there: FG_OK or the first failure. A function that appends many
 * things need not look at each result; it returns this at its end.
 */
static inline enum fg_status fg_buffer_status(const struct fg_buffer *buffer)
{
    return buffer->failed;
}

/*
 * Makes the buffer one that has failed, unless it is one already: for writers that find what they
 * were given to be wrong. Returns fg_buffer_status.
 */
enum fg_status fg_buffer_fail(struct fg_buffer *buffer, enum fg_status status);

/* What a buffer can be taken back to. */
struct fg_buffer_mark {
    size_t size;
    enum fg_status failed;
};

static inline struct fg_buffer_mark fg_buffer_mark(const struct fg_buffer *buffer)
{
    return (struct fg_buffer_mark){buffer->size, buffer->failed};
}

/*
 * For writers that leave nothing behind on failure: unless status is FG_OK, takes the buffer back
 * to what it was at the mark. Returns status.
 */
FG_MUST_CHECK enum fg_status fg_buffer_keep_if(enum fg_status status, struct fg_buffer *buffer,
                                               struct fg_buffer_mark mark);

/*
 * Appends size bytes. data must not point into the buffer. Returns fg_buffer_status:
 * FG_ERR_LIMIT (the ceiling) or FG_ERR_MEMORY, where nothing was appended, or an earlier failure.
 */
enum fg_status fg_buffer_append(struct fg_buffer *buffer, const void *data, size_t size);

/* Appends one byte; as fg_buffer_append. */
enum fg_status fg_buffer_append_byte(struct fg_buffer *buffer, uint8_t byte);

/* Appends a string without its final NUL; as fg_buffer_append. */
enum fg_status fg_buffer_append_string(struct fg_buffer *buffer, const char *string);

/* Appends bytes in lower-case hexadecimal; as fg_buffer_append. */
enum fg_status fg_buffer_append_hex(struct fg_buffer *buffer, struct fg_bytes bytes);

/* Appends printf output without its final NUL; as fg_buffer_append. */
enum fg_status fg_buffer_append_format(struct fg_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Makes room for size more bytes and lends where they go: *ret_space is valid until the next call
 * on the buffer. The caller writes there and adds what it wrote to buffer->size. Errors as
 * fg_buffer_append.
 */
enum fg_status fg_buffer_reserve(struct fg_buffer *buffer, size_t size, uint8_t **ret_space);

/*
 * Hands the contents over: the caller frees the result with free(). The buffer is empty
 * afterwards. NULL if the buffer never held anything.
 */
uint8_t *fg_buffer_detach(struct fg_buffer *buffer);

/* The contents as a view, valid until the buffer changes. */
static inline struct fg_bytes fg_buffer_view(const struct fg_buffer *buffer)
{
    return (struct fg_bytes){buffer->data, buffer->size};
}

/*
 * The bytes as a string of their own, which the caller frees; it ends where the bytes have a zero.
 * NULL: no memory. (strndup may look for a zero beyond the bytes.)
 */
char *fg_bytes_to_string(struct fg_bytes bytes);

/* The three below stand here so that a comparison with a constant costs a few instructions. */

/* A view of a NUL-terminated string. */
static inline struct fg_bytes fg_bytes_from_string(const char *string)
{
    return (struct fg_bytes){(const uint8_t *)string, strlen(string)};
}

/* True if both have the same bytes. */
static inline bool fg_bytes_equal(struct fg_bytes a, struct fg_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* True if the first bytes are those of the string. */
static inline bool fg_bytes_start_with(struct fg_bytes bytes, const char *string)
{
    size_t size = strlen(string);
    return bytes.size >= size && memcmp(bytes.data, string, size) == 0;
}

/* True if the bytes are those of the string. */
static inline bool fg_bytes_equal_string(struct fg_bytes a, const char *string)
{
    return fg_bytes_equal(a, fg_bytes_from_string(string));
}

FG_END_DECLARATIONS

#endif
