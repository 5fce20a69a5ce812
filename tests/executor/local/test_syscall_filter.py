"""System calls that a process of a sandbox may not make, by the numbers of both architectures."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest

from runnerlib.executor.local import _spawn, landlock
from tests.tools import tool

pytestmark = pytest.mark.skipif(not landlock.filters(), reason="the kernel has no filters of system calls")

TRIED = """
import ctypes, os, resource, socket
libc = ctypes.CDLL(None, use_errno=True)

def tried(name, call, *words):
    try:
        result = call(*words)
        if isinstance(result, int) and result < 0:
            raise OSError(ctypes.get_errno(), "")
    except OSError as error:
        print(name, error.errno)
    else:
        print(name, "may")

limits = resource.prlimit(0, resource.RLIMIT_NOFILE)
tried("limit", resource.prlimit, os.getppid(), resource.RLIMIT_NOFILE, limits)
tried("own limit", resource.prlimit, 0, resource.RLIMIT_NOFILE, limits)
tried("look", resource.prlimit, os.getppid(), resource.RLIMIT_NOFILE)
tried("priority", os.setpriority, os.PRIO_PROCESS, os.getppid(), 0)
tried("group", os.setpriority, os.PRIO_PGRP, 0, 0)
tried("own priority", os.setpriority, os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0))
tried("policy", os.sched_setscheduler, os.getppid(), os.SCHED_IDLE, os.sched_param(0))
tried("thread", os.sched_setscheduler, os.getpid(), os.SCHED_OTHER, os.sched_param(0))
tried("processors", os.sched_setaffinity, os.getppid(), os.sched_getaffinity(0))
tried("own processors", os.sched_setaffinity, os.getpid(), os.sched_getaffinity(0))
tried("keys", libc.syscall, 219 if os.uname().machine == "aarch64" else 250, 0, -4, 0)
tried("memory", libc.syscall, 194 if os.uname().machine == "aarch64" else 29, 0, 4096, 0o600)
tried("mount", libc.mount, b"/", b"/nowhere", None, 4096, None)
for name, words in {
    "unix": (socket.AF_UNIX,),
    "tcp": (socket.AF_INET,),
    "udp": (socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC),
    "multipath": (socket.AF_INET, socket.SOCK_STREAM, 262),
    "sctp": (socket.AF_INET, socket.SOCK_STREAM, 132),
    "type": (socket.AF_INET, 6),
    "family": (6, socket.SOCK_DGRAM),
    "vsock": (40,),
    "netlink": (socket.AF_NETLINK, socket.SOCK_RAW),
}.items():
    tried(name, lambda *words: socket.socket(*words).close(), *words)
tried("ring", libc.syscall, 425, 0, None)
tried("namespace", libc.unshare, 0x10000000)
print("forked", os.waitstatus_to_exitcode(os.waitpid(os.fork() or os._exit(7), 0)[1]))
"""
EPERM, EACCES, ENOSYS = "1", "13", "38"
BOUND = dict.fromkeys(("limit", "priority", "group", "policy", "processors", "keys", "mount"), EPERM)
FREE = dict.fromkeys(("own limit", "look", "own priority", "thread", "own processors", "unix", "netlink"), "may")
NO_SOCKETS = dict.fromkeys(("tcp", "udp", "multipath", "sctp", "type", "family", "vsock"), EACCES)
PORTS = {**dict.fromkeys(("tcp", "udp"), "may"), **{name: EACCES for name in NO_SOCKETS if name not in {"tcp", "udp"}}}


def ran(program: str, *words: str, calls: int, sockets: int = 0) -> str:
    """Return the output of a program that was started with a filter, as an ordinary user would be."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    try:
        argv = tuple(map(os.fsencode, (program, *words)))
        limits = {"no_new_privs": True, "calls": calls, "sockets": sockets}
        pid, ended, _ = _spawn.spawn(argv[0], argv, (), b"/", input=null, output=writer, **limits)  # type: ignore[arg-type]
        os.close(writer)
        with open(reader, encoding="utf-8") as said:
            text = said.read()
        os.waitpid(pid, 0)
        os.close(ended)
    finally:
        os.close(null)
    return text


@pytest.mark.parametrize(
    ("calls", "sockets", "expected"),
    [
        (1, 0, {**BOUND, **FREE, "tcp": "may", "udp": "may", "memory": "may"}),
        (1, 1, {**BOUND, **FREE, **PORTS, "ring": EPERM}),
        (1, 2, {**BOUND, **FREE, **NO_SOCKETS, "ring": EPERM}),
        (2, 0, {**BOUND, **FREE, "tcp": "may", "memory": ENOSYS, "ring": EPERM, "namespace": EPERM}),
        (2, 1, {**BOUND, **FREE, **PORTS, "ring": EPERM, "namespace": EPERM}),
        (2, 2, {**BOUND, **FREE, **NO_SOCKETS, "ring": EPERM, "namespace": EPERM}),
    ],
)
def test_what_a_level_refuses(calls: int, sockets: int, expected: dict[str, str]) -> None:
    said = ran("/usr/bin/python3", "-S", "-c", TRIED, calls=calls, sockets=sockets)
    found = dict(line.rsplit(" ", 1) for line in said.splitlines())
    assert {name: found.get(name) for name in expected} == expected
    assert found["forked"] == "7"


def test_a_fork_of_the_runner_makes_a_thread_of_its_own() -> None:
    """A thread starts processes with a filter, and a fork has none of it."""
    assert ran("/bin/echo", "first", calls=1) == "first\n"
    threads = len(os.listdir("/proc/self/task"))
    assert ran("/bin/echo", "second", calls=1) == "second\n"
    assert len(os.listdir("/proc/self/task")) == threads
    child = os.fork()
    if not child:
        os._exit(0 if ran("/bin/echo", "third", calls=1) == "third\n" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


OLD_CALLS = """
#include <stdio.h>
#include <unistd.h>
static long old(long number, long one, long two, long three)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(one), "c"(two), "d"(three), "S"(0) : "memory",
                     "r8", "r9", "r10", "r11");
    return result;
}
int main(void)
{
    printf("%ld %ld %ld %ld\\n", old(340, getppid(), 7, 16), old(102, 1, 0, 0), old(20, 0, 0, 0) == getpid(),
           syscall(0x40000000 + 39));
    return 0;
}
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="this machine has no 32-bit calls of that kind")
def test_the_numbers_of_another_architecture_are_no_way_around(tmp_path: Path) -> None:
    """The limits of another process and all sockets by calls of 32 bits, and one of x32; others work."""
    (tmp_path / "old.c").write_text(OLD_CALLS)
    subprocess.run([tool("gcc"), "-o", tmp_path / "old", tmp_path / "old.c"], check=True)
    assert ran(str(tmp_path / "old"), calls=2, sockets=2) in ("-1 -38 1 -1\n", "-38 -38 0 -1\n")  # without such calls
    assert ran(str(tmp_path / "old"), calls=0) != ran(str(tmp_path / "old"), calls=2, sockets=2)
