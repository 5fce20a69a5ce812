#include "tally.h"

#include <stdbool.h>
#include <stdlib.h>

enum { FIRST_ROOM = 8 };

void tally_free(struct tally *t)
{
    free(t->rows);
    *t = (struct tally){0};
}

/* The row of the rule, or a free one; there is one. */
static struct tally_row *probe(const struct tally *t, uint32_t rule)
{
    size_t i = (rule * UINT32_C(0x9E3779B1) >> 7) & (t->room - 1);
    while (t->rows[i].marks && t->rows[i].rule != rule)
        i = (i + 1) & (t->room - 1);
    return &t->rows[i];
}

static bool grow(struct tally *t)
{
    struct tally wider = {.count = t->count, .room = t->room ? 2 * t->room : FIRST_ROOM, .other = t->other};
    wider.rows = calloc(wider.room, sizeof *wider.rows);
    if (!wider.rows)
        return false;
    for (size_t i = 0; i < t->room; i++)
        if (t->rows[i].marks)
            *probe(&wider, t->rows[i].rule) = t->rows[i];
    free(t->rows);
    *t = wider;
    return true;
}

struct tally_row *tally_find(struct tally *t, uint32_t rule)
{
    struct tally_row *row = t->room ? probe(t, rule) : NULL;
    return row && row->marks ? row : &t->other;
}

struct tally_row *tally_mark(struct tally *t, uint32_t rule)
{
    struct tally_row *row = t->room ? probe(t, rule) : NULL;
    if (!row || !row->marks) {
        if (2 * (t->count + 1) <= t->room || grow(t)) {
            row = probe(t, rule);
            row->rule = rule;
            t->count++;
        } else {
            row = &t->other;
        }
    }
    row->marks++;
    return row;
}
