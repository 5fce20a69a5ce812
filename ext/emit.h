/*
 * From the spans of a scan to the output of a stream: text, and markers in the place of what is covered.
 */
#ifndef RUNNERLIB_EMIT_H
#define RUNNERLIB_EMIT_H

#include "stream.h"

/* What finds spans, and so keeps a list of them. Of openers that are complete at the same place the first counts. */
enum emit_list { EMIT_RAW, EMIT_FOLDED, EMIT_JOINED, EMIT_DIGITS, EMIT_SHAPES, EMIT_LISTS };

/* How far the output of a scan goes, and what the next one is to know. */
struct emission {
    size_t size;
    bool overflow; /* the size cannot be addressed */
    uint64_t done;
    bool masking;
    uint32_t rule;
    uint64_t marks;
    size_t next[EMIT_LISTS]; /* the first spans that are not consumed */
};

/* Whether there is any span that is not consumed. */
bool emit_anything(const struct stream *stream);

/* Writes to `output`, or, if that is NULL, only finds the size; counts marks, unless `tally` is NULL. */
struct emission emit(const struct stream *stream, const struct marker *markers, struct tally *tally,
                     uint8_t *output);

#endif
