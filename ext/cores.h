/*
 * Base64 and base32 of a secret within a longer text. They cut the text into groups of 3 and 5 bytes, so what the
 * secret looks like depends on how many bytes stand before it. Its core are the characters that its bits alone decide.
 */
#ifndef RUNNERLIB_CORES_H
#define RUNNERLIB_CORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many bytes before a secret change what it looks like, none included: 3 or 5. */
static inline unsigned core_alignments(unsigned bits)
{
    return bits == 6 ? 3 : 5;
}

/* The length of the core of `length` bytes behind `before`, of characters of 5 or 6 bits. */
static inline size_t core_length(size_t length, unsigned before, unsigned bits)
{
    size_t first = (8 * before + bits - 1) / bits, end = 8 * (before + length) / bits;
    return end - first;
}

/* Whether another character has the last bits of the secret, and zeros where nothing follows it. */
static inline bool core_has_end(size_t length, unsigned before, unsigned bits)
{
    return 8 * (before + length) % bits != 0;
}

/* Writes so many characters of the core, or the one behind it, too. */
void core_write(const uint8_t *value, size_t length, unsigned before, unsigned bits, uint8_t *text, size_t count);

/* Whether a text may be searched for: not shorter than `least`, and not one character repeated. */
bool core_is_searchable(const uint8_t *text, size_t length, size_t least);

#endif
