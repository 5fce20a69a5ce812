/*
 * What is compiled from a pattern set for its folded view (view.h): groups of folded patterns, and
 * bitmaps of all runs of two and of four bytes in them, which dismiss nearly every gap of ordinary text.
 *
 * Patterns that are shorter than FOLDING_SHORTEST are left out: across line ends they would match by
 * chance. So are those that are longer than FOLDING_LONGEST, which would make holds long, and those with a
 * byte that folding always removes: they cannot occur.
 *
 * A joined folding is that of the patterns with blanks in them, which are left out of them (fold.h). What is left must
 * have FOLDING_JOINED_SHORTEST bytes.
 */
#ifndef RUNNERLIB_FOLDING_H
#define RUNNERLIB_FOLDING_H

#include "group.h"
#include "load.h"

enum { FOLDING_SHORTEST = 6, FOLDING_JOINED_SHORTEST = 5, FOLDING_LONGEST = 16 << 10, FOLDING_GRAM = 4 };

struct folding {
    struct set set;
    const struct kernel *kernel;
    bool joined;
    uint32_t shortest;
    unsigned shift;
    uint64_t *grams;
    uint8_t *pairs; /* bitmap: two bytes that follow each other somewhere in a pattern; bit first << 8 | second */
};

/* Moves the patterns that have no folded view to the front; returns how many they are. */
size_t folding_divide(struct pattern *list, size_t count);

/* Which patterns a group has: the folded ones; of these the ones that differ from the pattern, because a group of patterns
 * that all have a folded view stands for the rest; the joined ones; or those that are digits (digits.h). */
enum folding_forms { FOLDING_ALL, FOLDING_DIFFERENT, FOLDING_JOINED, FOLDING_DIGITS };

/* Compiles them into `*group`: NULL if there are none. 0, or -1: no memory. */
int folding_group(const struct pattern *list, size_t count, const struct kernel *kernel, enum folding_forms forms,
                  struct group **group);

/* Compiles the rest, from the groups in the set. `before`, if not NULL, is a folding all patterns of which are in this one
 * too: for what they have in common nothing is done twice. 0, or -1: no memory. */
int folding_build(struct folding *folding, const struct kernel *kernel, bool joined, const struct folding *before);
/* The same for a digits view (digits.h), which has no bitmaps. */
void folding_build_digits(struct folding *folding, const struct kernel *kernel);
void folding_free(struct folding *folding);
size_t folding_bytes(const struct folding *folding);

static inline uint32_t folding_bit(const struct folding *f, uint32_t gram)
{
    return gram * UINT32_C(0x9E3779B1) >> f->shift;
}

/* Whether these four bytes, as load32 sees them, may occur in a pattern. 0 or 1. */
static inline unsigned folding_has(const struct folding *f, uint32_t gram)
{
    uint32_t bit = folding_bit(f, gram);
    return f->grams[bit >> 6] >> (bit & 63) & 1;
}

#endif
