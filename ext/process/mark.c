#define _GNU_SOURCE
#include "mark.h"

#include <sys/resource.h>

/* A mark has its highest bit set, so that a mark of fewer bits is always the lower one. */
int mark_bits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_LOCKS, &limit) != 0)
        return 0;
    if (limit.rlim_max == RLIM_INFINITY)
        return 63;
    return limit.rlim_max >> 62 != 0 ? 62 : 0;
}

void mark_self(uint64_t mark)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_LOCKS, &limit) != 0)
        return;
    limit.rlim_cur = mark;
    if (limit.rlim_max == RLIM_INFINITY)
        limit.rlim_max = mark;
    setrlimit(RLIMIT_LOCKS, &limit);
}

uint64_t mark_own(uint64_t mark)
{
    struct rlimit limit;
    uint64_t before;

    if (getrlimit(RLIMIT_LOCKS, &limit) != 0)
        return mark;
    before = limit.rlim_cur;
    limit.rlim_cur = mark;
    setrlimit(RLIMIT_LOCKS, &limit);
    return before;
}
