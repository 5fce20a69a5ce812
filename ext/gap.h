/*
 * The gaps of a text (fold.h), and over which of them something may go on: nearly all line ends and colours of
 * a log are dismissed here, without folding anything.
 *
 * A window of the text is looked at in passes without unpredictable branches: the events in it, the gaps that
 * they begin, and for each gap whether the byte before it and the byte behind it, and then the grams around it,
 * are in some pattern. The few gaps that are left are open: they are for the folding, byte by byte.
 *
 * An entry is a gap, or an event that alters text and so has to be folded too. Between two entries text is
 * folded as it stands, and the state of the folding is idle.
 */
#ifndef RUNNERLIB_GAP_H
#define RUNNERLIB_GAP_H

#include "event.h"
#include "folding.h"
#include "glance.h"

enum { GAP_BLOCKS = 128, GAP_WINDOW = GAP_BLOCKS * EVENT_BLOCK, GAP_MOST = GAP_WINDOW / 2 + GLANCE_SPARE };

struct gaps {
    const struct folding *folding;
    const uint8_t *text;
    size_t length;

    size_t begin, size; /* the window; what follows counts from its begin */
    size_t blocks;      /* how long the next window may be */
    size_t count;
    uint16_t start[GAP_MOST];
    uint16_t stop[GAP_MOST + 1]; /* entry i is [start[i], stop[i + 1]), and stop[0] is 0 */
    uint16_t open[GAP_MOST], odd[GAP_MOST]; /* entries that count: those that may, and those that do */
    size_t open_count, odd_count;

    size_t here, next_open, next_odd; /* the first entries that are not passed */
};

void gaps_begin(struct gaps *gaps, const struct folding *folding, const uint8_t *text, size_t length);

/*
 * The first open gap from `at` on, or the length. `at` does not go back, and there the state of the folding is
 * idle. `*from`: where the last dismissed gap before it ends, or `at`: text is folded as it stands from there.
 */
size_t gaps_next(struct gaps *gaps, size_t at, size_t *from);

#endif
