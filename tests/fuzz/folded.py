"""One fuzz case of the folded view: registrations, feeds and flushes, held to `tests/folded_oracle.py`.

A case is a byte string, as in `case.py`: a head of two bytes, then operations. An odd first byte gives the
letters of a small alphabet, and every byte from 128 on stands for something that may interrupt a word; with an
even one bytes mean themselves. A `weave` feeds the pattern registered last with something put into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.masking._scanner import KERNELS, Scanner
from tests import folded_oracle, oracle
from tests.fuzz.case import MARKER, Operation, Registered

if TYPE_CHECKING:
    from collections.abc import Iterator

LETTERS = b"abcdef%2F019 \x80.#ghijklmnopqrstuvwxyz;/\\-\t"
EVENTS = [
    *(b"\x1b[0m", b"\x1b[1;31m", b"\x1b[K", b"\x1b]8;;http://x\x07", b"\x1b]0;t\x1b\\", b"\x1bPq\x1b\\", b"\x1b(B"),
    *(b"\x1b", b"\x1b[", b"\x1b[3", b"\x1b[3\x80", b"\x1b[ 3", b"\x1b(\xf0", b"\x1b]", b"\x1b\x1b[m", b"\x1b[\n"),
    *(b"\r", b"\n", b"\r\n", b"\n  ", b"\n\t", b"\n\n", b"\n\r\n", b"\n" + b" " * 64, b"\x1b]" + b"x" * 510),
    *("\u200b".encode(), "\u200d".encode(), "\u2060".encode(), "\ufeff".encode(), "\u00ad".encode()),
    *(b"\xe2", b"\xe2\x80", b"\xe2\x81", b"\xef", b"\xef\xbb", b"\xc2", "\u2019".encode(), "\u00a0".encode()),
    *(b"%2f", b"%2F", b"%2", b"%aF", b"\x1b[0m" * 150),
]
# The twin is slow: neither texts that are longer, nor the hold in texts that are longer than this.
LONGEST, LONGEST_HOLD = 6000, 400


def operations(case: bytes) -> Iterator[Operation]:
    """Decode the operations behind the head."""
    head = case[0] if case else 0
    at, pattern = 2, b""
    while at < len(case):
        code, length = case[at], case[at + 1] if at + 1 < len(case) else 0
        data = case[at + 2 : at + 2 + length]
        at += 2 + length
        name = ("register", "feed", "weave", "feed", "weave", "feed", "weave", "flush")[code % 8]
        made = _text(data[name == "weave" :], head)
        if name == "register":
            pattern = (made * (1 + code // 8))[:LONGEST]
            yield Operation(name, pattern)
        elif name == "weave":
            place = data[0] % (len(pattern) + 1) if data else 0
            yield Operation("feed", pattern[:place] + made * (1 + code // 8 % 4) + pattern[place:])
        else:
            yield Operation(name, made * (1 + code // 8))


def _text(data: bytes, head: int) -> bytes:
    if head % 2 == 0:
        return bytes(byte % 255 for byte in data)  # no byte of a text is one of the marker
    letters = LETTERS[: 1 + head // 2 % len(LETTERS)]
    return b"".join(
        EVENTS[byte % 128 % len(EVENTS)] if byte > 127 else letters[byte % len(letters) :][:1] for byte in data
    )


def check(case: bytes) -> None:
    """Run a case. Raises AssertionError when output or hold are not what the oracle allows."""
    scanner = Scanner(MARKER, KERNELS[case[1] % len(KERNELS)] if len(case) > 1 else None, folded=True)
    stream = scanner.stream()
    registered: list[Registered] = []
    starts = {0}
    text = shown = b""
    for name, data in operations(case):
        if name == "register" and data:
            starts |= _starts([entry.pattern for entry in registered], starts, text, stream.held)
            scanner.add([data])
            registered.append(Registered(data, len(text) - stream.held))
        elif name == "feed":
            piece = data[: LONGEST - len(text)]
            text += piece
            shown += stream.feed(piece)
            if starts == {0} and len(text) <= LONGEST_HOLD:
                assert stream.held == folded_oracle.held([entry.pattern for entry in registered], text)
        elif name == "flush":
            assert is_allowed(shown + stream.flush(), text, *_bounds(registered, starts, text))
            assert stream.held == 0
            registered = [Registered(entry.pattern, 0) for entry in registered]
            starts = {0}
            text = shown = b""
    assert is_allowed(shown + stream.flush(), text, *_bounds(registered, starts, text))


def _starts(patterns: list[bytes], starts: set[int], text: bytes, held: int) -> set[int]:
    """From where the text may be folded anew after a registration: from what is withheld, or is kept beside it."""
    if not text:
        return set()
    return {len(text) - held} | {start + folded_oracle.live(patterns, text[start:]) for start in starts}


def _bounds(registered: list[Registered], starts: set[int], text: bytes) -> tuple[bytearray, bytearray]:
    """A 1 for each byte that must be hidden, and for each that may be.

    Without a registration in the middle of the text they are the same. Behind one it is open from which of `starts`
    the text is folded, and a pattern counts from what was withheld.
    """
    must, may = bytearray(len(text)), bytearray(len(text))
    for pattern, since in registered:
        always = bytearray(b"\1" * len(text))
        for start in starts:
            found = bytearray(len(text))
            for first, spanned in folded_oracle.occurrences([pattern], text[start:]):
                for i in spanned:
                    may[start + i] = 1
                    found[start + i] |= start + first >= since
            for i in range(start, len(text)):
                always[i] &= found[i]
        raw = oracle.covered([pattern], text)
        late = oracle.covered([pattern], text[since:])
        for i in range(len(text)):
            may[i] |= raw[i]
            must[i] |= always[i] | (i >= since and late[i - since])
    return must, may


def is_allowed(shown: bytes, text: bytes, must: bytearray, may: bytearray) -> bool:
    """Return whether hiding some bytes, all that must be and none that may not, gives what is shown."""
    reached = {(0, False)}  # how much of what is shown is explained, and whether a marker ended it
    for i, byte in enumerate(text):
        passed = {(at + 1, False) for at, _ in reached if not must[i] and shown[at : at + 1] == bytes([byte])}
        hidden = {
            (at if masking else at + len(MARKER), True)
            for at, masking in reached
            if may[i] and (masking or shown.startswith(MARKER, at))
        }
        reached = passed | hidden
    return any(at == len(shown) for at, _ in reached)
