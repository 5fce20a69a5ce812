"""The meaning of the digits view, as naively as possible: a whole text, a token after the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BEFORE_WRAP = 4
GAP = COLUMN = 80

_PATTERN = re.compile(rb"(?:[2-7][0-9a-f]){6,8192}")
_OFFSET = re.compile(rb"[0-9a-fA-F]{6,8}[ :]")
_REMOVED = re.compile(rb"\\u00|\\[xX]|#[xX]|0[xX]|\\(?!u)|[ \t\r\n,:;=%&'\"#-]")
_BROKEN = re.compile(rb"\\u0?")
_DIGIT = re.compile(rb"[0-9a-fA-F]")
_MAY_BE_OFFSET = re.compile(rb"[0-9a-fA-F]{1,8}")


class Run(NamedTuple):
    """Digits between two barriers."""

    digits: bytearray
    at: list[int]  # where each digit is in the text
    wrapped: list[bool]  # whether a line end is before it


class Column(NamedTuple):
    """A text column, and where its line begins."""

    line: int
    start: int
    end: int


class Reading(NamedTuple):
    """All of a text: the last run is the one that may go on."""

    runs: list[Run]
    columns: list[Column]
    waiting: int  # how many digits at the end may be none
    lines: int  # line ends behind the last digit


class _Reader:
    """A text, and what is known of it up to a place."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.runs = [Run(bytearray(), [], [])]
        self.columns: list[Column] = []
        self.at = self.line = self.gap = self.lines = self.blanks = self.since = 0
        self.numbered = self.colon = False

    def barrier(self) -> None:
        self.gap = self.lines = 0
        self.runs.append(Run(bytearray(), [], []))

    def leave_line(self) -> None:
        """End what an offset at the beginning of the line means."""
        self.numbered = self.colon = False
        self.blanks = 0
        self.barrier()

    def waits(self) -> bool:
        """Return whether all that is left may be no digits of a secret."""
        is_first = self.at == self.line and _MAY_BE_OFFSET.fullmatch(self.text, self.at)
        return bool(is_first) or self.text[self.at :] == b"0"

    def before_column(self) -> bool:
        if not self.numbered or self.since < 2:
            return False
        byte = self.text[self.at : self.at + 1]
        return (self.colon and byte == b" " and self.blanks > 0) or (self.blanks >= 2 and byte in b"|>")

    def take_column(self) -> None:
        start = self.at + 1
        end = self.text.find(b"\n", start, start + COLUMN + 1)
        self.at = end if end >= 0 else min(start + COLUMN, len(self.text))
        self.columns.append(Column(self.line, start, self.at))
        self.blanks = 0
        if self.text[self.at : self.at + 1] not in {b"", b"\n"}:
            self.leave_line()

    def take_removed(self, removed: bytes, *, offset: bool) -> None:
        if removed == b"\n" and self.lines:
            self.barrier()
        self.gap += len(removed)
        if self.gap > GAP:
            self.barrier()
        self.at += len(removed)
        self.blanks = self.blanks + 1 if removed == b" " else int(removed.endswith(b" "))
        if offset:
            self.numbered, self.colon, self.since = True, removed.endswith(b":"), 0
        if removed == b"\n":
            self.lines, self.line, self.numbered, self.colon, self.since = 1, self.at, False, False, 0

    def take_digit(self) -> None:
        run = self.runs[-1]
        run.wrapped.append(self.lines > 0 and bool(run.at))
        run.digits.extend(self.text[self.at : self.at + 1].lower())
        run.at.append(self.at)
        self.gap = self.lines = self.blanks = 0
        self.since += 1
        self.at += 1

    def take(self) -> None:
        offset = _OFFSET.match(self.text, self.at) if self.at == self.line else None
        if self.before_column():
            self.take_column()
        elif removed := offset or _REMOVED.match(self.text, self.at):
            self.take_removed(removed[0], offset=bool(offset))
        elif _DIGIT.match(self.text, self.at):
            self.take_digit()
        else:
            broken = _BROKEN.match(self.text, self.at)
            self.at = broken.end() if broken else self.at + 1
            if not broken or self.at < len(self.text):
                self.leave_line()


def read(text: bytes, *, last: bool = True) -> Reading:
    """Read a text. `last`: nothing follows, so nothing waits."""
    reader = _Reader(text)
    while reader.at < len(text) and (last or not reader.waits()):
        reader.take()
    return Reading(reader.runs, reader.columns, len(text) - reader.at, reader.lines)


def _covered_from(run: Run, start: int, end: int) -> int:
    wraps = [i for i in range(start + 1, end) if run.wrapped[i]]
    return wraps[0] if wraps and wraps[0] - start < BEFORE_WRAP else start


def has_digits_view(pattern: bytes) -> bool:
    return bool(_PATTERN.fullmatch(pattern))


def occurrences(patterns: Iterable[bytes], reading: Reading) -> Iterator[range]:
    """Yield the bytes that each occurrence covers, text columns apart."""
    for pattern in filter(has_digits_view, patterns):
        for run in reading.runs:
            start = run.digits.find(pattern)
            while start >= 0:
                end = start + len(pattern)
                yield range(run.at[_covered_from(run, start, end)], run.at[end - 1] + 1)
                start = run.digits.find(pattern, start + 1)


def covered(patterns: Iterable[bytes], text: bytes, *, last: bool = True) -> bytearray:
    """Return a 1 for each byte that is covered; one more 0 ends the result."""
    hidden = bytearray(len(text) + 1)
    patterns = list(filter(has_digits_view, patterns))
    if not patterns:
        return hidden
    reading = read(text, last=last)
    found = list(occurrences(patterns, reading))
    columns = (
        range(column.start, column.end)
        for column in reading.columns
        if any(column.line < span.stop <= column.start for span in found)
    )
    for span in (*found, *columns):
        for i in span:
            hidden[i] = 1
    return hidden


def live(patterns: Iterable[bytes], text: bytes) -> int:
    """The least offset that the view must hold."""
    least = len(text)
    patterns = list(filter(has_digits_view, patterns))
    if not patterns:
        return least
    reading = read(text, last=False)
    waiting = text[len(text) - reading.waiting :].lower()
    counts = {0, len(waiting)} | ({len(waiting) - 1} if waiting.endswith(b"0") else set())
    for count in counts:
        before = reading.runs[-1]
        at = [*before.at, *range(len(text) - len(waiting), len(text))]
        wrapped = [*before.wrapped, *(i == 0 and reading.lines > 0 and bool(before.at) for i in range(len(waiting)))]
        run = Run(before.digits + waiting[:count], at, wrapped)
        for pattern in patterns:
            for length in range(1, min(len(pattern), len(run.digits) + 1)):
                start = len(run.digits) - length
                if run.digits[start:] != pattern[:length]:
                    continue
                first = _covered_from(run, start, len(run.digits))
                let_go = first == start and not count and reading.lines and length < BEFORE_WRAP
                least = min(least, len(text) - len(waiting) if let_go else run.at[first])
    return least
