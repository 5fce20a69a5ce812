/*
 * The index from windows to patterns, and the comparison that settles a candidate. A bitmap in front of
 * it rejects most false candidates without a branch and within the first level cache.
 */
#ifndef RUNNERLIB_INDEX_H
#define RUNNERLIB_INDEX_H

#include "load.h"
#include "patterns.h"
#include "span.h"

enum { INDEX_WIDTH = 8 }; /* the most bytes of a window that a key has */

/* It says where the pattern is, so that a comparison needs no other table. */
struct index_entry {
    uint64_t key;    /* the bytes of the window */
    uint32_t offset; /* of the window in the pattern */
    uint32_t length; /* of the pattern */
    const uint8_t *bytes;
};

struct index {
    uint64_t mask;     /* of the bytes of a key */
    uint64_t *bitmap;  /* by the top bits of the hash */
    uint32_t *buckets; /* entries of a bucket, by fewer top bits: entries[buckets[b], buckets[b + 1]) */
    struct index_entry *entries;
    uint32_t *rules; /* by entry; apart from them, because only an occurrence asks */
    unsigned bitmap_shift, bucket_shift;
    uint32_t count;
};

int index_build(struct index *index, const struct patterns *patterns, unsigned width,
                const uint32_t *offsets);
void index_free(struct index *index);
size_t index_bytes(const struct index *index);

static inline uint64_t index_hash(uint64_t key)
{
    return key * UINT64_C(0x9E3779B97F4A7C15);
}

/* Whether a window may begin at `at`, where 8 bytes can be read. 0 or 1. */
static inline unsigned index_probe(const struct index *index, const uint8_t *at)
{
    uint64_t bit = index_hash(load64(at) & index->mask) >> index->bitmap_shift;
    return index->bitmap[bit >> 6] >> (bit & 63) & 1;
}

static inline uint64_t index_bucket(const struct index *index, uint64_t key)
{
    return index_hash(key) >> index->bucket_shift;
}

#endif
