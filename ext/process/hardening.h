/* What keeps other processes of the same user from reading this one: its memory, its descriptors, its environment.
 *
 * Root, and who may trace every process, reads it all the same.
 */
#ifndef RUNNERLIB_HARDENING_H
#define RUNNERLIB_HARDENING_H

/* Makes the process undumpable, which gives its files in /proc to root, and takes away its core file; 0, or the errno of
 * the first. A program that it executes is as any other again, apart from the core limit. */
int harden(void);

/* What `core_limit` gives before `harden`, and where the limit is not known. */
#define CORE_UNKNOWN (-2)

/* The soft limit of core files in bytes before `harden`; -1 for none. */
long long core_limit(void);

/* Clears the value of a variable in the environment that the process was started with, which /proc shows to who may trace
 * it; `getenv` still gives it. For the first thread, while there is no other. */
void wipe_variable(const char *name);

#endif
