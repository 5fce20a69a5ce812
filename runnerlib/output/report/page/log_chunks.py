"""Logs of steps in compressed chunks, kept in a file without a name until the report is written.

A chunk holds the lines of several short logs, or a part of a long one, so that a reader unpacks only what is looked at.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import OutputError
from runnerlib.output.text.ansi import Colours, colours_only
from runnerlib.output.text.lines import Lines, final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Bytes that are kept in memory, of a chunk before it is compressed, and of a step before they go to a chunk.
_IN_MEMORY = 1 << 20
_CHUNK = 1 << 18
_PENDING = 1 << 16
# A compromise: the highest level takes three times as long and gains a tenth.
_LEVEL = 4
# Compressed bytes of all logs, and bytes of one: a browser takes no more. Of a longer log the end is kept, too.
MOST = 100 << 20
LONGEST = 512 << 20
_TAIL = 1 << 16


class Segment(NamedTuple):
    """Some lines of a log: `size` bytes at `offset` of the unpacked `chunk`, behind the `first` lines of the log."""

    chunk: int
    offset: int
    size: int
    first: int


class Chunks:
    """The chunks of all logs."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self._open = bytearray()
        self._count = 0
        self.packed = 0

    def add(self, text: bytes, first: int) -> Segment:
        """Keep whole lines, of which the first has this number."""
        segment = Segment(self._count, len(self._open), len(text), first)
        self._open += text
        if len(self._open) >= _CHUNK:
            self._flush()
        return segment

    def elements(self) -> Iterator[bytes]:
        """Yield the chunks as elements of HTML with the ids `c0`, `c1`, …; nothing is added after that."""
        if self._open:
            self._flush()
        self._file.seek(0)
        while data := self._file.read(1 << 20):
            yield data

    def close(self) -> None:
        """Discard all."""
        self._file.close()

    def _flush(self) -> None:
        element = packed(f"c{self._count}", bytes(self._open), _LEVEL)
        try:
            self._file.write(element)
        except OSError as error:
            raise OutputError(f"cannot keep the logs for the report: {error.strerror}") from None
        self._open.clear()
        self._count += 1
        self.packed += len(element)


def packed(name: str, data: bytes, level: int = 9) -> bytes:
    """Return an element of HTML that holds `data`, compressed; whatever it is, nothing of it is markup."""
    return f'<script type="text/plain" id="{name}">{b64encode(zlib.compress(data, level)).decode()}</script>\n'.encode()


class StepLog:
    """The log of one step, as lines with colours; the numbers of lines are those of its log file."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._lines = Lines()
        self._colours = Colours()
        self._pending: list[bytes] = []
        self._waiting = 0
        self._tail = b""
        self.segments: list[Segment] = []
        self.lines = 0
        self.size = 0
        self.left_out = 0

    def feed(self, data: bytes) -> None:
        """Take output."""
        self.size += len(data)
        if self.size > LONGEST or self._chunks.packed > MOST:
            self._keep_end(data)
            return
        self._take(self._lines.feed(data))
        if self._waiting >= _PENDING:
            self._flush()

    def say(self, text: str) -> None:
        """Take a line of the runner, between attempts."""
        self._take(self._lines.end())
        self._take([f"runnerlib: {text}\n".encode(errors="backslashreplace")])

    def end(self) -> None:
        """Keep the last line, which may have no line break, and of a log that is too long its end."""
        self._take(self._lines.end())
        if self._tail:
            self.left_out -= len(self._tail)
            self._flush()
            self._take([f"… {self.left_out:,} bytes left out …\n".encode(), *self._lines.feed(self._tail)])
            self._take(self._lines.end())
        self._flush()

    def _keep_end(self, data: bytes) -> None:
        self.left_out += len(data)
        self._tail = (self._tail + data)[-_TAIL:]

    def _take(self, parts: list[bytes]) -> None:
        if parts:
            self._pending += parts
            self._waiting += sum(map(len, parts))

    def _flush(self) -> None:
        if not self._pending:
            return
        text = self._colours.closed(colours_only(final(self._pending)))
        self._pending, self._waiting = [], 0
        self.segments.append(self._chunks.add(text, self.lines))
        self.lines += text.count(b"\n")
