/*
 * The core without Python, for a processor that only an emulator has here: commands on stdin, answers on
 * stdout, all numbers 32 bits and little-endian, all bytes led by their number. test_neon.py speaks with it.
 *
 *     P folded, count, patterns, trie, trie of the folded ones, of the joined ones    the set from now on
 *     F last, bytes       feeds the stream:         the output, the number of bytes held
 *     T                   ends the counts:          of each rule, a place in the patterns: it, marks, bytes
 *     E bytes             finds events in blocks:   where they are
 *     D bytes             looks for digits in blocks: what the kernel finds, and the portable one
 *     C bytes             prefilters the text:      whether by fragments, candidates of the kernel, of the portable one
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folding.h"
#include "stream.h"

static const struct kernel *kernel;
static struct group *group, *twins[2]; /* of the folded patterns, and the joined ones */
static struct trie tries[3];           /* compiled when a scan asks for it, as in scanner.pyx */
static struct folding foldings[2];
static struct set set;
static struct stream stream;

static _Noreturn void fail(const char *why)
{
    fprintf(stderr, "driver: %s\n", why);
    exit(1);
}

static void *allocate(size_t size)
{
    void *memory = calloc(size ? size : 1, 1);
    return memory ? memory : (fail("no memory"), NULL);
}

static uint32_t read_number(void)
{
    uint32_t number;
    return fread(&number, sizeof number, 1, stdin) == 1 ? number : (fail("no number"), 0);
}

static uint8_t *read_bytes(size_t *length, size_t slack)
{
    *length = read_number();
    uint8_t *bytes = allocate(*length + slack);
    if (fread(bytes, 1, *length, stdin) != *length)
        fail("no bytes");
    return bytes;
}

static void write_number(uint32_t number)
{
    fwrite(&number, sizeof number, 1, stdout);
}

static void write_bytes(const void *bytes, size_t length)
{
    write_number((uint32_t)length);
    fwrite(bytes, 1, length, stdout);
}

static void read_trie(struct trie *trie)
{
    free(trie->nodes), free(trie->edges), free(trie->fails);
    trie->nodes = allocate((trie->node_count = read_number()) * sizeof *trie->nodes);
    for (struct trie_node *node = trie->nodes; node < trie->nodes + trie->node_count; node++) {
        node->id = read_number();
        node->is_word = read_number() != 0;
    }
    trie->edges = allocate((trie->edge_count = read_number()) * sizeof *trie->edges);
    for (struct trie_edge *edge = trie->edges; edge < trie->edges + trie->edge_count; edge++) {
        edge->from = read_number();
        edge->byte = (uint8_t)read_number();
        edge->to = read_number();
    }
    trie->fails = allocate((trie->fail_count = read_number()) * sizeof *trie->fails);
    for (struct trie_fail *link = trie->fails; link < trie->fails + trie->fail_count; link++) {
        link->from = read_number();
        link->to = read_number();
    }
}

static const struct folding *read_twin(bool joined, const struct pattern *patterns, uint32_t count)
{
    struct folding *folding = &foldings[joined];
    struct group **twin = &twins[joined];
    if (folding_group(patterns, count, kernel, joined ? FOLDING_JOINED : FOLDING_ALL, twin))
        fail("no group");
    if (!*twin)
        return NULL;
    folding->set = (struct set){.groups = {*twin}, .count = 1};
    if (folding_build(folding, kernel, joined, NULL))
        fail("no folding");
    return folding;
}

static void read_set(void)
{
    uint32_t folded = read_number(), count = read_number();
    struct pattern *patterns = allocate(count * sizeof *patterns);
    for (uint32_t i = 0; i < count; i++) {
        patterns[i].bytes = read_bytes(&patterns[i].length, 0);
        patterns[i].rule = i;
    }
    for (int i = 0; i < 3; i++)
        read_trie(&tries[i]);
    for (int i = 0; i < 2; i++)
        group_free(twins[i]), folding_free(&foldings[i]);
    group_free(group);
    memset(twins, 0, sizeof twins);
    memset(foldings, 0, sizeof foldings);
    group = group_new(patterns, count, kernel);
    if (!group)
        fail("no group");
    set = (struct set){.groups = {group}, .count = 1, .longest = group->patterns.longest};
    if (folded) {
        set.folding = read_twin(false, patterns, count);
        set.joined = read_twin(true, patterns, count);
    }
    for (uint32_t i = 0; i < count; i++)
        free((uint8_t *)patterns[i].bytes);
    free(patterns);
    stream_forget(&stream);
}

static void adopt(struct group *owner, const struct trie *trie)
{
    struct automaton *automaton;
    if (owner && automaton_build(trie, &automaton) != AUTOMATON_OK)
        fail("no automaton");
    if (owner && group_adopt(owner, automaton))
        fail("no labels");
}

static void feed(void)
{
    static const struct marker marker = {(const uint8_t *)"\xff#\xff", 3};
    bool last = read_number();
    size_t length;
    uint8_t *data = read_bytes(&length, 0);
    for (enum scan_result result; (result = stream_scan(&stream, &set, data, length, last)) != SCAN_DONE;) {
        if (result != SCAN_NEEDS_AUTOMATON)
            fail("the scan failed");
        adopt(group, &tries[0]);
        adopt(twins[0], &tries[1]);
        adopt(twins[1], &tries[2]);
    }
    size_t size = stream_size(&stream, &marker);
    uint8_t *output = allocate(size);
    if (stream_reserve(&stream))
        fail("no memory");
    stream_commit(&stream, &marker, output);
    write_bytes(output, size);
    write_number((uint32_t)(stream.end - stream.done));
    free(output), free(data);
}

static void end_counts(void)
{
    struct tally *tally = &stream.tally;
    write_number((uint32_t)tally->count);
    for (size_t i = 0; i < tally->room; i++)
        if (tally->rows[i].marks) {
            write_number(tally->rows[i].rule);
            write_number((uint32_t)tally->rows[i].marks);
            write_number((uint32_t)tally->rows[i].bytes);
        }
    tally_free(tally);
}

static void sift_with(const struct kernel *by, const uint8_t *text, size_t blocks)
{
    struct sift_found *found = allocate((blocks / SIFT_BLOCKS + 1) * sizeof *found);
    size_t count = 0;
    for (size_t i = 0; i < blocks; i += SIFT_BLOCKS, count++) {
        size_t here = blocks - i < SIFT_BLOCKS ? blocks - i : SIFT_BLOCKS;
        by->sift(text + i * SIFT_BLOCK, here - 1, text + (i + here - 1) * SIFT_BLOCK, &found[count]);
        memset(found[count].start + here, 0, (SIFT_BLOCKS - here) * sizeof *found->start);
        memset(found[count].line + here, 0, (SIFT_BLOCKS - here) * sizeof *found->line);
    }
    write_bytes(found, count * sizeof *found);
    free(found);
}

static void find_digits(void)
{
    size_t length;
    uint8_t *text = read_bytes(&length, 0);
    sift_with(kernel, text, length / SIFT_BLOCK);
    sift_with(&kernel_portable, text, length / SIFT_BLOCK);
    free(text);
}

static void find_events(void)
{
    enum { MOST_BLOCKS = 1024 };
    static uint16_t found[MOST_BLOCKS * EVENT_BLOCK + EVENT_SPARE];
    size_t length, count = 0;
    uint8_t *text = read_bytes(&length, 0);
    uint32_t *events = allocate(length * sizeof *events);
    for (size_t at = 0; at < length; at += MOST_BLOCKS * EVENT_BLOCK) {
        size_t blocks = (length - at) / EVENT_BLOCK;
        size_t here = kernel->event(text + at, blocks < MOST_BLOCKS ? blocks : MOST_BLOCKS, found);
        for (size_t i = 0; i < here; i++)
            events[count++] = (uint32_t)at + found[i];
    }
    write_bytes(events, count * sizeof *events);
    free(events), free(text);
}

static void prefilter(void)
{
    size_t length;
    uint8_t *text = read_bytes(&length, KERNEL_SLACK);
    int32_t *candidates = allocate((length + KERNEL_SPARE) * sizeof *candidates);
    bool fragments = !group->qgram.bitmap;
    write_number(fragments);
    for (int i = 0; i < 2; i++) {
        const struct kernel *by = i ? &kernel_portable : kernel;
        size_t count = fragments ? by->fragment(&group->fragment, text, length, candidates)
                                 : by->qgram(&group->qgram, text, length / group->stride, candidates);
        write_bytes(candidates, count * sizeof *candidates);
    }
    free(candidates), free(text);
}

int main(int argc, char **argv)
{
    kernel = kernel_find(argc > 1 ? argv[1] : NULL);
    if (!kernel)
        fail("no such kernel");
    write_bytes(kernel->name, strlen(kernel->name));
    for (int command; (command = getchar()) != EOF;)
        switch (command) {
        case 'P': read_set(); break;
        case 'F': feed(); break;
        case 'T': end_counts(); break;
        case 'E': find_events(); break;
        case 'D': find_digits(); break;
        case 'C': prefilter(); break;
        default: fail("unknown command");
        }
    return 0;
}
