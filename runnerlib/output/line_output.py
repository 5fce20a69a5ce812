"""Output for readers of lines, such as a worker: no line too long, and each with its time.

A worker reads two pipes and keeps the order of each, rejects a batch with a line of 256 KiB, and stops reading at one
of 1 MiB. So under one the lines of the runner and of the job share a pipe, and a longer line is cut.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runnerlib.output.streams import Output
from runnerlib.output.text.lines import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# The end of a piece of a line.
MARK = b" [runnerlib: the line is cut here and goes on below]"
# Further bytes of a piece where a cut would split a character.
_LATE = 3
# A shorter piece is cut without looking for escape sequences in it.
_ROOM_TO_LOOK = 64
STAMP_WIDTH = len("2027-01-15T08:00:00.250Z ")


def stamped(lines: bytes, seconds: float) -> bytes:
    """Return whole `lines`, each behind the time `seconds` since the epoch."""
    stamp = _stamp(seconds)
    return stamp + lines[:-1].replace(b"\n", b"\n" + stamp) + lines[-1:] if lines else lines


def _stamp(seconds: float) -> bytes:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3].encode() + b"Z "


class LineOutput(Output):
    """An output without any line longer than `longest` bytes (None, 0: no limit), line breaks not counted.

    A longer line becomes several, which end with MARK. `marks` are never cut, nor is a character in UTF-8. With `now`,
    the seconds of a clock, each line begins with the time of its first byte.
    """

    def __init__(
        self, out: Output, longest: int | None, marks: Sequence[bytes] = (), now: Callable[[], float] | None = None
    ) -> None:
        self._out = out
        self._now = now
        self._marks = [mark for mark in marks if mark]
        self._room = (longest - len(MARK) - _LATE - (STAMP_WIDTH if now else 0)) if longest else 0
        self._column = 0
        self._fresh = True

    @property
    def congested(self) -> bool:
        """True while bytes are queued."""
        return self._out.congested

    @property
    def is_terminal(self) -> bool:
        """True if the output is shown on a terminal."""
        return self._out.is_terminal

    def write(self, data: bytes) -> None:
        """Write `data`, with longer lines cut."""
        if self._room:
            data = self._short(data)
        if self._now is not None and data:
            data = self._stamped(data, self._now())
        self._out.write(data)

    def write_line(self, line: bytes) -> None:
        """Write a whole line, which a program looks for, without any change."""
        self._out.write_line(line)

    async def drain(self) -> None:
        """Wait until no bytes are queued any more."""
        await self._out.drain()

    def give_up(self) -> int:
        """Drop the queued bytes, and refuse more; return the number of bytes dropped."""
        return self._out.give_up()

    def close(self) -> None:
        """Close the descriptors that this output has opened."""
        self._out.close()

    def _stamped(self, data: bytes, seconds: float) -> bytes:
        begun, self._fresh = self._fresh, data.endswith(b"\n")
        whole = stamped(data, seconds)
        return whole if begun else whole[STAMP_WIDTH:]

    def _short(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        start = at = 0
        while self._column + len(data) - at > self._room:
            room = max(self._room - self._column, 0)
            end = data.rfind(b"\n", at, at + room + 1) + 1
            if not end:
                end = self._place(data, at, at + room)
                pieces += [data[start:end], MARK, b"\n"]
                start = end
            at, self._column = end, 0
        last = data.rfind(b"\n", at) + 1
        self._column = len(data) - last if last else self._column + len(data) - at
        return b"".join([*pieces, data[start:]]) if pieces else data

    def _place(self, data: bytes, start: int, limit: int) -> int:
        """Return the end of the piece that begins at `start`: at `limit` or a little before."""
        place = cut(data, start, limit) if limit - start >= _ROOM_TO_LOOK else _behind_character(data, limit)
        while (found := self._mark_around(data, start, place)) is not None:
            begin, end = found
            if begin == start and self._column == 0:  # a new line would not make it shorter
                return end
            place = begin
        return place

    def _mark_around(self, data: bytes, start: int, place: int) -> tuple[int, int] | None:
        for mark in self._marks:
            begin = data.find(mark, max(start, place - len(mark) + 1), place + len(mark) - 1)
            if begin >= 0:
                return begin, begin + len(mark)
        return None


def _behind_character(data: bytes, at: int) -> int:
    """Return `at`, or the end of the character that `at` would cut."""
    end = at
    while end < min(at + _LATE, len(data)) and 0x80 <= data[end] < 0xC0:
        end += 1
    return end
