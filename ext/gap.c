#include "gap.h"

#include <string.h>

#include "fold.h"
#include "kernel.h"

/* ---- where an entry ends --------------------------------------------------------------------- */

/* Whether a percent escape that comes to this byte is neither altered by it nor goes on behind it. */
static bool ends_escape(uint8_t byte)
{
    uint8_t lower = byte | 0x20;
    return !event_is(byte) && (lower < 'a' || lower > 'f');
}

/* Whether the event at `at`, which begins no gap by itself, removes and alters nothing. */
static bool is_plain(const struct gaps *g, size_t at)
{
    const uint8_t *text = g->text + at;
    if (g->length - at < 3)
        return false;
    if (text[0] == '%')
        return ends_escape(text[text[1] >= '0' && text[1] <= '9' ? 2 : 1]);
    struct fold fold = {.waiting = 1, .lead = {text[0], text[1]}};
    if (!fold_goes_on(&fold, text[1]))
        return true;
    fold.waiting = 2;
    return text[0] != 0xC2 && !fold_goes_on(&fold, text[2]);
}

/* Where the sequence at `at` ends, or the limit. */
static size_t sequence_end(const uint8_t *text, size_t at, size_t limit)
{
    struct fold fold = {.sequence = FOLD_ESC};
    for (at++; at < limit && fold.sequence;)
        at += fold_in_sequence(&fold, text[at]);
    return at;
}

/* Where the state of the folding is idle again after the character at `at`, or the limit. */
static size_t character_end(const uint8_t *text, size_t at, size_t limit)
{
    struct fold fold = {0};
    bool letter;
    do {
        if (fold.waiting && !fold_goes_on(&fold, text[at])) {
            fold.waiting = 0;
            fold_text(&fold, fold.lead[0], &letter); /* what waits is no digit */
        }
        if (fold_step(&fold, text[at]) == FOLD_TEXT)
            fold_text(&fold, text[at], &letter);
        at++;
    } while (at < limit && !fold_is_idle(&fold));
    return at;
}

/* Where the event at `at` ends, or the window does; `at` if it is plain text. `*odd`: it is neither that nor a
 * gap alone. */
static size_t event_end(const struct gaps *g, size_t at, bool *odd)
{
    const uint8_t *text = g->text + g->begin;
    size_t limit = g->size, end = at + 1;
    switch (text[at]) {
    case '\n':
        while (end < limit && end - at <= FOLD_INDENT && (text[end] == ' ' || text[end] == '\t'))
            end++;
        return end;
    case '\r': return end;
    case 0x1B: return sequence_end(text, at, limit);
    default:
        if (is_plain(g, g->begin + at))
            return at;
        *odd = true;
        return character_end(text, at, limit);
    }
}

/* ---- from events to entries ------------------------------------------------------------------ */

/* Finds where the unknown events end, and lists the odd ones. Those inside of others are plain text. */
static void end_unknown(struct gaps *g, const uint16_t *events, uint16_t *stops, size_t count)
{
    size_t last = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = events[i], stop = stops[i];
        bool odd = false;
        if (at < last)
            stop = at;
        else if (stop == GLANCE_UNKNOWN)
            stop = event_end(g, at, &odd);
        if (odd)
            g->odd[g->odd_count++] = (uint16_t)at;
        stops[i] = (uint16_t)stop;
        last = stop > last ? stop : last;
    }
}

/* From the odd events to the entries that they are in. */
static void find_odd(struct gaps *g)
{
    size_t entry = 0;
    for (size_t i = 0; i < g->odd_count; i++) {
        while (g->stop[entry + 1] <= g->odd[i])
            entry++;
        g->odd[i] = (uint16_t)entry;
    }
}

static void list_entries(struct gaps *g, const uint8_t *window, uint16_t *events, size_t count)
{
    const struct kernel *kernel = g->folding->kernel;
    uint16_t stops[GAP_WINDOW + GLANCE_SPARE];
    memset(events + count, 0, GLANCE_SPARE * sizeof *events);
    g->odd_count = 0;
    if (kernel->glance(window, events, count, stops))
        end_unknown(g, events, stops, count);
    g->count = kernel->join(events, stops, count, g->start, g->stop);
    g->stop[0] = 0;
    find_odd(g);
}

/* An entry that reaches the end of the window may go on behind it: the next window begins with it, unless this
 * one does. Returns whether it remains. */
static bool ends_open(struct gaps *g)
{
    if (g->count == 0 || g->stop[g->count] < g->size)
        return false;
    if (g->begin + g->size == g->length || g->start[g->count - 1] == 0) {
        g->stop[g->count] = (uint16_t)g->size;
        return true;
    }
    g->size = g->start[--g->count];
    while (g->odd_count && g->odd[g->odd_count - 1] == g->count)
        g->odd_count--;
    return false;
}

/* ---- over which nothing goes on -------------------------------------------------------------- */

/* Lists the gaps whose neighbours are such in some pattern. What is before the window may be folded as it does
 * not stand, and what is behind it may be in the gap. */
static size_t list_pairs(struct gaps *g, bool unfinished)
{
    const uint8_t *text = g->text + g->begin, *pairs = g->folding->pairs;
    size_t count = 0, i = 0, end = g->count - unfinished;
    if (end && g->start[0] == 0)
        g->open[count++] = (uint16_t)i++;
    for (; i < end; i++) {
        unsigned pair = (unsigned)text[g->start[i] - 1] << 8 | text[g->stop[i + 1]];
        g->open[count] = (uint16_t)i;
        count += pairs[pair >> 3] >> (pair & 7) & 1;
    }
    if (unfinished)
        g->open[count++] = (uint16_t)end;
    return count;
}

static size_t entry_start(const struct gaps *g, size_t i)
{
    return i < g->count ? g->start[i] : g->size;
}

/* Any byte of eight that is a space or a tab, and perhaps some others. */
static bool may_have_blank(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t space = bytes ^ ones * ' ', tab = bytes ^ ones * '\t';
    return (((space - ones) & ~space) | ((tab - ones) & ~tab)) & ones << 7;
}

/* Puts the four bytes before entry i and the four behind it into `*around`; those that are blanks do not count in
 * a joined text. False: another entry is among them. */
static bool look_around(const struct gaps *g, size_t i, uint64_t *around)
{
    const uint8_t *text = g->text + g->begin;
    size_t low = g->stop[i], start = g->start[i], stop = g->stop[i + 1], high = entry_start(g, i + 1);
    if (start - low < FOLDING_GRAM || high - stop < FOLDING_GRAM)
        return false;
    *around = load32(text + start - FOLDING_GRAM) | (uint64_t)load32(text + stop) << 32;
    if (!g->folding->joined || !may_have_blank(*around))
        return true;
    unsigned before = 0, behind = 0;
    for (*around = 0; before < FOLDING_GRAM && start > low;)
        if (!fold_is_blank(text[--start]))
            *around |= (uint64_t)text[start] << 8 * (FOLDING_GRAM - ++before);
    for (; behind < FOLDING_GRAM && stop < high; stop++)
        if (!fold_is_blank(text[stop]))
            *around |= (uint64_t)text[stop] << 8 * (FOLDING_GRAM + behind++);
    return before == FOLDING_GRAM && behind == FOLDING_GRAM;
}

/*
 * Whether an occurrence may go on over entry i, or that is not known. As it has five bytes or more, it has the gram
 * of three bytes before and one behind the gap, with one of its neighbours; or the other way round.
 */
static bool may_go_on(const struct gaps *g, size_t i)
{
    uint64_t around;
    if (!look_around(g, i, &around))
        return true;
    unsigned left = folding_has(g->folding, (uint32_t)(around >> 8));
    unsigned right = folding_has(g->folding, (uint32_t)(around >> 24));
    if (!(left | right))
        return false;
    left &= folding_has(g->folding, (uint32_t)around);
    right &= folding_has(g->folding, (uint32_t)(around >> 32));
    return left | right | folding_has(g->folding, (uint32_t)(around >> 16));
}

/* Keeps those of the first `count` in `open` over which an occurrence may go on. */
static size_t keep_grams(struct gaps *g, size_t count)
{
    size_t kept = 0;
    for (size_t j = 0; j < count; j++) {
        g->open[kept] = g->open[j];
        kept += may_go_on(g, g->open[j]);
    }
    return kept;
}

/* ---- the same in a joined text ----------------------------------------------------------------- */

/* Whether there is an LF in [start, stop), as far as eight bytes tell; the window can be read that far. */
static unsigned may_have_line_end(const uint8_t *window, unsigned start, unsigned stop)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    unsigned length = stop - start;
    uint64_t bytes = load64(window + start) ^ ones * '\n', first = (bytes - ones) & ~bytes & ones << 7;
    uint64_t own = length < 8 ? (UINT64_C(1) << 8 * length) - 1 : UINT64_MAX;
    return ((first & own) != 0) | (length > 8);
}

/* As list_pairs, of those that may have a soft wrap in them. */
static size_t list_wraps(struct gaps *g, const uint8_t *window, bool unfinished)
{
    const uint8_t *pairs = g->folding->pairs;
    size_t count = 0, i = 0, end = g->count - unfinished;
    if (end && g->start[0] == 0)
        g->open[count++] = (uint16_t)i++;
    for (; i < end; i++) {
        unsigned start = g->start[i], stop = g->stop[i + 1], pair = (unsigned)window[start - 1] << 8 | window[stop];
        g->open[count] = (uint16_t)i;
        count += (pairs[pair >> 3] >> (pair & 7) & 1) & may_have_line_end(window, start, stop);
    }
    if (unfinished)
        g->open[count++] = (uint16_t)end;
    return count;
}

/* Lists as well the gaps over which an occurrence may come to one of the first `count` in `open`, or to the end of
 * the window. */
static size_t add_approaches(struct gaps *g, size_t count)
{
    size_t at = GAP_MOST, next = g->count; /* the list is made anew, from behind */
    for (;;) {
        size_t before = count ? g->open[count - 1] + 1U : 0;
        while (next > before && may_go_on(g, next - 1))
            g->open[--at] = (uint16_t)--next;
        if (count == 0)
            break;
        next = g->open[--count];
        g->open[--at] = (uint16_t)next;
    }
    memmove(g->open, g->open + at, (GAP_MOST - at) * sizeof *g->open);
    return GAP_MOST - at;
}

/*
 * Whether nothing goes on over a gap. An occurrence that does has FOLDING_SHORTEST bytes around it, and so
 * three grams in a row. Before the gap text is folded as it stands from `from` on. Joined occurrences may be shorter
 * and have blanks in them: of those it is not asked.
 */
static bool is_broken(const struct gaps *g, size_t i, size_t from)
{
    enum { FAR = FOLDING_SHORTEST - 1 };
    size_t start = g->begin + g->start[i], stop = g->begin + g->stop[i + 1];
    if (g->folding->joined || start - from < FAR || entry_start(g, i + 1) - g->stop[i + 1] < FAR)
        return false;
    const uint8_t *before = g->text + start, *behind = g->text + stop;
    uint64_t around = load32(before - FOLDING_GRAM) | (uint64_t)load32(behind) << 32;
    unsigned found = folding_has(g->folding, load32(before - FAR));
    for (unsigned k = 0; k <= FOLDING_GRAM; k++)
        found |= folding_has(g->folding, (uint32_t)(around >> 8 * k)) << (k + 1);
    found |= folding_has(g->folding, load32(behind + 1)) << (FOLDING_GRAM + 2);
    return !(found & found >> 1 & found >> 2);
}

/* ---- windows --------------------------------------------------------------------------------- */

static void find(struct gaps *g, size_t at)
{
    uint16_t events[GAP_WINDOW + GLANCE_SPARE];
    uint8_t copy[EVENT_BLOCK + GLANCE_BEHIND];
    size_t rest = g->length - at, blocks = rest < GLANCE_BEHIND ? 0 : (rest - GLANCE_BEHIND) / EVENT_BLOCK, count;
    const uint8_t *window = g->text + at;
    blocks = blocks < g->blocks ? blocks : g->blocks;
    g->size = blocks * EVENT_BLOCK;
    if (blocks == 0) {
        size_t size = rest < sizeof copy ? rest : sizeof copy;
        memcpy(copy, window, size);
        memset(copy + size, 0, sizeof copy - size);
        window = copy;
        blocks = 1;
        g->size = rest < EVENT_BLOCK ? rest : EVENT_BLOCK;
    }
    g->begin = at;
    g->blocks = g->blocks * 2 < GAP_BLOCKS ? g->blocks * 2 : GAP_BLOCKS;
    count = g->folding->kernel->event(window, blocks, events);
    list_entries(g, window, events, count);
    bool unfinished = ends_open(g);
    bool joined = g->folding->joined;
    g->open_count = keep_grams(g, joined ? list_wraps(g, window, unfinished) : list_pairs(g, unfinished));
    if (joined)
        g->open_count = add_approaches(g, g->open_count);
    g->here = g->next_open = g->next_odd = 0;
}

void gaps_begin(struct gaps *g, const struct folding *folding, const uint8_t *text, size_t length)
{
    g->folding = folding;
    g->text = text;
    g->length = length;
    g->begin = g->size = g->count = 0;
    g->open_count = g->odd_count = 0;
    g->here = g->next_open = g->next_odd = 0;
    g->blocks = GAP_BLOCKS;
}

/* Has a window at hand that tells what follows at `at`. If the folding stopped in the middle of an entry, then
 * it was in a state that the window did not know of. */
static void move_on(struct gaps *g, size_t at)
{
    if (at < g->begin + g->size) {
        while (g->here < g->count && g->begin + g->stop[g->here + 1] <= at)
            g->here++;
        if (g->begin + entry_start(g, g->here) >= at)
            return;
        g->blocks = 1;
    }
    find(g, at);
}

/* The first entry that counts and is not passed, or the count. */
static size_t next_entry(struct gaps *g, bool *odd)
{
    while (g->next_open < g->open_count && g->open[g->next_open] < g->here)
        g->next_open++;
    while (g->next_odd < g->odd_count && g->odd[g->next_odd] < g->here)
        g->next_odd++;
    size_t open = g->next_open < g->open_count ? g->open[g->next_open] : g->count;
    size_t first = g->next_odd < g->odd_count ? g->odd[g->next_odd] : g->count;
    *odd = first <= open;
    return first < open ? first : open;
}

size_t gaps_next(struct gaps *g, size_t at, size_t *from)
{
    *from = at;
    while (at < g->length) {
        move_on(g, at);
        bool odd;
        size_t i = next_entry(g, &odd);
        if (i && g->begin + g->stop[i] > *from)
            *from = g->begin + g->stop[i];
        g->here = i; /* those before it are dismissed */
        if (i == g->count) {
            at = g->begin + g->size;
        } else if (odd || !is_broken(g, i, *from)) {
            return g->begin + g->start[i];
        } else {
            *from = at = g->begin + g->stop[i + 1];
        }
    }
    return g->length;
}
