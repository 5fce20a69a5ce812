/*
 * The kernels: the loops that run over every byte, once per instruction set. kernel_find is the one
 * place that asks what the processor can do.
 *
 * Contract of the first two loops: `samples` positions of the text are tested, which begin `stride` bytes apart
 * (the stride of a fragment prefilter is 1). The offsets of those where a window may begin (or, for
 * q-grams, lie around) are written to `candidates` in rising order, and their number is returned. What
 * is left out certainly begins no window; what is written promises nothing. `samples` is a multiple of
 * KERNEL_STEP, for a fragment prefilter of 4 * KERNEL_STEP. Up to KERNEL_SLACK bytes behind the last
 * sample are read, and up to KERNEL_SPARE numbers behind the last candidate are written. The third loop,
 * `event`, has its contract in event.h, the fourth, `sift`, in sift.h, and those over the events, `glance` and `join`, have theirs in glance.h.
 */
#ifndef RUNNERLIB_KERNEL_H
#define RUNNERLIB_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "fragment.h"
#include "glance.h"
#include "qgram.h"
#include "sift.h"

enum {
    KERNEL_STEP = 64,
    KERNEL_SAMPLES = 4096, /* the most that one call tests */
    KERNEL_SLACK = 128,
    KERNEL_SPARE = 16,
};

struct kernel {
    const char *name;
    bool wide_tables; /* which tables of a fragment prefilter it reads */
    double fragment_share; /* above this estimated share of candidates, q-grams are cheaper than fragments */
    size_t (*fragment)(const struct fragment *fragment, const uint8_t *text, size_t samples,
                       int32_t *candidates);
    size_t (*qgram)(const struct qgram *qgram, const uint8_t *text, size_t samples, int32_t *candidates);
    size_t (*event)(const uint8_t *text, size_t blocks, uint16_t *events);
    bool (*glance)(const uint8_t *window, const uint16_t *events, size_t count, uint16_t *stops);
    size_t (*join)(uint16_t *events, uint16_t *stops, size_t count, uint16_t *start, uint16_t *stop);
    void (*sift)(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found);
};

extern const struct kernel kernel_portable;
#if defined(__x86_64__)
extern const struct kernel kernel_ssse3, kernel_avx2, kernel_avx512;
#elif defined(__aarch64__)
extern const struct kernel kernel_neon;
#endif

/* The kernel of that name, or the best one for NULL or "". NULL: unknown, or not for this machine. */
const struct kernel *kernel_find(const char *name);

/* The names of the kernels that run on this machine, best first: NULL behind the last one. */
const char *kernel_name(size_t i);

#endif
