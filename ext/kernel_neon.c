/* The kernel for 64-bit Arm: the same nibble look-ups as on x86, 16 positions at a time. */
#if defined(__aarch64__)

#include <arm_neon.h>

#include "kernel.h"
#include "unpack.h"

/* One bit for each byte of `buckets` that is not zero. */
static inline uint64_t nonzero(uint8x16_t buckets)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t bits = vandq_u8(vtstq_u8(buckets, buckets), vld1q_u8(weights));
    return vaddv_u8(vget_low_u8(bits)) | (uint64_t)vaddv_u8(vget_high_u8(bits)) << 8;
}

static inline uint64_t test(const struct fragment *f, const uint8_t *text)
{
    uint8x16_t buckets = vdupq_n_u8(0xFF);
    for (unsigned k = 0; k < f->lookups; k++) {
        uint8x16_t bytes = vld1q_u8(text + k);
        uint8x16_t low = vqtbl1q_u8(vld1q_u8(f->low[k]), vandq_u8(bytes, vdupq_n_u8(15)));
        uint8x16_t high = vqtbl1q_u8(vld1q_u8(f->high[k]), vshrq_n_u8(bytes, 4));
        buckets = vandq_u8(buckets, vandq_u8(low, high));
    }
    return nonzero(buckets);
}

static size_t fragment(const struct fragment *f, const uint8_t *text, size_t samples, int32_t *candidates)
{
    size_t count = 0;
    for (size_t i = 0; i < samples; i += 64) {
        const uint8_t *at = text + i;
        uint64_t mask = test(f, at) | test(f, at + 16) << 16 | test(f, at + 32) << 32 |
                        test(f, at + 48) << 48;
        count += unpack(mask, (int32_t)i, 1, candidates + count);
    }
    return count;
}

static size_t qgram(const struct qgram *q, const uint8_t *text, size_t samples, int32_t *candidates)
{
    return kernel_portable.qgram(q, text, samples, candidates); /* there is no gather to do better */
}

const struct kernel kernel_neon = {
    "neon", false, 0.015, fragment, qgram, event_neon, glance_portable, glance_join_portable,
    sift_neon,
};

#else
typedef int kernel_neon_is_empty;
#endif
