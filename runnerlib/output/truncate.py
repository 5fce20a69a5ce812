"""Truncation of a step's output on the console: its beginning, its end, and the path of the full log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.events import StepFinished, StepOutput, StepRetrying, StepStarted
from runnerlib.output.filter import Filter

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.events import Event
    from runnerlib.output.protocol import Console


class _Shown:
    """Truncation of one attempt: room left for its beginning, and its last bytes."""

    def __init__(self, head: int, tail: int) -> None:
        self._head = head
        self._room = tail
        self._tail = bytearray()
        self._dropped = 0
        self._at_line_start = True
        self._line_open = False

    def feed(self, data: bytes) -> bytes:
        """Return the part of `data` that is shown now."""
        at = 0
        if self._head > 0:
            at = len(data) if len(data) < self._head else _line_end(data, self._head)
            self._head = self._head - at if at == len(data) else 0
            self._line_open = not data.endswith(b"\n", 0, at)
        if at < len(data):
            self._keep(data[at:])
        return data[:at]

    @property
    def line_open(self) -> bool:
        """True if the beginning stops inside a line."""
        return self._line_open

    def end(self) -> tuple[int, bytes]:
        """Return the number of bytes left out, and the last bytes."""
        self._trim()
        tail = bytes(self._tail)
        at = 0
        if self._dropped and not self._at_line_start:
            at = tail.find(b"\n") + 1
            if at in {0, len(tail)}:  # a line that is longer than all that is kept begins with a character
                at = next((at for at, byte in enumerate(tail[:4]) if not 0x80 <= byte < 0xC0), 0)
        return self._dropped + at, tail[at:]

    def _keep(self, data: bytes) -> None:
        self._tail += data
        if len(self._tail) > 2 * self._room + (1 << 16):
            self._trim()

    def _trim(self) -> None:
        excess = len(self._tail) - self._room
        if excess > 0:
            self._at_line_start = self._tail[excess - 1] == ord("\n")
            del self._tail[:excess]
            self._dropped += excess


class Truncate(Filter):
    """Passes events to `console`, with about the first `head` and last `tail` bytes of each attempt's output.

    The last ones follow when the attempt ends; memory is bounded by some multiple of `tail` per running step.
    """

    def __init__(
        self, console: Console, *, head: int = 1 << 20, tail: int = 1 << 18, path: Callable[[str], str]
    ) -> None:
        super().__init__(console)
        self._head = head
        self._tail = tail
        self._path = path
        self._shown: dict[str, _Shown] = {}

    def observe(self, event: Event) -> None:
        """Pass one event on, or keep its output."""
        match event:
            case StepOutput():
                self._pass_on(event.step, self._shown[event.step].feed(event.data))
                return
            case StepStarted():
                self._shown[event.step] = _Shown(self._head, self._tail)
            case StepRetrying():
                self._end(event.step)
            case StepFinished():
                self._end(event.result.name)
        super().observe(event)

    def _end(self, step: str) -> None:
        shown = self._shown.pop(step, None)
        if shown is None:
            return
        left_out, tail = shown.end()
        if left_out:
            note = "\n" * shown.line_open + f"… {left_out:,} bytes left out; the full log is {self._path(step)} …\n"
            self._pass_on(step, note.encode())
        self._pass_on(step, tail)

    def _pass_on(self, step: str, data: bytes) -> None:
        if data:
            self._console.observe(StepOutput(step, data))


def _line_end(data: bytes, limit: int) -> int:
    """Return where to cut `data` near `limit`: after a line, if one ends within it or one chunk more."""
    end = data.find(b"\n", limit)
    if end >= 0:
        return end + 1
    return data.rfind(b"\n", 0, limit) + 1 or len(data)
