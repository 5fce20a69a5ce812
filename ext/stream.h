/*
 * One masked stream: what is held between two chunks, and how a chunk becomes output.
 *
 * Offsets count the bytes of the stream from its start:
 *     live <= done <= end
 * `live` is the first byte that may still begin a pattern; [live, end) is kept. `done` is the first byte
 * not yet put out; between `live` and `done` everything is covered by a marker that is already out.
 * What the folded views (view.h) and the shapes (shaping.h) cover is listed apart and united with the rest as it
 * is put out; what they hold makes `live` less.
 *
 * A feed is two steps, so that the caller can allocate the output with the GIL held:
 *     stream_scan    finds what is covered and what can be released; changes nothing that matters
 *     stream_commit  writes the output and keeps the rest
 */
#ifndef RUNNERLIB_STREAM_H
#define RUNNERLIB_STREAM_H

#include <stdbool.h>

#include "shaping.h"
#include "tally.h"
#include "view.h"

struct stream {
    uint64_t live, done, end;
    bool masking; /* a marker ended exactly at `done` */
    struct spans spans;
    struct view view, joined, digits;
    struct shaping shaping;

    uint64_t marks;     /* markers put out so far */
    uint64_t most_held; /* the largest `end - done` after a chunk */
    uint64_t received, released; /* bytes, in and out */
    struct tally tally;
    uint32_t rule; /* of the marker that ended at `done` */

    uint8_t *store; /* [live, end) is store[first, first + kept) */
    size_t first, kept, room;

    /* Rescanning a long hold for each small chunk would be quadratic. What it has cost is counted, and
     * when that has paid for automata, their states are carried from chunk to chunk instead. */
    uint64_t debt;
    bool carried;
    uint32_t states[SET_LIMIT];
    struct search_course course[SET_LIMIT];

    /* the chunk between stream_scan and stream_commit */
    const uint8_t *data;
    size_t length;
    uint64_t limit; /* the next `live` */
    bool last;
};

/* What stands for a mark. A stream takes a table of them: that of secrets, then those of the shapes. */
struct marker {
    const uint8_t *bytes;
    size_t length;
};

void stream_free(struct stream *stream);

/* The pattern set has changed: the next scan starts from the held bytes. */
void stream_forget(struct stream *stream);

/* `last`: the stream ends with this chunk, nothing is held. */
enum scan_result stream_scan(struct stream *stream, const struct set *set, const uint8_t *data,
                             size_t length, bool last);

/* The scan does not count: the next one is of another chunk, or of the same once more. */
void stream_unscan(struct stream *stream);

/* True if the output is the chunk itself, byte by byte: nothing was held, covered or to be held. */
bool stream_is_unchanged(const struct stream *stream);

/* The commit of an unchanged chunk, whose output is the chunk. */
void stream_pass(struct stream *stream);

/* The size of the output; SIZE_MAX if it cannot be addressed. */
size_t stream_size(const struct stream *stream, const struct marker *markers);

/* Makes room for what will be held: the only part of a commit that can fail. 0, or -1: no memory. */
int stream_reserve(struct stream *stream);

/* Writes stream_size bytes. Needs stream_reserve. */
void stream_commit(struct stream *stream, const struct marker *markers, uint8_t *output);

#endif
