#include "kernel.h"

#include <string.h>

static size_t fragment(const struct fragment *f, const uint8_t *text, size_t samples, int32_t *candidates)
{
    size_t count = 0;
    for (size_t i = 0; i < samples; i++) {
        uint8_t buckets = 0xFF;
        for (unsigned k = 0; k < f->lookups; k++)
            buckets &= f->low[k][text[i + k] & 15] & f->high[k][text[i + k] >> 4];
        candidates[count] = (int32_t)i;
        count += buckets != 0;
    }
    return count;
}

static size_t qgram(const struct qgram *q, const uint8_t *text, size_t samples, int32_t *candidates)
{
    size_t count = 0;
    for (size_t i = 0; i < samples; i++) {
        uint32_t bit = qgram_hash(q, text + i * q->stride) >> q->shift;
        candidates[count] = (int32_t)(i * q->stride);
        count += q->bitmap[bit >> 5] >> (bit & 31) & 1;
    }
    return count;
}

const struct kernel kernel_portable = {
    "portable", false, 0, fragment, qgram, event_portable, glance_portable, glance_join_portable,
    sift_portable,
};

/* The kernels of this machine, best first. */
static size_t available(const struct kernel *list[4])
{
    size_t n = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("avx512vbmi2"))
        list[n++] = &kernel_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        list[n++] = &kernel_avx2;
    if (__builtin_cpu_supports("ssse3"))
        list[n++] = &kernel_ssse3;
#elif defined(__aarch64__)
    list[n++] = &kernel_neon; /* every 64-bit Arm has it */
#endif
    list[n++] = &kernel_portable;
    return n;
}

const char *kernel_name(size_t i)
{
    const struct kernel *list[4];
    return i < available(list) ? list[i]->name : NULL;
}

const struct kernel *kernel_find(const char *name)
{
    const struct kernel *list[4];
    size_t n = available(list);
    if (!name || !*name)
        return list[0];
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i]->name, name) == 0)
            return list[i];
    return NULL;
}
