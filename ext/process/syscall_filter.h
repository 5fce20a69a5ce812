/* System calls that a sandboxed process may not make: what Landlock has no right for.
 *
 * A filter of seccomp, made in the memory of the parent for each process, because it names the runner. It holds back
 *   - limits, priority and scheduling of other processes: the kernel asks for the same user only;
 *   - the processors of the runner: those of others stay usable, since a thread of one's own is another process here;
 *   - the keyrings of the user, which all of his processes share;
 *   - mounts, which could put other files in the place of trusted ones: a second line behind Landlock.
 * A strict process moreover gets no user namespace, and none of the calls that only widen what of the kernel can be
 * attacked. Of the sockets a process gets those that its network allows: Landlock knows TCP alone, and neither UDP nor
 * the protocols beside it. io_uring goes with both, because its operations pass every filter.
 */
#ifndef RUNNERLIB_SYSCALL_FILTER_H
#define RUNNERLIB_SYSCALL_FILTER_H

#include <linux/filter.h>
#include <sys/types.h>

#define FILTER_LONGEST 400

enum filter_calls { FILTER_NONE, FILTER_SOURCE, FILTER_STRICT, FILTER_KINDS };
enum filter_sockets { FILTER_ALL_SOCKETS, FILTER_PORTS, FILTER_LOCAL, FILTER_SOCKET_KINDS };

/* Writes a filter into `program`, which has room for FILTER_LONGEST instructions, and returns their
 * number; 0 for FILTER_NONE, and for an architecture whose numbers are not known. */
unsigned short filter_of(enum filter_calls calls, enum filter_sockets sockets, pid_t runner,
                         struct sock_filter *program);

/* True if this kernel has such filters, and the numbers of this architecture are known. */
int filter_known(void);

/* Enters the filter for good; 0, or -1 with errno set. Needs no_new_privs, or CAP_SYS_ADMIN. Only system calls. */
int enter_filter(unsigned short length, struct sock_filter *program);

#endif
