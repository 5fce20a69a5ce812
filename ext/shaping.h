/*
 * The shapes in one stream (shape.h): where they begin is found as patterns are, and a matcher looks on from there.
 *
 * Shapes are searched in the text as it came, as patterns are, and what they cover is united with the rest; so
 * neither hides the other, and a secret that is registered late is searched in what a shape holds back as well.
 * They are independent of one another, except that no private key begins in another one.
 *
 * While it is not certain that something is a shape it is held: at most SHAPE_HEADER_MOST bytes and a few. From then
 * on what belongs to it is covered as it comes: `tail`, the rest of a token, and `block`, that of a private key.
 * What is uncertain is looked at again with the next chunk, from `from` on; `url`, `tail` and `block` go on.
 *
 * As in view.h, a scan works on a copy of the state, and shaping_commit makes it the truth.
 */
#ifndef RUNNERLIB_SHAPING_H
#define RUNNERLIB_SHAPING_H

#include "group.h"
#include "shape.h"
#include "view.h"

/* What is compiled: borrowed, as the groups of a set are. */
struct shapes {
    struct group *group; /* the literals, each with its number for a rule */
    uint32_t enabled;    /* by 1 << shape */
};

/* The rest of a token: it goes on at `at`, with bytes of the class; 0: none is open. */
struct shape_tail {
    uint64_t at;
    uint8_t class;
};

/* A private key: everything before `at` is looked at, everything before `from` is settled. `left`: how many bytes it
 * may still have, 0 if none is open. */
struct shape_block {
    uint64_t at, from;
    uint64_t border;   /* where what may be a -----BEGIN or -----END begins, of which phase and count tell how much is there */
    uint64_t escape;   /* where the backslashes before `at` begin, 0: there are none */
    uint32_t left;
    uint8_t phase, count;
    uint8_t form, name; /* of the line so far */
    uint8_t run, first; /* bytes of a key in a row, and of the first such in the line */
    uint8_t kinds;      /* of letters in the run */
    bool certain;       /* the line is one of a key */
    bool keyed, loose;  /* one was before, and had something in front of it */
    bool followed;      /* one was the last that is not empty */
    uint8_t typed;      /* how much of "Proc-Type: " there is */
};

/* An URL: everything before `at` is looked at. The password begins at `start`, the last @ is at `last`, and one that is
 * perhaps none at `next`. */
struct shape_url {
    uint64_t at, start, last, next;
    uint8_t count, local; /* bytes of the user, and those of "localhost" */
    bool dotted, odd, host;
    uint8_t port;   /* digits with which the password begins, if there is nothing else yet */
    bool waits;     /* for what is behind the next @ */
    uint8_t digest; /* of which so many bytes may name a digest */
    uint8_t phase;  /* 0: none is open */
};

enum { SHAPE_BEFORE = 3 };

struct shape_state {
    uint64_t from;
    uint8_t before[SHAPE_BEFORE]; /* the bytes before `from`; 0 where there is none */
    struct shape_tail tail;
    struct shape_block block;
    struct shape_url url;
    struct spans spans;
};

struct shaping {
    struct shape_state kept, work;
    struct spans hits;
    struct search_course course;
    uint64_t live; /* nothing that begins before this offset can still become a shape */
    bool scanned;  /* there is something to commit */
};

void shaping_free(struct shaping *shaping);

/* The group of the literals of the enabled shapes. NULL: no memory. */
struct group *shapes_group(uint32_t enabled, const struct kernel *kernel);

/* Finds what is covered, in shaping->work.spans, and sets shaping->live. `last`: nothing may be held. */
enum scan_result shaping_scan(struct shaping *shaping, const struct shapes *shapes, const struct view_text *text,
                              bool last);

/* The scan counts; `next` is the first of its spans that is not put out. */
void shaping_commit(struct shaping *shaping, size_t next);

/* The stream ends, and may be used again. */
void shaping_reset(struct shaping *shaping);

#endif
