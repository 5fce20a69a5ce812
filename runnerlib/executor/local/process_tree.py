"""The processes of this machine as the kernel shows them: parents and descendants, states, words, open files."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from runnerlib._util.proc import ProcessStat, process_stat, read_proc
from runnerlib.executor.local import pidfd
from runnerlib.executor.process_spec import ProcessInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# Seconds that processes get to end after SIGKILL; a broken disk can keep one for ever.
_PATIENCE = 5.0
# Milliseconds between two checks of the processes being killed.
_PAUSE = 50
# Links of the directory of the threads of a process: its own two, and one for each thread.
_ONE_THREAD = 3
# The kernel hands lists of numbers out in pieces of a page; no page is smaller.
_PIECE = 1 << 12
_LONGEST_PID = 16


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
    # An only thread has the number of its process.
    return [str(pid)] if os.stat(directory).st_nlink == _ONE_THREAD else os.listdir(directory)


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


class OwnChildren:
    """The children of this process, which are listed at the end of every step: their files in /proc stay open."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._task = self._list = -1
        with suppress(OSError):
            self._task = os.open(f"/proc/{self._pid}/task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._list = os.open(f"/proc/{self._pid}/task/{self._pid}/children", os.O_RDONLY | os.O_CLOEXEC)

    def pids(self) -> list[int]:
        """Return what `children` does for this process."""
        # As long as there is one thread, as in a command line, which is the one with the open list.
        if self._list >= 0 and os.fstat(self._task).st_nlink == _ONE_THREAD:
            found = os.pread(self._list, _PIECE, 0)
            if len(found) < _PIECE - _LONGEST_PID:  # else it may come in several pieces
                return list(map(int, found.split()))
        return children(self._pid)

    def close(self) -> None:
        """Close the files."""
        for file in (self._task, self._list):
            if file >= 0:
                os.close(file)
        self._task = self._list = -1


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
