/* The kernels for x86-64. Each function is compiled for its own instruction set, so the rest of the
 * extension runs on any machine. */
#if defined(__x86_64__)

#include <immintrin.h>

#include "kernel.h"
#include "unpack.h"

#define INLINE static inline __attribute__((always_inline))

/* Text arrives by lines of 64 bytes that are in no cache, and the processor by itself fetches too late:
 * asking for them a good way ahead is worth up to half of the speed. Beyond the text it does no harm. */
enum { AHEAD = 1792 };

static inline void prefetch(const uint8_t *text)
{
    __builtin_prefetch(text + AHEAD);
}

/* ---- SSSE3: 16 positions at a time ----------------------------------------------------------- */

#define SSSE3 __attribute__((target("ssse3")))

/* Bytes that allow some bucket after `lookups` tests, which the compiler knows. */
INLINE SSSE3 uint64_t ssse3_test(const struct fragment *f, unsigned lookups, const uint8_t *text)
{
    const __m128i nibble = _mm_set1_epi8(15);
    __m128i buckets = _mm_set1_epi8(-1);
    for (unsigned k = 0; k < lookups; k++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(text + k));
        __m128i low = _mm_and_si128(bytes, nibble);
        __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble);
        low = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)f->low[k]), low);
        high = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)f->high[k]), high);
        buckets = _mm_and_si128(buckets, _mm_and_si128(low, high));
    }
    return (uint16_t)~_mm_movemask_epi8(_mm_cmpeq_epi8(buckets, _mm_setzero_si128()));
}

INLINE SSSE3 size_t ssse3_fragment_of(const struct fragment *f, unsigned lookups, const uint8_t *text,
                                      size_t samples, int32_t *candidates)
{
    size_t count = 0;
    for (size_t i = 0; i < samples; i += 64) {
        const uint8_t *at = text + i;
        prefetch(at);
        uint64_t mask = ssse3_test(f, lookups, at) | ssse3_test(f, lookups, at + 16) << 16 |
                        ssse3_test(f, lookups, at + 32) << 32 | ssse3_test(f, lookups, at + 48) << 48;
        count += unpack(mask, (int32_t)i, 1, candidates + count);
    }
    return count;
}

static SSSE3 size_t ssse3_fragment(const struct fragment *f, const uint8_t *text, size_t samples,
                                   int32_t *candidates)
{
    switch (f->lookups) {
    case 1: return ssse3_fragment_of(f, 1, text, samples, candidates);
    case 2: return ssse3_fragment_of(f, 2, text, samples, candidates);
    case 3: return ssse3_fragment_of(f, 3, text, samples, candidates);
    default: return ssse3_fragment_of(f, 4, text, samples, candidates);
    }
}

static size_t ssse3_qgram(const struct qgram *q, const uint8_t *text, size_t samples,
                          int32_t *candidates)
{
    return kernel_portable.qgram(q, text, samples, candidates); /* there is no gather to do better */
}

const struct kernel kernel_ssse3 = {
    "ssse3", false, 0.015, ssse3_fragment, ssse3_qgram, event_ssse3, glance_portable, glance_join_portable,
    sift_ssse3,
};

/* ---- AVX2: 32 positions, or 8 samples, at a time --------------------------------------------- */

#define AVX2 __attribute__((target("avx2,popcnt,bmi")))

INLINE AVX2 uint64_t avx2_test(const __m256i *low, const __m256i *high, unsigned lookups,
                               const uint8_t *text)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i buckets = _mm256_set1_epi8(-1);
    for (unsigned k = 0; k < lookups; k++) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(text + k));
        __m256i lower = _mm256_and_si256(bytes, nibble);
        __m256i upper = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
        buckets = _mm256_and_si256(buckets, _mm256_and_si256(_mm256_shuffle_epi8(low[k], lower),
                                                             _mm256_shuffle_epi8(high[k], upper)));
    }
    return (uint32_t)~_mm256_movemask_epi8(_mm256_cmpeq_epi8(buckets, _mm256_setzero_si256()));
}

INLINE AVX2 size_t avx2_fragment_of(const struct fragment *f, unsigned lookups, const uint8_t *text,
                                    size_t samples, int32_t *candidates)
{
    __m256i low[FRAGMENT_LOOKUPS], high[FRAGMENT_LOOKUPS];
    for (unsigned k = 0; k < lookups; k++) {
        low[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)f->low[k]));
        high[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)f->high[k]));
    }
    size_t count = 0;
    for (size_t i = 0; i < samples; i += 64) {
        const uint8_t *at = text + i;
        prefetch(at);
        uint64_t mask = avx2_test(low, high, lookups, at) | avx2_test(low, high, lookups, at + 32) << 32;
        count += unpack(mask, (int32_t)i, 1, candidates + count);
    }
    return count;
}

static AVX2 size_t avx2_fragment(const struct fragment *f, const uint8_t *text, size_t samples,
                                 int32_t *candidates)
{
    switch (f->lookups) {
    case 1: return avx2_fragment_of(f, 1, text, samples, candidates);
    case 2: return avx2_fragment_of(f, 2, text, samples, candidates);
    case 3: return avx2_fragment_of(f, 3, text, samples, candidates);
    default: return avx2_fragment_of(f, 4, text, samples, candidates);
    }
}

/* Eight grams; gathers the words of the bitmap that hold their bits, and moves each bit to the sign. */
INLINE AVX2 uint64_t avx2_sample(const struct qgram *q, __m256i first, __m256i last)
{
    first = _mm256_mullo_epi32(first, _mm256_set1_epi32((int)QGRAM_FACTOR));
    last = _mm256_mullo_epi32(last, _mm256_set1_epi32((int)QGRAM_FACTOR_2));
    __m256i hash = _mm256_srl_epi32(_mm256_add_epi32(first, last), _mm_cvtsi32_si128((int)q->shift));
    __m256i word = _mm256_i32gather_epi32((const int *)q->bitmap, _mm256_srli_epi32(hash, 5), 4);
    __m256i left = _mm256_andnot_si256(hash, _mm256_set1_epi32(31)); /* 31 - bit */
    return (uint8_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_sllv_epi32(word, left)));
}

/* Every eighth byte begins a gram: the even 32-bit lanes of two vectors, in order. */
INLINE AVX2 __m256i avx2_even_lanes(const uint8_t *text)
{
    __m256 first = _mm256_loadu_ps((const float *)text), second = _mm256_loadu_ps((const float *)(text + 32));
    __m256i lanes = _mm256_castps_si256(_mm256_shuffle_ps(first, second, 0x88));
    return _mm256_permute4x64_epi64(lanes, 0xD8);
}

/* Four bytes of each of 8 samples. */
INLINE AVX2 __m256i avx2_take(unsigned stride, const uint8_t *text)
{
    return stride == 4 ? _mm256_loadu_si256((const __m256i *)text) : avx2_even_lanes(text);
}

INLINE AVX2 size_t avx2_qgram_of(const struct qgram *q, unsigned stride, const uint8_t *text,
                                 size_t samples, int32_t *candidates)
{
    size_t last = q->gram - 4, count = 0;
    for (size_t i = 0; i < samples; i += 64) {
        const uint8_t *at = text + i * stride;
        uint64_t mask = 0;
        for (unsigned lane = 0; lane < 64; lane += 8, at += 8 * stride) {
            prefetch(at);
            mask |= avx2_sample(q, avx2_take(stride, at), avx2_take(stride, at + last)) << lane;
        }
        count += unpack(mask, (int32_t)(i * stride), (int32_t)stride, candidates + count);
    }
    return count;
}

static AVX2 size_t avx2_qgram(const struct qgram *q, const uint8_t *text, size_t samples,
                              int32_t *candidates)
{
    return q->stride == 4 ? avx2_qgram_of(q, 4, text, samples, candidates)
                          : avx2_qgram_of(q, 8, text, samples, candidates);
}

const struct kernel kernel_avx2 = {
    "avx2", false, 0.002, avx2_fragment, avx2_qgram, event_avx2, glance_portable, glance_join_portable,
    sift_avx2,
};

/* ---- AVX-512 (BW, VBMI): 64 positions, or 16 samples, at a time ------------------------------ */

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi,popcnt,bmi")))

enum { ROWS = 4 }; /* vectors of positions that are tested together: a table is loaded once for all */

/* Looks up 64 bytes in a table of 128, or of 256 if it is wide. */
INLINE AVX512 __m512i avx512_lookup(const __m512i *table, bool wide, __m512i at)
{
    __m512i first = _mm512_permutex2var_epi8(table[0], at, table[1]);
    if (!wide)
        return first;
    __m512i second = _mm512_permutex2var_epi8(table[2], at, table[3]);
    return _mm512_mask_mov_epi8(first, _mm512_movepi8_mask(at), second);
}

/* Tests ROWS * 64 positions; position i is looked up by keys[i], keys[i + 1] and so on. */
INLINE AVX512 size_t avx512_rows(const struct fragment *f, unsigned lookups, bool wide,
                                 const uint8_t *keys, int32_t first, int32_t *candidates)
{
    __m512i buckets[ROWS];
    for (unsigned row = 0; row < ROWS; row++)
        buckets[row] = _mm512_set1_epi8(-1);
    for (unsigned k = 0; k < lookups; k++) {
        __m512i table[4];
        for (unsigned i = 0; i < (wide ? 4 : 2); i++)
            table[i] = _mm512_load_si512(f->table[k] + 64 * i);
        for (unsigned row = 0; row < ROWS; row++) {
            __m512i at = _mm512_loadu_si512(keys + 64 * row + k);
            buckets[row] = _mm512_and_si512(buckets[row], avx512_lookup(table, wide, at));
        }
    }
    __m512i any = _mm512_or_si512(buckets[0], buckets[1]);
    any = _mm512_or_si512(any, _mm512_or_si512(buckets[2], buckets[3]));
    if (!_mm512_test_epi8_mask(any, any))
        return 0;
    size_t count = 0;
    for (unsigned row = 0; row < ROWS; row++)
        count += unpack(_mm512_test_epi8_mask(buckets[row], buckets[row]), first + 64 * (int32_t)row, 1,
                        candidates + count);
    return count;
}

INLINE AVX512 size_t avx512_bytes(const struct fragment *f, unsigned lookups, const uint8_t *text,
                                  size_t samples, int32_t *candidates)
{
    size_t count = 0;
    for (size_t i = 0; i < samples; i += 64 * ROWS) {
        for (unsigned row = 0; row < ROWS; row++)
            prefetch(text + i + 64 * row);
        count += avx512_rows(f, lookups, false, text + i, (int32_t)i, candidates + count);
    }
    return count;
}

/* The hash of the bigram at each position. Lanes have 16 bits: one load serves the even positions, one
 * that is a byte further the odd ones. */
INLINE AVX512 void avx512_hash(const uint8_t *text, size_t length, uint8_t *hashes)
{
    const __m512i factor = _mm512_set1_epi16((short)FRAGMENT_FACTOR);
    for (size_t i = 0; i < length; i += 64) {
        prefetch(text + i);
        __m512i even = _mm512_mullo_epi16(_mm512_loadu_si512(text + i), factor);
        __m512i odd = _mm512_mullo_epi16(_mm512_loadu_si512(text + i + 1), factor);
        __m512i hash = _mm512_mask_mov_epi8(_mm512_srli_epi16(even, 8), UINT64_C(0xAAAAAAAAAAAAAAAA), odd);
        _mm512_storeu_si512(hashes + i, hash);
    }
}

INLINE AVX512 size_t avx512_bigrams(const struct fragment *f, unsigned lookups, bool wide,
                                    const uint8_t *text, size_t samples, int32_t *candidates)
{
    uint8_t hashes[KERNEL_SAMPLES + 64];
    avx512_hash(text, samples + lookups, hashes);
    size_t count = 0;
    for (size_t i = 0; i < samples; i += 64 * ROWS)
        count += avx512_rows(f, lookups, wide, hashes + i, (int32_t)i, candidates + count);
    return count;
}

static AVX512 size_t avx512_fragment(const struct fragment *f, const uint8_t *text, size_t samples,
                                     int32_t *candidates)
{
    switch (f->shape) {
    case FRAGMENT_BYTES_1: return avx512_bytes(f, 1, text, samples, candidates);
    case FRAGMENT_BYTES_2: return avx512_bytes(f, 2, text, samples, candidates);
    case FRAGMENT_BYTES_3: return avx512_bytes(f, 3, text, samples, candidates);
    case FRAGMENT_BYTES_4: return avx512_bytes(f, 4, text, samples, candidates);
    case FRAGMENT_BIGRAMS_2: return avx512_bigrams(f, 2, true, text, samples, candidates);
    case FRAGMENT_BIGRAMS_4: return avx512_bigrams(f, 4, false, text, samples, candidates);
    default: return avx512_bigrams(f, 4, true, text, samples, candidates);
    }
}

/* Which of 16 grams are in the bitmap. */
INLINE AVX512 __mmask16 avx512_sample(const struct qgram *q, __m512i first, __m512i last)
{
    first = _mm512_mullo_epi32(first, _mm512_set1_epi32((int)QGRAM_FACTOR));
    last = _mm512_mullo_epi32(last, _mm512_set1_epi32((int)QGRAM_FACTOR_2));
    __m512i hash = _mm512_srl_epi32(_mm512_add_epi32(first, last), _mm_cvtsi32_si128((int)q->shift));
    __m512i word = _mm512_i32gather_epi32(_mm512_srli_epi32(hash, 5), q->bitmap, 4);
    return _mm512_test_epi32_mask(word, _mm512_rolv_epi32(_mm512_set1_epi32(1), hash));
}

/* Four bytes of each of 16 samples. */
INLINE AVX512 __m512i avx512_take(unsigned stride, const uint8_t *text)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    __m512i lanes = _mm512_loadu_si512(text);
    return stride == 4 ? lanes : _mm512_permutex2var_epi32(lanes, even, _mm512_loadu_si512(text + 64));
}

/* Candidates are moved together and stored without asking whether there are any: with thousands of
 * patterns there are some in most vectors, and a branch would be mispredicted in many. */
INLINE AVX512 size_t avx512_qgram_of(const struct qgram *q, unsigned stride, const uint8_t *text,
                                     size_t samples, int32_t *candidates)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i at = _mm512_mullo_epi32(lane, _mm512_set1_epi32((int)stride));
    size_t last = q->gram - 4, count = 0;
    for (size_t i = 0; i < samples; i += 16, text += 16 * stride) {
        for (unsigned line = 0; line < 16 * stride; line += 64)
            prefetch(text + line);
        __mmask16 hits = avx512_sample(q, avx512_take(stride, text), avx512_take(stride, text + last));
        _mm512_storeu_si512(candidates + count, _mm512_maskz_compress_epi32(hits, at));
        count += (size_t)__builtin_popcount(hits);
        at = _mm512_add_epi32(at, _mm512_set1_epi32(16 * (int)stride));
    }
    return count;
}

static AVX512 size_t avx512_qgram(const struct qgram *q, const uint8_t *text, size_t samples,
                                  int32_t *candidates)
{
    return q->stride == 4 ? avx512_qgram_of(q, 4, text, samples, candidates)
                          : avx512_qgram_of(q, 8, text, samples, candidates);
}

const struct kernel kernel_avx512 = {
    "avx512", true, 0.0005, avx512_fragment, avx512_qgram, event_avx512, glance_avx512, glance_join_avx512,
    sift_avx512,
};

#else
typedef int kernel_x86_is_empty;
#endif
