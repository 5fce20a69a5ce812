"""The mode `grouped`: every step is a block that the log viewer of a CI service can fold.

The oldest running step is shown as it runs, the others follow when it has ended. All on stdout, whole
lines. Colours pass; the runner says under each block how its step ended.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runnerlib.errors import one_line, printable
from runnerlib.events import (
    TRIGGERS_PREFIX,
    Notice,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Triggered,
    Warned,
)
from runnerlib.output.messages import command, finished, retrying
from runnerlib.output.modes.backlog import Backlog
from runnerlib.output.modes.block_order import Frame, Turns
from runnerlib.output.modes.ci_services import DIALECTS
from runnerlib.output.streams import Streams
from runnerlib.output.text.ansi import Colours, colours_only
from runnerlib.output.text.columns import shortened
from runnerlib.output.text.lines import Lines, final
from runnerlib.output.text.outcomes import FAILED, WARNING, marked, said, style_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.events import Event
    from runnerlib.events.result import StepResult
    from runnerlib.output.capabilities import TerminalCapabilities
    from runnerlib.output.modes.ci_services import Dialect


# Columns of a heading that are no name.
_TAKEN = len("=== ")


class Grouped(Streams):
    """Blocks in the words of `dialect`."""

    def __init__(
        self, streams: Streams, look: TerminalCapabilities, dialect: Dialect, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(streams.out, streams.err, stamp=streams.stamp)
        self._look = look
        self._dialect = dialect
        self._clock = clock
        self._began: dict[str, float] = {}
        self._backlog = Backlog(self.out, self.out.write)
        self._turns = Turns(self._backlog, Frame(self._opening, self._closing, self._meanwhile))
        self._lines: dict[str, Lines] = {}
        self._colours: dict[str, Colours] = {}

    def observe(self, event: Event) -> None:
        """Show one event."""
        match event:
            case StepOutput():
                self._output(event.step, self._lines[event.step].feed(event.data))
            case StepStarted():
                self._lines.setdefault(event.step, Lines())
                self._colours[event.step] = Colours()
                self._began.setdefault(event.step, self._clock())
                self._turns.start(event.step)
                self._own(event.step, command(event), "1")
            case StepRetrying():
                self._end_lines(event.step)
                self._own(event.step, retrying(event), WARNING)
            case StepFinished() if self._turns.started(event.result.name):
                self._end_lines(event.result.name)
                del self._lines[event.result.name], self._colours[event.result.name]
                self._turns.finish(event.result)
            case StepFinished():
                self._turns.between(self._ending(event.result))
            case Notice():
                self._say(f"runnerlib: {one_line(event.text)}")
            case Warned() if event.step:
                self._own(event.step, f"warning: {one_line(event.text)}", WARNING)
            case Warned():
                self._say(f"runnerlib: warning: {one_line(event.text)}")
            case Triggered():
                self._backlog.write(event.line)

    @property
    def congested(self) -> bool:
        """True while a reader is behind, or a queued block is being shown."""
        return self._backlog.congested or super().congested

    async def drain(self) -> None:
        """Return when all that may be shown now is written."""
        await self._backlog.drain()
        await super().drain()

    def give_up(self) -> int:
        """Drop the bytes queued for the readers, and refuse more; return the number of bytes dropped."""
        self._turns.close()
        return self._backlog.give_up() + super().give_up()

    def close(self) -> None:
        """Release all resources."""
        self._turns.close()
        self._backlog.close()
        super().close()

    def say(self, text: bytes) -> None:
        """Show lines of the runner."""
        self._backlog.write(self._dialect.harmless(text))

    def command(self, lines: bytes) -> None:
        """Show lines that are meant for the service."""
        self._backlog.write(lines)

    def _output(self, step: str, parts: list[bytes]) -> None:
        if parts:
            lines = _no_triggers(self._dialect.harmless(colours_only(final(parts))))
            self._turns.write(step, self._stamped(self._colours[step].closed(lines)))

    def _end_lines(self, step: str) -> None:
        self._output(step, self._lines[step].end())

    def _own(self, step: str, text: str, sgr: str) -> None:
        self._turns.write(step, self._stamped(self._lines_of(printable(text), sgr)))

    def _say(self, text: str) -> None:
        self._backlog.write(self._stamped(self._lines_of(text)))

    def _lines_of(self, text: str, sgr: str = "") -> bytes:
        return self._dialect.harmless(said(text, sgr, self._look, self._look.width()))

    def _stamped(self, lines: bytes, seconds: float = 0) -> bytes:
        """Return `lines` with the time, by default that of now, where it is wanted."""
        return lines if self.stamp is None else self.stamp(lines, seconds or self._clock())

    def _opening(self, step: str, result: StepResult | None) -> bytes:
        failed = result is not None and _failed(result)
        title, width = one_line(step), self._look.width()
        if width:
            title = shortened(title, max(width - _TAKEN, 1), self._look.plain("…"))
        return self._dialect.opening(title, self._began.pop(step), failed=failed)

    def _closing(self, result: StepResult) -> bytes:
        return self._dialect.closing(result.ended, failed=_failed(result)) + self._ending(result)

    def _meanwhile(self, result: StepResult) -> bytes:
        if not _failed(result):
            return b""
        text = one_line(f"runnerlib: {result.name}: {finished(result)}; its output follows")
        return self._stamped(self._lines_of(text, style_of(result).sgr), result.ended)

    def _ending(self, result: StepResult) -> bytes:
        text = one_line(f"{result.name}: {finished(result)}")
        announced = self._dialect.failure(text) if style_of(result) is FAILED else b""
        if announced:
            return announced
        lines = self._lines_of(marked(text, result, self._look), style_of(result).sgr)
        return self._stamped(lines, result.ended)


def _no_triggers(lines: bytes) -> bytes:
    """Return whole `lines` without a line that announces jobs.

    Characters that were taken out of it may have hidden it from the masker.
    """
    prefix = TRIGGERS_PREFIX.encode()
    return lines.replace(prefix, b" " + prefix) if prefix in lines else lines


def _failed(result: StepResult) -> bool:
    """Return whether the block of a step stays open: it failed, or was stopped."""
    return result.required and result.outcome in {"failure", "cancelled"}


def console(streams: Streams, look: TerminalCapabilities) -> Grouped:
    """Make the console of this mode."""
    return Grouped(streams, look, DIALECTS[look.dialect]())
