/* Copying a whole tree in several threads, or taking its fingerprint only.
 *
 * For trees that nobody changes meanwhile: a finished checkout, a directory of a cache. Every name is opened without
 * following a link, so a link that appears under our feet is an error and leads nowhere; but names are counted from
 * the top of the tree, so somebody who swaps directories could lead the copy elsewhere within what they may read.
 *
 * Kept are names, contents, permissions without setuid and setgid, modification times of files and links, links as
 * links, empty directories. Hard links become files of their own: nothing is shared with the source but the blocks of
 * a reflink, which are never written through. Sockets, fifos and devices are errors (EINVAL).
 *
 * Called without the GIL. No global state.
 */
#ifndef RUNNERLIB_COPYING_H
#define RUNNERLIB_COPYING_H

#include <limits.h>
#include <stdint.h>

struct copying_request {
    int source;                /* directory */
    int made;                  /* empty directory to fill; -1: only look */
    int threads;               /* 1 or more, the caller's included */
    const volatile char *stop; /* becomes true when nobody wants the copy any more */
};

struct copying_result {
    uint64_t files, bytes; /* regular files and their sizes */
    /* A sum over all entries of the source of what changes with them: path, type, permissions; of files also size,
     * inode, times of the content and of the inode, the last of which no ordinary program can set; of links the text.
     * Independent of the order in which directories list them. */
    uint64_t fingerprint;
    int error;           /* errno of what failed first, ECANCELED after a stop, or 0 */
    char path[PATH_MAX]; /* of what failed, counted from the top */
};

void copying(const struct copying_request *request, struct copying_result *result);

#endif
