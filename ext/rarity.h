/*
 * How rare bytes are in what programs print: a small model, trained on headers, Python and Perl sources,
 * documentation and configuration, not on the texts of the benchmarks. It only steers which part of a
 * pattern is looked for and which prefilter is used; an error in it costs time, never a secret.
 */
#ifndef RUNNERLIB_RARITY_H
#define RUNNERLIB_RARITY_H

#include <stdint.h>

/* -log2 of the frequency of each byte, in eighths of a bit, and what is added if a byte of the second class follows one
 * of the first. */
enum { RARITY_CLASSES = 6 };
extern const uint8_t rarity_bits[256], rarity_class[256];
extern const int8_t rarity_pair[RARITY_CLASSES][RARITY_CLASSES];

static inline int rarity_of_byte(uint8_t byte)
{
    return rarity_bits[byte];
}

static inline int rarity_after(uint8_t before, uint8_t byte)
{
    int bits = rarity_bits[byte] + rarity_pair[rarity_class[before]][rarity_class[byte]];
    return bits > 4 ? bits : 4;
}

/* Of less than 512 eighths. */
double rarity_to_frequency(int bits);

#endif
