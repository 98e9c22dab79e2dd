/*
 * Every bound of the framing layer: its default, its unit, its reason, and what a peer gets when
 * it is reached. The gateway's own bounds (HTTP, memory in flight, time) stand in
 * gateway/config/config.h; nothing else in the project bounds anything.
 */
#ifndef FRAMEGATE_FRAMING_LIMITS_H
#define FRAMEGATE_FRAMING_LIMITS_H

#include "framing/attributes.h"

#include <stddef.h>
#include <stdint.h>

FG_BEGIN_DECLARATIONS

/* Facts of the wire and of the code; not configurable. */
enum {
    FG_FRAME_HEADER_SIZE = 8,            /* bytes (seed: FRAME_HEADER_SIZE) */
    FG_DEFAULT_MAX_FRAME_SIZE = 32768,   /* payload bytes sent (seed: DEFAULT_MAX_FRAME_SIZE) */
    FG_FRAME_LENGTH_MAX = (1 << 24) - 1, /* what 24 bits of length can say */
    FG_CBOR_DEPTH_MAX = 256,             /* the decoder's levels, of 24 bytes, lie on the stack */
};

struct fg_limits {
    /*
     * Payload bytes of a received frame. 65,535 is what every peer may send. Reached: protocol
     * error, at the header, before any of the payload is buffered.
     */
    uint32_t frame_payload;

    /*
     * Frames without payload in a row. One is normal (the last data frame of a multiple of the
     * frame size), two are slack; more is work without progress. Reached: protocol error.
     */
    uint32_t empty_frames;

    /*
     * Header bytes may exceed payload bytes by this much over one input. A stream of one-byte
     * frames costs nine times what it carries. Reached: protocol error.
     */
    uint64_t frame_overhead;

    /* Requests being received at once; each holds a buffer. Reached: protocol error. */
    uint32_t requests_receiving;

    /*
     * Requests that run or whose response was not taken out. In deferred mode all responses wait
     * for the end of input, so this bounds the commands of one body. Reached: protocol error.
     */
    uint32_t requests_active;

    /*
     * Bytes of one command request (its CBOR map). `known` with 100,000 nodes is 2.1 MB. Reached:
     * protocol error.
     */
    size_t request_bytes;

    /* Command data that is kept for one command. Reached: application error for that command. */
    size_t data_bytes;

    /*
     * Nesting of CBOR arrays, maps and tags; bounds recursion. At most FG_CBOR_DEPTH_MAX. Reached:
     * protocol error.
     */
    uint32_t cbor_depth;

    /* Items of one CBOR value; each costs sizeof(struct fg_cbor_item). Reached: protocol error. */
    uint32_t cbor_items;
};

/* Which of them was reached: one for each field above. */
enum fg_limit {
    FG_LIMIT_NONE,
    FG_LIMIT_FRAME_PAYLOAD,
    FG_LIMIT_EMPTY_FRAMES,
    FG_LIMIT_FRAME_OVERHEAD,
    FG_LIMIT_REQUESTS_RECEIVING,
    FG_LIMIT_REQUESTS_ACTIVE,
    FG_LIMIT_REQUEST_BYTES,
    FG_LIMIT_DATA_BYTES,
    FG_LIMIT_CBOR_DEPTH,
    FG_LIMIT_CBOR_ITEMS,
};

/* Versions of clang-format lay out a macro's braces in different ways. */
/* clang-format off */

/* The defaults that the README lists. */
#define FG_LIMITS_DEFAULT                                                                          \
    {                                                                                              \
        .frame_payload = 65535, .empty_frames = 2, .frame_overhead = 64 * 1024,                    \
        .requests_receiving = 100, .requests_active = 1000, .request_bytes = 4 * 1024 * 1024,      \
        .data_bytes = 16 * 1024 * 1024, .cbor_depth = 32, .cbor_items = 262144,                    \
    }

/* No bound but what the wire itself says; for tools that read from their own user, and tests. */
#define FG_LIMITS_NONE                                                                             \
    {                                                                                              \
        .frame_payload = FG_FRAME_LENGTH_MAX, .empty_frames = UINT32_MAX,                          \
        .frame_overhead = UINT64_MAX, .requests_receiving = UINT32_MAX,                            \
        .requests_active = UINT32_MAX, .request_bytes = SIZE_MAX / 2, .data_bytes = SIZE_MAX / 2,  \
        .cbor_depth = FG_CBOR_DEPTH_MAX, .cbor_items = UINT32_MAX,                                 \
    }

/* clang-format on */

FG_END_DECLARATIONS

#endif
