"""Control groups, version 2, where the system lets the runner make some: one for the job, in it one for each step.

A process cannot leave its group by accident, and a group is killed at once, with what is just being
forked. They are not there in most containers; then marks and the tree of processes do the same work.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Group:
    """A group: its directory `path`, which `remove` removes."""

    def __init__(self, path: str) -> None:
        """Make the group. Raises OSError."""
        os.mkdir(path)
        self.path = path

    def inner(self, name: str) -> Group | None:
        """A new group in this one; None when that is no longer possible, so that a step runs without."""
        try:
            return Group(os.path.join(self.path, name))
        except OSError:
            return None

    def kill(self) -> None:
        """Kill everything in the group and in the groups below; nothing happens before Linux 5.14."""
        with suppress(OSError), open(os.path.join(self.path, "cgroup.kill"), "wb", buffering=0) as file:
            file.write(b"1")

    def members(self) -> list[int]:
        """The living processes in the group and the groups below."""
        if b"populated 0" in _read(os.path.join(self.path, "cgroup.events")):
            return []
        found: list[int] = []
        for directory, _, _ in os.walk(self.path):
            found += map(int, _read(os.path.join(directory, "cgroup.procs")).split())
        return [pid for pid in found if pid]  # 0: a process that this namespace does not show

    def remove(self) -> None:
        """Remove the group and those below, which steps may have made; it stays while a process is in it."""
        try:
            os.rmdir(self.path)
        except OSError:
            self._remove_all()

    def _remove_all(self) -> None:
        for directory, _, _ in os.walk(self.path, topdown=False):
            with suppress(OSError):
                os.rmdir(directory)


@contextmanager
def entrance(group: Group | None) -> Iterator[int]:
    """A descriptor to which a process writes "0" to join the group; -1 when there is none. Raises OSError."""
    if group is None:
        yield -1
        return
    door = os.open(os.path.join(group.path, "cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC)
    try:
        yield door
    finally:
        os.close(door)


class Place(NamedTuple):
    """Where this process stands in a hierarchy of groups: its directory, and the directory of the topmost one."""

    own: str
    top: str


def new_group() -> Group | None:
    """A group for a job, below that of this process; None where the system does not allow it."""
    place = find_place("cgroup2", "")
    try:
        return None if place is None else Group(os.path.join(place.own, f"runnerlib-{os.urandom(8).hex()}"))
    except OSError:
        return None  # not delegated, or mounted read-only


def find_place(kind: str, controller: str) -> Place | None:
    """Where this process stands: kind "cgroup2" without a controller, or "cgroup" with one."""
    path = next((path for names, path in _own_paths() if controller in names), None)
    for line in _read("/proc/self/mountinfo").decode("utf-8", "surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        filesystem, _, options = right.split(" ", 2)
        if path is None or filesystem != kind or (controller and controller not in options.split(",")):
            continue
        root, mount = (_unescaped(word) for word in left.split()[3:5])
        # A container shows its own group as the root of the mount; above it there is nothing to see.
        below = os.path.relpath(path, root)
        own = os.path.normpath(os.path.join(mount, below))
        if not below.startswith("..") and os.path.isdir(own):
            return Place(own, mount)
    return None


def _own_paths() -> list[tuple[list[str], str]]:
    """The controllers of each hierarchy, [""] for version 2, and the path of this process in it."""
    lines = _read("/proc/self/cgroup").decode("utf-8", "surrogateescape").splitlines()
    return [(names.split(","), path) for _, names, path in (line.split(":", 2) for line in lines)]


def _unescaped(word: str) -> str:
    """A path of mountinfo, in which spaces and the like are octal."""
    return word.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b""
