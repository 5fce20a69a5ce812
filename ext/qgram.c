#include "qgram.h"

#include <stdlib.h>

/* A false candidate costs about a hundred cycles, a sample about one: so a sparse bitmap, as long as that is a quarter
 * of a small second level cache, where the text, the index and others want to be too. Half a megabyte was slower by a
 * tenth and more where the cache has no more. A bitmap with hardly a zero would be worse. */
enum { BITS_PER_GRAM = 256, LEAST_BITS = 8, LEAST_LOG = 13, CACHE_LOG = 20, MOST_LOG = 22 };

/* The table of places is only asked for candidates, most of which are grams that do occur. */
enum { SLOTS_PER_GRAM = 4, LEAST_PLACES_LOG = 8 };

void qgram_free(struct qgram *q)
{
    free(q->bitmap);
    free(q->places);
    q->bitmap = NULL;
    q->places = NULL;
}

size_t qgram_bytes(const struct qgram *q)
{
    return q->bitmap ? ((size_t)1 << (32 - q->shift)) / 8 + ((size_t)1 << (32 - q->place_shift)) : 0;
}

void qgram_plan(struct qgram *q, uint32_t shortest)
{
    q->stride = shortest >= 2 * QGRAM_STRIDE_MOST - 1 ? 8 : 4;
    q->gram = shortest - q->stride + 1 < QGRAM_MOST ? shortest - q->stride + 1 : QGRAM_MOST;
}

/* The least logarithm from `least` to `most` of at least n. */
static unsigned log_of(uint64_t n, unsigned least, unsigned most)
{
    while (least < most && (uint64_t)1 << least < n)
        least++;
    return least;
}

int qgram_build(struct qgram *q, const struct patterns *p, const uint32_t *offsets)
{
    uint64_t grams = (uint64_t)p->count * q->stride;
    unsigned log = log_of(grams * BITS_PER_GRAM, LEAST_LOG, CACHE_LOG);
    log = log_of(grams * LEAST_BITS, log, MOST_LOG);
    unsigned places_log = log_of(grams * SLOTS_PER_GRAM, LEAST_PLACES_LOG, MOST_LOG);
    q->shift = 32 - log;
    q->place_shift = 32 - places_log;
    q->bitmap = calloc(((size_t)1 << log) / 32, sizeof *q->bitmap);
    q->places = calloc((size_t)1 << places_log, 1);
    if (!q->bitmap || !q->places)
        return -1;
    for (uint32_t i = 0; i < p->count; i++) {
        const uint8_t *window = p->bytes + p->start[i] + offsets[i];
        for (unsigned j = 0; j < q->stride; j++) {
            uint32_t hash = qgram_hash(q, window + j), bit = hash >> q->shift;
            q->bitmap[bit >> 5] |= UINT32_C(1) << (bit & 31);
            q->places[hash >> q->place_shift] |= (uint8_t)(1 << j);
        }
    }
    return 0;
}
