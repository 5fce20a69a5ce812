/*
 * The compact automaton: Aho-Corasick with union semantics. Under the union only the longest pattern
 * that ends at a position matters, so a state carries one length and output work is O(1) a byte.
 *
 * It is compiled from the trie and the failure links that pyahocorasick builds. States are numbered in
 * depth-first order, so that the only child of a state is the next state: the unique tail of a pattern
 * is a contiguous run, and one cache line holds four steps of it.
 */
#ifndef RUNNERLIB_AUTOMATON_H
#define RUNNERLIB_AUTOMATON_H

#include <stddef.h>
#include <stdint.h>

#include "patterns.h"
#include "span.h"

struct automaton;

/* A trie as pyahocorasick dumps it. Ids are arbitrary numbers. */
struct trie_node {
    uint32_t id;
    uint8_t is_word;
};
struct trie_edge {
    uint32_t from, to;
    uint8_t byte;
};
struct trie_fail {
    uint32_t from, to;
};
struct trie {
    struct trie_node *nodes;
    struct trie_edge *edges;
    struct trie_fail *fails;
    size_t node_count, edge_count, fail_count;
};

enum automaton_error { AUTOMATON_OK, AUTOMATON_NO_MEMORY, AUTOMATON_BAD_TRIE };

/* Compiles. A trie with an id twice, or that is no tree, is refused: AUTOMATON_BAD_TRIE. */
enum automaton_error automaton_build(const struct trie *trie, struct automaton **result);

/* Tells an automaton the rules of the patterns it was built from. 0, or -1: no memory. */
int automaton_label(struct automaton *automaton, const struct patterns *patterns);
void automaton_free(struct automaton *automaton);
size_t automaton_bytes(const struct automaton *automaton);

/*
 * Runs from `*state` (0 is the start) over text[0, length), whose first byte has the offset `base`, and
 * adds to `found`, if it is not NULL, the longest pattern that ends at each position. Leaves the state
 * after the last byte in `*state`. Returns 0, or -1 when memory ran out.
 */
int automaton_scan(const struct automaton *automaton, uint32_t *state, const uint8_t *text,
                   size_t length, uint64_t base, struct spans *found);

/* How many of the bytes before `state` are a proper prefix of a pattern: what must be held. */
uint32_t automaton_live(const struct automaton *automaton, uint32_t state);

#endif
