/* From bits to positions, for kernels whose instruction set does not do it: compiled in each for its own. */
#ifndef RUNNERLIB_UNPACK_H
#define RUNNERLIB_UNPACK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Writes the positions of the bits of `mask`; returns how many. If there are some, whether they are three
 * or four cannot be predicted: four are written without asking, and only the count tells which are true.
 */
static inline __attribute__((always_inline)) size_t unpack(uint64_t mask, int32_t first, int32_t stride,
                                                           int32_t *candidates)
{
    if (!mask)
        return 0;
    size_t count = (size_t)__builtin_popcountll(mask);
    for (size_t i = 0; i < count; i += 4)
        for (size_t j = i; j < i + 4; j++, mask &= mask - 1)
            candidates[j] = first + __builtin_ctzll(mask | UINT64_C(1) << 63) * stride;
    return count;
}

#endif
