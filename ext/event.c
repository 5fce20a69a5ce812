#include "event.h"

const uint8_t event_table[256] = {
    ['\n'] = 1, ['\r'] = 1, [0x1B] = 1, ['%'] = 1, [0xC2] = 1, [0xE2] = 1, [0xEF] = 1,
};

size_t event_portable(const uint8_t *text, size_t blocks, uint16_t *events)
{
    size_t count = 0;
    for (size_t i = 0; i < blocks * EVENT_BLOCK; i++) {
        events[count] = (uint16_t)i;
        count += event_table[text[i]];
    }
    return count;
}

#if defined(__x86_64__) || defined(__aarch64__)

/* The halves of a byte are looked up, as in fragment.h, with a bit for each upper half that occurs: so the
 * test is exact. 0A 0D: 1, 1B: 2, 25: 4, C2: 8, E2 EF: 16. */
static const uint8_t low[16] = {[0x2] = 8 | 16, [0x5] = 4, [0xA] = 1, [0xB] = 2, [0xD] = 1, [0xF] = 16};
static const uint8_t high[16] = {[0x0] = 1, [0x1] = 2, [0x2] = 4, [0xC] = 8, [0xE] = 16};

/* Appends the positions of the bits of a block. Three are written without asking: whether there is none, one or
 * two cannot be predicted. */
static inline __attribute__((always_inline)) size_t list(uint64_t mask, size_t block, uint16_t *events)
{
    const uint64_t none = UINT64_C(1) << 63;
    size_t first = block * EVENT_BLOCK, count = (size_t)__builtin_popcountll(mask);
    for (size_t i = 0; i < 3; i++, mask &= mask - 1)
        events[i] = (uint16_t)(first + (unsigned)__builtin_ctzll(mask | none));
    for (size_t i = 3; i < count; i++, mask &= mask - 1)
        events[i] = (uint16_t)(first + (unsigned)__builtin_ctzll(mask | none));
    return count;
}

#endif

#if defined(__x86_64__)

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define SSSE3 __attribute__((target("ssse3")))
#define AVX2 __attribute__((target("avx2,popcnt,bmi")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,popcnt")))

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

SSSE3 size_t event_ssse3(const uint8_t *text, size_t blocks, uint16_t *events)
{
    size_t count = 0;
    for (size_t b = 0; b < blocks; b++, text += EVENT_BLOCK) {
        __builtin_prefetch(text + AHEAD);
        uint64_t mask = ssse3_test(text) | ssse3_test(text + 16) << 16 | ssse3_test(text + 32) << 32 |
                        ssse3_test(text + 48) << 48;
        count += list(mask, b, events + count);
    }
    return count;
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

AVX2 size_t event_avx2(const uint8_t *text, size_t blocks, uint16_t *events)
{
    size_t count = 0;
    for (size_t b = 0; b < blocks; b++, text += EVENT_BLOCK) {
        __builtin_prefetch(text + AHEAD);
        count += list(avx2_test(text) | avx2_test(text + 32) << 32, b, events + count);
    }
    return count;
}

static const uint8_t event_list[] = {'\n', '\r', 0x1B, '%', 0xC2, 0xE2, 0xEF};

/* Appends the positions of the bits of a block: as bytes, moved together, and widened 16 at a time. More are
 * rarely in one block. */
INLINE AVX512 size_t avx512_list(uint64_t mask, size_t block, __m512i lanes, uint16_t *events)
{
    const __m256i first = _mm256_set1_epi16((short)(block * EVENT_BLOCK));
    __m512i places = _mm512_maskz_compress_epi8(mask, lanes);
    size_t count = (size_t)__builtin_popcountll(mask);
    for (size_t i = 0;; i += 16) {
        __m256i wide = _mm256_cvtepu8_epi16(_mm512_castsi512_si128(places));
        _mm256_storeu_si256((__m256i *)(events + i), _mm256_add_epi16(wide, first));
        if (count <= i + 16)
            return count;
        places = _mm512_alignr_epi64(places, places, 2);
    }
}

/* No two events have the same lower six bits. So the table that VPERMB looks up by those has each event in its
 * place, and elsewhere a byte that belongs to another place: what is equal to its entry is an event. */
AVX512 size_t event_avx512(const uint8_t *text, size_t blocks, uint16_t *events)
{
    uint8_t table[EVENT_BLOCK], numbers[EVENT_BLOCK];
    for (unsigned i = 0; i < EVENT_BLOCK; i++) {
        numbers[i] = (uint8_t)i;
        table[i] = (uint8_t)(i ^ 1);
    }
    for (unsigned i = 0; i < sizeof event_list; i++)
        table[event_list[i] % EVENT_BLOCK] = event_list[i];
    const __m512i own = _mm512_loadu_si512(table), lanes = _mm512_loadu_si512(numbers);
    size_t count = 0;
    for (size_t b = 0; b < blocks; b++, text += EVENT_BLOCK) {
        __builtin_prefetch(text + AHEAD);
        __m512i bytes = _mm512_loadu_si512(text);
        uint64_t mask = _mm512_cmpeq_epi8_mask(_mm512_permutexvar_epi8(bytes, own), bytes);
        count += avx512_list(mask, b, lanes, events + count);
    }
    return count;
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

size_t event_neon(const uint8_t *text, size_t blocks, uint16_t *events)
{
    size_t count = 0;
    for (size_t b = 0; b < blocks; b++, text += EVENT_BLOCK) {
        uint64_t mask = neon_test(text) | neon_test(text + 16) << 16 | neon_test(text + 32) << 32 |
                        neon_test(text + 48) << 48;
        count += list(mask, b, events + count);
    }
    return count;
}

#endif
