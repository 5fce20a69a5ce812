/*
 * A group: patterns that are searched in one pass, with everything that is compiled from them. Groups
 * are immutable (but for the automaton, which is added when it is first needed) and shared: a pattern
 * set is a few groups, and a later set reuses the groups that did not change.
 */
#ifndef RUNNERLIB_GROUP_H
#define RUNNERLIB_GROUP_H

#include <stdatomic.h>

#include "automaton.h"
#include "fragment.h"
#include "index.h"
#include "kernel.h"
#include "patterns.h"
#include "qgram.h"
#include "window.h"

struct group {
    struct patterns patterns;
    struct index index;
    struct fragment fragment;
    struct qgram qgram; /* used instead of the fragment prefilter if it has a bitmap */
    const struct kernel *kernel;
    unsigned stride; /* distance of samples: 1 with a fragment prefilter */
    _Atomic(struct automaton *) automaton;
    _Atomic uint64_t spent; /* verification beyond its budget, see group_credit */
};

/* A set borrows its groups; whoever made it keeps them alive. */
enum { SET_LIMIT = 9 };

struct set {
    struct group *groups[SET_LIMIT];
    unsigned count;
    uint32_t longest;
    const struct folding *folding; /* NULL: the set has no folded view */
    const struct folding *joined;  /* NULL: no pattern has a blank in it */
    const struct folding *digits;  /* NULL: no pattern is digits, or the set has no folded view */
    const struct shapes *shapes;   /* NULL: none is searched */
};

enum scan_result { SCAN_DONE, SCAN_NO_MEMORY, SCAN_NEEDS_AUTOMATON };

/* Compiles. NULL: no memory, no pattern, an empty pattern, or 4 GiB of them. */
struct group *group_new(const struct pattern *list, size_t count, const struct kernel *kernel);
void group_free(struct group *group);

/* The memory it takes. */
size_t group_bytes(const struct group *group);

/* Labels the automaton and gives it to the group; a second one is freed. 0, or -1: no memory, and it is freed. */
int group_adopt(struct group *group, struct automaton *automaton);

static inline const struct automaton *group_automaton(const struct group *group)
{
    return atomic_load_explicit(&group->automaton, memory_order_acquire);
}

/*
 * The automaton is built late: only when what was wasted for want of it, in units of about a nanosecond,
 * has reached what building it takes. So text that is hard to scan costs at most twice what it must, and
 * a run that never meets such text never pays. The credit is what may still be wasted: 0 if there is an
 * automaton.
 */
uint64_t group_credit(const struct group *group);
void group_charge(struct group *group, uint64_t work);

#endif
