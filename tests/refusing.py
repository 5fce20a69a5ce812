"""Run a program for which a seccomp filter refuses system calls, as older kernels and profiles of container engines do.

    python refusing.py ERRNO CALLS PROGRAM [WORD...]

CALLS are separated by commas: numbers, `newer` for all that Linux has had since 4.19, `prctl`, `pairs` (of sockets),
and with some arguments only `dumpable`, `subreaper`, `unix` (a socket) and `clone with a pidfd`. Built from what
seccomp(2) and <linux/bpf_common.h> say.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

# The last number that Linux 4.18 has: since 5.1 they are the same on both, from 424 on.
_LAST = {"x86_64": 334, "aarch64": 293}[platform.machine()]
_PRCTL = {"x86_64": 157, "aarch64": 167}[platform.machine()]
_SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
_CLONE = {"x86_64": 56, "aarch64": 220}[platform.machine()]
_PAIR = {"x86_64": 53, "aarch64": 199}[platform.machine()]

_LOAD, _EQUAL, _GREATER, _RETURN = 0x20, 0x15, 0x25, 0x06
_NUMBER, _FIRST_ARGUMENT = 0, 16  # offsets in struct seccomp_data
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_SUBREAPER, _DUMPABLE, _UNIX = 36, 4, 1


def _rule(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def _refusal(number: int, argument: int | None, error: int) -> bytes:
    """Refuses a call; with `argument`, only one whose first argument that is."""
    if argument is None:
        return _rule(_EQUAL, number, 0, 1) + _rule(_RETURN, _ERRNO | error)
    return (
        _rule(_EQUAL, number, 0, 4)
        + _rule(_LOAD, _FIRST_ARGUMENT)
        + _rule(_EQUAL, argument, 0, 1)
        + _rule(_RETURN, _ERRNO | error)
        + _rule(_LOAD, _NUMBER)
    )


_NAMED = {
    "prctl": (_PRCTL, None),
    "dumpable": (_PRCTL, _DUMPABLE),
    "subreaper": (_PRCTL, _SUBREAPER),
    "unix": (_SOCKET, _UNIX),
    "pairs": (_PAIR, None),
    "clone with a pidfd": (_CLONE, 0x5111),  # CLONE_VM, CLONE_VFORK, CLONE_PIDFD and SIGCHLD
}


def filter_of(calls: str, error: int) -> bytes:
    """The program of the filter."""
    rules = _rule(_LOAD, _NUMBER)
    for call in calls.split(","):
        if call == "newer":
            rules += _rule(_GREATER, _LAST, 0, 1) + _rule(_RETURN, _ERRNO | error)
        else:
            rules += _refusal(*(_NAMED[call] if call in _NAMED else (int(call), None)), error)
    return rules + _rule(_RETURN, _ALLOW)


def refuse(calls: str, error: int) -> None:
    """Refuse them to this process and all that it starts, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    rules = filter_of(calls, error)
    text = ctypes.create_string_buffer(rules)
    program = struct.pack("HxxxxxxP", len(rules) // 8, ctypes.addressof(text))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
        raise OSError(ctypes.get_errno(), "no seccomp filter")


if __name__ == "__main__":
    refuse(sys.argv[2], int(sys.argv[1]))
    os.execv(sys.argv[3], sys.argv[3:])
