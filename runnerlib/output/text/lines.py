r"""From bytes that are cut anywhere to whole lines.

Readers of logs have limits: a scanner of 64 KiB gives up at a longer line. So a longer one is split,
never inside a UTF-8 character or an escape sequence. Bytes stay bytes; what they say in which
encoding is the reader's affair.
"""

from __future__ import annotations

from runnerlib.output.text.ansi import SEQUENCE

# A line with its line break, its prefix, its colours and their end is below 64 KiB.
LONGEST = (1 << 16) - 512
# How far before a cut an escape sequence is looked for; titles and links may be longer, colours never are.
_ESCAPE_REACH = 64


class Lines:
    """The output of one step, in lines. The parts returned make up, in order, exactly the bytes fed.

    A part is a run of whole lines, or a piece of a line that is longer than `longest`; only the
    latter, and the last line of all, may end without a line break.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = b""

    @property
    def unfinished(self) -> bytes:
        """Return the bytes of the last line, which has not ended."""
        return self._rest

    def feed(self, data: bytes) -> list[bytes]:
        """The parts that are complete now."""
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n") + 1
        parts = self._parts(data[:end]) if end else []
        rest = data[end:]
        while len(rest) >= self._longest:
            at = cut(rest, 0, self._longest - 1)
            parts.append(rest[:at])
            rest = rest[at:]
        self._rest = rest
        return parts

    def end(self) -> list[bytes]:
        """The last line, if it has no line break."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []

    def _parts(self, data: bytes) -> list[bytes]:
        parts = []
        start = at = 0
        while len(data) - at > self._longest:
            end = data.rfind(b"\n", at, at + self._longest)
            if end >= 0:
                at = end + 1
                continue
            if at > start:
                parts.append(data[start:at])
            start, at = at, cut(data, at, at + self._longest - 1)
            parts.append(data[start:at])
            start = at
        parts.append(data[start:])
        return parts


def final(parts: list[bytes]) -> bytes:
    r"""`parts` as whole lines that stay: all end with a line break, and `\r` is resolved.

    Of a line that overwrites itself, as progress bars do, what a terminal would show at last is kept:
    the text after the last `\r` that some text follows. The full log has everything.
    """
    data = b"".join([part if part.endswith(b"\n") else part + b"\n" for part in parts])
    if b"\r" not in data:
        return data
    data = data.replace(b"\r\n", b"\n")
    return b"\n".join(map(last_state, data.split(b"\n"))) if b"\r" in data else data


def last_state(line: bytes) -> bytes:
    r"""Return the part of one line that stays visible when it returns to its start by `\r`."""
    line = line.rstrip(b"\r")
    return line[line.rfind(b"\r") + 1 :]


def cut(data: bytes, start: int, limit: int) -> int:
    """Return the end of a piece from `start`: at `limit` or a little before, to keep characters and sequences whole."""
    returned = data.rfind(b"\r", (start + limit) // 2, limit)
    if returned >= 0:
        return returned + 1
    at = limit
    while at > limit - 3 and 0x80 <= data[at] < 0xC0:
        at -= 1
    if 0x80 <= data[at] < 0xC0:  # no UTF-8
        at = limit
    escape = data.rfind(b"\x1b", max(at - _ESCAPE_REACH, start + 1), at)
    if escape >= 0 and not SEQUENCE.match(data, escape, at):
        return escape
    return at
