/*
 * The digits view of a stream: text as hexadecimal digits, without what programs put between and before them. So one
 * pattern, the digits of a secret, stands for `5a:6b`, `5A 6B`, `0x5a, 0x6b`, `\x5a\x6b`, `%5a%6b`, `&#x5a;&#x6b;`,
 * `\u005a\u006b` and for dumps of hexdump, od and xxd. It is a view like the folded one (view.h), with other rules for
 * what is removed:
 *
 *     blanks and , : ; - = % & ' " \ #     between digits, at most DIGITS_GAP bytes with at most one line end
 *     x or X                               behind \, # or 0, which is no digit then
 *     u00                                  behind \
 *     offsets      6 to 8 digits at the beginning of a line, with a blank or colon behind them
 *     text columns in a line with an offset, behind two blanks and digits: from | or >, or behind a colon from there on, to
 *                  the end of the line, at most DIGITS_COLUMN bytes
 *
 * Nothing goes on behind any other byte. What is searched are the patterns that are the digits of text in ASCII: of
 * DIGITS_SHORTEST or more, an even number, no capitals, and the first of each two is one from 2 to 7. An occurrence covers all between its first and its last digit, by the newline rule of
 * view.h, and the text column of the line in which it ends, which shows the same bytes.
 */
#ifndef RUNNERLIB_DIGITS_H
#define RUNNERLIB_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGITS_SHORTEST = 12, DIGITS_GAP = 80, DIGITS_COLUMN = 80, DIGITS_OFFSET_LEAST = 6, DIGITS_OFFSET = 8 };

/* Where the next byte is. */
enum digits_place {
    DIGITS_LINE, /* at the beginning of a line, or in what may be its offset */
    DIGITS_PLAIN,
    DIGITS_ZERO,
    DIGITS_BACKSLASH,
    DIGITS_HASH,
    DIGITS_U,
    DIGITS_U0,
    DIGITS_TEXT, /* in a text column */
};

struct digits {
    uint8_t place;
    uint8_t waiting;    /* digits that may belong to an offset; as DIGITS_ZERO a single one waits */
    uint8_t lead[DIGITS_OFFSET];
    uint8_t gap, lines; /* removed since the last digit, and the line ends among it */
    uint8_t blanks;     /* right before */
    uint8_t length;     /* of the text column, so far */
    uint8_t since;      /* digits behind the offset, up to two */
    bool numbered;      /* the line has an offset, */
    bool colon;         /* and a colon behind it */
    bool hidden;        /* the text column is covered */
    uint32_t rule;      /* for which */
    size_t searched;    /* how much of the run */
    size_t least;       /* from where on the run may be the beginning of an occurrence */
    uint64_t line;      /* where the line begins */
    uint64_t covered;   /* where the last occurrence ends */
};

#endif
