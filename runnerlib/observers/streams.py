"""The two outputs of a console: one queue when both lead to the same place."""

from __future__ import annotations

import os

from runnerlib.output import Output


class Streams:
    """Stdout and stderr, or whatever descriptors are given; they stay open.

    A console is a subclass: it observes, the rest is here. Raises OutputError when a descriptor is closed.
    """

    def __init__(self, out: Output, err: Output) -> None:
        self.out = out
        self.err = err

    @property
    def congested(self) -> bool:
        """Whether a reader of one of them is behind."""
        return self.out.congested or self.err.congested

    async def drain(self) -> None:
        """Return when all that was written has gone."""
        await self.out.drain()
        if self.err is not self.out:
            await self.err.drain()

    def give_up(self) -> int:
        """Drop what the readers have not taken and refuse more; the number of bytes dropped."""
        return self.out.give_up() + (self.err.give_up() if self.err is not self.out else 0)

    def close(self) -> None:
        """Let go of both descriptors."""
        self.out.close()
        if self.err is not self.out:
            self.err.close()


def streams(stdout: int = 1, stderr: int = 2) -> Streams:
    """The streams of two descriptors. Lines and output keep their order under `2>&1`: that is one queue."""
    out = Output(stdout)
    return Streams(out, out if os.path.sameopenfile(stdout, stderr) else Output(stderr))
