/* A whole tree in one file, written once and made a tree again as fast as the machine can.
 *
 * What a tree costs that is made of its files is mostly the opening and closing of each; so the side that is kept is
 * one file, read in large blocks, and only the other side is many. It is also checked by a look at one inode.
 *
 * For trees and files that nobody changes meanwhile. Every name is opened without following a link, so a link that
 * appears under our feet is an error and leads nowhere; but names are counted from the top of the tree.
 *
 * Kept are names, contents, permissions without setuid and setgid, modification times of files and links, links as
 * links, empty directories. Hard links become files of their own, holes become zeros. Sockets, fifos and devices are
 * errors (EINVAL), as is a file that is no tree, at whatever place it is wrong: it is never believed.
 *
 * The file: blocks, files larger than TREEFILE_LARGE at multiples of TREEFILE_ALIGNED (what file systems can share), a
 * table of the blocks, a tail. A block holds entries of one directory, each with its name and content. Integers are
 * the machine's own; a file of another kind of machine has no tail that fits.
 *
 * Called without the GIL. No global state.
 */
#ifndef RUNNERLIB_TREEFILE_H
#define RUNNERLIB_TREEFILE_H

#include <limits.h>
#include <stdint.h>

#define TREEFILE_LARGE (128 << 10)
#define TREEFILE_ALIGNED 4096

struct treefile_request {
    int tree;                  /* directory: to be read, or to be filled */
    int file;                  /* regular file: empty and to be written, or to be read */
    const char *skipped;       /* name at the top of a tree to be read that is left out */
    int threads;               /* that fill a tree, 1 or more, the caller's included */
    const volatile char *stop; /* becomes true when nobody wants the result any more */
};

struct treefile_result {
    uint64_t files, bytes; /* regular files and their sizes */
    int error;             /* errno of what failed first, ECANCELED after a stop, or 0 */
    char path[PATH_MAX];   /* of what failed, counted from the top */
};

void treefile_write(const struct treefile_request *request, struct treefile_result *result);
void treefile_read(const struct treefile_request *request, struct treefile_result *result);

#endif
