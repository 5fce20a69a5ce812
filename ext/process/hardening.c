#define _GNU_SOURCE
#include "hardening.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number of the field `env_start` in /proc/self/stat, from 1 behind the name; `env_end` follows. */
#define ENV_START 48

static long long core_before = CORE_UNKNOWN;

int harden(void)
{
    struct rlimit limit;

    if (core_before == CORE_UNKNOWN && getrlimit(RLIMIT_CORE, &limit) == 0) {
        core_before = limit.rlim_cur == RLIM_INFINITY ? -1 : (long long)limit.rlim_cur;
        limit.rlim_cur = 0;
        setrlimit(RLIMIT_CORE, &limit);
    }
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno;
}

long long core_limit(void)
{
    return core_before;
}

/* The bounds of the environment on the stack; false where /proc does not tell them. */
static int initial_block(char **start, char **end)
{
    char text[4096], *at;
    FILE *file = fopen("/proc/self/stat", "re");
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);

    if (file != NULL)
        fclose(file);
    text[size] = 0;
    at = strrchr(text, ')');
    for (int field = 0; at != NULL && field < ENV_START; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return 0;
    *start = (char *)(uintptr_t)strtoull(at, &at, 10);
    *end = (char *)(uintptr_t)strtoull(at, NULL, 10);
    return *start != NULL && *start < *end;
}

static int names(const char *variable, const char *name, size_t length)
{
    return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

void wipe_variable(const char *name)
{
    const size_t length = strlen(name);
    char *start, *end;

    if (!initial_block(&start, &end))
        return;
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++)
        if (*variable >= start && *variable < end && names(*variable, name, length)) {
            char *copy = strdup(*variable);
            if (copy == NULL)
                return;
            *variable = copy;
        }
    for (char *variable = start; variable < end; variable += strlen(variable) + 1)
        if (names(variable, name, length))
            explicit_bzero(variable + length + 1, strlen(variable + length + 1));
}
