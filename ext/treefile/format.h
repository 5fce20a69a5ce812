/* What stands in the file; see treefile.h. Everything is copied out before it is looked at, so nothing is aligned. */
#ifndef RUNNERLIB_TREEFILE_FORMAT_H
#define RUNNERLIB_TREEFILE_FORMAT_H

#include <stdint.h>

/* A block is ended by the entry that makes it larger than FULL; it is never larger than MOST. */
#define FULL (256 << 10)
#define MOST (FULL + (160 << 10))

struct tail {
    char magic[8];
    uint64_t table, length; /* where the table is */
    uint64_t files, bytes;
    uint64_t blocks;
};

#define MAGIC "RLTREE1"

/* In the table, followed by the path of its directory: "" for the top. */
struct block {
    uint64_t offset;
    uint32_t length, entries;
    uint32_t mode; /* of the directory, which this block is the first of; 0: it has been there before */
    uint32_t path;
};

/* In a block, followed by its name and, unless it is a large file, its content: of a link the text. */
struct entry {
    uint64_t size;
    uint64_t at; /* where the content of a large file is */
    int64_t seconds;
    uint32_t nanoseconds;
    uint32_t mode;
    uint32_t name;
};

#endif
