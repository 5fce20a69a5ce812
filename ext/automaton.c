#include "automaton.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A state with more children than this has a row of 256 targets instead of a list to search. */
enum { LIST_LIMIT = 12, ROW = 256 };

/* A small automaton also has a complete table, which needs no search and no failure: patterns over few
 * letters fail at nearly every byte. Beyond this many entries it would fall out of the caches. */
enum { TABLE_LIMIT = 1 << 18 };

/* 16 bytes: a step reads one state and, in the common case, nothing else. */
struct state {
    uint32_t fail;
    uint32_t longest; /* length of the longest pattern that ends here, 0 for none */
    uint32_t edges;   /* where the children are: in `lists` or in `rows`, see `fanout` */
    uint16_t fanout;  /* 0: leaf, 1: the next state, by `label`; more: a list or a row */
    uint8_t label;
};

struct edge {
    uint32_t to;
    uint8_t byte;
};

struct automaton {
    struct state *states; /* [0] is the root, and has a row whatever its fanout */
    uint32_t *depth;
    uint32_t *rules; /* of the longest pattern, where there is one; see automaton_label */
    struct edge *lists;
    uint32_t *rows; /* target by byte; 0 for none: the root is nobody's child */
    size_t state_count, list_count, row_count;
    uint32_t *table;    /* NULL, or a row for each state: by class, where the row of the next state begins; and
                         * its `longest`. So a step waits for one load, and for no multiplication. */
    uint8_t class[256]; /* bytes that are in no pattern are one class, 0 */
    unsigned class_count;
};

void automaton_free(struct automaton *a)
{
    if (!a)
        return;
    free(a->states);
    free(a->depth);
    free(a->rules);
    free(a->lists);
    free(a->rows);
    free(a->table);
    free(a);
}

size_t automaton_bytes(const struct automaton *a)
{
    return sizeof *a + a->state_count * (sizeof *a->states + sizeof *a->depth + sizeof *a->rules) +
           a->list_count * sizeof *a->lists + a->row_count * ROW * sizeof *a->rows +
           (a->table ? a->state_count * (a->class_count + 1) * sizeof *a->table : 0);
}

/* ---- compiling ------------------------------------------------------------------------------- */

#define NONE UINT32_MAX

/* What is known of the trie while it is compiled; nodes are numbered as they came. */
struct plan {
    const struct trie *trie;
    size_t slots;       /* a power of two */
    uint32_t *slot;     /* id -> node, by open addressing */
    uint32_t *first;    /* children of node i: child[first[i], first[i + 1]) */
    struct edge *child;
    uint32_t *fail;
    uint32_t *number; /* node -> state */
    uint32_t *order;  /* state -> node */
    uint32_t *stack;
    uint32_t root;
};

static void plan_free(struct plan *p)
{
    free(p->slot);
    free(p->first);
    free(p->child);
    free(p->fail);
    free(p->number);
    free(p->order);
    free(p->stack);
}

static bool plan_allocate(struct plan *p, const struct trie *trie)
{
    size_t n = trie->node_count;
    *p = (struct plan){.trie = trie, .slots = 16};
    while (p->slots < n * 2)
        p->slots *= 2;
    p->slot = malloc(p->slots * sizeof *p->slot);
    p->first = calloc(n + 2, sizeof *p->first);
    p->child = malloc(n * sizeof *p->child);
    p->fail = calloc(n, sizeof *p->fail);
    p->number = malloc(n * sizeof *p->number);
    p->order = malloc(n * sizeof *p->order);
    p->stack = malloc(n * sizeof *p->stack);
    return p->slot && p->first && p->child && p->fail && p->number && p->order && p->stack;
}

static uint32_t *find_slot(const struct plan *p, uint32_t id)
{
    size_t i = (id * UINT64_C(0x9E3779B97F4A7C15) >> 24) & (p->slots - 1);
    while (p->slot[i] != NONE && p->trie->nodes[p->slot[i]].id != id)
        i = (i + 1) & (p->slots - 1);
    return &p->slot[i];
}

/* Ids are pointers cut to 32 bits: two nodes with one id would send text down a wrong branch. */
static bool index_nodes(struct plan *p)
{
    memset(p->slot, 0xFF, p->slots * sizeof *p->slot);
    for (size_t i = 0; i < p->trie->node_count; i++) {
        uint32_t *slot = find_slot(p, p->trie->nodes[i].id);
        if (*slot != NONE)
            return false;
        *slot = (uint32_t)i;
    }
    return true;
}

static bool collect_children(struct plan *p)
{
    const struct trie *t = p->trie;
    size_t n = t->node_count;
    for (size_t i = 0; i < n; i++)
        p->number[i] = NONE; /* here: not yet anybody's child */
    for (size_t i = 0; i < t->edge_count; i++) {
        uint32_t from = *find_slot(p, t->edges[i].from), to = *find_slot(p, t->edges[i].to);
        if (from == NONE || to == NONE || p->number[to] != NONE)
            return false;
        p->number[to] = from;
        p->first[from + 2]++;
    }
    for (size_t i = 2; i < n + 2; i++)
        p->first[i] += p->first[i - 1];
    for (size_t i = 0; i < t->edge_count; i++) { /* first[i + 1] runs up to where first[i + 2] began */
        uint32_t from = *find_slot(p, t->edges[i].from), to = *find_slot(p, t->edges[i].to);
        p->child[p->first[from + 1]++] = (struct edge){to, t->edges[i].byte};
    }
    p->root = NONE;
    for (size_t i = 0; i < n; i++) {
        if (p->number[i] != NONE)
            continue;
        if (p->root != NONE)
            return false;
        p->root = (uint32_t)i;
    }
    return p->root != NONE;
}

static bool collect_fails(struct plan *p)
{
    for (size_t i = 0; i < p->trie->node_count; i++)
        p->fail[i] = p->root;
    for (size_t i = 0; i < p->trie->fail_count; i++) {
        uint32_t from = *find_slot(p, p->trie->fails[i].from);
        uint32_t to = *find_slot(p, p->trie->fails[i].to);
        if (from == NONE || to == NONE || from == to)
            return false;
        p->fail[from] = to;
    }
    return true;
}

/* Depth first, so that a first child follows its parent. False if a node was not reached. */
static bool number_states(struct plan *p)
{
    uint32_t count = 0;
    size_t top = 0;
    p->stack[top++] = p->root;
    while (top) {
        uint32_t node = p->stack[--top];
        p->number[node] = count;
        p->order[count++] = node;
        for (uint32_t i = p->first[node + 1]; i > p->first[node]; i--)
            p->stack[top++] = p->child[i - 1].to;
    }
    return count == p->trie->node_count;
}

static bool automaton_allocate(struct automaton *a, const struct plan *p)
{
    a->state_count = p->trie->node_count;
    for (size_t i = 0; i < a->state_count; i++) {
        uint32_t fanout = p->first[i + 1] - p->first[i];
        if (fanout > LIST_LIMIT || i == p->root)
            a->row_count++;
        else if (fanout > 1)
            a->list_count += fanout;
    }
    a->states = calloc(a->state_count, sizeof *a->states);
    a->depth = calloc(a->state_count, sizeof *a->depth);
    a->lists = malloc((a->list_count + 1) * sizeof *a->lists);
    a->rows = calloc(a->row_count, ROW * sizeof *a->rows);
    return a->states && a->depth && a->lists && a->rows;
}

static void fill_edges(struct automaton *a, const struct plan *p)
{
    uint32_t lists = 0, rows = 0;
    for (uint32_t s = 0; s < a->state_count; s++) {
        uint32_t node = p->order[s];
        const struct edge *child = p->child + p->first[node];
        uint32_t fanout = p->first[node + 1] - p->first[node];
        struct state *state = &a->states[s];
        state->fanout = (uint16_t)fanout;
        bool row = fanout > LIST_LIMIT || s == 0;
        if (row) {
            state->edges = rows * ROW;
            rows++;
        } else if (fanout == 1) {
            state->label = child->byte;
        } else {
            state->edges = lists;
            lists += fanout;
        }
        for (uint32_t i = 0; i < fanout; i++) {
            uint32_t to = p->number[child[i].to];
            a->depth[to] = a->depth[s] + 1;
            if (row)
                a->rows[state->edges + child[i].byte] = to;
            else if (fanout > 1)
                a->lists[state->edges + i] = (struct edge){to, child[i].byte};
        }
    }
}

/* The longest pattern ending in a state is its own word, or else that of its failure state. A failure
 * state is less deep but may have a higher number, so chains are walked until a settled state. */
static bool fill_longest(struct automaton *a, const struct plan *p)
{
    uint32_t *chain = p->stack;
    for (uint32_t s = 0; s < a->state_count; s++) {
        a->states[s].fail = p->number[p->fail[p->order[s]]];
        if (s && a->depth[a->states[s].fail] >= a->depth[s])
            return false;
        a->states[s].longest = p->trie->nodes[p->order[s]].is_word ? a->depth[s] : NONE;
    }
    if (a->states[0].longest == 0)
        return false; /* the empty pattern */
    a->states[0].longest = 0;
    for (uint32_t s = 1; s < a->state_count; s++) {
        size_t length = 0;
        uint32_t at = s;
        for (; a->states[at].longest == NONE; at = a->states[at].fail)
            chain[length++] = at;
        while (length)
            a->states[chain[--length]].longest = a->states[at].longest;
    }
    return true;
}

static void assign_classes(struct automaton *a, const struct plan *p)
{
    a->class_count = 1;
    for (size_t i = 0; i < p->trie->edge_count; i++)
        if (!a->class[p->child[i].byte])
            a->class[p->child[i].byte] = (uint8_t)a->class_count++;
}

/* The row of a state is that of its failure state, but for its own children. States are filled by rising
 * depth, so that the failure state's row is there. Only for automata that are small enough. */
static bool fill_table(struct automaton *a, const struct plan *p)
{
    assign_classes(a, p);
    size_t width = a->class_count + 1;
    if (a->class_count > 255 || a->state_count * width > TABLE_LIMIT)
        return true;
    a->table = calloc(a->state_count * width, sizeof *a->table);
    if (!a->table)
        return false;
    uint32_t *queue = p->stack;
    size_t count = 0;
    queue[count++] = 0;
    for (size_t next = 0; next < count; next++) {
        uint32_t s = queue[next], node = p->order[s];
        uint32_t *row = a->table + s * width;
        if (s)
            memcpy(row, a->table + a->states[s].fail * width, a->class_count * sizeof *row);
        row[a->class_count] = a->states[s].longest;
        for (uint32_t i = p->first[node]; i < p->first[node + 1]; i++) {
            queue[count++] = p->number[p->child[i].to];
            row[a->class[p->child[i].byte]] = (uint32_t)(queue[count - 1] * width);
        }
    }
    return true;
}

enum automaton_error automaton_build(const struct trie *trie, struct automaton **result)
{
    if (trie->node_count == 0 || trie->node_count >= NONE - 2 ||
        trie->edge_count != trie->node_count - 1)
        return AUTOMATON_BAD_TRIE;

    struct plan plan;
    enum automaton_error error = AUTOMATON_NO_MEMORY;
    struct automaton *a = calloc(1, sizeof *a);
    if (plan_allocate(&plan, trie) && a) {
        error = AUTOMATON_BAD_TRIE;
        if (index_nodes(&plan) && collect_children(&plan) && collect_fails(&plan) &&
            number_states(&plan)) {
            error = AUTOMATON_NO_MEMORY;
            if (automaton_allocate(a, &plan)) {
                fill_edges(a, &plan);
                error = fill_longest(a, &plan) ? AUTOMATON_OK : AUTOMATON_BAD_TRIE;
                if (error == AUTOMATON_OK && !fill_table(a, &plan))
                    error = AUTOMATON_NO_MEMORY;
            }
        }
    }
    plan_free(&plan);
    if (error != AUTOMATON_OK) {
        automaton_free(a);
        a = NULL;
    }
    *result = a;
    return error;
}

/* ---- scanning -------------------------------------------------------------------------------- */

/* Each failure makes the state less deep and each byte makes it deeper by at most one, so the loop runs
 * at most twice a byte over a text. */
static inline uint32_t step(const struct automaton *a, uint32_t s, uint8_t byte)
{
    for (;;) {
        const struct state *state = &a->states[s];
        if (state->fanout == 1 && s) {
            if (state->label == byte)
                return s + 1;
        } else if (state->fanout > LIST_LIMIT || s == 0) {
            uint32_t to = a->rows[state->edges + byte];
            if (to || s == 0)
                return to;
        } else {
            const struct edge *list = a->lists + state->edges;
            for (unsigned i = 0; i < state->fanout; i++)
                if (list[i].byte == byte)
                    return list[i].to;
        }
        s = state->fail;
    }
}

static bool is_unlabelled(const struct automaton *a, uint32_t s)
{
    return a->rules[s] == NONE && a->states[s].longest;
}

/* A state has the rule of the word that it is, or else that of its failure state. */
int automaton_label(struct automaton *a, const struct patterns *patterns)
{
    a->rules = malloc(a->state_count * sizeof *a->rules);
    if (!a->rules)
        return -1;
    memset(a->rules, 0xFF, a->state_count * sizeof *a->rules);
    for (uint32_t i = 0; i < patterns->count; i++) {
        uint32_t s = 0;
        for (uint32_t at = patterns->start[i]; at < patterns->start[i + 1]; at++)
            s = step(a, s, patterns->bytes[at]);
        a->rules[s] = patterns->rule[i];
    }
    for (uint32_t s = 1; s < a->state_count; s++) {
        uint32_t from = s;
        while (is_unlabelled(a, from))
            from = a->states[from].fail;
        for (uint32_t at = s; is_unlabelled(a, at); at = a->states[at].fail)
            a->rules[at] = a->rules[from];
    }
    return 0;
}

/* Adds what ends in a state. The rule is far from everything else, and only what opens a span needs it. */
static inline int add(const struct automaton *a, struct spans *found, uint64_t end, uint32_t longest, uint32_t s)
{
    uint64_t start = end - longest;
    return spans_extend(found, start, end, longest) ? 0 : spans_add(found, start, end, a->rules[s]);
}

/* automaton_scan, if there is a table. */
static int scan_table(const struct automaton *a, uint32_t *state, const uint8_t *text, size_t length,
                      uint64_t base, struct spans *found)
{
    const uint32_t *table = a->table, width = a->class_count + 1;
    size_t row = (size_t)*state * width;
    for (size_t i = 0; i < length; i++) {
        row = table[row + a->class[text[i]]];
        uint32_t longest = table[row + width - 1];
        if (longest && found && add(a, found, base + i + 1, longest, (uint32_t)row / width))
            return -1;
    }
    *state = (uint32_t)row / width;
    return 0;
}

int automaton_scan(const struct automaton *a, uint32_t *state, const uint8_t *text, size_t length,
                   uint64_t base, struct spans *found)
{
    if (a->table)
        return scan_table(a, state, text, length, base, found);
    const uint32_t *root = a->rows + a->states[0].edges;
    uint32_t s = *state;
    for (size_t i = 0; i < length; i++) {
        if (s == 0) {
            while (i < length && root[text[i]] == 0)
                i++;
            if (i == length)
                break;
            s = root[text[i]];
        } else {
            s = step(a, s, text[i]);
        }
        uint32_t longest = a->states[s].longest;
        if (longest && found && add(a, found, base + i + 1, longest, s))
            return -1;
    }
    *state = s;
    return 0;
}

uint32_t automaton_live(const struct automaton *a, uint32_t state)
{
    while (state && a->states[state].fanout == 0)
        state = a->states[state].fail;
    return a->depth[state];
}
