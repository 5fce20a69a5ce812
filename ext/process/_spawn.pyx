# cython: language_level=3
"""The Python side of the process helpers; `_spawn.pyi` documents it, the C headers explain it."""

import os

from libc.errno cimport errno
from libc.signal cimport SIG_DFL, SIG_IGN, SIGCHLD, SIGKILL, sighandler_t, signal
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(str text)

cdef extern from "mark.h":
    int c_mark_bits "mark_bits"()
    uint64_t c_mark_own "mark_own"(uint64_t mark)

cdef extern from "landlock.h":
    struct confinement:
        int ruleset, no_new_privs, drop_capabilities, calls, sockets

cdef extern from "spawn.h":
    struct spawn_request:
        const char *program
        const char *search
        char **argv  # constant in truth, as is the next
        char **envp
        const char *directory
        int input, output, errors, extra, terminal, cgroup
        uint64_t mark
        long long core
        uint64_t open_files
        int dies_with_thread
        confinement confinement
    struct spawn_result:
        int pid, pidfd, error, stage, joined
    void c_spawn "spawn"(const spawn_request *request, spawn_result *result)

cdef extern from "<sys/prctl.h>":
    enum: PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER
    int prctl(int option, ...)

mark_bits = c_mark_bits
mark_own = c_mark_own
STAGES = ("clone", "prepare", "confine", "chdir", "exec")


cdef char **strings(tuple words) except NULL:
    """A vector of the C strings of `words`, which must live as long; ends with NULL; to be freed."""
    cdef char **vector = <char **>malloc((len(words) + 1) * sizeof(char *))
    if vector is NULL:
        raise MemoryError
    try:
        for i, word in enumerate(words):
            if b"\0" in <bytes?>word:
                raise ValueError("embedded NUL byte")
            vector[i] = <char *><bytes>word
    except BaseException:
        free(vector)
        raise
    vector[len(words)] = NULL
    return vector


def variables(dict env not None, dict encoded not None):
    cdef list found = []
    cdef tuple last
    for name, value in env.items():
        last = <tuple>encoded.get(name)
        if last is None or last[0] is not value:
            last = (value, PyUnicode_EncodeFSDefault(f"{name}={value}"))
            encoded[name] = last
        found.append(last[1])
    return tuple(found)


def spawn(bytes program not None, tuple argv not None, tuple env not None, bytes directory not None, *,
          int input, int output, int errors=-1, int extra=-1, bytes search=None, bint terminal=False, int cgroup=-1,
          uint64_t mark=0, long long core=-2, uint64_t open_files=0, bint dies_with_thread=False,
          int ruleset=-1, bint no_new_privs=False, bint drop_capabilities=False, int calls=0, int sockets=0):
    cdef spawn_request request
    cdef spawn_result result
    cdef char **words = NULL
    cdef char **variables = NULL
    if b"\0" in program or b"\0" in directory or (search is not None and b"\0" in search):
        raise ValueError("embedded NUL byte")
    request.program, request.directory = program, directory
    request.search = NULL if search is None else <const char *>search
    request.input, request.output, request.errors = input, output, output if errors < 0 else errors
    request.extra, request.terminal, request.cgroup = extra, terminal, cgroup
    request.mark, request.core, request.open_files = mark, core, open_files
    request.dies_with_thread = dies_with_thread
    request.confinement.ruleset, request.confinement.no_new_privs = ruleset, no_new_privs
    request.confinement.drop_capabilities = drop_capabilities
    request.confinement.calls, request.confinement.sockets = calls, sockets
    try:
        request.argv = words = strings(argv)
        request.envp = variables = strings(env)
        c_spawn(&request, &result)  # with the GIL held: the strings belong to Python
    finally:
        free(words)
        free(variables)
    if result.error:
        raise OSError(result.error, os.strerror(result.error), STAGES[result.stage])
    if result.pidfd < 0:
        result.pidfd = watched(result.pid)
    return result.pid, result.pidfd, bool(result.joined)


cdef int watched(int pid) except -1:
    """A descriptor for the end of a child for which `clone` has given none."""
    from runnerlib.executor.local.pidfd import end_of
    try:
        return end_of(pid)
    except ChildProcessError:  # it has ended, and another part of the program has collected it
        return os.eventfd(1, os.EFD_CLOEXEC)
    except BaseException:
        os.kill(pid, SIGKILL)
        os.waitpid(pid, 0)
        raise


def subreaper():
    cdef int value = 0
    if prctl(PR_GET_CHILD_SUBREAPER, &value, 0, 0, 0) != 0:
        raise OSError(errno, os.strerror(errno))
    return bool(value)


def set_subreaper(bint value):
    if prctl(PR_SET_CHILD_SUBREAPER, <unsigned long>value, 0, 0, 0) != 0:
        raise OSError(errno, os.strerror(errno))


def ignore_children(bint value):
    cdef sighandler_t before = signal(SIGCHLD, SIG_IGN if value else SIG_DFL)
    if before != SIG_DFL and before != SIG_IGN:
        signal(SIGCHLD, before)  # the program looks after its children itself
    return before == SIG_IGN
