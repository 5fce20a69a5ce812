#include "sift.h"

#include <stdbool.h>
#include <string.h>

#include "digits.h"
#include "kernel.h"

/* The halves of a byte are looked up, as in event.c. 0 to 9: 1; A to F, a to f: 2; X: 4; u x: 8; 2 to 7: 16; \\: 32; #: 64;
 * 0: 128. */
static const uint8_t low[16] = {129, 3, 19, 83, 19, 27, 19, 17, 13, 1, 0, 0, 32, 0, 0, 0};
static const uint8_t high[16] = {0, 0, 64, 145, 2, 36, 2, 8, 0, 0, 0, 0, 0, 0, 0, 0};
/* The same for what stands between digits. */
static const uint8_t gap_low[16] = {2, 0, 2, 2, 0, 2, 2, 2, 0, 1, 5, 4, 10, 7, 0, 0};
static const uint8_t gap_high[16] = {1, 0, 2, 4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
enum { DIGIT = 1 | 2, LETTER = 4 | 8, FIRST = 16, PREFIX = 32 | 64 | 128 };

/* The bits of `from` where `which` has bits, moved together. */
static inline uint64_t moved_together(uint64_t from, uint64_t which)
{
    uint64_t to = 0;
    for (unsigned i = 0; which; which &= which - 1, i++)
        to |= (uint64_t)((from & which & -which) != 0) << i;
    return to;
}

static inline unsigned count_bits(uint64_t bits)
{
    return (unsigned)__builtin_popcountll(bits);
}

void sift_portable(const uint8_t *text, size_t blocks, struct sift_masks *masks)
{
    for (size_t b = 0; b < blocks; b++) {
        struct sift_masks m = {0};
        for (unsigned i = 0; i < SIFT_BLOCK; i++) {
            uint8_t byte = *text++, row = low[byte & 15] & high[byte >> 4];
            m.digit |= (uint64_t)((row & DIGIT) != 0) << i;
            m.letter |= (uint64_t)((row & LETTER) != 0) << i;
            m.prefix |= (uint64_t)((row & PREFIX) != 0) << i;
            m.first |= (uint64_t)((row & FIRST) != 0) << i;
            m.line |= (uint64_t)(byte == '\n') << i;
            m.gap |= (uint64_t)((gap_low[byte & 15] & gap_high[byte >> 4]) != 0) << i;
        }
        m.first = moved_together(m.first, ~m.gap);
        m.each = moved_together(m.digit, ~m.gap);
        m.count = count_bits(~m.gap);
        masks[b] = m;
    }
}

#if defined(__x86_64__)

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#define SSSE3 __attribute__((target("ssse3")))
#define AVX2 __attribute__((target("avx2,bmi2,popcnt")))

INLINE SSSE3 uint64_t ssse3_bits(__m128i rows, int bits, unsigned at)
{
    __m128i none = _mm_cmpeq_epi8(_mm_and_si128(rows, _mm_set1_epi8((char)bits)), _mm_setzero_si128());
    return (uint64_t)(uint16_t)~_mm_movemask_epi8(none) << at;
}

SSSE3 void sift_ssse3(const uint8_t *text, size_t blocks, struct sift_masks *masks)
{
    const __m128i nibble = _mm_set1_epi8(15), end = _mm_set1_epi8('\n');
    const __m128i lows = _mm_loadu_si128((const __m128i *)low), highs = _mm_loadu_si128((const __m128i *)high);
    const __m128i gap_lows = _mm_loadu_si128((const __m128i *)gap_low);
    const __m128i gap_highs = _mm_loadu_si128((const __m128i *)gap_high);
    for (size_t b = 0; b < blocks; b++) {
        struct sift_masks m = {0};
        for (unsigned at = 0; at < SIFT_BLOCK; at += 16, text += 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)text);
            __m128i lower = _mm_and_si128(bytes, nibble), upper = _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble);
            __m128i rows = _mm_and_si128(_mm_shuffle_epi8(lows, lower), _mm_shuffle_epi8(highs, upper));
            __m128i gaps = _mm_and_si128(_mm_shuffle_epi8(gap_lows, lower), _mm_shuffle_epi8(gap_highs, upper));
            m.gap |= ssse3_bits(gaps, 0xFF, at);
            m.digit |= ssse3_bits(rows, DIGIT, at);
            m.letter |= ssse3_bits(rows, LETTER, at);
            m.prefix |= ssse3_bits(rows, PREFIX, at);
            m.first |= ssse3_bits(rows, FIRST, at);
            m.line |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, end)) << at;
        }
        m.first = moved_together(m.first, ~m.gap);
        m.each = moved_together(m.digit, ~m.gap);
        m.count = count_bits(~m.gap);
        masks[b] = m;
    }
}

INLINE AVX2 uint64_t avx2_bits(__m256i rows, int bits, unsigned at)
{
    __m256i none = _mm256_cmpeq_epi8(_mm256_and_si256(rows, _mm256_set1_epi8((char)bits)), _mm256_setzero_si256());
    return (uint64_t)(uint32_t)~_mm256_movemask_epi8(none) << at;
}

AVX2 void sift_avx2(const uint8_t *text, size_t blocks, struct sift_masks *masks)
{
    const __m256i nibble = _mm256_set1_epi8(15), end = _mm256_set1_epi8('\n');
    const __m256i lows = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)low));
    const __m256i highs = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)high));
    const __m256i gap_lows = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)gap_low));
    const __m256i gap_highs = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)gap_high));
    for (size_t b = 0; b < blocks; b++) {
        struct sift_masks m = {0};
        for (unsigned at = 0; at < SIFT_BLOCK; at += 32, text += 32) {
            __m256i bytes = _mm256_loadu_si256((const __m256i *)text);
            __m256i lower = _mm256_and_si256(bytes, nibble);
            __m256i upper = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
            __m256i rows = _mm256_and_si256(_mm256_shuffle_epi8(lows, lower), _mm256_shuffle_epi8(highs, upper));
            __m256i gaps = _mm256_and_si256(_mm256_shuffle_epi8(gap_lows, lower), _mm256_shuffle_epi8(gap_highs, upper));
            m.gap |= avx2_bits(gaps, 0xFF, at);
            m.digit |= avx2_bits(rows, DIGIT, at);
            m.letter |= avx2_bits(rows, LETTER, at);
            m.prefix |= avx2_bits(rows, PREFIX, at);
            m.first |= avx2_bits(rows, FIRST, at);
            m.line |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, end)) << at;
        }
        m.first = _pext_u64(m.first, ~m.gap);
        m.each = _pext_u64(m.digit, ~m.gap);
        m.count = (unsigned)_mm_popcnt_u64(~m.gap);
        masks[b] = m;
    }
}

#define AVX512 __attribute__((target("avx512f,avx512bw,bmi2,popcnt")))

AVX512 void sift_avx512(const uint8_t *text, size_t blocks, struct sift_masks *masks)
{
    const __m512i nibble = _mm512_set1_epi8(15), end = _mm512_set1_epi8('\n');
    const __m512i lows = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)low));
    const __m512i highs = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)high));
    const __m512i gap_lows = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)gap_low));
    const __m512i gap_highs = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)gap_high));
    for (size_t b = 0; b < blocks; b++, text += SIFT_BLOCK) {
        __m512i bytes = _mm512_loadu_si512(text);
        __m512i lower = _mm512_and_si512(bytes, nibble);
        __m512i upper = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
        __m512i rows = _mm512_and_si512(_mm512_shuffle_epi8(lows, lower), _mm512_shuffle_epi8(highs, upper));
        struct sift_masks m = {
            .digit = _mm512_test_epi8_mask(rows, _mm512_set1_epi8(DIGIT)),
            .letter = _mm512_test_epi8_mask(rows, _mm512_set1_epi8(LETTER)),
            .prefix = _mm512_test_epi8_mask(rows, _mm512_set1_epi8((char)PREFIX)),
            .first = _mm512_test_epi8_mask(rows, _mm512_set1_epi8(FIRST)),
            .line = _mm512_cmpeq_epi8_mask(bytes, end),
            .gap = _mm512_test_epi8_mask(_mm512_shuffle_epi8(gap_lows, lower), _mm512_shuffle_epi8(gap_highs, upper)),
        };
        m.first = _pext_u64(m.first, ~m.gap);
        m.each = _pext_u64(m.digit, ~m.gap);
        m.count = (unsigned)_mm_popcnt_u64(~m.gap);
        masks[b] = m;
    }
}

#elif defined(__aarch64__)

#include <arm_neon.h>

/* A bit for each byte that is not zero under `bits`. */
static inline uint64_t neon_bits(uint8x16_t rows, uint8_t bits, unsigned at)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t found = vandq_u8(vtstq_u8(rows, vdupq_n_u8(bits)), vld1q_u8(weights));
    return (vaddv_u8(vget_low_u8(found)) | (uint64_t)vaddv_u8(vget_high_u8(found)) << 8) << at;
}

void sift_neon(const uint8_t *text, size_t blocks, struct sift_masks *masks)
{
    for (size_t b = 0; b < blocks; b++) {
        struct sift_masks m = {0};
        for (unsigned at = 0; at < SIFT_BLOCK; at += 16, text += 16) {
            uint8x16_t bytes = vld1q_u8(text);
            uint8x16_t lower = vqtbl1q_u8(vld1q_u8(low), vandq_u8(bytes, vdupq_n_u8(15)));
            uint8x16_t rows = vandq_u8(lower, vqtbl1q_u8(vld1q_u8(high), vshrq_n_u8(bytes, 4)));
            uint8x16_t gaps = vandq_u8(vqtbl1q_u8(vld1q_u8(gap_low), vandq_u8(bytes, vdupq_n_u8(15))),
                                       vqtbl1q_u8(vld1q_u8(gap_high), vshrq_n_u8(bytes, 4)));
            m.gap |= neon_bits(gaps, 0xFF, at);
            m.digit |= neon_bits(rows, DIGIT, at);
            m.letter |= neon_bits(rows, LETTER, at);
            m.prefix |= neon_bits(rows, PREFIX, at);
            m.first |= neon_bits(rows, FIRST, at);
            m.line |= neon_bits(vceqq_u8(bytes, vdupq_n_u8('\n')), 0xFF, at);
        }
        m.first = moved_together(m.first, ~m.gap);
        m.each = moved_together(m.digit, ~m.gap);
        m.count = count_bits(~m.gap);
        masks[b] = m;
    }
}

#endif

/* Whether a byte may stand in an occurrence, text columns apart. */
static bool is_part(uint8_t byte)
{
    return (low[byte & 15] & high[byte >> 4]) || (gap_low[byte & 15] & gap_high[byte >> 4]);
}

void sift_begin(struct sift *s, const struct kernel *kernel, const uint8_t *text, size_t length)
{
    s->kernel = kernel;
    s->text = text;
    s->length = s->tail = length;
    s->from = s->to = 0;
    while (s->tail > 0 && is_part(text[s->tail - 1]))
        s->tail--;
}

/* The places with as many digits behind them as an offset has at least. */
static inline uint64_t before_offset(uint64_t digit, uint64_t next)
{
    unsigned __int128 bits = digit | (unsigned __int128)next << 64;
    bits &= bits >> 1;
    bits &= bits >> 2;
    return (uint64_t)((bits & bits >> (DIGITS_OFFSET_LEAST - 4)) >> 1);
}

/* Bits of a block and of what follows it. */
typedef unsigned __int128 ahead;

/* Whether one of so many bytes begins what may be an occurrence, as far as it is known of these and the next ones which are
 * digits, and which from 2 to 7. */
static inline bool may_begin(ahead each, ahead first, unsigned count)
{
    ahead two = each & each >> 1, four = two & two >> 2;
    first &= first >> 2;
    first &= first >> 4 & first >> 8;
    return (uint64_t)(first & four & four >> 4 & four >> 8) & (count ? UINT64_MAX >> (64 - count) : 0);
}

/* Looks at the next blocks. They are gone over from the last to the first: then the next digits are known. */
static void look(struct sift *s, size_t at)
{
    struct sift_masks masks[SIFT_BLOCKS + SIFT_AHEAD + 1];
    size_t left = s->length - at, count = left / SIFT_BLOCK;
    bool ends = count < SIFT_BLOCKS + SIFT_AHEAD;
    if (ends) {
        uint8_t bytes[SIFT_BLOCK] = {0};
        memcpy(bytes, s->text + at + count * SIFT_BLOCK, left % SIFT_BLOCK);
        s->kernel->sift(bytes, 1, &masks[count]);
    } else {
        count = SIFT_BLOCKS + SIFT_AHEAD;
    }
    s->kernel->sift(s->text + at, count, masks);
    count += ends;
    ahead each = ends ? 0 : ~(ahead)0, first = each;
    uint64_t next = 0;
    s->blocks = 0;
    for (size_t i = count; i-- > 0;) {
        const struct sift_masks *m = &masks[i];
        each = each << m->count | m->each;
        first = first << m->count | m->first;
        uint64_t before = m->prefix << 1 | (i ? masks[i - 1].prefix >> 63 : 1);
        uint64_t marked = (m->letter & before) | (m->line & before_offset(m->digit, next));
        next = m->digit;
        if (i < SIFT_BLOCKS)
            s->blocks |= (uint64_t)(marked || may_begin(each, first, m->count)) << i;
        each |= marked ? ~(ahead)0 : 0; /* some of its digits are none */
        first |= marked ? ~(ahead)0 : 0;
    }
    s->from = at;
    s->to = at + (count < SIFT_BLOCKS ? count : SIFT_BLOCKS) * SIFT_BLOCK;
}

size_t sift_next(struct sift *s, size_t at)
{
    while (at < s->tail) {
        if (at >= s->to)
            look(s, at);
        size_t block = (at - s->from) / SIFT_BLOCK;
        uint64_t blocks = s->blocks >> block;
        if (blocks & 1)
            return at;
        if (!blocks) {
            at = s->to < s->tail ? s->to : s->tail;
            continue;
        }
        at = s->from + (block + (unsigned)__builtin_ctzll(blocks)) * SIFT_BLOCK;
        return at < s->tail ? at : s->tail;
    }
    return at < s->length ? at : s->length;
}
