/*
 * What is asked of all text for the digits view (digits.h): in which blocks of it an occurrence may begin. Each other digit
 * of one is from 2 to 7, six of them at least, and few blocks of ordinary text have a digit with which that begins. Only
 * those are looked at byte by byte.
 */
#ifndef RUNNERLIB_SIFT_H
#define RUNNERLIB_SIFT_H

#include <stddef.h>
#include <stdint.h>

enum {
    SIFT_BLOCK = 64,
    SIFT_BLOCKS = 64, /* that are asked for at once, */
    SIFT_AHEAD = 8,   /* and those behind them, for the digits in them */
};

/* Of a block: bit j, if byte j of it is a digit; x or u; one of \\, # and 0; a line end; or may stand between digits. And bit
 * j of `each`, if byte j of those that may not is a digit, and of `first`, if it is one from 2 to 7. */
struct sift_masks {
    uint64_t digit, letter, prefix, line, gap, each, first;
    unsigned count; /* of the bytes that may not */
};

void sift_portable(const uint8_t *text, size_t blocks, struct sift_masks *masks);
#if defined(__x86_64__)
void sift_ssse3(const uint8_t *text, size_t blocks, struct sift_masks *masks);
void sift_avx2(const uint8_t *text, size_t blocks, struct sift_masks *masks);
void sift_avx512(const uint8_t *text, size_t blocks, struct sift_masks *masks);
#elif defined(__aarch64__)
void sift_neon(const uint8_t *text, size_t blocks, struct sift_masks *masks);
#endif

struct kernel;

struct sift {
    const struct kernel *kernel;
    const uint8_t *text;
    size_t length;
    size_t from, to; /* the part of the text that is known, */
    uint64_t blocks; /* and which blocks of it count */
    size_t tail;     /* from here on the text may be the beginning of an occurrence that goes on behind it */
};

void sift_begin(struct sift *sift, const struct kernel *kernel, const uint8_t *text, size_t length);

/* The first place from `at` on that is in a block in which an occurrence, a line with an offset or an escape of a digit
 * begins, or in the tail; the length of the text if there is none. */
size_t sift_next(struct sift *sift, size_t at);

#endif
