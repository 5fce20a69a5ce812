#define _GNU_SOURCE
#include "landlock.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* These numbers are the same on every architecture. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define GET_VERSION 1U
#define RULE_PATH 1
#define RULE_PORT 2

/* Fields were added at the end: a kernel takes a longer structure if what it does not know is zero. */
struct ruleset_attributes {
    uint64_t files, network, scoped;
};

struct path_rule {
    uint64_t access;
    int32_t path;
} __attribute__((packed));

struct port_rule {
    uint64_t access, port;
};

/* What runs in a child that has the memory of its parent: see spawn.c. */
#if defined(__has_attribute) && __has_attribute(no_sanitize)
#define IN_CHILD __attribute__((no_sanitize("address", "undefined")))
#else
#define IN_CHILD
#endif

int landlock_abi(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, GET_VERSION);

    return version < 0 ? 0 : (int)version;
}

int landlock_ruleset(uint64_t files, uint64_t network, uint64_t scoped)
{
    const struct ruleset_attributes attributes = {files, network, scoped};

    return (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0U);
}

int landlock_grant_path(int ruleset, int path, uint64_t access)
{
    const struct path_rule rule = {access, path};

    return (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0U);
}

int landlock_grant_port(int ruleset, uint64_t port, uint64_t access)
{
    const struct port_rule rule = {access, port};

    return (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0U);
}

/* The bounding set too: root would regain from it what it executes. Only who may change that set needs to. */
IN_CHILD static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    for (int number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
        prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
    return (int)syscall(SYS_capset, &header, none);
}

IN_CHILD int confine_self(const struct confinement *confinement, unsigned short length, struct sock_filter *filter)
{
    if (confinement->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    if (confinement->ruleset >= 0 && syscall(SYS_landlock_restrict_self, confinement->ruleset, 0U) != 0)
        return -1;
    if (length > 0 && enter_filter(length, filter) != 0) /* with the capabilities that it may need */
        return -1;
    return confinement->drop_capabilities ? drop_capabilities() : 0;
}
