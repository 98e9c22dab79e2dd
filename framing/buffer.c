/* The growing byte buffer: doubling, never past its ceiling. */
#include "framing/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Small enough to be free, large enough that most messages never grow. */
enum { FIRST_CAPACITY = 64 };

void fg_buffer_init(struct fg_buffer *buffer, size_t ceiling)
{
    *buffer = (struct fg_buffer)FG_BUFFER_INIT(ceiling);
}

void fg_buffer_free(struct fg_buffer *buffer)
{
    if (buffer != NULL) {
        free(buffer->data);
        fg_buffer_init(buffer, buffer->ceiling);
    }
}

void fg_buffer_reset(struct fg_buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = FG_OK;
}

enum fg_status fg_buffer_fail(struct fg_buffer *buffer, enum fg_status status)
{
    if (buffer->failed == FG_OK) {
        buffer->failed = status;
    }
    return buffer->failed;
}

enum fg_status fg_buffer_keep_if(enum fg_status status, struct fg_buffer *buffer,
                                 struct fg_buffer_mark mark)
{
    if (status != FG_OK) {
        buffer->size = mark.size;
        buffer->failed = mark.failed;
    }
    return status;
}

/* Doubles until needed fits; the last step stops at the ceiling so that it is never exceeded. */
static size_t next_capacity(const struct fg_buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
    while (capacity < needed) {
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    }
    return capacity > buffer->ceiling ? buffer->ceiling : capacity;
}

enum fg_status fg_buffer_reserve(struct fg_buffer *buffer, size_t size, uint8_t **ret_space)
{
    if (buffer->failed != FG_OK) {
        return buffer->failed;
    }
    if (size > buffer->ceiling || buffer->size > buffer->ceiling - size) {
        return fg_buffer_fail(buffer, FG_ERR_LIMIT);
    }
    size_t needed = buffer->size + size;
    if (needed > buffer->capacity || buffer->data == NULL) {
        size_t capacity = next_capacity(buffer, needed);
        uint8_t *data = realloc(buffer->data, capacity == 0 ? 1 : capacity);
        if (data == NULL) {
            return fg_buffer_fail(buffer, FG_ERR_MEMORY);
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    *ret_space = buffer->data + buffer->size;
    return FG_OK;
}

enum fg_status fg_buffer_append(struct fg_buffer *buffer, const void *data, size_t size)
{
    if (size == 0) {
        return buffer->failed;
    }
    uint8_t *space;
    enum fg_status status = fg_buffer_reserve(buffer, size, &space);
    if (status == FG_OK) {
        memcpy(space, data, size);
        buffer->size += size;
    }
    return status;
}

enum fg_status fg_buffer_append_byte(struct fg_buffer *buffer, uint8_t byte)
{
    return fg_buffer_append(buffer, &byte, 1);
}

enum fg_status fg_buffer_append_string(struct fg_buffer *buffer, const char *string)
{
    return fg_buffer_append(buffer, string, strlen(string));
}

enum fg_status fg_buffer_append_hex(struct fg_buffer *buffer, struct fg_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *space = NULL;
    if (bytes.size == 0) {
        return buffer->failed;
    }
    enum fg_status status = fg_buffer_reserve(buffer, 2 * bytes.size, &space);
    if (status != FG_OK) {
        return status;
    }
    for (size_t i = 0; i < bytes.size; i++) {
        space[2 * i] = (uint8_t)digits[bytes.data[i] >> 4];
        space[2 * i + 1] = (uint8_t)digits[bytes.data[i] & 15];
    }
    buffer->size += 2 * bytes.size;
    return FG_OK;
}

enum fg_status fg_buffer_append_format(struct fg_buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        return fg_buffer_fail(buffer, FG_ERR_ARGUMENT);
    }
    /* One more byte than is kept: vsnprintf ends with a NUL. */
    char *text = malloc((size_t)length + 1);
    if (text == NULL) {
        return fg_buffer_fail(buffer, FG_ERR_MEMORY);
    }
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    enum fg_status status = fg_buffer_append(buffer, text, (size_t)length);
    free(text);
    return status;
}

char *fg_bytes_to_string(struct fg_bytes bytes)
{
    char *string = bytes.size < SIZE_MAX ? malloc(bytes.size + 1) : NULL;
    if (string != NULL) {
        if (bytes.size > 0) {
            memcpy(string, bytes.data, bytes.size);
        }
        string[bytes.size] = '\0';
    }
    return string;
}

uint8_t *fg_buffer_detach(struct fg_buffer *buffer)
{
    uint8_t *data = buffer->data;
    fg_buffer_init(buffer, buffer->ceiling);
    return data;
}
