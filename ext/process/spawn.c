#define _GNU_SOURCE
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hardening.h"
#include "mark.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* The child's stack, in bytes: a path and a few frames of system call wrappers. */
#define STACK 32768
/* That of a thread which starts children: theirs, a filter, and what the C library keeps there. */
#define STARTER_STACK 131072

struct child {
    const struct spawn_request *request;
    struct spawn_result *result;
    pid_t parent;
    struct sock_filter *filter;
    unsigned short filter_length;
};

/* A sanitizer keeps notes about stack frames in memory that is the parent's here. */
#if defined(__has_attribute) && __has_attribute(no_sanitize)
#define IN_CHILD __attribute__((no_sanitize("address", "undefined"))) static
#else
#define IN_CHILD static
#endif

_Noreturn IN_CHILD void fail(const struct child *child, enum spawn_stage stage)
{
    child->result->error = errno;
    child->result->stage = stage;
    _exit(127);
}

/* Handlers of the parent must not run here, in its memory. execve would reset them too, but too late.
 *
 * What is pending came from a terminal to the whole group, before the child left it: that was for the parent, which has
 * it as well. Ignoring a signal drops it, also one whose action was the default one.
 *
 * Most signals have the default action and are not pending: they need a look and nothing else. */
IN_CHILD void reset_signals(void)
{
    struct sigaction action;
    sigset_t pending, none;

    sigpending(&pending);
    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, NULL, &action) != 0)
            continue; /* numbers that the C library keeps for itself give an error */
        if (action.sa_handler == SIG_IGN && number != SIGPIPE && number != SIGXFSZ && number != SIGCHLD)
            continue;
        if (action.sa_handler == SIG_DFL && !sigismember(&pending, number))
            continue;
        action.sa_flags = 0;
        action.sa_handler = SIG_IGN;
        sigaction(number, &action, NULL);
        action.sa_handler = SIG_DFL;
        sigaction(number, &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* `descriptor`, or a duplicate of it above the three that are about to be replaced. */
IN_CHILD int above_standard(const struct child *child, int descriptor)
{
    if (descriptor > 2)
        return descriptor;
    descriptor = fcntl(descriptor, F_DUPFD, 3);
    if (descriptor < 0)
        fail(child, SPAWN_PREPARE);
    return descriptor;
}

IN_CHILD void replace(const struct child *child, int descriptor, int standard)
{
    if (dup2(descriptor, standard) < 0)
        fail(child, SPAWN_PREPARE);
}

IN_CHILD void close_others(long first)
{
    if (syscall(SYS_close_range, first, ~0U, 0) == 0)
        return;
    for (long descriptor = first, end = sysconf(_SC_OPEN_MAX); descriptor < end; descriptor++)
        close((int)descriptor); /* before Linux 5.9 */
}

/* The limit of the runner is higher than what it was given, for the descriptors of all steps. */
IN_CHILD void limit_open_files(const struct child *child)
{
    struct rlimit limit;

    if (child->request->open_files == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = child->request->open_files;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* From here on the guard finds the process by its mark, and a parent that died before does not get a child. */
IN_CHILD void tie_to_parent(const struct child *child)
{
    if (child->request->mark != 0)
        mark_self(child->request->mark);
    if (child->request->dies_with_thread)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != child->parent)
        _exit(127);
}

IN_CHILD void limit_core(const struct child *child)
{
    struct rlimit limit;

    if (child->request->core == CORE_UNKNOWN || getrlimit(RLIMIT_CORE, &limit) != 0)
        return;
    limit.rlim_cur = child->request->core < 0 ? RLIM_INFINITY : (rlim_t)child->request->core;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit);
}

/* A regular file that may be executed, as a shell looks for it: directories that cannot be searched are passed over. */
IN_CHILD int executable(const char *path)
{
    struct stat found;

    return access(path, X_OK) == 0 && stat(path, &found) == 0 && S_ISREG(found.st_mode);
}

/* The path of the program in `path`, which has room for PATH_MAX bytes; false: it is in none of the directories. */
IN_CHILD int look_up(const struct spawn_request *request, char *path)
{
    size_t name = strlen(request->program), length;

    for (const char *directory = request->search;; directory += length + 1) {
        length = strcspn(directory, ":");
        if (length + name + 3 <= PATH_MAX) {
            char *end = path + length;
            memcpy(path, directory, length);
            if (length == 0)
                *end++ = '.'; /* that is what an empty one means */
            *end++ = '/';
            memcpy(end, request->program, name + 1);
            if (executable(path))
                return 1;
        }
        if (directory[length] == '\0')
            return 0;
    }
}

_Noreturn IN_CHILD void execute(const struct child *child)
{
    const struct spawn_request *request = child->request;
    const char *program = request->program;
    char path[PATH_MAX];

    if (request->search != NULL) {
        program = path;
        if (!look_up(request, path)) {
            errno = ENOENT;
            fail(child, SPAWN_EXEC);
        }
    }
    execve(program, request->argv, request->envp);
    fail(child, SPAWN_EXEC);
}

IN_CHILD int run(void *argument)
{
    const struct child *child = argument;
    const struct spawn_request *request = child->request;
    int input, output, errors, extra;

    tie_to_parent(child);
    if (setsid() < 0)
        fail(child, SPAWN_PREPARE);
    limit_core(child);
    reset_signals(); /* now that no signal of the parent's group comes any more */
    if (request->cgroup >= 0) /* before anything can be started that would stay outside */
        child->result->joined = write(request->cgroup, "0", 1) == 1;
    /* While the ruleset is still open, and after the group is joined. */
    if (confine_self(&request->confinement, child->filter_length, child->filter) != 0)
        fail(child, SPAWN_CONFINE);
    input = above_standard(child, request->input);
    output = above_standard(child, request->output);
    errors = above_standard(child, request->errors);
    extra = request->extra < 0 ? -1 : above_standard(child, request->extra);
    replace(child, input, 0);
    replace(child, output, 1);
    replace(child, errors, 2);
    if (extra == 3)
        fcntl(extra, F_SETFD, 0); /* dup2 onto itself changes nothing */
    else if (extra >= 0)
        replace(child, extra, 3);
    close_others(extra < 0 ? 3 : 4);
    limit_open_files(child);
    if (request->terminal && ioctl(0, TIOCSCTTY, 0) != 0)
        fail(child, SPAWN_PREPARE);
    if (chdir(request->directory) != 0)
        fail(child, SPAWN_CHDIR);
    execute(child);
}

/* Collects the child that could not be started; its pidfd is of no use to anyone. */
static void discard(struct spawn_result *result)
{
    while (waitpid(result->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (result->pidfd >= 0)
        close(result->pidfd);
    result->pid = result->pidfd = -1;
}

/* Makes the child, and waits in the kernel until it has called execve or _exit. */
static void start(struct child *child)
{
    _Alignas(16) char stack[STACK]; /* all architectures of interest grow theirs downwards */
    struct spawn_result *result = child->result;

    result->pid = clone(run, stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, child, &result->pidfd);
    if (result->pid < 0 && (errno == EINVAL || errno == EPERM || errno == ENOSYS)) /* a profile that knows no such flag */
        result->pid = clone(run, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, child);
    if (result->pid < 0)
        result->error = errno;
}

/* A thread that is in a filter for good, and starts the processes that are to be in it: they inherit it. To enter one
 * takes the kernel about 0.1 ms, because it tries the filter with the number of every call. The thread stays as long
 * as this process, because a child that dies with its thread must not die earlier. Domains of Landlock are not
 * inherited this way: processes in the same one can signal and trace one another. */
struct starter {
    enum { NOT_MADE, READY, OF_NO_USE } state;
    enum filter_calls calls;
    enum filter_sockets sockets;
    int no_new_privs;
    pid_t runner;
    sem_t asked, answered;
    struct child *child;
};

/* One for each kind of filter, with no_new_privs and without. */
static struct starter starters[FILTER_KINDS][FILTER_SOCKET_KINDS][2];

static void wait_for(sem_t *answer)
{
    while (sem_wait(answer) != 0)
        ;
}

static void *starting(void *argument)
{
    struct starter *starter = argument;
    struct sock_filter filter[FILTER_LONGEST];
    const unsigned short length = filter_of(starter->calls, starter->sockets, starter->runner, filter);

    if ((!starter->no_new_privs || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) && enter_filter(length, filter) == 0)
        starter->state = READY;
    sem_post(&starter->answered);
    while (starter->state == READY) {
        wait_for(&starter->asked);
        start(starter->child);
        sem_post(&starter->answered);
    }
    return NULL;
}

/* A fork of this process has none of its threads. */
static void forget_starters(void)
{
    memset(starters, 0, sizeof starters);
}

static void make(struct starter *starter)
{
    static int told;
    pthread_attr_t attributes;
    pthread_t thread;

    starter->state = OF_NO_USE;
    if (!told && pthread_atfork(NULL, NULL, forget_starters) != 0)
        return;
    told = 1;
    if (sem_init(&starter->asked, 0, 0) != 0 || sem_init(&starter->answered, 0, 0) != 0)
        return;
    if (pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STARTER_STACK);
    if (pthread_create(&thread, &attributes, starting, starter) == 0)
        wait_for(&starter->answered);
    pthread_attr_destroy(&attributes);
}

/* The thread for such a child, which is made when there is none; NULL: the child has to enter the filter itself. */
static struct starter *starter_of(const struct confinement *confinement, pid_t runner)
{
    const int no_new_privs = confinement->no_new_privs != 0;
    struct starter *starter = &starters[confinement->calls][confinement->sockets][no_new_privs];

    if (confinement->calls == FILTER_NONE)
        return NULL;
    if (starter->state == NOT_MADE) {
        starter->calls = confinement->calls;
        starter->sockets = confinement->sockets;
        starter->no_new_privs = no_new_privs;
        starter->runner = runner;
        make(starter);
    }
    return starter->state == READY ? starter : NULL;
}

void spawn(const struct spawn_request *request, struct spawn_result *result)
{
    struct sock_filter filter[FILTER_LONGEST];
    struct child child = {request, result, getpid(), filter, 0};
    struct starter *starter;
    sigset_t all, before;

    *result = (struct spawn_result){.pid = -1, .pidfd = -1, .stage = SPAWN_CLONE};
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    starter = starter_of(&request->confinement, child.parent);
    if (starter != NULL) {
        starter->child = &child;
        sem_post(&starter->asked);
        wait_for(&starter->answered);
    } else {
        child.filter_length = filter_of(request->confinement.calls, request->confinement.sockets, child.parent, filter);
        start(&child);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result->pid >= 0 && result->error != 0)
        discard(result);
}
