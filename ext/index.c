#include "index.h"

#include <stdlib.h>

enum { BITS_PER_KEY = 32, LEAST_LOG = 10 };

void index_free(struct index *index)
{
    free(index->bitmap);
    free(index->buckets);
    free(index->entries);
    free(index->rules);
    memset(index, 0, sizeof *index);
}

size_t index_bytes(const struct index *index)
{
    return ((size_t)1 << (64 - index->bitmap_shift)) / 8 +
           ((size_t)1 << (64 - index->bucket_shift)) * sizeof *index->buckets +
           index->count * (sizeof *index->entries + sizeof *index->rules);
}

static unsigned log2_up(uint64_t n)
{
    return n < 2 ? 0 : 64 - (unsigned)__builtin_clzll(n - 1);
}

int index_build(struct index *index, const struct patterns *patterns, unsigned width,
                const uint32_t *offsets)
{
    uint32_t count = patterns->count;
    unsigned bitmap_log = log2_up((uint64_t)count * BITS_PER_KEY), bucket_log = log2_up(count);
    bucket_log = bucket_log < 1 ? 1 : bucket_log;
    bitmap_log = bitmap_log < LEAST_LOG ? LEAST_LOG : bitmap_log;
    size_t bucket_count = (size_t)1 << bucket_log;
    *index = (struct index){
        .mask = load_mask(width),
        .bitmap_shift = 64 - bitmap_log,
        .bucket_shift = 64 - bucket_log,
        .count = count,
        .bitmap = calloc(((size_t)1 << bitmap_log) / 64, sizeof *index->bitmap),
        .buckets = calloc(bucket_count + 2, sizeof *index->buckets),
        .entries = malloc(((size_t)count + 1) * sizeof *index->entries),
        .rules = malloc(((size_t)count + 1) * sizeof *index->rules),
    };
    if (!index->bitmap || !index->buckets || !index->entries || !index->rules) {
        index_free(index);
        return -1;
    }

    /* counting sort by bucket: sizes, two places ahead; then the beginnings, one place ahead, which move
     * on as entries are placed and so end up where they belong */
    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = index_hash(load64(patterns->bytes + patterns->start[i] + offsets[i]) & index->mask);
        index->bitmap[hash >> index->bitmap_shift >> 6] |=
            (uint64_t)1 << (hash >> index->bitmap_shift & 63);
        index->buckets[(hash >> index->bucket_shift) + 2]++;
    }
    for (size_t b = 2; b < bucket_count + 2; b++)
        index->buckets[b] += index->buckets[b - 1];
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *bytes = patterns->bytes + patterns->start[i];
        uint64_t key = load64(bytes + offsets[i]) & index->mask;
        uint32_t *next = &index->buckets[index_bucket(index, key) + 1];
        index->rules[*next] = patterns->rule[i];
        index->entries[(*next)++] =
            (struct index_entry){key, offsets[i], (uint32_t)patterns_length(patterns, i), bytes};
    }
    index->entries[count] = index->entries[0]; /* an empty bucket at the end may be prefetched */
    return 0;
}
