/*
 * The matchers of shapes: from where a shape may begin, or where it was left, to where it ends or the text does.
 */
#ifndef RUNNERLIB_MATCHING_H
#define RUNNERLIB_MATCHING_H

#include "shaping.h"

/* The text [from, stop) of a scan, and the bytes before it. */
struct matching {
    struct shape_state *state; /* the work of a shaping */
    const struct view_text *text;
    uint64_t from, stop;
    uint8_t before[SHAPE_BEFORE];
    bool last;
    bool no_memory;

    uint64_t word, word_end;   /* a run of SHAPE_WORD that was gone over already */
    uint64_t tail_end;         /* where the last tail ends, and its class */
    uint8_t tail_class;
};

enum match { MATCH_NO, MATCH_MORE, MATCH_YES };

/* The byte at an offset that is not before `from` by more than SHAPE_BEFORE. */
uint8_t matching_byte(const struct matching *m, uint64_t at);

/* Whether a token may begin there. */
bool match_boundary(const struct matching *m, uint64_t at);

/* A class that a token of this literal is wholly of; 0 for one that is in every tail it can begin in. */
enum shape_class match_class(unsigned literal);

/* Takes the literal at `start`: MATCH_YES, and covers what there is of the shape; MATCH_MORE: it must be held. */
enum match match_literal(struct matching *m, unsigned literal, uint64_t start);

/* Covers [start, end) for a shape that is certain at `certain`. */
void match_cover(struct matching *m, enum shape shape, uint64_t start, uint64_t end, uint64_t certain);

/* Go on with what is open. */
void match_tail(struct matching *m);
void match_block(struct matching *m); /* block.c */
void match_url(struct matching *m);

/* What an URL, or a private key, must hold begins here; `stop` if there is nothing. */
uint64_t match_url_hold(const struct matching *m);
uint64_t match_block_hold(const struct matching *m);

#endif
