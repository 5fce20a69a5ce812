"""Control groups, version 2, where the system permits them: one for the job, in it one for each step.

A process cannot leave its group by accident, and a group is killed at once, with processes that are just being
forked. Most containers have no such groups; then marks and the tree of processes do the same work.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress

from runnerlib._util.proc import mounts, read_if_shown
from runnerlib._util.values import NamedTuple

# Limits that every group has, and a step could change in its own; there are more only with delegated controllers.
_LIMITS = ("cgroup.max.descendants", "cgroup.max.depth")
# The files of states and counters have a few short lines.
_LARGEST = 4096


class Group:
    """A group: its directory `path`, which `remove` removes.

    `door` is open for writing: a process that writes "0" to it joins the group.
    """

    def __init__(self, path: str) -> None:
        """Make the group. Raises OSError."""
        os.mkdir(path)
        self.path = path
        self.door = self._events = self._cpu = self._memory = -1
        self._limits: list[int] = []
        with ExitStack() as undo:
            undo.callback(os.rmdir, path)
            undo.callback(self.close)
            self.door = os.open(os.path.join(path, "cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC)
            # These are kept open because every step ends with a look at them, and may begin with one.
            self._events = self._open("cgroup.events")
            for name in _LIMITS:
                self._limits.append(self._open(name))
            undo.pop_all()
        self._cpu, self._memory = self._open_if_there("cpu.stat"), self._open_if_there("memory.events")
        self._made = self._looks()

    def kill(self) -> None:
        """Kill everything in the group and in the groups below; nothing happens before Linux 5.14."""
        with suppress(OSError), open(os.path.join(self.path, "cgroup.kill"), "wb", buffering=0) as file:
            file.write(b"1")

    def members(self) -> list[int]:
        """The living processes in the group and the groups below."""
        if self.is_empty():
            return []
        found: list[int] = []
        for directory, _, _ in os.walk(self.path):
            found += map(int, read_if_shown(os.path.join(directory, "cgroup.procs")).split())
        return [pid for pid in found if pid]  # 0: a process that this namespace does not show

    def is_empty(self) -> bool:
        """Return whether no process is in the group or in a group below."""
        return b"populated 0" in self._state()

    def killed(self) -> int:
        """Return how many processes of the group the kernel killed for lack of memory; 0 where it does not count."""
        return oom_kills(self.counts())

    def counts(self) -> bytes:
        """Return the text of the counter that `killed` parses; none where the kernel does not count."""
        try:
            return os.pread(self._memory, _LARGEST, 0) if self._memory >= 0 else b""
        except OSError:
            return b""

    def cpu(self) -> tuple[float, float] | None:
        """Return the CPU seconds that the group has used so far, in user and kernel mode; None if unknown."""
        try:
            words = os.pread(self._cpu, _LARGEST, 0).split()
            user, system = words.index(b"user_usec"), words.index(b"system_usec")
            return int(words[user + 1]) / 1e6, int(words[system + 1]) / 1e6
        except (OSError, IndexError, ValueError):
            return None

    def pristine(self) -> bool:
        """Return whether the group is as it was made: no process or subgroup, not frozen, limits unchanged."""
        state = self._state()
        if b"populated 0" not in state or b"frozen 1" in state:
            return False
        try:
            limits = [os.pread(file, _LARGEST, 0) for file in self._limits]
            return self._looks() == self._made and limits == [b"max\n"] * len(_LIMITS)
        except OSError:
            return False

    def _looks(self) -> tuple[int, ...]:
        """Its mode and owner, and how many groups are below it: a directory has a link for each."""
        found = os.stat(self.path)
        return found.st_mode, found.st_uid, found.st_gid, found.st_nlink

    def remove(self) -> None:
        """Remove the group and those below, which steps may have made; it stays while a process is in it."""
        self.close()
        _remove(self.path)

    def close(self) -> None:
        """Close the descriptors only."""
        for descriptor in (self.door, self._events, self._cpu, self._memory, *self._limits):
            if descriptor >= 0:
                os.close(descriptor)
        self.door = self._events = self._cpu = self._memory = -1
        self._limits = []

    def _open(self, name: str) -> int:
        return os.open(os.path.join(self.path, name), os.O_RDONLY | os.O_CLOEXEC)

    def _open_if_there(self, name: str) -> int:
        try:
            return self._open(name)
        except OSError:
            return -1

    def _state(self) -> bytes:
        """The lines of cgroup.events; those of an empty group when it was taken away."""
        try:
            return os.pread(self._events, _LARGEST, 0)
        except OSError:
            return b"populated 0"


class Groups:
    """The groups of the steps of a job, in a group for the job, whose directory is `path`.

    To make a group, and to be the first to join it, costs more than all the rest of starting a process: the
    kernel waits until every processor knows. So a group that a step left as it was made is given to another one.
    """

    def __init__(self, path: str) -> None:
        """Make the group of the job. Raises OSError."""
        os.mkdir(path)
        self.path = path
        self._free: list[Group] = []
        self._made = 0

    def take(self) -> Group | None:
        """An empty group for a step; None when there can be none, so that the step runs without."""
        if self._free:
            return self._free.pop()
        self._made += 1
        try:
            return Group(os.path.join(self.path, f"steps-{self._made}"))
        except OSError:
            return None

    def give_back(self, group: Group) -> None:
        """The step has ended, or could not begin."""
        if group.pristine():
            self._free.append(group)
        else:
            group.remove()

    def remove(self) -> None:
        """Remove all of them."""
        self.close()
        _remove(self.path)

    def close(self) -> None:
        """Close the descriptors only, as a fork of the runner does."""
        while self._free:
            self._free.pop().close()


def _remove(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError:
        for directory, _, _ in os.walk(path, topdown=False):
            with suppress(OSError):
                os.rmdir(directory)


def oom_kills(events: bytes) -> int:
    """Parse the number of processes killed for lack of memory from the text of a group's counter file."""
    for line in events.splitlines():
        name, _, count = line.partition(b" ")
        if name == b"oom_kill":
            return int(count)
    return 0


class Place(NamedTuple):
    """Location of this process in a cgroup hierarchy: the directory of its own group and of the topmost one."""

    own: str
    top: str


def new_groups() -> Groups | None:
    """The groups of a job, below that of this process; None where the system does not allow it."""
    place = find_place("cgroup2", "")
    try:
        return None if place is None else Groups(os.path.join(place.own, f"runnerlib-{os.urandom(8).hex()}"))
    except OSError:
        return None  # not delegated, or mounted read-only


def find_place(kind: str, controller: str) -> Place | None:
    """Find the location of this process: kind "cgroup2" without a controller, or "cgroup" with one."""
    path = next((path for names, path in _own_paths() if controller in names), None)
    for mount in mounts():
        if path is None or mount.filesystem != kind or (controller and controller not in mount.options):
            continue
        # A container shows its own group as the root of the mount; above it there is nothing to see.
        below = os.path.relpath(path, mount.root)
        own = os.path.normpath(os.path.join(mount.point, below))
        if not below.startswith("..") and os.path.isdir(own):
            return Place(own, mount.point)
    return None


def _own_paths() -> list[tuple[list[str], str]]:
    """The controllers of each hierarchy, [""] for version 2, and the path of this process in it."""
    lines = read_if_shown("/proc/self/cgroup").decode("utf-8", "surrogateescape").splitlines()
    return [(names.split(","), path) for _, names, path in (line.split(":", 2) for line in lines)]
