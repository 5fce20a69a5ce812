#define _GNU_SOURCE
#include "syscall_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define COMPAT AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#define COMPAT AUDIT_ARCH_ARM
#endif

/* Numbers of x32, which few kernels have; the others say so with this error. */
#define X32 0x40000000U
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))
#define IOPRIO_WHO_PROCESS 1

/* What runs in a child that has the memory of its parent: see spawn.c. */
#if defined(__has_attribute) && __has_attribute(no_sanitize)
#define IN_CHILD __attribute__((no_sanitize("address", "undefined")))
#else
#define IN_CHILD
#endif

#ifdef NATIVE

/* What a call is refused for. */
enum rule {
    ALWAYS,
    MISSING,   /* with the error of a kernel that has no such call, so that a library takes another one */
    OTHER,     /* the first argument, a process, is not 0 */
    LIMIT,     /* OTHER, and the third one, a pointer to new limits, is given */
    POLICY,    /* OTHER, and the second one, a policy, is not the usual one */
    PRIORITY,  /* the first is not the kind "process", or the second one, its number, is not 0 */
    IO,        /* the same, with the kinds of ioprio_set */
    RUNNER,    /* the first one is the runner */
    NAMESPACE, /* the first one, flags, has a new user namespace */
    SOCKET,    /* depends on the network */
};

/* Numbers of both architectures that this kernel runs programs of; NONE: there is no such call. From 424 on all
 * architectures have the same. */
struct call {
    int native, compat;
    enum rule rule;
};

#define NONE (-1)
#if defined(__x86_64__)
#define BOTH(native, i386, arm) (native), (i386)
#else
#define BOTH(native, i386, arm) (native), (arm)
#endif
#define SAME(number) (number), (number)

static const struct call at_source[] = {
    {BOTH(SYS_prlimit64, 340, 369), LIMIT},
    {BOTH(SYS_setpriority, 97, 97), PRIORITY},
    {BOTH(SYS_ioprio_set, 289, 314), IO},
    {BOTH(SYS_sched_setscheduler, 156, 156), POLICY},
    {BOTH(SYS_sched_setattr, 351, 380), OTHER},
    {BOTH(SYS_sched_setaffinity, 241, 241), RUNNER},
    {BOTH(SYS_add_key, 286, 309), ALWAYS},
    {BOTH(SYS_request_key, 287, 310), ALWAYS},
    {BOTH(SYS_keyctl, 288, 311), ALWAYS},
    {BOTH(SYS_mount, 21, 21), ALWAYS},
    {BOTH(SYS_umount2, 52, 52), ALWAYS},
    {BOTH(NONE, 22, NONE), ALWAYS}, /* umount, without flags */
    {BOTH(SYS_pivot_root, 217, 218), ALWAYS},
    {SAME(429), ALWAYS}, /* move_mount */
    {SAME(442), ALWAYS}, /* mount_setattr */
    {SAME(467), ALWAYS}, /* open_tree_attr */
};

static const struct call at_strict[] = {
    {BOTH(SYS_unshare, 310, 337), NAMESPACE},
    {BOTH(SYS_clone, 120, 120), NAMESPACE},
    {SAME(435), MISSING}, /* clone3: its flags are in memory, where a filter cannot look */
    {BOTH(SYS_setns, 346, 375), ALWAYS},
    {BOTH(SYS_bpf, 357, 386), ALWAYS},
    {BOTH(SYS_perf_event_open, 336, 364), ALWAYS},
    {BOTH(SYS_userfaultfd, 374, 388), ALWAYS},
    {BOTH(SYS_open_by_handle_at, 342, 371), ALWAYS},
    {SAME(428), ALWAYS}, /* open_tree */
    {SAME(430), ALWAYS}, /* fsopen */
    /* Memory, queues and semaphores by number or name, which no rule for files bounds. */
    {BOTH(SYS_shmget, 395, 307), MISSING},
    {BOTH(SYS_shmat, 397, 305), MISSING},
    {BOTH(SYS_shmctl, 396, 308), MISSING},
    {BOTH(SYS_semget, 393, 299), MISSING},
    {BOTH(SYS_semop, NONE, 298), MISSING},
    {BOTH(SYS_semtimedop, NONE, 312), MISSING},
    {BOTH(NONE, 420, 420), MISSING}, /* semtimedop with times of 64 bits */
    {BOTH(SYS_semctl, 394, 300), MISSING},
    {BOTH(SYS_msgget, 399, 303), MISSING},
    {BOTH(SYS_msgsnd, 400, 301), MISSING},
    {BOTH(SYS_msgrcv, 401, 302), MISSING},
    {BOTH(SYS_msgctl, 402, 304), MISSING},
    {BOTH(SYS_mq_open, 277, 274), MISSING},
    {BOTH(SYS_mq_unlink, 278, 275), MISSING},
    {BOTH(NONE, 117, 117), MISSING}, /* ipc, by which programs of 32 bits ask for the same */
};

static const struct call of_sockets[] = {
    {SAME(425), ALWAYS}, /* io_uring_setup */
    {SAME(426), ALWAYS}, /* io_uring_enter */
    {SAME(427), ALWAYS}, /* io_uring_register */
    {BOTH(SYS_socket, 359, 281), SOCKET},
    {BOTH(NONE, 102, NONE), MISSING}, /* socketcall: its arguments are in memory */
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define MOST_CALLS (LENGTH(at_source) + LENGTH(at_strict) + LENGTH(of_sockets))

struct writer {
    struct sock_filter *next;
    enum filter_calls calls;
    enum filter_sockets sockets;
    uint32_t runner;
};

/* The calls of one architecture that rules are about, by their numbers. */
struct table {
    struct entry {
        uint32_t number;
        enum rule rule;
    } entries[MOST_CALLS];
    size_t count;
};

/* Where a jump leads: to the next instruction, or to one of two answers that stand at the end of an architecture. */
enum { NEXT = 0, ALLOW = 0xfe, DENY = 0xff };

static void put(struct writer *to, uint16_t code, uint32_t value, uint8_t yes, uint8_t no)
{
    *to->next++ = (struct sock_filter){code, yes, no, value};
}

#define LOAD(to, field) put(to, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(field), 0, 0)
#define RETURN(to, what) put(to, BPF_RET | BPF_K, what, 0, 0)
/* The lower half of an argument: processes, flags and kinds are no longer. */
#define ARGUMENT(number) (offsetof(struct seccomp_data, args) + 8 * (number))
#define JUMP_EQUAL (BPF_JMP | BPF_JEQ | BPF_K)
#define JUMP_BITS (BPF_JMP | BPF_JSET | BPF_K)
#define JUMP_FROM (BPF_JMP | BPF_JGE | BPF_K)

/* Without a network only sockets of this machine; with ports, TCP itself and UDP, which asks for names. */
static void put_socket(struct writer *to)
{
    LOAD(to, ARGUMENT(0));
    put(to, JUMP_EQUAL, AF_UNIX, ALLOW, NEXT);
    put(to, JUMP_EQUAL, AF_NETLINK, ALLOW, NEXT);
    if (to->sockets == FILTER_PORTS) {
        put(to, JUMP_EQUAL, AF_INET, 1, NEXT);
        put(to, JUMP_EQUAL, AF_INET6, NEXT, 7);
        LOAD(to, ARGUMENT(1));
        put(to, BPF_ALU | BPF_AND | BPF_K, 0xf, 0, 0); /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
        put(to, JUMP_EQUAL, SOCK_DGRAM, ALLOW, NEXT);
        put(to, JUMP_EQUAL, SOCK_STREAM, NEXT, 3);
        LOAD(to, ARGUMENT(2));
        put(to, JUMP_EQUAL, 0, ALLOW, NEXT);
        put(to, JUMP_EQUAL, 6 /* TCP */, ALLOW, NEXT);
    }
    RETURN(to, REFUSE(EACCES));
}

/* The instructions of a rule, for a call that it is about; they end with an answer. */
static void put_rule(struct writer *to, enum rule rule)
{
    switch (rule) {
    case ALWAYS: /* the jump to here leads there */
        break;
    case MISSING:
        RETURN(to, REFUSE(ENOSYS));
        break;
    case OTHER:
        LOAD(to, ARGUMENT(0));
        put(to, JUMP_EQUAL, 0, ALLOW, DENY);
        break;
    case LIMIT:
        LOAD(to, ARGUMENT(0));
        put(to, JUMP_EQUAL, 0, ALLOW, NEXT);
        LOAD(to, ARGUMENT(2));
        put(to, JUMP_EQUAL, 0, NEXT, DENY);
        LOAD(to, ARGUMENT(2) + 4);
        put(to, JUMP_EQUAL, 0, ALLOW, DENY);
        break;
    case POLICY:
        LOAD(to, ARGUMENT(0));
        put(to, JUMP_EQUAL, 0, ALLOW, NEXT);
        LOAD(to, ARGUMENT(1));
        put(to, JUMP_EQUAL, SCHED_OTHER, ALLOW, DENY);
        break;
    case PRIORITY:
    case IO:
        LOAD(to, ARGUMENT(0));
        put(to, JUMP_EQUAL, rule == IO ? IOPRIO_WHO_PROCESS : PRIO_PROCESS, NEXT, DENY);
        LOAD(to, ARGUMENT(1));
        put(to, JUMP_EQUAL, 0, ALLOW, DENY);
        break;
    case RUNNER:
        LOAD(to, ARGUMENT(0));
        put(to, JUMP_EQUAL, to->runner, DENY, ALLOW);
        break;
    case NAMESPACE:
        LOAD(to, ARGUMENT(0));
        put(to, JUMP_BITS, CLONE_NEWUSER, DENY, ALLOW);
        break;
    case SOCKET:
        if (to->sockets == FILTER_ALL_SOCKETS)
            RETURN(to, SECCOMP_RET_ALLOW);
        else
            put_socket(to);
        break;
    }
}

static void add_calls(struct table *table, const struct call *calls, size_t count, int compat)
{
    for (const struct call *call = calls; call < calls + count; call++) {
        const int number = compat ? call->compat : call->native;
        size_t place = table->count;

        if (number == NONE)
            continue;
        for (; place > 0 && table->entries[place - 1].number > (uint32_t)number; place--)
            table->entries[place] = table->entries[place - 1];
        table->entries[place] = (struct entry){(uint32_t)number, call->rule};
        table->count++;
    }
}

/* A search by halves: whenever a process enters the filter, the kernel tries it with the number of every call. */
static void put_search(struct writer *to, const struct entry *entries, size_t count)
{
    const size_t left = count / 2;
    struct sock_filter *jump = to->next;

    if (count == 1) {
        put(to, JUMP_EQUAL, entries->number, entries->rule == ALWAYS ? DENY : NEXT, ALLOW);
        put_rule(to, entries->rule);
        return;
    }
    put(to, JUMP_FROM, entries[left].number, NEXT, NEXT);
    put_search(to, entries, left);
    jump->jt = (uint8_t)(to->next - jump - 1);
    put_search(to, entries + left, count - left);
}

/* Puts the distance to an answer in the place of its name. All are shorter than the names. */
static void aim(struct sock_filter *jump, const struct sock_filter *answers)
{
    const uint8_t allow = (uint8_t)(answers - jump - 1), deny = (uint8_t)(allow + 1);

    jump->jt = jump->jt == ALLOW ? allow : jump->jt == DENY ? deny : jump->jt;
    jump->jf = jump->jf == ALLOW ? allow : jump->jf == DENY ? deny : jump->jf;
}

static void put_architecture(struct writer *to, int compat)
{
    struct sock_filter *first = to->next;
    struct table table = {.count = 0};

    LOAD(to, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    if (!compat) {
        put(to, JUMP_FROM, X32, NEXT, 1);
        RETURN(to, REFUSE(ENOSYS));
    }
#endif
    add_calls(&table, at_source, LENGTH(at_source), compat);
    if (to->calls == FILTER_STRICT)
        add_calls(&table, at_strict, LENGTH(at_strict), compat);
    if (to->calls == FILTER_STRICT || to->sockets != FILTER_ALL_SOCKETS)
        add_calls(&table, of_sockets, LENGTH(of_sockets), compat);
    put_search(to, table.entries, table.count);
    for (struct sock_filter *jump = first; jump < to->next; jump++)
        if (BPF_CLASS(jump->code) == BPF_JMP)
            aim(jump, to->next);
    RETURN(to, SECCOMP_RET_ALLOW);
    RETURN(to, REFUSE(EPERM));
}

unsigned short filter_of(enum filter_calls calls, enum filter_sockets sockets, pid_t runner,
                         struct sock_filter *program)
{
    struct writer to = {program, calls, sockets, (uint32_t)runner};
    struct sock_filter *native, *compat;

    if (calls == FILTER_NONE)
        return 0;
    LOAD(&to, offsetof(struct seccomp_data, arch));
    put(&to, JUMP_EQUAL, NATIVE, 3, 0);
    put(&to, JUMP_EQUAL, COMPAT, 1, 0);
    RETURN(&to, REFUSE(ENOSYS));
    compat = to.next;
    put(&to, BPF_JMP | BPF_JA, 0, 0, 0);
    native = to.next;
    put_architecture(&to, 0);
    compat->k = (uint32_t)(to.next - native);
    put_architecture(&to, 1);
    return (unsigned short)(to.next - program);
}

#else

unsigned short filter_of(enum filter_calls calls, enum filter_sockets sockets, pid_t runner,
                         struct sock_filter *program)
{
    (void)calls, (void)sockets, (void)runner, (void)program;
    return 0;
}

#endif

/* SPEC_ALLOW: before Linux 5.16 a filter alone would slow down everything that the process does. */
IN_CHILD int enter_filter(unsigned short length, struct sock_filter *program)
{
    struct sock_fprog filter = {length, program};

    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter);
}

int filter_known(void)
{
    const uint32_t action = SECCOMP_RET_ERRNO;
#ifdef NATIVE
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
#else
    (void)action;
    return 0;
#endif
}
