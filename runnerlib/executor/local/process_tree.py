"""The tree of processes as the kernel keeps it: parents, descendants and states."""

from __future__ import annotations

import os
import signal
from time import monotonic
from typing import TYPE_CHECKING

from runnerlib._util.proc import ProcessStat, process_stat, read_proc
from runnerlib.executor.local import pidfd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Seconds that processes get to end after SIGKILL; a broken disk can keep one for ever.
_PATIENCE = 5.0
# Milliseconds between two checks of the processes being killed.
_PAUSE = 50


def status(pid: int) -> ProcessStat | None:
    """Read the state of the process with that number, a dead one too; None when there is none, or it is not shown."""
    try:
        return process_stat(pid)
    except OSError:
        return None


def children(pid: int) -> list[int]:
    """The children of a process, dead ones included, in no order; none when it has ended."""
    found: list[int] = []
    try:
        for thread in _threads(pid):
            found += children_of_thread(f"/proc/{pid}/task/{thread}")
    except FileNotFoundError:
        pass
    except NotImplementedError:
        return [child for child in _everybody() if (seen := status(child)) is not None and seen.parent == pid]
    return found


def _threads(pid: int) -> list[str]:
    """The names of the threads of a process. Raises FileNotFoundError."""
    directory = f"/proc/{pid}/task"
    # A link for each, besides its own two; an only thread has the number of its process.
    return [str(pid)] if os.stat(directory).st_nlink == 3 else os.listdir(directory)


def children_of_thread(thread: str) -> list[int]:
    """List the children of one thread, started or adopted; its directory in /proc names the thread.

    Raises NotImplementedError on a kernel built without these lists.
    """
    try:
        return [int(word) for word in read_proc(f"{thread}/children").split()]
    except OSError:
        if os.path.exists(f"{thread}/stat") and not os.path.exists(f"{thread}/children"):
            raise NotImplementedError from None
        return []  # it has just ended


def _everybody() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def descendants(pid: int) -> Iterator[int]:
    """The children of a process, their children, and so on; parents first."""
    waiting = [pid]
    while waiting:
        found = children(waiting.pop())
        yield from found
        waiting += found


def send(process: ProcessStat, signum: int) -> None:
    """Signal one process and no other, though it may have ended and its number been given to a stranger."""
    descriptor = pidfd.opened(process.pid)
    try:
        # The pidfd is of the process that has the number now; it is the right one if the start time is the same.
        now = status(process.pid)
        if now is not None and now.started == process.started:
            pidfd.send(process.pid, descriptor, signum)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def wait_for(look: Callable[[], list[ProcessStat]], seconds: float) -> None:
    """Wait until `look` finds nothing, at most so long."""
    deadline = monotonic() + seconds
    while (left := look()) and monotonic() < deadline:
        pidfd.wait(left[0].pid, _PAUSE)


def end_all(look: Callable[[], list[ProcessStat]]) -> None:
    """Kill all processes that `look` finds, until it finds none."""
    deadline = monotonic() + _PATIENCE
    while (left := look()) and monotonic() < deadline:
        for member in left:
            send(member, signal.SIGKILL)
        pidfd.wait(left[0].pid, _PAUSE)
