/*
 * The fragment prefilter: every position of the text is tested for the first bytes of a window, by table
 * look-ups that stay in vector registers. Patterns share 8 buckets, one bit of a byte each; a position
 * is a candidate if some bucket allows every look-up.
 *
 * There are two sets of tables, and a kernel reads one of them:
 *     nibbles  the two halves of a byte, 16 entries each, as any byte shuffle can look them up (the
 *              method is known as Teddy); good for a few dozen patterns
 *     wide     128 or 256 entries, as AVX-512 VBMI can look them up: by the byte itself, or by a hash of
 *              it and its neighbour; good for a few hundred patterns
 */
#ifndef RUNNERLIB_FRAGMENT_H
#define RUNNERLIB_FRAGMENT_H

#include "patterns.h"

enum { FRAGMENT_LOOKUPS = 4 };

/* What is looked up, and how often. Bytes and BIGRAMS_4 take 7 bits, BIGRAMS_2 and BIGRAMS_4W take 8. */
enum fragment_shape {
    FRAGMENT_BYTES_1 = 1,
    FRAGMENT_BYTES_2,
    FRAGMENT_BYTES_3,
    FRAGMENT_BYTES_4,
    FRAGMENT_BIGRAMS_2,
    FRAGMENT_BIGRAMS_4,
    FRAGMENT_BIGRAMS_4W,
};

struct fragment {
    enum fragment_shape shape; /* of the wide tables */
    unsigned lookups;
    uint8_t low[FRAGMENT_LOOKUPS][16], high[FRAGMENT_LOOKUPS][16];
    _Alignas(64) uint8_t table[FRAGMENT_LOOKUPS][256];
};

/* Both bytes go through one multiplication of 16-bit lanes; the upper half of the result is the hash. */
enum { FRAGMENT_FACTOR = 0x9E5D };

static inline uint8_t fragment_hash(uint8_t first, uint8_t second)
{
    return (uint8_t)((uint16_t)((first | second << 8) * FRAGMENT_FACTOR) >> 8);
}

/* How wide the windows should be: at most 8 and at most the shortest pattern. */
unsigned fragment_width(const struct patterns *patterns, bool wide_tables);

/* Fills the tables for the windows at `offsets`; returns the estimated share of candidates. */
double fragment_build(struct fragment *fragment, const struct patterns *patterns, unsigned width,
                      const uint32_t *offsets, bool wide_tables);

#endif
