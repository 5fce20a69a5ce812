/*
 * The patterns of one group, sorted, and the question that decides what a stream must hold: which is
 * the earliest position of a text from which everything is a proper prefix of some pattern?
 */
#ifndef RUNNERLIB_PATTERNS_H
#define RUNNERLIB_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern {
    const uint8_t *bytes;
    size_t length;
    uint32_t rule; /* what its marks are counted under */
};

enum { PATTERNS_SLACK = 8 }; /* so many bytes can be read behind the last pattern */

struct patterns {
    uint8_t *bytes;  /* all of them, in rising order, end to end */
    uint32_t *start; /* pattern i is bytes[start[i], start[i + 1]) */
    uint32_t *rule;
    uint64_t *key;   /* its first 8 bytes, comparable as a number, zeros behind a shorter one */
    uint32_t count;
    uint32_t shortest, longest;
    uint8_t *pairs; /* bitmap: two bytes that follow each other somewhere in a pattern */
    uint8_t *heads; /* bitmap, hashed: proper prefixes of 1 to 4 bytes */
    unsigned head_shift;
};

/* Moves the patterns that are shorter than `length` to the front; returns how many they are. */
size_t patterns_divide(struct pattern *list, size_t count, size_t length);

/* Copies and sorts. Of duplicates the one with the least rule is kept. 0, or -1: no memory, an empty
 * pattern, 4 GiB or more. */
int patterns_build(struct patterns *self, const struct pattern *list, size_t count);
void patterns_free(struct patterns *self);
size_t patterns_bytes(const struct patterns *self);

static inline size_t patterns_length(const struct patterns *self, uint32_t i)
{
    return self->start[i + 1] - self->start[i];
}

bool patterns_contain(const struct patterns *self, const uint8_t *text, size_t length);

/* Whether a pattern begins with the text, or is it. It is longer than four bytes. */
bool patterns_begin(const struct patterns *self, const uint8_t *text, size_t length);

/*
 * The least p such that text[p, length) is a proper prefix of a pattern, or `length`. What it costs, in
 * units of about a nanosecond, is added to `*work`; SIZE_MAX if that would exceed `budget`.
 */
size_t patterns_live(const struct patterns *self, const uint8_t *text, size_t length, uint64_t budget,
                     uint64_t *work);

#endif
