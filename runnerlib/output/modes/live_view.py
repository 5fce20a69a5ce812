"""The view at the lower end of the terminal in live mode, and how it is redrawn."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import one_line
from runnerlib.output.messages import duration
from runnerlib.output.text.columns import columns, shortened, told_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType

    from runnerlib.output.capabilities import TerminalCapabilities
    from runnerlib.output.history.estimate import Left
    from runnerlib.output.streams import Output

_HIDE_CURSOR, _SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
# Terminals that know it show all that is between in one go; the others ignore it.
_BEGIN_UPDATE, _END_UPDATE = b"\x1b[?2026h", b"\x1b[?2026l"

_SGR = re.compile(r"\x1b\[[0-9;]*m")

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_SPINNER = "|/-\\"
_FRAMES_PER_SECOND = 8
_BAR = 24
# Narrower than this there is no bar, and than that no word on what a step does.
_ROOM_FOR_BAR = 72
_ROOM_FOR_STATUS = 40
# A lower terminal gets no empty line above the view.
_ROOM_FOR_SPACE = 15
_WIDEST_NAME = 30
_WIDEST_STATUS = 80


class Running(NamedTuple):
    """A step that has run for `seconds`, and usually takes `usual` seconds if that is known.

    `status` is its last line, `streams` is true if its output is shown.
    """

    name: str
    seconds: float
    status: str
    streams: bool
    usual: float = 0.0


class Progress(NamedTuple):
    """A job that runs."""

    total: int
    done: int
    failed: int
    seconds: float
    running: Sequence[Running]
    left: Left | None = None


class View:
    """Lays a job's progress out; every line fits into the terminal."""

    def __init__(self, look: TerminalCapabilities) -> None:
        import rich.console  # heavy: needed on terminals only
        import rich.table
        import rich.text

        self._look = look
        self._table = rich.table.Table
        self._text = rich.text.Text
        self._console = rich.console.Console(
            file=_Paper() if look.unicode else _AsciiPaper(),
            force_terminal=True,
            color_system="standard" if look.colour else None,
            no_color=not look.colour,
            legacy_windows=False,
            _environ={},
        )

    def lines(self, progress: Progress, width: int, height: int) -> list[str]:
        """The view for a terminal of `width` columns and `height` rows, which it never fills."""
        width = max(width - 1, 1)  # the last column is where terminals disagree on what comes next
        self._console.width = width
        path = self._path(progress, width) if height >= _ROOM_FOR_SPACE else ""
        most = max(1, height // 2 - 1 - bool(path))
        shown = progress.running[: most if len(progress.running) <= most else most - 1]
        with self._console.capture() as captured:
            self._console.print(self._summary(progress, width), no_wrap=True, crop=True)
            self._console.print(self._steps(shown, progress.seconds, width), crop=True)
            if more := len(progress.running) - len(shown):
                self._console.print(self._text(self._plain(f"  … and {more} more"), "dim"), no_wrap=True, crop=True)
            if path:
                self._console.print(self._text(path, "dim"), no_wrap=True, crop=True)
        lines = [text for text in captured.get().split("\n") if text]
        return ["", *lines] if height >= _ROOM_FOR_SPACE else lines

    def _path(self, progress: Progress, width: int) -> str:
        """Return the steps on which the end of the job depends; "" if it is one, or not known."""
        if progress.left is None or len(progress.left.path) < 2:
            return ""
        text = f"critical path: {' > '.join(map(one_line, progress.left.path))}"
        return shortened(self._plain(text), width, self._plain("…"))

    def _summary(self, progress: Progress, width: int) -> RenderableType:
        text = self._text(no_wrap=True, overflow="crop")
        text.append(f"{progress.done}/{progress.total} done", "bold")
        text.append(f", {len(progress.running)} running")
        if progress.failed:
            text.append(", ")
            text.append(f"{progress.failed} failed", "bold red")
        text.append(f"  {duration(progress.seconds)}", "dim")
        if progress.left is not None and progress.left.seconds >= 1:
            text.append(f", about {duration(round(progress.left.seconds))} left", "dim")
        if width < _ROOM_FOR_BAR:
            return text
        full = _BAR * progress.done // max(progress.total, 1)
        bar = self._text.assemble(
            (self._plain("━") * full, "red" if progress.failed else "green"),
            (self._plain("─") * (_BAR - full), "bright_black"),
        )
        row = self._table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=_BAR)
        row.add_column(no_wrap=True)
        row.add_row(bar, text)
        return row

    def _steps(self, running: Sequence[Running], seconds: float, width: int) -> RenderableType:
        frames = _SPINNER if self._look.unicode else _PLAIN_SPINNER
        frame = frames[int(seconds * _FRAMES_PER_SECOND) % len(frames)]
        grid = self._table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True, overflow="crop")
        grid.add_column(no_wrap=True, justify="right")
        if width >= _ROOM_FOR_STATUS:
            grid.add_column(no_wrap=True, overflow="crop")
        shown = told_apart(
            (one_line(step.name) for step in running), min(_WIDEST_NAME, max(width - 14, 4)), self._plain("…")
        )
        names = [shown[one_line(step.name)] for step in running]
        took = [duration(one.seconds) + (f" of ~{duration(one.usual)}" if one.usual >= 1 else "") for one in running]
        widest = max(map(len, took), default=0)
        room = min(width - 6 - max(widest, 10) - max(map(columns, names), default=0), _WIDEST_STATUS)
        for name, step, time in zip(names, running, took, strict=True):
            label = self._text.assemble((f"{frame} ", "cyan"), (self._plain(name), "bold" if step.streams else ""))
            cells = [label, self._text(time)]
            if width >= _ROOM_FOR_STATUS:
                status = "" if step.streams else shortened(self._plain(one_line(step.status)), room, self._plain("…"))
                cells.append(self._text(status, "dim"))
            grid.add_row(*cells)
        return grid

    def _plain(self, text: str) -> str:
        """`text` as the terminal can show it."""
        return text if self._look.unicode else self._look.plain(text).encode("ascii", "replace").decode()


class _Paper(io.StringIO):
    """The stream that the library writes the view to."""


class _AsciiPaper(_Paper):
    encoding = "ascii"


class Screen:
    """Text that scrolls, and below it lines that stay at the bottom until they are replaced."""

    def __init__(self, out: Output, size: Callable[[], tuple[int, int]]) -> None:
        self.size = size
        self._out = out
        self._widths: list[int] = []  # of the lines on the screen
        self._lines = b""

    def scroll(self, text: bytes) -> None:
        """Write whole lines above the view."""
        if not self._widths:
            self._out.write(text)
            return
        self._out.write(_BEGIN_UPDATE + self._erased() + text + self._lines + _END_UPDATE)

    def show(self, lines: list[str]) -> None:
        """Replace the view; remove it when there are no lines."""
        if not lines:
            self.end()
            return
        data = "\r\n".join(lines).encode(errors="replace")
        if data == self._lines and self._rows() == len(self._widths):
            return
        shown = self._erased() if self._widths else _HIDE_CURSOR
        self._lines = data
        self._widths = [columns(_SGR.sub("", text).rstrip()) for text in lines]
        self._out.write(_BEGIN_UPDATE + shown + data + _END_UPDATE)

    def end(self) -> None:
        """Take the view away."""
        if self._widths:
            erased = self._erased()
            self._widths, self._lines = [], b""
            self._out.write(erased + _SHOW_CURSOR)

    def _rows(self) -> int:
        """Return the rows that the view has now: a narrower terminal has wrapped its longer lines."""
        width = max(self.size()[0], 1)
        return sum(max(1, -(-one // width)) for one in self._widths)

    def _erased(self) -> bytes:
        up = self._rows() - 1
        return b"\r" + (f"\x1b[{up}A".encode() if up else b"") + b"\x1b[J"
