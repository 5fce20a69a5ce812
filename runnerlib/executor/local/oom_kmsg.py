"""The kernel's log, as the witness of a killing that no counter shows; loaded when it is asked."""

from __future__ import annotations

import os
import re

# The namespace of processes that the kernel starts with has this number; its log uses the numbers of that one.
_FIRST_NAMESPACE = "pid:[4026531836]"
_KILLED = re.compile(rb"\w+,\d+,(\d+),[^;]*;[^\n]*[Oo]ut of memory: Killed process (\d+) ")
_LOG = "/dev/kmsg"
_RECORD = 8192


def killed(pid: int, since: float) -> bool:
    """Return whether the log shows an OOM kill of process `pid`; `since` is a time of `monotonic`.

    False when the log cannot be read, or counts processes differently from this process.
    """
    try:
        if os.readlink("/proc/self/ns/pid") != _FIRST_NAMESPACE:
            return False
        log = os.open(_LOG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _search(log, pid, since)
    finally:
        os.close(log)


def _search(log: int, pid: int, since: float) -> bool:
    while True:
        try:
            record = os.read(log, _RECORD)  # one at a time, as this file has it
        except BrokenPipeError:  # the next record has been overwritten: continue with the oldest one
            continue
        except OSError:  # no more
            return False
        found = _KILLED.match(record)
        # The log's clock is the monotonic one, give or take a little.
        if found and int(found[2]) == pid and int(found[1]) / 1e6 > since - 1:
            return True
