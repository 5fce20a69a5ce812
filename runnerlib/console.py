"""The console: an observer that shows a job's output on stdout and the runner's own lines on stderr."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.errors import printable
from runnerlib.events import Notice, StepFinished, StepOutput, StepStarted, Warned
from runnerlib.output import Output

if TYPE_CHECKING:
    from runnerlib.events import Event


class Console:
    """Stdout carries exactly the masked output of the job; everything else goes to stderr."""

    def __init__(self, stdout: int = 1, stderr: int = 2) -> None:
        self._out = Output(stdout)  # raises OutputError when the descriptor is closed
        # One queue for one target: lines and output keep their order under `2>&1`.
        self._err = self._out if os.path.sameopenfile(stdout, stderr) else Output(stderr)

    @property
    def congested(self) -> bool:
        """Whether a reader of stdout or stderr is behind."""
        return self._out.congested or self._err.congested

    async def drain(self) -> None:
        """Return when all that was shown is written."""
        await self._out.drain()
        await self._err.drain()

    def give_up(self) -> int:
        """Drop what the readers have not taken and refuse more; the number of bytes dropped."""
        return self._out.give_up() + (self._err.give_up() if self._err is not self._out else 0)

    def close(self) -> None:
        """Let go of both descriptors, which stay open."""
        self._out.close()
        if self._err is not self._out:
            self._err.close()

    def observe(self, event: Event) -> None:
        """Show one event."""
        match event:
            case StepOutput():
                self._out.write(event.data)
            case StepStarted():
                self._line(f"runnerlib: $ {event.command}")
            case StepFinished():
                if event.reason:
                    self._line(f"runnerlib: failed: {event.reason}")
            case Notice():
                self._line(f"runnerlib: {event.text}")
            case Warned():
                self._line(f"runnerlib: warning: {event.text}")

    def _line(self, text: str) -> None:
        self._err.write(printable(text).encode() + b"\n")
