#include "glance.h"

#include "load.h"

/* What the byte behind an event may be, so that the event is known. NUL leaves a character undecided. */
enum { FINAL = 1, NO_BLANK = 2, NO_CR = 4, NO_HEX = 8, NO_C2 = 16, NO_E2 = 32, NO_EF = 64 };

#define IS_HEX(b) (((b) >= '0' && (b) <= '9') || (((b) | 0x20) >= 'a' && ((b) | 0x20) <= 'f'))
#define CLASS(b)                                                                                               \
    (((b) >= 0x40 && (b) <= 0x7E ? FINAL : 0) | ((b) != ' ' && (b) != '\t' ? NO_BLANK : 0) |                   \
     ((b) != '\r' ? NO_CR : 0) | ((b) > '%' && (b) < 0x80 && !IS_HEX(b) ? NO_HEX : 0) |                        \
     ((b) && (b) != 0xAD ? NO_C2 : 0) | ((b) && (b) != 0x80 && (b) != 0x81 ? NO_E2 : 0) |                      \
     ((b) && (b) != 0xBB ? NO_EF : 0))
#define CLASS_4(b) CLASS(b), CLASS((b) + 1), CLASS((b) + 2), CLASS((b) + 3)
#define CLASS_16(b) CLASS_4(b), CLASS_4((b) + 4), CLASS_4((b) + 8), CLASS_4((b) + 12)
#define CLASS_64(b) CLASS_16(b), CLASS_16((b) + 16), CLASS_16((b) + 32), CLASS_16((b) + 48)

static const uint8_t classes[256] = {CLASS_64(0), CLASS_64(64), CLASS_64(128), CLASS_64(192)};

/* An event by its first byte: which bytes go on with it, and what must be behind those. */
struct kind {
    uint64_t flip, mask; /* a byte that goes on is zero in (bytes ^ flip) & mask */
    uint64_t end;        /* so that some byte does not */
    uint8_t wanted;      /* one of these classes is behind */
    uint8_t least;       /* so many bytes go on */
    uint8_t own;         /* how many others belong to it; a character is none of it */
};

#define EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))
#define EIGHTH (UINT64_C(1) << 56)

enum { LF, CR, ESC, PERCENT, CHARACTER_C2, CHARACTER_E2, CHARACTER_EF };

static const struct kind kinds[] = {
    [LF] = {EVERY(' '), EVERY(0xFF), EIGHTH, NO_BLANK, 0, 1},
    [CR] = {0, 0, 1, NO_CR, 0, 1},
    [ESC] = {EVERY('0') - '0' + '[', EVERY(0xF0) | 0xFF, EIGHTH, FINAL, 1, 2},
    [PERCENT] = {0, 0, 1, NO_HEX, 0, 0},
    [CHARACTER_C2] = {0, 0, 1, NO_C2, 0, 0},
    [CHARACTER_E2] = {0, 0, 1, NO_E2, 0, 0},
    [CHARACTER_EF] = {0, 0, 1, NO_EF, 0, 0},
};

static const uint8_t kind_of[256] = {
    ['\n'] = LF, ['\r'] = CR, [0x1B] = ESC, ['%'] = PERCENT,
    [0xC2] = CHARACTER_C2, [0xE2] = CHARACTER_E2, [0xEF] = CHARACTER_EF,
};

bool glance_portable(const uint8_t *window, const uint16_t *events, size_t count, uint16_t *stops)
{
    unsigned known = 1;
    for (size_t i = 0; i < count; i++) {
        unsigned at = events[i];
        const struct kind *kind = &kinds[kind_of[window[at]]];
        uint64_t next = load64(window + at + 1);
        unsigned bit = (unsigned)__builtin_ctzll(((next ^ kind->flip) & kind->mask) | kind->end), more = bit / 8;
        unsigned class = classes[(uint8_t)(next >> (bit & 56))];
        unsigned fits = ((class & kind->wanted) != 0) & (more >= kind->least);
        stops[i] = (uint16_t)((at + kind->own + more) | (fits - 1)); /* all ones if it does not fit */
        known &= fits;
    }
    return !known;
}

size_t glance_join_portable(uint16_t *events, uint16_t *stops, size_t count, uint16_t *start, uint16_t *stop)
{
    size_t entries = 0;
    unsigned last = GLANCE_UNKNOWN; /* where the last entry ends */
    for (size_t i = 0; i < count; i++) {
        unsigned at = events[i], end = stops[i], gap = end != at;
        start[entries] = (uint16_t)at;
        entries += (at != last) & gap;
        last = gap ? end : last;
        stop[entries] = (uint16_t)last;
    }
    return entries;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512cd,avx512vbmi2,popcnt")))
#define EACH(value) _mm512_set1_epi64((long long)(value))

/* For ESC: the second byte is a bracket, those behind it are parameters, from 30 to 3F. For others: blanks. The
 * first byte of all is the event. */
static const uint64_t PARAMETERS = EVERY('0') + ((uint64_t)('[' - '0') << 8), PARAMETER_BITS = 0xF0F0F0F0F0F0FF00;
static const uint64_t BLANKS = EVERY(' '), BLANK_BITS = 0xFFFFFFFFFFFFFF00;

/* As above with eight events at a time, which are loaded with the seven bytes behind them. */
AVX512 bool glance_avx512(const uint8_t *window, const uint16_t *events, size_t count, uint16_t *stops)
{
    const __m512i byte = EACH(0xFF);
    unsigned unknown = 0;
    for (size_t i = 0; i < count; i += 8) {
        const uint16_t *at = events + i;
#define TEXT(k) (long long)load64(window + at[k])
        __m512i text = _mm512_set_epi64(TEXT(7), TEXT(6), TEXT(5), TEXT(4), TEXT(3), TEXT(2), TEXT(1), TEXT(0));
#undef TEXT
        __m512i first = _mm512_and_si512(text, byte), second = _mm512_and_si512(_mm512_srli_epi64(text, 8), byte);
        __mmask8 esc = _mm512_cmpeq_epi64_mask(first, EACH(0x1B));
        __mmask8 line = _mm512_cmpeq_epi64_mask(first, EACH('\n'));
        __mmask8 cr = _mm512_cmpeq_epi64_mask(first, EACH('\r'));

        /* The first byte that does not go on: its lowest bit, its index, and the byte itself. */
        __m512i flip = _mm512_mask_mov_epi64(EACH(BLANKS), esc, EACH(PARAMETERS));
        __m512i mask = _mm512_mask_mov_epi64(EACH(BLANK_BITS), esc, EACH(PARAMETER_BITS));
        __m512i other = _mm512_and_si512(_mm512_xor_si512(text, flip), mask);
        __m512i lowest = _mm512_and_si512(other, _mm512_sub_epi64(_mm512_setzero_si512(), other));
        __m512i bit = _mm512_sub_epi64(EACH(63), _mm512_lzcnt_epi64(lowest)), more = _mm512_srli_epi64(bit, 3);
        __m512i behind = _mm512_srlv_epi64(text, _mm512_and_si512(bit, EACH(56)));
        behind = _mm512_and_si512(behind, byte);

        esc &= _mm512_cmpgt_epi64_mask(bit, EACH(15)); /* the bracket goes on, and something is behind */
        esc &= _mm512_cmplt_epu64_mask(_mm512_sub_epi64(behind, EACH(0x40)), EACH(0x3F));
        line &= _mm512_test_epi64_mask(other, other) & _mm512_cmpneq_epi64_mask(behind, EACH('\t'));
        cr &= _mm512_cmpneq_epi64_mask(second, EACH('\r'));

        __m512i digit = _mm512_sub_epi64(second, EACH('0'));
        __m512i letter = _mm512_sub_epi64(_mm512_or_si512(second, EACH(0x20)), EACH('a'));
        __mmask8 plain = _mm512_cmpeq_epi64_mask(first, EACH('%'));
        plain &= _mm512_cmplt_epu64_mask(_mm512_sub_epi64(second, EACH('%' + 1)), EACH(0x80 - '%' - 1));
        plain &= _mm512_cmpge_epu64_mask(digit, EACH(10)) & _mm512_cmpge_epu64_mask(letter, EACH(6));
        __m512i two = _mm512_and_si512(text, EACH(0xFFFF)), pair = _mm512_and_si512(text, EACH(0xFEFF));
        __mmask8 character = _mm512_cmpge_epu64_mask(first, EACH(0xC2)) & _mm512_test_epi64_mask(second, second);
        character &= _mm512_cmpneq_epi64_mask(two, EACH(0xADC2)) & _mm512_cmpneq_epi64_mask(two, EACH(0xBBEF));
        character &= _mm512_cmpneq_epi64_mask(pair, EACH(0x80E2));

        __mmask8 known = esc | line | cr | plain | character;
        __m512i length = _mm512_maskz_mov_epi64(esc | line, more);
        length = _mm512_mask_add_epi64(length, esc | cr, length, EACH(1));
        __m512i stop = _mm512_cvtepu16_epi64(_mm_loadu_si128((const __m128i *)at));
        stop = _mm512_mask_add_epi64(EACH(GLANCE_UNKNOWN), known, stop, length);
        _mm_storeu_si128((__m128i *)(stops + i), _mm512_cvtepi64_epi16(stop));
        unknown |= ~(unsigned)known & (count - i < 8 ? (1U << (count - i)) - 1 : 0xFF);
    }
    return unknown;
}

/* Moves those that do not end where they begin to the front of both arrays. */
static AVX512 size_t drop_text(uint16_t *events, uint16_t *stops, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i += 32) {
        __m512i at = _mm512_loadu_si512(events + i), stop = _mm512_loadu_si512(stops + i);
        __mmask32 gap = _mm512_cmpneq_epi16_mask(at, stop);
        gap &= count - i < 32 ? (UINT32_C(1) << (count - i)) - 1 : UINT32_MAX;
        _mm512_storeu_si512(events + kept, _mm512_maskz_compress_epi16(gap, at));
        _mm512_storeu_si512(stops + kept, _mm512_maskz_compress_epi16(gap, stop));
        kept += (size_t)__builtin_popcount(gap);
    }
    return kept;
}

/* Where an event does not touch the one before, an entry begins, and the one before it ends. */
AVX512 size_t glance_join_avx512(uint16_t *events, uint16_t *stops, size_t count, uint16_t *start, uint16_t *stop)
{
    const __m512i none = _mm512_set1_epi16(-1); /* before the first */
    size_t entries = 0;
    count = drop_text(events, stops, count);
    for (size_t i = 0; i < count; i += 32) {
        __m512i at = _mm512_loadu_si512(events + i);
        __m512i last = _mm512_loadu_si512(i ? stops + i - 1 : stops);
        if (i == 0)
            last = _mm512_mask_expand_epi16(none, ~UINT32_C(1), last);
        __mmask32 fresh = _mm512_cmpneq_epi16_mask(at, last);
        fresh &= count - i < 32 ? (UINT32_C(1) << (count - i)) - 1 : UINT32_MAX;
        _mm512_storeu_si512(start + entries, _mm512_maskz_compress_epi16(fresh, at));
        _mm512_storeu_si512(stop + entries, _mm512_maskz_compress_epi16(fresh, last));
        entries += (size_t)__builtin_popcount(fresh);
    }
    stop[entries] = count ? stops[count - 1] : 0;
    return entries;
}

#endif
