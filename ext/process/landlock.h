/* Landlock: what a process and all that it starts may do to files, ports, sockets and other processes.
 *
 * A ruleset only grants: what it handles and no rule gives is refused. It is made once for a job; each of its processes
 * enters it between clone and execve, and each entry is a domain of its own: processes of two domains can neither signal
 * nor trace one another. Written from the kernel's documentation, with numbers of its own, because the headers of a
 * system are often older than its kernel.
 */
#ifndef RUNNERLIB_LANDLOCK_H
#define RUNNERLIB_LANDLOCK_H

#include <stdint.h>

#include "syscall_filter.h"

/* How a process gives up rights; with none of these it keeps them. */
struct confinement {
    int ruleset;           /* descriptor of the ruleset to enter; -1: none */
    int no_new_privs;      /* true: no program gives it more rights than it has, as sudo does */
    int drop_capabilities; /* true: it has none, and gets none */
    int calls, sockets;    /* what it may call: an enum filter_calls and an enum filter_sockets */
};

/* The version of the interface that this kernel has; 0: none, with errno set. */
int landlock_abi(void);

/* A descriptor of a new ruleset, which is closed by execve; -1 with errno set. The three are sets of bits, of which the
 * caller leaves out what the version does not know. */
int landlock_ruleset(uint64_t files, uint64_t network, uint64_t scoped);

/* Grants `access` to the file at the descriptor `path`, or to everything below the directory; 0, or -1 with errno set. */
int landlock_grant_path(int ruleset, int path, uint64_t access);

/* Grants `access` to a TCP port; 0, or -1 with errno set. */
int landlock_grant_port(int ruleset, uint64_t port, uint64_t access);

/* Confines the calling process for good; 0, or -1 with errno set. Only system calls: may be called after vfork. The
 * filter of system calls is entered if it has any length. */
int confine_self(const struct confinement *confinement, unsigned short length, struct sock_filter *filter);

#endif
