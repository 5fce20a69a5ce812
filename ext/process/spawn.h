/* Starting a process: clone(CLONE_VM | CLONE_VFORK), a few system calls, execve.
 *
 * What fork costs grows with the memory of the runner, because it copies page tables. Here the child borrows the
 * memory of the calling thread, which stands still until the child has called execve or _exit; so a failure is told
 * through that memory, and there is no pipe to read. The rules that follow from it: the child runs on a stack of its
 * own, calls nothing but system calls, and has every signal blocked until no handler of the parent is left in it.
 *
 * A child in a filter of system calls is started by a thread that is in it, because entering one takes long.
 *
 * May be called from any thread, by one at a time. The strings are only read, and must not change before the call
 * returns.
 */
#ifndef RUNNERLIB_SPAWN_H
#define RUNNERLIB_SPAWN_H

#include <stdint.h>

#include "landlock.h"

/* What was being done when something failed. */
enum spawn_stage { SPAWN_CLONE, SPAWN_PREPARE, SPAWN_CONFINE, SPAWN_CHDIR, SPAWN_EXEC };

struct spawn_request {
    const char *program; /* path, counted from `directory`; or, with `search`, a name */
    const char *search;  /* directories, separated by colons, that `program` is looked up in; NULL: it is a path */
    char *const *argv, *const *envp; /* each ends with NULL */
    const char *directory;
    int input, output, errors; /* become descriptors 0, 1 and 2; no other stays open, */
    int extra;                 /* apart from this one, which becomes 3; -1 for none */
    int terminal;         /* true: `input` is a terminal, which becomes the controlling one */
    int cgroup;           /* cgroup.procs of the group to join, open for writing; -1 for none */
    uint64_t mark;        /* see mark.h; 0 for none */
    long long core;       /* the soft limit of core files as in hardening.h; CORE_UNKNOWN: that of the caller */
    uint64_t open_files;  /* the soft limit of its descriptors; 0: as it is */
    int dies_with_thread; /* true: SIGKILL when the calling thread ends, or with a filter the process, however */
    struct confinement confinement;
};

struct spawn_result {
    int pid, pidfd;         /* both -1 after a failure; before Linux 5.2 there is no pidfd */
    int error;              /* errno of what failed, or 0 */
    enum spawn_stage stage; /* of what failed */
    int joined;             /* true: it is in the cgroup; that it could not join is no failure */
};

/* Starts the process as leader of a session of its own, with default signal actions (ignored signals other than
 * SIGPIPE, SIGXFSZ and SIGCHLD stay ignored, as a user asked for with nohup) and no signal blocked.
 * After a failure no child is left. */
void spawn(const struct spawn_request *request, struct spawn_result *result);

#endif
