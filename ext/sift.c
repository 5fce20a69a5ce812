#include "sift.h"

#include <string.h>

#include "digits.h"
#include "folding.h"
#include "kernel.h"
#include "sift_rows.h"

static inline bool is_digit(uint8_t byte)
{
    return sift_row(byte) & DIGIT;
}

static inline bool is_x(uint8_t byte)
{
    return (byte | 0x20) == 'x';
}

/* How many digits follow at `at`, up to one more than an offset has. */
static size_t count_digits(const struct sift *s, size_t at)
{
    size_t start = at, most = s->length - at > DIGITS_OFFSET ? at + DIGITS_OFFSET + 1 : s->length;
    while (at < most && is_digit(s->text[at]))
        at++;
    return at - start;
}

/* Whether a line with an offset begins at `at`, or the text ends before that is known. */
static bool is_offset(const struct sift *s, size_t at)
{
    size_t count = count_digits(s, at);
    if (at + count == s->length)
        return true;
    return count >= DIGITS_OFFSET_LEAST && count <= DIGITS_OFFSET && (s->text[at + count] == ' ' || s->text[at + count] == ':');
}

static bool begins_pattern(const struct sift *s, const uint8_t *digits)
{
    for (unsigned i = 0; i < s->folding->set.count; i++)
        if (patterns_begin(&s->folding->set.groups[i]->patterns, digits, DIGITS_SHORTEST))
            return true;
    return false;
}

/* How many bytes at `at` are removed together; 0 if nothing goes on there. There are four bytes. */
static size_t removed_at(const uint8_t *text)
{
    if (text[0] == '\\' && text[1] == 'u')
        return text[2] == '0' && text[3] == '0' ? 4 : 0;
    if ((text[0] == '\\' || text[0] == '#' || text[0] == '0') && is_x(text[1]))
        return 2;
    return (sift_row(text[0]) & REMOVED) || text[0] == '\\';
}

/* Whether an occurrence may begin at `at`: as far as it is told by the first digits, without where they are. */
static bool may_begin(const struct sift *s, size_t at)
{
    uint8_t digits[DIGITS_SHORTEST];
    for (unsigned count = 0; count < DIGITS_SHORTEST;) {
        if (s->length - at < 4)
            return true;
        const uint8_t *text = s->text + at;
        uint8_t row = sift_row(text[0]);
        if (row & DIGIT && !(text[0] == '0' && is_x(text[1]))) {
            if (count % 2 == 0 && !(row & FIRST))
                return false;
            digits[count++] = row & 1 ? text[0] : text[0] | 0x20;
            at++;
            continue;
        }
        size_t removed = removed_at(text);
        if (removed == 0)
            return false;
        if (text[0] == '\n' && is_offset(s, at + 1))
            return true;
        at += removed;
    }
    return begins_pattern(s, digits);
}

void sift_begin(struct sift *s, const struct folding *folding, const uint8_t *text, size_t length)
{
    s->folding = folding;
    s->text = text;
    s->length = s->tail = length;
    s->from = s->to = 0;
    for (unsigned gap = 0; s->tail > 0 && sift_row(text[s->tail - 1]) && gap <= DIGITS_GAP; s->tail--)
        gap = is_digit(text[s->tail - 1]) ? 0 : gap + 1;
}

/* Looks at the next blocks. */
static void look(struct sift *s, size_t at)
{
    const uint8_t *text = s->text + at;
    size_t left = s->length - at, blocks = left / SIFT_BLOCK;
    uint8_t copy[SIFT_BLOCK];
    s->from = at;
    if (blocks >= SIFT_BLOCKS) {
        blocks = SIFT_BLOCKS - 1;
        s->to = at + blocks * SIFT_BLOCK;
        s->folding->kernel->sift(text, blocks, text + blocks * SIFT_BLOCK, &s->found);
        s->found.any &= ~(UINT64_C(1) << blocks); /* the next ones begin with that block */
        return;
    }
    memcpy(copy, text + blocks * SIFT_BLOCK, left % SIFT_BLOCK);
    memset(copy + left % SIFT_BLOCK, 0, SIFT_BLOCK - left % SIFT_BLOCK);
    s->to = at + (blocks + 1) * SIFT_BLOCK;
    s->folding->kernel->sift(text, blocks, copy, &s->found);
}

/* The first place of the block that counts, from byte `from` on; the end of the block if there is none. */
static size_t next_in_block(const struct sift *s, size_t block, unsigned from)
{
    size_t begin = s->from + block * SIFT_BLOCK;
    uint64_t left = (s->found.start[block] | s->found.line[block]) & UINT64_MAX << from;
    for (; left; left &= left - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(left);
        bool line = s->found.line[block] >> bit & 1;
        if (line ? is_offset(s, begin + bit + 1) : may_begin(s, begin + bit))
            return begin + bit;
    }
    return begin + SIFT_BLOCK;
}

size_t sift_next(struct sift *s, size_t at)
{
    if (at >= s->tail)
        return at;
    while (at < s->tail) {
        if (at >= s->to)
            look(s, at);
        size_t block = (at - s->from) / SIFT_BLOCK;
        uint64_t any = s->found.any >> block;
        if (!any) {
            at = s->to;
            continue;
        }
        unsigned skipped = (unsigned)__builtin_ctzll(any), from = skipped ? 0 : (unsigned)((at - s->from) % SIFT_BLOCK);
        size_t end = s->from + (block + skipped + 1) * SIFT_BLOCK;
        at = next_in_block(s, block + skipped, from);
        if (at < end)
            return at < s->tail ? at : s->tail;
    }
    return s->tail;
}
