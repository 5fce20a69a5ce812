/*
 * The sampling prefilter, for thousands of patterns: only every `stride`-th position of the text is
 * tested, by the gram of 4 to 8 bytes that begins there. A window is stride + gram - 1 bytes wide, so
 * wherever an occurrence lies, one of the `stride` grams of its window is at a sampled position. All of
 * these are in one bitmap.
 */
#ifndef RUNNERLIB_QGRAM_H
#define RUNNERLIB_QGRAM_H

#include "load.h"
#include "patterns.h"

enum {
    QGRAM_LEAST = 4,
    QGRAM_MOST = 8,
    QGRAM_STRIDE_MOST = 8,
    QGRAM_SHORTEST = 7, /* the shortest pattern that can be searched so: a stride of 4, grams of 4 */
};

struct qgram {
    unsigned stride; /* 4 or 8 */
    unsigned gram;
    unsigned shift; /* of the 32-bit hash */
    uint32_t *bitmap;
    unsigned place_shift;
    uint8_t *places; /* by fewer bits of the hash: at which places of a window the gram may be */
};

/* The 32-bit hash of a gram is made of its first and its last four bytes, which overlap if it is shorter than
 * eight: so kernels read it with two loads, whatever its length. */
#define QGRAM_FACTOR UINT32_C(0x9E3779B1)
#define QGRAM_FACTOR_2 UINT32_C(0x85EBCA77)

static inline uint32_t qgram_hash(const struct qgram *q, const uint8_t *at)
{
    return load32(at) * QGRAM_FACTOR + load32(at + q->gram - 4) * QGRAM_FACTOR_2;
}

/* Bit j is set if a window may begin j bytes before `at`, where a sample was found to be a candidate. */
static inline unsigned qgram_places(const struct qgram *q, const uint8_t *at)
{
    return q->places[qgram_hash(q, at) >> q->place_shift];
}

/* The stride and the gram for patterns that are not shorter than this. */
void qgram_plan(struct qgram *qgram, uint32_t shortest);

/* Fills the bitmap for the windows at `offsets`. The plan is made. 0, or -1: no memory. */
int qgram_build(struct qgram *qgram, const struct patterns *patterns, const uint32_t *offsets);
void qgram_free(struct qgram *qgram);
size_t qgram_bytes(const struct qgram *qgram);

#endif
