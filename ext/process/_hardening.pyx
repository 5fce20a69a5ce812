# cython: language_level=3
"""The Python side of hardening.h; `_hardening.pyi` documents it."""

cdef extern from "hardening.h":
    int c_harden "harden"()
    long long c_core_limit "core_limit"()
    void c_wipe "wipe_variable"(const char *name)

core_limit = c_core_limit


def harden():
    return c_harden()


def wipe(bytes name not None):
    c_wipe(name)
