/*
 * What is asked of all text for the digits view (digits.h): where an occurrence may begin. Twelve bytes from there on may
 * stand in one, with digits that may be those of ASCII; few places of ordinary text are such, and of these only those count
 * behind which there are digits with which a pattern begins.
 */
#ifndef RUNNERLIB_SIFT_H
#define RUNNERLIB_SIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIFT_BLOCK = 64,
    SIFT_BLOCKS = 64, /* the most that are asked for at once */
};

/* Bit j of block i: whether an occurrence may begin at byte j of it, and whether that is a line end before what may be an
 * offset. And bit i of `any`: whether there is one in that block. */
struct sift_found {
    uint64_t start[SIFT_BLOCKS], line[SIFT_BLOCKS], any;
};

/* Looks at fewer than SIFT_BLOCKS blocks of text, and at one more, `rest`; of that it only knows that bytes that go on
 * behind it do not count. */
void sift_portable(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found);
#if defined(__x86_64__)
void sift_ssse3(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found);
void sift_avx2(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found);
void sift_avx512(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found);
#elif defined(__aarch64__)
void sift_neon(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found);
#endif

struct folding;

struct sift {
    const struct folding *folding;
    const uint8_t *text;
    size_t length;
    size_t from, to; /* the part of the text that is known, */
    struct sift_found found; /* and what of it counts */
    size_t tail;     /* from here on the text may be the beginning of an occurrence that goes on behind it */
};

void sift_begin(struct sift *sift, const struct folding *folding, const uint8_t *text, size_t length);

/* The first place from `at` on at which an occurrence or a line with an offset begins, or that is in the tail; the length of
 * the text if there is none. */
size_t sift_next(struct sift *sift, size_t at);

#endif
