/* Unaligned little-endian loads. Keys and hashes only need to be the same for the same bytes within one
 * process, but masking a key to its first bytes needs the order fixed. */
#ifndef RUNNERLIB_LOAD_H
#define RUNNERLIB_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static inline uint64_t load64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* The first `length` bytes at `at`, as load64 would see them followed by zeros; reads no further. */
static inline uint64_t load_short(const uint8_t *at, size_t length)
{
    uint64_t value = 0;
    for (size_t i = 0; i < length && i < sizeof value; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

/* Selects the first `length` bytes of what load64 gives. */
static inline uint64_t load_mask(unsigned length)
{
    return length >= 8 ? UINT64_MAX : ((uint64_t)1 << 8 * length) - 1;
}

static inline uint64_t mix(uint64_t key)
{
    key *= UINT64_C(0x9E3779B97F4A7C15);
    return key ^ key >> 32;
}

#endif
