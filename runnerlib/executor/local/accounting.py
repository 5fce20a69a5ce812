"""Resource usage of a step, and whether the kernel killed it for lack of memory; exit codes never show that."""

from __future__ import annotations

import os
import resource
import signal
from time import monotonic
from typing import TYPE_CHECKING

from runnerlib._util.proc import own_status, read_if_shown
from runnerlib.events.result import Usage
from runnerlib.executor.local.cgroup import Place, find_place, oom_kills
from runnerlib.executor.process_spec import ExitStatus

if TYPE_CHECKING:
    from runnerlib.executor.local.cgroup import Group


# Bytes in a block of `rusage`, whatever the disk has (getrusage(2)); a kernel that does not count them says 0.
_BLOCK = 512
_COUNTS_BYTES = os.path.exists("/proc/self/io")
# Each processor counts pages on its own for a while, so that two looks at the same memory differ by so many bytes.
_SLACK = (4 << 20) + (os.cpu_count() or 1) * (256 << 10)


class OwnMemory:
    """The largest memory size that this process has had, as far as it was asked for: it only grows."""

    def __init__(self) -> None:
        self._seen = 0

    def exceeded_by(self, size: int) -> int | None:
        """Return `size`, of a process of a step, if it is certainly its own; None if it may be the runner's.

        Until its execve a process shares the memory of the runner, and the kernel keeps the highest mark of both.
        """
        if size <= self._seen + _SLACK:
            return None
        if size > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + _SLACK:
            return size
        # That may be what another program was before it became the runner; this is the runner's own.
        highest = _high_water()
        if highest is None:
            return None
        self._seen = highest
        return size if size > highest + _SLACK else None


def _high_water() -> int | None:
    """Return the largest memory size that this process has had, in bytes; None if /proc does not show it."""
    found = own_status("VmHWM")
    return int(found.split()[0]) * 1024 if found else None


UNLIMITED = 1 << 60
"""A limit of version 1 from here on is none; the exact number depends on the size of a page."""
# A file of counters has some ten short lines.
_LARGEST = 4096


class Counter:
    """Counter of OOM kills of a memory group, and the group's limits.

    The file `events` is kept open, because every step begins with a look at it.
    """

    def __init__(self, place: Place, events: str, limit: str) -> None:
        self.place = place
        self.events = os.path.join(place.own, events)
        self.limit = limit
        self._file = -1

    def killed(self) -> int:
        """Return how many processes of the group the kernel has killed so far for lack of memory."""
        return oom_kills(self.counts())

    def counts(self) -> bytes:
        """Return the text of the counter, which `oom_kills` parses; none when it cannot be read."""
        try:
            if self._file < 0:
                self._file = os.open(self.events, os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(self._file, _LARGEST, 0)
        except OSError:
            return b""

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def smallest_limit(self) -> int | None:
        """The lowest limit of the group and those above it, in bytes; None without one."""
        limits: list[int] = []
        directory = self.place.own
        while True:
            text = read_if_shown(os.path.join(directory, self.limit)).strip()
            if text.isdigit() and int(text) < UNLIMITED:
                limits.append(int(text))
            if directory in {self.place.top, "/"}:
                return min(limits, default=None)
            directory = os.path.dirname(directory)


def find_counter() -> Counter | None:
    """The counter of the memory group that this process is in; None when the kernel keeps or shows none."""
    place = find_place("cgroup", "memory")
    if place is not None:
        return Counter(place, "memory.oom_control", "memory.limit_in_bytes")
    place = find_place("cgroup2", "")
    while place is not None and not os.path.exists(os.path.join(place.own, "memory.events")):
        # What has no memory controller of its own is charged to the group above it.
        place = None if place.own == place.top else Place(os.path.dirname(place.own), place.top)
    return None if place is None else Counter(place, "memory.events", "memory.max")


class StepAccount:
    """Resource usage of one step, and OOM kills during it, from the creation of this object to the step's end.

    If a group has other members too, its counter only shows that memory ran out while the step ran. The kill is
    attributed to the step when it was killed by SIGKILL, when it reports such a kill (exit code 137), or when it was
    `alone`: no other step ran meanwhile. Without any counter, the kernel's log is read.
    """

    def __init__(self, counter: Counter | None, group: Group | None, memory: OwnMemory, *, alone: bool) -> None:
        """`group` is that of the step, `memory` the runner's own."""
        self.alone = alone
        self._counter = counter
        self._group = group
        self._memory = memory
        # As texts: only for a step that fails they are compared.
        self._before_in_group = b"" if group is None else group.counts()
        self._before = b"" if counter is None else counter.counts()
        self._cpu_before = None if group is None else group.cpu()
        self._since = monotonic()

    def exit_status(self, pid: int, returncode: int, used: resource.struct_rusage, group: Group | None) -> ExitStatus:
        """Return how the first process of the step ended, `pid`, which has `used` so much; CPU is its group's."""
        user, system = used.ru_utime, used.ru_stime
        now = None if group is None else group.cpu()
        if now is not None and self._cpu_before is not None:
            user, system = now[0] - self._cpu_before[0], now[1] - self._cpu_before[1]
        read = used.ru_inblock * _BLOCK if _COUNTS_BYTES else None
        written = used.ru_oublock * _BLOCK if _COUNTS_BYTES else None
        usage = Usage(user, system, self._memory.exceeded_by(used.ru_maxrss * 1024), read, written)
        return ExitStatus(returncode, usage, self.oom(pid, returncode))

    def oom(self, pid: int, returncode: int) -> str:
        """Return a sentence when the kernel killed a process of the step of `pid`, which ended so; else empty."""
        if returncode == 0 or not self._found(pid, returncode):
            return ""
        limit = None if self._counter is None else self._counter.smallest_limit()
        return sentence(limit, alone=returncode == -signal.SIGKILL)

    def _found(self, pid: int, returncode: int) -> bool:
        if self._group is not None and self._group.killed() > oom_kills(self._before_in_group):
            return True
        if self._counter is None:
            return returncode == -signal.SIGKILL and _killed(pid, self._since)
        likely = self.alone or returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}
        return likely and self._counter.killed() > oom_kills(self._before)


def sentence(limit: int | None, *, alone: bool) -> str:
    """Describe an OOM kill: of the step's only process if `alone`, else of one of its processes.

    `limit` is in bytes.
    """
    who = "killed" if alone else "a process was killed"
    return f"{who} by the kernel: out of memory{'' if limit is None else f' (limit {_size(limit)})'}"


def _killed(pid: int, since: float) -> bool:
    """Search the kernel's log, which is rare: only where there is no counter."""
    from runnerlib.executor.local import oom_kmsg

    return oom_kmsg.killed(pid, since)


def _size(count: int) -> str:
    """A number of bytes as limits are usually written."""
    for unit in ("bytes", "KiB", "MiB"):
        if count % 1024:
            return f"{count} {unit}"
        count //= 1024
    return f"{count} GiB"
