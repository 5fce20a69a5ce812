"""Resource usage of a step, as far as the kernel separates it from that of the runner."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from runnerlib._util.proc import own_status
from runnerlib.events.result import Usage

if TYPE_CHECKING:
    from runnerlib.executor.local.cgroup import Group

# Bytes in a block of `rusage`, whatever the disk has (getrusage(2)); a kernel that does not count them says 0.
_BLOCK = 512
_COUNTS_BYTES = os.path.exists("/proc/self/io")
# Each processor counts pages on its own for a while, so that two looks at the same memory differ by so many bytes.
_SLACK = (4 << 20) + (os.cpu_count() or 1) * (256 << 10)


class Meter:
    """Meter of a step's resource usage, from the creation of this object on; `of` returns the result."""

    def __init__(self, group: Group | None) -> None:
        self._before = None if group is None else group.cpu()

    def of(self, used: resource.struct_rusage, group: Group | None) -> Usage:
        """The usage of a process that has ended with `used`; CPU is its group's, if it has one."""
        user, system = used.ru_utime, used.ru_stime
        now = None if group is None else group.cpu()
        if now is not None and self._before is not None:
            user, system = now[0] - self._before[0], now[1] - self._before[1]
        moved = (used.ru_inblock, used.ru_oublock) if _COUNTS_BYTES else (None, None)
        read, written = (None if blocks is None else blocks * _BLOCK for blocks in moved)
        return Usage(user, system, _own_rss(used.ru_maxrss * 1024), read, written)


def _own_rss(size: int) -> int | None:
    """Return `size` if it is certainly the process's own; None if it may be the runner's.

    Until its execve a process shares the memory of the runner, and the kernel keeps the highest mark of both.
    """
    if size > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + _SLACK:
        return size
    # That may be what another program was before it became the runner; this is the runner's own.
    highest = _high_water()
    return size if highest is not None and size > highest + _SLACK else None


def _high_water() -> int | None:
    """Return the largest memory size that this process has had, in bytes; None if /proc does not show it."""
    found = own_status("VmHWM")
    return int(found.split()[0]) * 1024 if found else None
