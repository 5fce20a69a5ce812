/*
 * How rare bytes are in what programs print: a small model, trained on headers, Python and Perl sources,
 * documentation and configuration, not on the texts of the benchmarks. It only steers which part of a
 * pattern is looked for and which prefilter is used; an error in it costs time, never a secret.
 */
#ifndef RUNNERLIB_RARITY_H
#define RUNNERLIB_RARITY_H

#include <stdint.h>

/* -log2 of the frequency, in eighths of a bit. */
int rarity_of_byte(uint8_t byte);
int rarity_after(uint8_t before, uint8_t byte);

double rarity_to_frequency(int bits);

#endif
