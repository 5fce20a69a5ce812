/*
 * Windows: of each pattern, the few bytes that a prefilter looks for. Any part will do, so it is a part
 * that is rare in ordinary text and not shared with many other patterns: the common head of all tokens
 * of one kind would be found all the time, and would not tell which pattern to compare.
 */
#ifndef RUNNERLIB_WINDOW_H
#define RUNNERLIB_WINDOW_H

#include "patterns.h"

/*
 * Chooses for each pattern the offset of its window of `width` bytes (at most the shortest
 * pattern). A window is as rare as its rarest run of `gram` bytes is not: it counts for what its most
 * common such run is worth; with gram = width it counts as a whole. 0, or -1: no memory.
 */
int windows_choose(const struct patterns *patterns, unsigned width, unsigned gram, uint32_t *offsets);

#endif
