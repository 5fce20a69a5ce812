"""The mode `prefixed`: every line with the name of its step, steps side by side, all on stdout in order.

    build │ compiling
    test  » failed: exit code 1

Whole lines only, so that steps that run together never share one. The runner's own lines have another
mark in a place that no step can write to. Colours pass, and end with their line; what moves the
cursor does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.errors import one_line, printable
from runnerlib.events import JobStarted, Notice, StepFinished, StepOutput, StepRetrying, StepStarted, Triggered, Warned
from runnerlib.output.messages import command, finished, retrying
from runnerlib.output.streams import Streams
from runnerlib.output.text.ansi import Colours, colours_only
from runnerlib.output.text.columns import PALETTE, common_width, padded, told_apart, wrapped
from runnerlib.output.text.lines import Lines, final
from runnerlib.output.text.outcomes import WARNING, style_of

if TYPE_CHECKING:
    from runnerlib.events import Event
    from runnerlib.events.result import StepResult
    from runnerlib.output.capabilities import TerminalCapabilities


class _Marks(NamedTuple):
    """The marks behind names, before output and before lines of the runner, and that of what is cut."""

    output: str
    own: str
    cut: str


class _Column:
    """One step: its prefixes, its unfinished line, and the colours it has switched on."""

    def __init__(self, name: str, width: int, sgr: str, look: TerminalCapabilities, marks: _Marks) -> None:
        shown = padded(name, width, marks.cut)
        self.lines = Lines()
        self._look = look
        self._cut = marks.cut
        self._taken = width + len(" » ")
        self._prefix = f"{look.paint(f'{shown} {marks.output}', sgr)} ".encode()
        self._own = f"{look.paint(f'{shown} {marks.own}', sgr)} ".encode()
        self._colours = Colours()

    def said(self, text: str, sgr: str) -> bytes:
        """Lines of the runner about this step, in the colours `sgr`."""
        width, said = self._look.width(), b""
        for line in printable(text).split("\n"):
            for row in wrapped(line, max(width - self._taken, 1), self._cut) if width else (line,):
                said += self._own + self._look.paint(row, sgr).encode() + b"\n"
        return said

    def output(self, parts: list[bytes]) -> bytes:
        """Lines of the step."""
        if not parts:
            return b""
        data = colours_only(final(parts))
        if self._colours.closed_by_line(data):
            return self._prefix + data[:-1].replace(b"\n", b"\n" + self._prefix) + b"\n"
        return b"".join([self._prefix + self._colours.closed(line) for line in data.splitlines(keepends=True)])


class Prefixed(Streams):
    """Everything on stdout."""

    def __init__(self, streams: Streams, look: TerminalCapabilities) -> None:
        super().__init__(streams.out, streams.err)
        self._look = look
        self._width = 0
        self._numbers: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._columns: dict[str, _Column] = {}
        self._marks = _Marks(look.plain("│"), look.plain("»"), look.plain("…"))

    def observe(self, event: Event) -> None:
        """Show one event."""
        match event:
            case StepOutput():
                column = self._column(event.step)
                self._write(column.output(column.lines.feed(event.data)))
            case JobStarted():
                self._width = common_width(event.steps, self._look.width())
                self._names = told_apart(map(one_line, event.steps), self._width, self._marks.cut)
                self._numbers = {name: number for number, name in enumerate(event.steps)}
            case StepStarted():
                self._write(self._column(event.step).said(command(event), "1"))
            case StepRetrying():
                self._finish_line(event.step)
                self._write(self._column(event.step).said(retrying(event), WARNING))
            case StepFinished():
                self._finish(event.result)
            case Notice():
                self.say(f"runnerlib: {one_line(event.text)}\n".encode())
            case Warned() if event.step:
                self._write(self._column(event.step).said(f"warning: {one_line(event.text)}", WARNING))
            case Warned():
                self.say(f"runnerlib: warning: {one_line(event.text)}\n".encode())
            case Triggered():
                self.out.write_line(event.line)

    def say(self, text: bytes) -> None:
        """Show lines of the runner."""
        self.out.write(text)

    def _finish(self, result: StepResult) -> None:
        column = self._column(result.name)
        rest = column.output(column.lines.end())
        self._write(rest + column.said(finished(result), style_of(result).sgr))
        del self._columns[result.name]

    def _finish_line(self, step: str) -> None:
        column = self._column(step)
        self._write(column.output(column.lines.end()))

    def _write(self, data: bytes) -> None:
        if data:
            self.out.write(data)

    def _column(self, step: str) -> _Column:
        column = self._columns.get(step)
        if column is None:
            sgr = PALETTE[self._numbers.get(step, 0) % len(PALETTE)]
            name = one_line(step)
            if name not in self._names:  # one that an output has named since the start
                self._width = max(self._width, common_width([step], self._look.width()))
            name = self._names.get(name, name)
            column = self._columns[step] = _Column(name, self._width, sgr, self._look, self._marks)
        return column


def console(streams: Streams, look: TerminalCapabilities) -> Prefixed:
    """Make the console of this mode."""
    return Prefixed(streams, look)
