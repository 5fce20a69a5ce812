"""Facts that /proc tells of processes and mounts, read from the real one; escapes from a text."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runnerlib._util import proc
from runnerlib._util.proc import Mount, mounts, own_status, process_stat, read_if_shown
from tests.tools import tool

# The first thread ends, another one goes on: for the kernel the process is a zombie then, and runs all the same.
HEADLESS = """
import ctypes, sys, threading, time
def work():
    print("ready", flush=True)
    sys.stdin.read()
threading.Thread(target=work).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_this_process() -> None:
    found = process_stat(os.getpid())
    assert found is not None
    assert (found.pid, found.state, found.parent) == (os.getpid(), "R", os.getppid())
    assert (found.group, found.session) == (os.getpgrp(), os.getsid(0))
    assert not found.dead


def test_a_name_with_parentheses_and_spaces(tmp_path: Path) -> None:
    shutil.copy(tool("sleep"), tmp_path / ") Z 1 (")
    with subprocess.Popen([tmp_path / ") Z 1 (", "60"]) as child:
        try:
            found = process_stat(child.pid)
        finally:
            child.kill()
    assert found is not None
    assert (found.parent, found.group, found.dead) == (os.getpid(), os.getpgrp(), False)


def test_a_process_that_was_not_collected_is_dead_and_there() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    found = process_stat(child)
    os.waitpid(child, 0)
    assert found is not None
    assert (found.state, found.dead) == ("Z", True)
    assert process_stat(child) is None


def test_a_process_without_its_first_thread_is_not_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", HEADLESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        try:
            while (found := process_stat(child.pid)) is not None and found.state != "Z":
                os.sched_yield()
        finally:
            child.send_signal(signal.SIGKILL)
    assert found is not None
    assert (found.threads, found.dead) == (2, False)


def test_mounts_of_this_machine() -> None:
    found = mounts()
    assert any(mount.point == "/proc" and mount.filesystem == "proc" for mount in found)
    assert all(mount.point.startswith("/") for mount in found)


def test_escapes_and_optional_fields_of_mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        rb"29 1 0:26 / /a\040b\011c\012d\043e\134040f rw - ext4 /dev/x rw,errors=a",
        rb"30 29 0:27 /sub\134dir /m rw,nosuid shared:1 master:2 - fuse.x y - z rw",
        b"31 29 0:28 / /\xff rw - tmpfs tmpfs rw",
    )
    monkeypatch.setattr(proc, "read_proc", lambda path: b"".join(line + b"\n" for line in lines))
    assert mounts() == [
        Mount("0:26", "/", "/a b\tc\nd#e\\040f", "ext4", ("rw", "errors=a")),
        Mount("0:27", "/sub\\dir", "/m", "fuse.x", ("- z rw",)),
        Mount("0:28", "/", os.fsdecode(b"/\xff"), "tmpfs", ("rw",)),
    ]


def test_fields_of_this_process() -> None:
    before = os.umask(0o27)
    try:
        assert own_status("Umask") == "0027"
    finally:
        os.umask(before)
    assert own_status("VmHWM").endswith(" kB")
    assert own_status("Mask") == ""


def test_what_is_not_shown_is_empty() -> None:
    assert read_if_shown("/proc/self/no-such-file") == b""
    assert len(read_if_shown("/proc/self/maps")) > proc._PIECE // 4
