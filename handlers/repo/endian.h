/*
 * Reading and writing the big-endian integers of Mercurial's files. The caller has checked the
 * bounds.
 */
#ifndef FRAMEGATE_HANDLERS_REPO_ENDIAN_H
#define FRAMEGATE_HANDLERS_REPO_ENDIAN_H

#include <stdint.h>
#include <string.h>

static inline uint16_t fg_read_be16(const uint8_t *data)
{
    return (uint16_t)(data[0] << 8 | data[1]);
}

static inline uint32_t fg_read_be32(const uint8_t *data)
{
    uint32_t value;
    memcpy(&value, data, sizeof value);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static inline uint64_t fg_read_be64(const uint8_t *data)
{
    return (uint64_t)fg_read_be32(data) << 32 | fg_read_be32(data + 4);
}

static inline void fg_write_be16(uint8_t *data, uint16_t value)
{
    data[0] = (uint8_t)(value >> 8);
    data[1] = (uint8_t)value;
}

static inline void fg_write_be32(uint8_t *data, uint32_t value)
{
    fg_write_be16(data, (uint16_t)(value >> 16));
    fg_write_be16(data + 2, (uint16_t)value);
}

/* A signed 32-bit field, such as a revision number where -1 means none. */
static inline int32_t fg_read_be32_signed(const uint8_t *data)
{
    uint32_t value = fg_read_be32(data);
    int32_t result;
    memcpy(&result, &value, sizeof result);
    return result;
}

#endif
