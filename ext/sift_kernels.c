#include "sift.h"

#include "digits.h"
#include "sift_rows.h"

#define INLINE static inline __attribute__((always_inline))

/* One bit for each byte: whether it may stand in an occurrence by itself, is a digit, one from 2 to 7, a line end, a
 * backslash, may stand before the x of an escape, is an x, a u. */
enum { BEFORE = 1, ROOM = BEFORE + SIFT_BLOCKS + 8 };
struct masks {
    uint64_t part[ROOM], digit[ROOM], first[ROOM], line[ROOM], backslash[ROOM], before_x[ROOM], is_x[ROOM], is_u[ROOM];
    uint64_t escape[ROOM]; /* of these: is the letter of an escape */
};

/* The same of one block. */
struct read {
    uint64_t part, digit, first, line, backslash, before_x, is_x, is_u;
};

INLINE void put_masks(struct masks *m, size_t i, const struct read *r)
{
    m->part[i] = r->part;
    m->digit[i] = r->digit;
    m->first[i] = r->first;
    m->line[i] = r->line;
    m->backslash[i] = r->backslash;
    m->before_x[i] = r->before_x;
    m->is_x[i] = r->is_x;
    m->is_u[i] = r->is_u;
}

/* The block before the first one is not known: its last byte may make an escape of a letter. Behind the last one is
 * nothing. */
INLINE void end_masks(struct masks *m, size_t end)
{
    m->before_x[0] = m->backslash[0] = UINT64_MAX;
    for (size_t i = end; i < end + 8; i++) {
        m->part[i] = m->digit[i] = m->first[i] = m->line[i] = 0;
        m->backslash[i] = m->before_x[i] = m->is_x[i] = m->is_u[i] = 0;
    }
}

/* Bits of two blocks that follow each other, from bit `by` on. */
INLINE uint64_t from_bit(uint64_t block, uint64_t next, unsigned by)
{
    return block >> by | next << (64 - by);
}

/* Where DIGITS_SHORTEST parts follow each other. */
INLINE uint64_t long_parts(uint64_t block, uint64_t next)
{
    block &= from_bit(block, next, 1), next &= next >> 1;
    block &= from_bit(block, next, 2), next &= next >> 2;
    block &= from_bit(block, next, 4), next &= next >> 4;
    return block & from_bit(block, next, DIGITS_SHORTEST - 8);
}

/* Behind which places as many digits follow as an offset has at least. */
INLINE uint64_t before_offset(uint64_t block, uint64_t next)
{
    block &= from_bit(block, next, 1), next &= next >> 1;
    uint64_t four = block & from_bit(block, next, 2), after = next & next >> 2;
    block = four & from_bit(four, after, DIGITS_OFFSET_LEAST - 4), next = after & after >> (DIGITS_OFFSET_LEAST - 4);
    return from_bit(block, next, 1);
}

/* From the masks of so many blocks to what counts in them. There is no branch in the loops, so they are made such over
 * vectors. */
INLINE void find(struct masks *m, size_t count, struct sift_found *found)
{
    size_t end = BEFORE + (count + 7) / 8 * 8;
    for (size_t i = BEFORE; i < end; i++) {
        uint64_t x = m->backslash[i] | m->before_x[i], x_before = m->backslash[i - 1] | m->before_x[i - 1];
        m->escape[i] = (m->is_x[i] & (x << 1 | x_before >> 63)) |
                       (m->is_u[i] & (m->backslash[i] << 1 | m->backslash[i - 1] >> 63));
        m->part[i] |= m->backslash[i] | m->escape[i];
    }
    m->escape[end] = 0;
    for (size_t i = BEFORE; i < end; i++) {
        found->start[i - BEFORE] = m->first[i] & long_parts(m->part[i], m->part[i + 1]);
        found->line[i - BEFORE] = m->line[i] & before_offset(m->digit[i], m->digit[i + 1]);
    }
    found->any = 0;
    for (size_t i = 0; i < count; i++)
        found->any |= (uint64_t)((found->start[i] | found->line[i]) != 0) << i;
}

void sift_portable(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found)
{
    struct masks m;
    for (size_t b = 0; b <= blocks; b++) {
        const uint8_t *block = b < blocks ? text + b * SIFT_BLOCK : rest;
        struct read r = {0};
        for (unsigned i = 0; i < SIFT_BLOCK; i++) {
            uint8_t row = sift_row(block[i]);
            r.part |= (uint64_t)((row & PART) != 0) << i;
            r.digit |= (uint64_t)((row & DIGIT) != 0) << i;
            r.first |= (uint64_t)((row & FIRST) != 0) << i;
            r.before_x |= (uint64_t)((row & BEFORE_X) != 0) << i;
            r.is_x |= (uint64_t)((row & IS_X) != 0) << i;
            r.is_u |= (uint64_t)((row & IS_U) != 0) << i;
            r.line |= (uint64_t)(block[i] == '\n') << i;
            r.backslash |= (uint64_t)(block[i] == '\\') << i;
        }
        put_masks(&m, BEFORE + b, &r);
    }
    end_masks(&m, BEFORE + blocks + 1);
    find(&m, blocks + 1, found);
}

#if defined(__x86_64__)

#include <immintrin.h>

#define SSSE3 __attribute__((target("ssse3")))
#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,bmi,bmi2,popcnt")))

/* Those of two blocks that `which` has, moved together: what is behind them counts as there. */
struct together {
    uint64_t low, high;
};

INLINE AVX2 struct together move_together(const uint64_t *bits, uint64_t which, uint64_t next)
{
    unsigned count = (unsigned)_mm_popcnt_u64(which), next_count = (unsigned)_mm_popcnt_u64(next);
    uint64_t behind = _pext_u64(bits[1], next) | ~_bzhi_u64(UINT64_MAX, next_count);
    return (struct together){_pext_u64(bits[0], which) | behind << (count - 1) << 1, behind >> (64 - count)};
}

/* Of the places at which an occurrence may begin those are left behind which, with all but digits taken out, each other one
 * of twelve digits is from 2 to 7. Escapes and offsets have digits that are none: of those it is not asked. */
INLINE AVX2 uint64_t narrow(const struct masks *m, const struct sift_found *found, size_t block)
{
    size_t i = BEFORE + block;
    uint64_t own = m->digit[i] | ~m->part[i], next = m->digit[i + 1] | ~m->part[i + 1];
    struct together d = move_together(&m->digit[i], own, next), f = move_together(&m->first[i], own, next);
    d.low &= from_bit(d.low, d.high, 1), d.high &= d.high >> 1;
    d.low &= from_bit(d.low, d.high, 2), d.high &= d.high >> 2;
    f.low &= from_bit(f.low, f.high, 2), f.high &= f.high >> 2;
    uint64_t start = f.low & d.low;
    start &= from_bit(f.low & d.low, f.high & d.high, 4) & from_bit(f.low & d.low, f.high & d.high, 8);
    bool odd = (m->escape[i] | m->escape[i + 1] | found->line[block] | found->line[block + 1]) != 0;
    return found->start[block] & (_pdep_u64(start, own) | (0 - (uint64_t)odd));
}

/* Bits move by a single instruction here. There is no branch to mispredict but the last one. */
INLINE AVX2 void narrow_all(const struct masks *m, size_t count, struct sift_found *found)
{
    uint64_t any = 0, last = UINT64_C(1) << (count - 1); /* what follows that is not known */
    for (uint64_t left = found->any & ~last; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        found->start[i] = narrow(m, found, i);
        any |= (uint64_t)((found->start[i] | found->line[i]) != 0) << i;
    }
    found->any = any | (found->any & last);
}

INLINE SSSE3 uint64_t ssse3_bits(__m128i rows, int bits, unsigned at)
{
    __m128i none = _mm_cmpeq_epi8(_mm_and_si128(rows, _mm_set1_epi8((char)bits)), _mm_setzero_si128());
    return (uint64_t)(uint16_t)~_mm_movemask_epi8(none) << at;
}

SSSE3 void sift_ssse3(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found)
{
    const __m128i nibble = _mm_set1_epi8(15), end = _mm_set1_epi8('\n'), slash = _mm_set1_epi8('\\');
    const __m128i lows = _mm_loadu_si128((const __m128i *)sift_low), highs = _mm_loadu_si128((const __m128i *)sift_high);
    struct masks m;
    for (size_t b = 0; b <= blocks; b++) {
        const uint8_t *block = b < blocks ? text + b * SIFT_BLOCK : rest;
        struct read r = {0};
        for (unsigned at = 0; at < SIFT_BLOCK; at += 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(block + at));
            __m128i upper = _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble);
            __m128i rows = _mm_shuffle_epi8(lows, _mm_and_si128(bytes, nibble));
            rows = _mm_and_si128(rows, _mm_shuffle_epi8(highs, upper));
            r.part |= ssse3_bits(rows, PART, at);
            r.digit |= ssse3_bits(rows, DIGIT, at);
            r.first |= (uint64_t)(uint16_t)_mm_movemask_epi8(rows) << at;
            r.line |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, end)) << at;
            r.backslash |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, slash)) << at;
            r.before_x |= ssse3_bits(rows, BEFORE_X, at);
            r.is_x |= ssse3_bits(rows, IS_X, at);
            r.is_u |= ssse3_bits(rows, IS_U, at);
        }
        put_masks(&m, BEFORE + b, &r);
    }
    end_masks(&m, BEFORE + blocks + 1);
    find(&m, blocks + 1, found);
}

INLINE AVX2 uint64_t avx2_bits(__m256i rows, int bits, unsigned at)
{
    __m256i none = _mm256_cmpeq_epi8(_mm256_and_si256(rows, _mm256_set1_epi8((char)bits)), _mm256_setzero_si256());
    return (uint64_t)(uint32_t)~_mm256_movemask_epi8(none) << at;
}

AVX2 void sift_avx2(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found)
{
    const __m256i nibble = _mm256_set1_epi8(15), end = _mm256_set1_epi8('\n'), slash = _mm256_set1_epi8('\\');
    const __m256i lows = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)sift_low));
    const __m256i highs = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)sift_high));
    struct masks m;
    for (size_t b = 0; b <= blocks; b++) {
        const uint8_t *block = b < blocks ? text + b * SIFT_BLOCK : rest;
        struct read r = {0};
        for (unsigned at = 0; at < SIFT_BLOCK; at += 32) {
            __m256i bytes = _mm256_loadu_si256((const __m256i *)(block + at));
            __m256i upper = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
            __m256i rows = _mm256_shuffle_epi8(lows, _mm256_and_si256(bytes, nibble));
            rows = _mm256_and_si256(rows, _mm256_shuffle_epi8(highs, upper));
            r.part |= avx2_bits(rows, PART, at);
            r.digit |= avx2_bits(rows, DIGIT, at);
            r.first |= (uint64_t)(uint32_t)_mm256_movemask_epi8(rows) << at;
            r.line |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, end)) << at;
            r.backslash |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, slash)) << at;
            r.before_x |= avx2_bits(rows, BEFORE_X, at);
            r.is_x |= avx2_bits(rows, IS_X, at);
            r.is_u |= avx2_bits(rows, IS_U, at);
        }
        put_masks(&m, BEFORE + b, &r);
    }
    end_masks(&m, BEFORE + blocks + 1);
    find(&m, blocks + 1, found);
    narrow_all(&m, blocks + 1, found);
}

AVX512 void sift_avx512(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found)
{
    const __m512i nibble = _mm512_set1_epi8(15), end = _mm512_set1_epi8('\n'), slash = _mm512_set1_epi8('\\');
    const __m512i lows = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)sift_low));
    const __m512i highs = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)sift_high));
    struct masks m;
    for (size_t b = 0; b <= blocks; b++) {
        __m512i bytes = _mm512_loadu_si512(b < blocks ? text + b * SIFT_BLOCK : rest);
        __m512i upper = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
        __m512i rows = _mm512_shuffle_epi8(lows, _mm512_and_si512(bytes, nibble));
        rows = _mm512_and_si512(rows, _mm512_shuffle_epi8(highs, upper));
        struct read r = {
            .part = _mm512_test_epi8_mask(rows, _mm512_set1_epi8(PART)),
            .digit = _mm512_test_epi8_mask(rows, _mm512_set1_epi8(DIGIT)),
            .first = _mm512_movepi8_mask(rows),
            .line = _mm512_cmpeq_epi8_mask(bytes, end),
            .backslash = _mm512_cmpeq_epi8_mask(bytes, slash),
            .before_x = _mm512_test_epi8_mask(rows, _mm512_set1_epi8(BEFORE_X)),
            .is_x = _mm512_test_epi8_mask(rows, _mm512_set1_epi8(IS_X)),
            .is_u = _mm512_test_epi8_mask(rows, _mm512_set1_epi8(IS_U)),
        };
        put_masks(&m, BEFORE + b, &r);
    }
    end_masks(&m, BEFORE + blocks + 1);
    find(&m, blocks + 1, found);
    narrow_all(&m, blocks + 1, found);
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

void sift_neon(const uint8_t *text, size_t blocks, const uint8_t *rest, struct sift_found *found)
{
    struct masks m;
    for (size_t b = 0; b <= blocks; b++) {
        const uint8_t *block = b < blocks ? text + b * SIFT_BLOCK : rest;
        struct read r = {0};
        for (unsigned at = 0; at < SIFT_BLOCK; at += 16) {
            uint8x16_t bytes = vld1q_u8(block + at);
            uint8x16_t rows = vqtbl1q_u8(vld1q_u8(sift_low), vandq_u8(bytes, vdupq_n_u8(15)));
            rows = vandq_u8(rows, vqtbl1q_u8(vld1q_u8(sift_high), vshrq_n_u8(bytes, 4)));
            r.part |= neon_bits(rows, PART, at);
            r.digit |= neon_bits(rows, DIGIT, at);
            r.first |= neon_bits(rows, FIRST, at);
            r.line |= neon_bits(vceqq_u8(bytes, vdupq_n_u8('\n')), 255, at);
            r.backslash |= neon_bits(vceqq_u8(bytes, vdupq_n_u8('\\')), 255, at);
            r.before_x |= neon_bits(rows, BEFORE_X, at);
            r.is_x |= neon_bits(rows, IS_X, at);
            r.is_u |= neon_bits(rows, IS_U, at);
        }
        put_masks(&m, BEFORE + b, &r);
    }
    end_masks(&m, BEFORE + blocks + 1);
    find(&m, blocks + 1, found);
}

#endif
