/* The mark of a job: a number that its processes cannot lose by accident.
 *
 * It is their limit of file locks. Linux has not enforced that limit since 2.4.25, but still hands it down to every
 * child, through execve, and shows it to everyone in /proc/PID/limits, even of a zombie and of a process that has
 * changed its user, neither of which shows its environment. `env -i setsid -f daemon` keeps it.
 *
 * A mark is a random number with the number of a step in its low MARK_STEP_BITS. The outermost runner lowers the hard
 * limit with the soft one; a runner inside a step can then only choose a lower soft limit, so that its processes show
 * both marks.
 */
#ifndef RUNNERLIB_MARK_H
#define RUNNERLIB_MARK_H

#include <stdint.h>

#define MARK_STEP_BITS 20

/* The number of bits that a mark of a job started by this process has: 63, 62 inside another job; 0 when no number
 * below the present limit is large enough not to be met by chance. */
int mark_bits(void);

/* Gives the calling process the mark. Only system calls: may be called after vfork. Failure leaves it unmarked. */
void mark_self(uint64_t mark);

/* Gives the calling process that soft limit, so that its children have it, and leaves the hard one; the one before. */
uint64_t mark_own(uint64_t mark);

#endif
