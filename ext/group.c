#include "group.h"

#include <stdlib.h>
#include <string.h>

/* Nanoseconds that it takes to have the automaton built, for each byte of the patterns. */
enum { BUILD_COST = 1000 };

/* For more patterns than this, fragments are out of the question. */
enum { FRAGMENT_MOST = 2000 };

static double use_fragments(struct group *g, uint32_t *offsets)
{
    bool wide = g->kernel->wide_tables;
    unsigned width = fragment_width(&g->patterns, wide);
    if (windows_choose(&g->patterns, width, width, offsets) ||
        index_build(&g->index, &g->patterns, width, offsets))
        return -1;
    g->stride = 1;
    return fragment_build(&g->fragment, &g->patterns, width, offsets, wide);
}

static int use_qgrams(struct group *g, uint32_t *offsets)
{
    qgram_plan(&g->qgram, g->patterns.shortest);
    g->stride = g->qgram.stride;
    unsigned width = g->qgram.stride + g->qgram.gram - 1;
    index_free(&g->index);
    return windows_choose(&g->patterns, width, g->qgram.gram, offsets) ||
           qgram_build(&g->qgram, &g->patterns, offsets) ||
           index_build(&g->index, &g->patterns, width, offsets);
}

/* Chooses the prefilter by what each is estimated to cost, and compiles it. The estimate takes time; for
 * thousands of patterns it is known. */
static int choose_prefilter(struct group *g)
{
    bool long_enough = g->patterns.shortest >= QGRAM_SHORTEST;
    uint32_t *offsets = malloc(g->patterns.count * sizeof *offsets);
    if (!offsets)
        return -1;
    double share = long_enough && g->patterns.count > FRAGMENT_MOST ? 1 : use_fragments(g, offsets);
    int failed = share < 0;
    if (long_enough && share > g->kernel->fragment_share)
        failed = use_qgrams(g, offsets);
    free(offsets);
    return failed;
}

struct group *group_new(const struct pattern *list, size_t count, const struct kernel *kernel)
{
    size_t size = (sizeof(struct group) + 63) / 64 * 64;
    struct group *group = aligned_alloc(64, size); /* as the tables of the fragment prefilter want it */
    if (!group)
        return NULL;
    memset(group, 0, size);
    group->kernel = kernel;
    if (patterns_build(&group->patterns, list, count) || choose_prefilter(group)) {
        group_free(group);
        return NULL;
    }
    return group;
}

void group_free(struct group *group)
{
    if (!group)
        return;
    patterns_free(&group->patterns);
    index_free(&group->index);
    qgram_free(&group->qgram);
    automaton_free(atomic_load(&group->automaton));
    free(group);
}

size_t group_bytes(const struct group *group)
{
    const struct automaton *automaton = group_automaton(group);
    return sizeof *group + patterns_bytes(&group->patterns) + index_bytes(&group->index) +
           qgram_bytes(&group->qgram) + (automaton ? automaton_bytes(automaton) : 0);
}

int group_adopt(struct group *group, struct automaton *automaton)
{
    if (automaton_label(automaton, &group->patterns)) {
        automaton_free(automaton);
        return -1;
    }
    struct automaton *expected = NULL;
    if (!atomic_compare_exchange_strong(&group->automaton, &expected, automaton))
        automaton_free(automaton);
    return 0;
}

uint64_t group_credit(const struct group *group)
{
    uint64_t cost = (uint64_t)BUILD_COST * group->patterns.start[group->patterns.count];
    uint64_t spent = atomic_load_explicit(&group->spent, memory_order_relaxed);
    return group_automaton(group) || spent >= cost ? 0 : cost - spent;
}

void group_charge(struct group *group, uint64_t work)
{
    if (!group_automaton(group))
        atomic_fetch_add_explicit(&group->spent, work, memory_order_relaxed);
}
