"""Descriptions of other processes for messages: number and command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.proc import process_stat, read_proc
from runnerlib.executor.process_spec import ProcessInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def describe(pid: int) -> ProcessInfo | None:
    """The process of that number, or None when it has just ended."""
    try:
        return ProcessInfo(pid, _command(Path(f"/proc/{pid}")))
    except OSError:
        return None


def holders(pipe: int) -> Iterator[ProcessInfo]:
    """The processes, this one excepted, that have the pipe of descriptor `pipe` open."""
    wanted = os.readlink(f"/proc/self/fd/{pipe}")
    return _processes(lambda process: wanted in map(_link, (process / "fd").iterdir()))


def members(group: int) -> Iterator[ProcessInfo]:
    """The processes of a process group that run: one that only its parent has still to collect is none to name."""

    def belongs(process: Path) -> bool:
        found = process_stat(int(process.name))
        return found is not None and found.group == group and not found.dead

    return _processes(belongs)


def _link(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""  # it has just been closed


def _processes(wanted: Callable[[Path], bool]) -> Iterator[ProcessInfo]:
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        try:
            if wanted(process):
                yield ProcessInfo(int(process.name), _command(process))
        except OSError:
            continue  # it has just ended, or belongs to another user


def _command(process: Path) -> str:
    words = read_proc(f"{process}/cmdline").rstrip(b"\0").split(b"\0")
    shown = b" ".join(words) or b"(%b)" % read_proc(f"{process}/comm").rstrip()  # it is just ending
    return shown.decode("utf-8", "surrogateescape")
