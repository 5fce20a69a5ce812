"""Resource usage of a step in a container, and OOM detection, from the records of its launcher."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runnerlib._util.files import open_regular
from runnerlib.events.result import Usage
from runnerlib.executor.local.accounting import UNLIMITED, sentence
from runnerlib.executor.local.cgroup import oom_kills

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".before", ".after", ".times", ".code", ".pid", ".env")
"""Of the files of a step."""

MEMORY_FILES = (
    "/sys/fs/cgroup/memory.events",
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.oom_control",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
"""Paths of the counters and the limit of a container's own memory group, of version 2 or 1."""

_KILLED = 137
_LARGEST = 4096
_TIME = re.compile(rb"(\d{1,9})m(\d{1,2})[.,](\d{1,9})s")


def usage(files: Path) -> Usage | None:
    """Parse the CPU usage of a step's commands from the output of `times`; memory is unknown."""
    found = [
        60 * int(minutes) + float(b"%b.%b" % (seconds, fraction))
        for minutes, seconds, fraction in _TIME.findall(read(files.with_suffix(".times")))
    ]
    return Usage(found[2], found[3]) if len(found) == 4 else None


def want_of_memory(files: Path, code: int, *, alone: bool) -> str:
    """Return a sentence if the kernel killed a process of the step for lack of memory; else an empty text.

    `code` is the step's exit code. The counter is the container's: a kill is attributed to the step if it was
    `alone`, or ended as if killed.
    """
    after = read(files.with_suffix(".after"))
    likely = alone or code == _KILLED
    if code == 0 or not likely or oom_kills(after) <= oom_kills(read(files.with_suffix(".before"))):
        return ""
    limits = [int(line) for line in after.splitlines() if line.isdigit() and int(line) < UNLIMITED]
    return sentence(min(limits, default=None), alone=code == _KILLED)


def exit_code(files: Path) -> int | None:
    """The exit code that was written down, if it was."""
    text = read(files.with_suffix(".code")).strip()
    return int(text) if len(text) <= 3 and text.isdigit() and int(text) < 256 else None


def read(path: Path) -> bytes:
    """The beginning of a file; a step may have put anything in its place."""
    try:
        with open(open_regular(path), "rb") as file:
            return file.read(_LARGEST)
    except OSError:
        return b""
