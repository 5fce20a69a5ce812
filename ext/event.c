#include "event.h"

const uint8_t event_table[256] = {
    ['\n'] = 1, ['\r'] = 1, [0x1B] = 1, ['%'] = 1, [0xC2] = 1, [0xE2] = 1, [0xEF] = 1,
};

void event_portable(const uint8_t *text, size_t blocks, uint64_t *masks)
{
    for (size_t b = 0; b < blocks; b++) {
        uint64_t mask = 0;
        for (unsigned i = 0; i < EVENT_BLOCK; i += 8, text += 8)
            for (unsigned j = 0; j < 8; j++)
                mask |= (uint64_t)event_table[text[j]] << (i + j);
        masks[b] = mask;
    }
}

#if defined(__x86_64__) || defined(__aarch64__)

/* The halves of a byte are looked up, as in fragment.h, with a bit for each upper half that occurs: so the
 * test is exact. 0A 0D: 1, 1B: 2, 25: 4, C2: 8, E2 EF: 16. */
static const uint8_t low[16] = {[0x2] = 8 | 16, [0x5] = 4, [0xA] = 1, [0xB] = 2, [0xD] = 1, [0xF] = 16};
static const uint8_t high[16] = {[0x0] = 1, [0x1] = 2, [0x2] = 4, [0xC] = 8, [0xE] = 16};

#endif

#if defined(__x86_64__)

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define SSSE3 __attribute__((target("ssse3")))
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw")))

/* Whoever comes first to a text waits for it; see kernel_x86.c. */
enum { AHEAD = 1792 };

INLINE SSSE3 uint64_t ssse3_test(const uint8_t *text)
{
    const __m128i nibble = _mm_set1_epi8(15);
    __m128i bytes = _mm_loadu_si128((const __m128i *)text);
    __m128i lower = _mm_and_si128(bytes, nibble), upper = _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble);
    lower = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)low), lower);
    upper = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)high), upper);
    __m128i none = _mm_cmpeq_epi8(_mm_and_si128(lower, upper), _mm_setzero_si128());
    return (uint16_t)~_mm_movemask_epi8(none);
}

SSSE3 void event_ssse3(const uint8_t *text, size_t blocks, uint64_t *masks)
{
    for (size_t b = 0; b < blocks; b++, text += EVENT_BLOCK) {
        __builtin_prefetch(text + AHEAD);
        masks[b] = ssse3_test(text) | ssse3_test(text + 16) << 16 | ssse3_test(text + 32) << 32 |
                   ssse3_test(text + 48) << 48;
    }
}

INLINE AVX2 uint64_t avx2_test(const uint8_t *text)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i lows = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)low));
    const __m256i highs = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)high));
    __m256i bytes = _mm256_loadu_si256((const __m256i *)text);
    __m256i lower = _mm256_shuffle_epi8(lows, _mm256_and_si256(bytes, nibble));
    __m256i upper = _mm256_shuffle_epi8(highs, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble));
    __m256i none = _mm256_cmpeq_epi8(_mm256_and_si256(lower, upper), _mm256_setzero_si256());
    return (uint32_t)~_mm256_movemask_epi8(none);
}

AVX2 void event_avx2(const uint8_t *text, size_t blocks, uint64_t *masks)
{
    for (size_t b = 0; b < blocks; b++, text += EVENT_BLOCK) {
        __builtin_prefetch(text + AHEAD);
        masks[b] = avx2_test(text) | avx2_test(text + 32) << 32;
    }
}

AVX512 void event_avx512(const uint8_t *text, size_t blocks, uint64_t *masks)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i lows = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)low));
    const __m512i highs = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)high));
    for (size_t b = 0; b < blocks; b++, text += EVENT_BLOCK) {
        __builtin_prefetch(text + AHEAD);
        __m512i bytes = _mm512_loadu_si512(text);
        __m512i lower = _mm512_shuffle_epi8(lows, _mm512_and_si512(bytes, nibble));
        __m512i upper = _mm512_shuffle_epi8(highs, _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble));
        masks[b] = _mm512_test_epi8_mask(lower, upper);
    }
}

#elif defined(__aarch64__)

#include <arm_neon.h>

static inline uint64_t neon_test(const uint8_t *text)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t bytes = vld1q_u8(text);
    uint8x16_t lower = vqtbl1q_u8(vld1q_u8(low), vandq_u8(bytes, vdupq_n_u8(15)));
    uint8x16_t upper = vqtbl1q_u8(vld1q_u8(high), vshrq_n_u8(bytes, 4));
    uint8x16_t bits = vandq_u8(vtstq_u8(lower, upper), vld1q_u8(weights));
    return vaddv_u8(vget_low_u8(bits)) | (uint64_t)vaddv_u8(vget_high_u8(bits)) << 8;
}

void event_neon(const uint8_t *text, size_t blocks, uint64_t *masks)
{
    for (size_t b = 0; b < blocks; b++, text += EVENT_BLOCK)
        masks[b] = neon_test(text) | neon_test(text + 16) << 16 | neon_test(text + 32) << 32 |
                   neon_test(text + 48) << 48;
}

#endif
