/*
 * Folding: from the bytes of a text to those that are left when everything is taken out that may
 * interrupt a word without being seen.
 *
 * Removed:
 *     escape sequences  CSI: ESC [ (30-3F)* (20-2F)* (40-7E)
 *                       strings: ESC and one of ] P X ^ _, up to BEL or ESC \, at most FOLD_STRING bytes,
 *                       after which the rest is text again
 *                       others: ESC (20-2F)* (30-7E)
 *                       a byte that cannot go on with a sequence ends it, and is taken by itself
 *     zero width        U+200B, U+200C, U+200D, U+2060, U+FEFF and U+00AD in UTF-8
 *     soft wraps        LF and at most FOLD_INDENT spaces and tabs right behind it; CR
 * Altered: a letter among the hexadecimal digits of a percent escape becomes upper case, and FOLD_LETTER is put before
 * it. No other text has that, so such a letter is never taken for one that belongs to no escape, nor the other way round.
 *
 * What is removed between two bytes of text is a gap. One that has a second LF, or more than FOLD_GAP
 * bytes, is a barrier: nothing goes on behind it.
 *
 * Joined: secrets with blanks in them are wrapped at those, or the blanks behind a wrap are taken for its indent. So in
 * a second view every space and tab is removed, of the patterns too; a line of them is no barrier. Percent escapes are
 * not altered in it.
 *
 * Each decision depends on what came before and on nothing else, so that it is the same however a text is
 * cut; only the one or two bytes that may begin a zero-width character wait for those after them.
 */
#ifndef RUNNERLIB_FOLD_H
#define RUNNERLIB_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FOLD_LETTER = '\n' };
enum { FOLD_STRING = 512, FOLD_INDENT = 64, FOLD_GAP = 600 };

/* Where in an escape sequence the next byte is. */
enum fold_sequence { FOLD_NONE, FOLD_ESC, FOLD_ESC_MORE, FOLD_CSI, FOLD_CSI_MORE, FOLD_IN_STRING };

struct fold {
    uint8_t sequence;
    uint8_t waiting; /* how many bytes wait; they are the first ones of lead */
    uint8_t lead[2];
    uint8_t indent; /* how many spaces and tabs may still belong to a soft wrap */
    uint8_t digits; /* how many digits may still belong to a percent escape */
    uint8_t lines;  /* LFs in the present gap, of which two are as good as more */
    bool joined;    /* spaces and tabs are removed */
    bool blank;     /* joined: one came behind the last LF of the gap */
    uint16_t string; /* the length of the string so far */
    uint16_t gap;    /* bytes removed since the last byte of text, up to one more than FOLD_GAP */
};

enum fold_kind { FOLD_TEXT, FOLD_REMOVED, FOLD_ESCAPE, FOLD_WAIT };

static inline enum fold_kind fold_remove(struct fold *f, unsigned count, enum fold_kind kind)
{
    f->gap = f->gap + count > FOLD_GAP ? FOLD_GAP + 1 : (uint16_t)(f->gap + count);
    return kind;
}

static inline bool fold_is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

/* The hexadecimal digits of escapes. */
static inline bool fold_is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static inline bool fold_is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static inline bool fold_is_barrier(const struct fold *f)
{
    return f->lines > 1 || f->gap > FOLD_GAP;
}

/* Whether the next byte, if it is no event (event.h), is text as it stands. */
static inline bool fold_is_idle(const struct fold *f)
{
    return !(f->gap | f->waiting | f->digits);
}

/* Whether the byte goes on with those that wait. If it does not, they are text. */
static inline bool fold_goes_on(const struct fold *f, uint8_t byte)
{
    switch (f->lead[0]) {
    case 0xC2: return byte == 0xAD;
    case 0xEF: return byte == (f->waiting == 1 ? 0xBB : 0xBF);
    default: break;
    }
    if (f->waiting == 1)
        return byte == 0x80 || byte == 0x81;
    return f->lead[1] == 0x80 ? byte >= 0x8B && byte <= 0x8D : byte == 0xA0;
}

/* Whether the byte belongs to the sequence; moves on behind it. */
static inline bool fold_in_sequence(struct fold *f, uint8_t byte)
{
    uint8_t least = 0x30; /* of the bytes that end the sequence */
    switch (f->sequence) {
    case FOLD_IN_STRING:
        if (byte == 0x1B)
            f->sequence = FOLD_ESC; /* ESC \ is a sequence by itself, and another one may begin as well */
        else if (byte == 0x07 || ++f->string == FOLD_STRING)
            f->sequence = FOLD_NONE;
        return true;
    case FOLD_ESC:
        if (byte == '[' || byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_') {
            f->sequence = byte == '[' ? FOLD_CSI : FOLD_IN_STRING;
            f->string = 2;
            return true;
        }
        break;
    case FOLD_CSI:
        if (byte >= 0x30 && byte <= 0x3F)
            return true;
        least = 0x40;
        break;
    case FOLD_CSI_MORE: least = 0x40; break;
    default: break;
    }
    if (byte >= 0x20 && byte <= 0x2F) {
        f->sequence = least == 0x40 ? FOLD_CSI_MORE : FOLD_ESC_MORE;
        return true;
    }
    f->sequence = FOLD_NONE;
    return byte >= least && byte <= 0x7E;
}

/*
 * Takes one byte. If others wait and it does not go on with them, take those first, with fold_text, and
 * set `waiting` to 0. FOLD_TEXT: take this one with fold_text.
 */
static inline enum fold_kind fold_step(struct fold *f, uint8_t byte)
{
    if (f->sequence && fold_in_sequence(f, byte))
        return fold_remove(f, 1, FOLD_ESCAPE);
    if (f->waiting == 2 || (f->waiting && f->lead[0] == 0xC2)) {
        unsigned count = f->waiting + 1U;
        f->waiting = 0;
        return fold_remove(f, count, FOLD_REMOVED);
    }
    if (f->waiting) {
        f->lead[f->waiting++] = byte;
        return FOLD_WAIT;
    }
    if (fold_is_blank(byte) && (f->indent || f->joined)) {
        f->indent -= f->indent > 0;
        f->blank = true;
        return fold_remove(f, 1, FOLD_REMOVED);
    }
    f->indent = 0;
    switch (byte) {
    case 0x1B: f->sequence = FOLD_ESC; return fold_remove(f, 1, FOLD_ESCAPE);
    case '\n':
        f->lines += f->lines == 0 || (f->lines == 1 && !(f->joined && f->blank));
        f->blank = false;
        f->indent = FOLD_INDENT;
        return fold_remove(f, 1, FOLD_REMOVED);
    case '\r': return fold_remove(f, 1, FOLD_REMOVED);
    case 0xC2:
    case 0xE2:
    case 0xEF:
        f->lead[0] = byte;
        f->waiting = 1;
        return FOLD_WAIT;
    default: return FOLD_TEXT;
    }
}

/*
 * Takes a byte as text, which ends the gap, and returns what becomes of it. `*letter`: it is a letter in
 * a percent escape, so FOLD_LETTER goes before it. That is an event even if it already was upper case.
 */
static inline uint8_t fold_text(struct fold *f, uint8_t byte, bool *letter)
{
    f->gap = 0;
    f->lines = 0;
    f->blank = false;
    *letter = false;
    if (f->joined)
        return byte;
    if (byte == '%') {
        f->digits = 2;
    } else if (f->digits) {
        *letter = fold_is_letter(byte);
        f->digits = *letter || fold_is_digit(byte) ? f->digits - 1 : 0;
    }
    return *letter ? byte & 0xDF : byte;
}

#endif
