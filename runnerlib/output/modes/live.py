"""The mode `live`: on a terminal, a view of the running steps below the output.

The output of the oldest running step scrolls by as it comes; below it the progress of the job and a line for every
running step are redrawn in place. Of a step's escape sequences only colours pass: one that moves the cursor would wreck
the view. When the job has finished the view is gone, and the screen shows a log.

No thread draws. The view is made anew by a timer of the running loop and when something starts or ends; output only
moves it down, at the cost of one write.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.system import own_terminal_size
from runnerlib.errors import OutputError, one_line, printable
from runnerlib.events import (
    JobFinished,
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
from runnerlib.output.modes.backlog import Backlog
from runnerlib.output.modes.block_order import Frame, Turns
from runnerlib.output.modes.live_view import Progress, Running, Screen, View
from runnerlib.output.streams import Streams
from runnerlib.output.text.ansi import Colours, colours_only, text_only
from runnerlib.output.text.columns import shortened
from runnerlib.output.text.lines import Lines, final, last_state
from runnerlib.output.text.outcomes import FAILED, WARNING, marked, said, style_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.events import Event
    from runnerlib.events.result import StepResult
    from runnerlib.output.capabilities import TerminalCapabilities
    from runnerlib.output.history.estimate import EarlierRuns
    from runnerlib.output.history.outlook import Outlook

# Seconds between two views when nothing happens.
INTERVAL = 0.125


class _Step:
    """A running step: since when, its unfinished line, its colours, and the last line it wrote."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.lines = Lines()
        self.colours = Colours()
        self.last = b""

    @property
    def status(self) -> str:
        """Return the last line that the step wrote."""
        now = last_state(self.lines.unfinished[-4096:])
        return text_only(now or self.last[-4096:]).strip()


class Times(NamedTuple):
    """Clock, the interval at which the view is redrawn, and the time of day in seconds since the epoch."""

    clock: Callable[[], float] = time.monotonic
    interval: float = INTERVAL
    now: Callable[[], float] = time.time


class Live(Streams):
    """The console on a terminal; everything goes to stdout, and `size` returns its columns and rows.

    With `earlier` runs the view says how long the job will take, and on which steps that depends.
    """

    def __init__(
        self,
        streams: Streams,
        look: TerminalCapabilities,
        size: Callable[[], tuple[int, int]],
        times: Times = Times(),  # noqa: B008 - immutable
    ) -> None:
        super().__init__(streams.out, streams.err, stamp=streams.stamp)
        self._look = look
        self._times = times
        self._screen = Screen(self.out, size)
        self._view = View(look)
        self._backlog = Backlog(self.out, self._screen.scroll)
        self._turns = Turns(self._backlog, Frame(self._opening, self._closing, self._meanwhile))
        self._running: dict[str, _Step] = {}
        self._total = self._done = self._failed = 0
        self._began = times.clock()
        self._timer: asyncio.TimerHandle | None = None
        self.earlier: EarlierRuns | None = None
        self._outlook: Outlook | None = None

    def observe(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, StepOutput):
            step = self._running[event.step]
            self._output(event.step, step, step.lines.feed(event.data))
            return
        match event:
            case JobStarted():
                self._begin(event)
            case StepStarted():
                self._running.setdefault(event.step, _Step(self._times.clock()))
                self._turns.start(event.step)
                self._own(event.step, command(event), "1")
            case StepRetrying():
                step = self._running[event.step]
                self._output(event.step, step, step.lines.end())
                self._own(event.step, retrying(event), WARNING)
            case StepFinished():
                self._finish(event.result)
            case Notice():
                self._say(f"runnerlib: {one_line(event.text)}")
            case Triggered():
                self.say(event.line)
            case Warned():
                self._warn(event)
            case JobFinished():
                self._stop()
                return
        self.redraw()

    @property
    def congested(self) -> bool:
        """True while the terminal is behind, or a queued block is being shown."""
        return self._backlog.congested or super().congested

    async def drain(self) -> None:
        """Return when all that may be shown now is written."""
        await self._backlog.drain()
        await super().drain()

    def give_up(self) -> int:
        """Drop the bytes queued for the terminal, and refuse more; return the number of bytes dropped."""
        self._stop_timer()
        self._turns.close()
        return self._backlog.give_up() + super().give_up()

    def close(self) -> None:
        """Remove the view, if the terminal still works, and release all resources."""
        try:
            self._stop()
        except OutputError:
            self._stop_timer()
        self._turns.close()
        self._backlog.close()
        super().close()

    def say(self, text: bytes) -> None:
        """Show lines of the runner above the view."""
        self._backlog.write(text)

    def redraw(self) -> None:
        """Make the view anew, and again after a while if a loop is running."""
        self._stop_timer()
        if not self._running:
            self._screen.show([])
            return
        if not self.congested:
            columns, rows = self._screen.size()
            self._screen.show(self._view.lines(self._progress(), columns, rows))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._timer = loop.call_later(self._times.interval, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        try:
            self.redraw()
        except OutputError:
            self._stop_timer()  # the next event raises it to the caller

    def _progress(self) -> Progress:
        now = self._times.clock()
        running = [
            Running(name, now - step.started, step.status, name == self._turns.current, self._usual(name))
            for name, step in self._running.items()
        ]
        left = None
        if self._outlook is not None:
            left = self._outlook.left({step.name: step.seconds for step in running}, now)
        return Progress(self._total, self._done, self._failed, now - self._began, running, left)

    def _usual(self, step: str) -> float:
        return (self._outlook and self._outlook.usual(step)) or 0.0

    def _output(self, name: str, step: _Step, parts: list[bytes]) -> None:
        if parts:
            lines = colours_only(final(parts))
            step.last = lines[lines.rfind(b"\n", 0, -1) + 1 : -1] or step.last
            self._turns.write(name, self._stamped(step.colours.closed(lines)))

    def _begin(self, event: JobStarted) -> None:
        self._total = len(event.steps)
        self._began = self._times.clock()
        estimates = self.earlier.of(event.job) if self.earlier is not None else None
        if estimates is not None:
            from runnerlib.output.history.outlook import Outlook  # few runs have a history

            self._outlook = Outlook(estimates, event.steps)

    def _finish(self, result: StepResult) -> None:
        self._done += 1
        if self._outlook is not None:
            self._outlook.done.add(result.name)
        self._failed += style_of(result) is FAILED
        step = self._running.pop(result.name, None)
        if step is None:
            self._turns.between(self._closing(result))
            return
        self._output(result.name, step, step.lines.end())
        self._turns.finish(result)

    def _own(self, step: str, text: str, sgr: str) -> None:
        self._turns.write(step, self._stamped(said(printable(text), sgr, self._look, self._width())))

    def _warn(self, event: Warned) -> None:
        text = f"warning: {one_line(event.text)}"
        if event.step:
            self._own(event.step, text, WARNING)
        else:
            self._say(f"runnerlib: {text}", WARNING)

    def _say(self, text: str, sgr: str = "") -> None:
        self.say(self._stamped(said(text, sgr, self._look, self._width())))

    def _width(self) -> int:
        """Return the columns of a line of the runner; the last one is where terminals disagree on what comes next."""
        return max(self._screen.size()[0] - self._look.taken - 1, 1)

    def _stamped(self, lines: bytes, seconds: float = 0) -> bytes:
        """Return `lines` with the time, by default that of now, where it is wanted."""
        return lines if self.stamp is None else self.stamp(lines, seconds or self._times.now())

    def _opening(self, step: str, result: StepResult | None) -> bytes:  # noqa: ARG002
        bar, mark = self._look.plain("──"), self._look.plain("…")
        name = shortened(one_line(step), max(self._width() - 2 * len(f"{bar} "), 1), mark)
        return f"{self._look.paint(f'{bar} {name} {bar}', '1;36')}\n".encode()

    def _closing(self, result: StepResult) -> bytes:
        text = one_line(f"{result.name}: {finished(result)}")
        lines = said(marked(text, result, self._look), style_of(result).sgr, self._look, self._width())
        return self._stamped(lines, result.ended)

    def _meanwhile(self, result: StepResult) -> bytes:
        if result.success or not result.required:
            return b""
        text = one_line(f"runnerlib: {result.name}: {finished(result)}; its output follows")
        return self._stamped(said(text, style_of(result).sgr, self._look, self._width()), result.ended)

    def _stop(self) -> None:
        self._stop_timer()
        self._running.clear()
        self._screen.end()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def console(streams: Streams, look: TerminalCapabilities) -> Live:
    """Make the console of this mode for the terminal that stdout is."""
    return Live(streams, look, terminal_size)


def terminal_size() -> tuple[int, int]:
    """Columns and rows of the terminal now; a window may be resized at any time."""
    size = own_terminal_size()
    return size.columns, size.rows
