/*
 * What a stream has masked, by rule: marks and the bytes they stand for. A hash table of the rules that were
 * met, few of the many there are; a stream that masks nothing has none.
 */
#ifndef RUNNERLIB_TALLY_H
#define RUNNERLIB_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct tally_row {
    uint64_t marks, bytes; /* a row without marks is free */
    uint32_t rule;
};

struct tally {
    struct tally_row *rows;
    size_t count, room; /* room: 0 or a power of two */
    struct tally_row other; /* what there was no memory for to count apart */
};

void tally_free(struct tally *tally);

/* Counts a mark. The row is good until the next one is counted; more bytes may be added to it. */
struct tally_row *tally_mark(struct tally *tally, uint32_t rule);

/* The row of a rule that has a mark. */
struct tally_row *tally_find(struct tally *tally, uint32_t rule);

#endif
