"""The two outputs of a console: one queue when both lead to the same place."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from runnerlib.output.nonblocking_writer import BestEffort, Output

if TYPE_CHECKING:
    from collections.abc import Callable

    Stamp = Callable[[bytes, float], bytes]


class Streams:
    """Stdout and stderr, or the given descriptors; they stay open.

    A console is a subclass: it observes, the rest is here. `joined`: both are one, by choice, so lines of the runner
    do not go on with one of the job. `stamp` puts the time, in seconds since the epoch, before whole lines, where the
    user wants it and the console has to do it.
    """

    def __init__(self, out: Output, err: Output, *, joined: bool = False, stamp: Stamp | None = None) -> None:
        self.out = out
        self.err = err
        self.joined = joined
        self.stamp = stamp

    @property
    def congested(self) -> bool:
        """True while a reader of one of the two is behind."""
        return self.out.congested or self.err.congested

    async def drain(self) -> None:
        """Return when all that was written has gone."""
        await self.out.drain()
        if self.err is not self.out:
            await self.err.drain()

    def give_up(self) -> int:
        """Drop the bytes queued for the readers, and refuse more; return the number of bytes dropped."""
        return self.out.give_up() + (self.err.give_up() if self.err is not self.out else 0)

    def close(self) -> None:
        """Release both descriptors."""
        self.out.close()
        if self.err is not self.out:
            self.err.close()


def streams(stdout: int = 1, stderr: int = 2) -> Streams:
    """The streams of two descriptors. Lines and output keep their order under `2>&1`: that is one queue.

    What stderr does not take is dropped, unless it is the same as stdout. Raises OutputError when stdout is closed.
    """
    out = Output(stdout)
    return Streams(out, out if _lead_to_the_same(stdout, stderr) else BestEffort(lambda: Output(stderr)))


def _lead_to_the_same(stdout: int, stderr: int) -> bool:
    try:
        same = os.path.sameopenfile(stdout, stderr)
    except OSError:
        return False
    return same and _access(stdout) == _access(stderr)


def _access(fd: int) -> int:
    """Return the access mode of a descriptor: read, write or both.

    In the place of a closed stdout there may be one that is only read.
    """
    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
