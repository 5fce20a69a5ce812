"""The mode `raw`: stdout carries exactly the masked output of the job, stderr the runner's own lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import one_line, printable
from runnerlib.events import (
    JobStarted,
    Notice,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Triggered,
    Warned,
)
from runnerlib.output.messages import command, finished, retrying
from runnerlib.output.streams import Streams

if TYPE_CHECKING:
    from runnerlib.events import Event
    from runnerlib.output.capabilities import TerminalCapabilities


class Raw(Streams):
    """Byte for byte, as soon as it comes; a job of several steps has the step's name in the runner's lines."""

    _several = False
    _whole = True  # whether what is on stdout ends with a line break, or is nothing yet

    def observe(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, StepOutput):
            if event.data:
                self._whole = event.data.endswith(b"\n")
            self.out.write(event.data)
            return
        match event:
            case JobStarted():
                self._several = len(event.steps) > 1
            case StepStarted():
                self._line(command(event), event.step)
            case StepRetrying():
                self._line(retrying(event), event.step)
            case StepFinished() if not event.result.success:
                self._line(finished(event.result, timed=False), event.result.name)
            case Notice():
                self._line(one_line(event.text))
            case Warned():
                self._line(f"warning: {one_line(event.text)}", event.step)
            case Triggered():
                self._triggers(event.line)

    def _triggers(self, line: bytes) -> None:
        if not self._whole:
            self.out.write(b"\n")
            self._whole = True
        self.out.write_line(line)

    def say(self, text: bytes) -> None:
        """Show lines of the runner."""
        self._write(text)

    def _line(self, text: str, step: str = "") -> None:
        named = f"{one_line(step)}: {text}" if step and self._several else text
        self._write("".join(f"runnerlib: {line}\n" for line in printable(named).split("\n")).encode())

    def _write(self, lines: bytes) -> None:
        if self.joined and not self._whole:
            lines = b"\n" + lines
            self._whole = True
        self.err.write(lines)


def console(streams: Streams, look: TerminalCapabilities) -> Raw:  # noqa: ARG001 - it looks the same everywhere
    """Make the console of this mode."""
    return Raw(streams.out, streams.err, joined=streams.joined)
