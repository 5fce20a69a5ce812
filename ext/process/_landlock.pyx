# cython: language_level=3
"""The Python side of Landlock; `_landlock.pyi` documents it, `landlock.h` explains it."""

import os

from libc.errno cimport errno
from libc.stdint cimport uint64_t

cdef extern from "landlock.h":
    int landlock_abi()
    int landlock_ruleset(uint64_t files, uint64_t network, uint64_t scoped)
    int landlock_grant_path(int ruleset, int path, uint64_t access)
    int landlock_grant_port(int ruleset, uint64_t port, uint64_t access)


cdef extern from "syscall_filter.h":
    bint filter_known()


def abi():
    return landlock_abi()


def filters():
    return filter_known()


cdef int done(int result) except -1:
    """The result of a call. Raises OSError."""
    if result < 0:
        raise OSError(errno, os.strerror(errno))
    return result


def ruleset(uint64_t files, uint64_t network, uint64_t scoped):
    return done(landlock_ruleset(files, network, scoped))


def grant_path(int ruleset, int path, uint64_t access):
    done(landlock_grant_path(ruleset, path, access))


def grant_port(int ruleset, uint64_t port, uint64_t access):
    done(landlock_grant_port(ruleset, port, access))
