/*
 * What a byte is to the digits view, for the loops over all text and for what looks at single places.
 */
#ifndef RUNNERLIB_SIFT_ROWS_H
#define RUNNERLIB_SIFT_ROWS_H

#include <stdint.h>

/* The halves of a byte are looked up, as in event.c. 0 to 9: 1; A to F, a to f: 2; 2 to 7: 128; what else may stand between
 * digits: 4 in the first and fourth, 8 in the third row of ASCII; space, #, 0 and 3: 16; X and x: 32; U, u, \\ and |: 64. */
static const uint8_t sift_low[16] = {25, 3, 139, 155, 131, 203, 139, 137, 33, 5, 4, 4, 72, 12, 0, 0};
static const uint8_t sift_high[16] = {4, 0, 24, 149, 2, 96, 2, 96, 0, 0, 0, 0, 0, 0, 0, 0};
enum { DIGIT = 1 | 2, FIRST = 128, REMOVED = 4 | 8, PART = DIGIT | REMOVED, BEFORE_X = 16, IS_X = 32, IS_U = 64 };

static inline uint8_t sift_row(uint8_t byte)
{
    return sift_low[byte & 15] & sift_high[byte >> 4];
}

#endif
