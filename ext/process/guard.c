/* The guard: a program that outlives the runner, to end what the runner leaves when it is killed with SIGKILL.
 *
 *     guard PARENT MARK TAG [CGROUP]
 *
 * It waits for the end of the process PARENT on a pidfd, which nobody can hold open by accident, unlike the writing
 * end of a pipe. Then it kills whatever is in the job's cgroup or carries the job's MARK (mark.h) or TAG (somewhere in
 * its environment), until nothing is found any more, removes the cgroup, and exits. To dismiss it, kill it.
 *
 * A program of its own, not a fork of the runner: a fork would make every page of the runner be copied when it is next
 * written to, which costs ten times the start of this.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mark.h"
#include "pidfd.h"

/* Bytes read at a time. */
#define BUFFER 16384
/* Passes over /proc that must find nothing: one can miss a process that forks and exits. */
#define QUIET_PASSES 3
/* Milliseconds between two passes, while what was killed is ending. */
#define PAUSE 5
/* Milliseconds between two looks for the parent, where there is no pidfd to wait on. */
#define PARENT_PAUSE 50

struct orders {
    uint64_t mark;
    const char *tag;
    const char *cgroup; /* or NULL */
};

/* Reads the beginning of a file as a string; empty when it cannot be read. */
static void read_text(int directory, const char *name, char *text, size_t size)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : read(file, text, size - 1);

    text[got > 0 ? got : 0] = 0;
    if (file >= 0)
        close(file);
}

static int same_job(uint64_t one, uint64_t other)
{
    return one >> MARK_STEP_BITS == other >> MARK_STEP_BITS;
}

static int shows_mark(int process, uint64_t mark)
{
    char text[BUFFER];
    const char *at;
    char *hard;

    if (mark == 0)
        return 0;
    read_text(process, "limits", text, sizeof text);
    if ((at = strstr(text, "Max file locks")) == NULL)
        return 0;
    at += strlen("Max file locks");
    return same_job(strtoull(at, &hard, 10), mark) || same_job(strtoull(hard, NULL, 10), mark);
}

static int shows_tag(int process, const char *tag)
{
    char text[BUFFER];
    const size_t length = strlen(tag);
    size_t kept = 0;
    ssize_t size;
    int found = 0, file = openat(process, "environ", O_RDONLY | O_CLOEXEC);

    if (file < 0)
        return 0;
    while (!found && (size = read(file, text + kept, sizeof text - kept)) > 0) {
        kept += (size_t)size;
        found = memmem(text, kept, tag, length) != NULL;
        if (kept >= length) { /* it may lie across two reads */
            memmove(text, text + kept - (length - 1), length - 1);
            kept = length - 1;
        }
    }
    close(file);
    return found;
}

/* Whether an error says that the kernel, or a seccomp profile, knows no pidfds. */
static int refused(int error)
{
    return error == ENOSYS || error == EPERM || error == EINVAL;
}

static int end(pid_t pid, int pidfd)
{
    if (pidfd >= 0 && pidfd_signal(pidfd, SIGKILL) == 0)
        return 1;
    return (pidfd < 0 || refused(errno)) && kill(pid, SIGKILL) == 0;
}

/* Whether a process has ended and only waits to be collected. */
static int is_dead(int process)
{
    char text[BUFFER];
    const char *state;

    read_text(process, "stat", text, sizeof text);
    state = strrchr(text, ')');
    return state == NULL || state[1] != ' ' || strchr("ZX", state[2]) != NULL;
}

/* Kills the process of a directory of /proc if it is of the job and alive; true when it was. The pidfd comes first:
 * should the number pass to a stranger meanwhile, the signal goes to the process that was, and is lost. Where there are no
 * pidfds the number must do. */
static int kill_member(int proc, const char *name, const struct orders *orders)
{
    const pid_t pid = (pid_t)strtol(name, NULL, 10);
    struct pollfd ended = {.events = POLLIN};
    int killed = 0, process;

    if (pid <= 1 || pid == getpid() || ((ended.fd = pidfd_of(pid)) < 0 && !refused(errno)))
        return 0;
    process = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process >= 0 && !is_dead(process) && (shows_mark(process, orders->mark) || shows_tag(process, orders->tag)))
        killed = end(pid, ended.fd); /* not allowed: it has become another user's, for good */
    if (process >= 0)
        close(process);
    if (ended.fd >= 0)
        close(ended.fd);
    return killed;
}

static int kill_members(const struct orders *orders)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    int killed = 0;

    while (proc != NULL && (entry = readdir(proc)) != NULL)
        killed += kill_member(dirfd(proc), entry->d_name, orders);
    if (proc != NULL)
        closedir(proc);
    return killed;
}

/* Kills everything in the job's group and the groups in it; true when there was something. */
static int kill_group(const char *cgroup)
{
    char text[256];
    int killed = 0, file, group = cgroup == NULL ? -1 : open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (group < 0)
        return 0;
    read_text(group, "cgroup.events", text, sizeof text);
    if (strstr(text, "populated 1") != NULL && (file = openat(group, "cgroup.kill", O_WRONLY | O_CLOEXEC)) >= 0) {
        killed = write(file, "1", 1) == 1; /* without this file, before Linux 5.14, the marks must do */
        close(file);
    }
    close(group);
    return killed;
}

/* Removes a group, the groups in it first. Their files cannot be removed, and need not be. */
static void remove_group(const char *path)
{
    char inner[4096];
    DIR *group = opendir(path);
    const struct dirent *entry;

    while (group != NULL && (entry = readdir(group)) != NULL)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.'
            && snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) < (int)sizeof inner)
            remove_group(inner);
    if (group != NULL)
        closedir(group);
    rmdir(path);
}

static void clean_up(const struct orders *orders)
{
    for (int quiet = 0; quiet < QUIET_PASSES; quiet++)
        if (kill_group(orders->cgroup) + kill_members(orders) > 0) {
            quiet = -1;
            poll(NULL, 0, PAUSE);
        }
    if (orders->cgroup != NULL)
        remove_group(orders->cgroup);
}

static void wait_for_end(pid_t parent)
{
    struct pollfd ended = {.fd = pidfd_of(parent), .events = POLLIN};

    while (ended.fd < 0 && refused(errno) && getppid() == parent) {
        poll(NULL, 0, PARENT_PAUSE);
        errno = EPERM;
    }
    /* Asked after the pidfd is there: until then the number may have passed to a stranger. */
    if (ended.fd < 0 || getppid() != parent)
        return;
    while (poll(&ended, 1, -1) < 0 && errno == EINTR)
        ;
}

int main(int count, char **words)
{
    struct orders orders;
    sigset_t all;

    if (count < 4 || strlen(words[3]) < 16) /* an empty tag is found in every environment */
        return 2;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    orders.mark = strtoull(words[2], NULL, 10);
    orders.tag = words[3];
    orders.cgroup = count > 4 ? words[4] : NULL;
    wait_for_end((pid_t)strtol(words[1], NULL, 10));
    clean_up(&orders);
    return 0;
}
