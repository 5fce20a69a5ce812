"""One fuzz case: bytes become registrations, feeds and flushes, and the output is held to the oracle.

A case is a byte string, read from its start: a head of two bytes chooses the size of the alphabet and the
kernel; then operations, each an opcode, a length and as many bytes. Any byte string is a case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.masking._scanner import KERNELS, Scanner
from tests import oracle

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER = b"\xff#\xff"  # no byte of it is in a text, so a mark is never mistaken for text


class Operation(NamedTuple):
    """`register` a pattern, `feed` a piece, or `flush`."""

    name: str
    data: bytes


class Registered(NamedTuple):
    """A pattern, and where in the text it counts from: what was released before is gone."""

    pattern: bytes
    since: int


def operations(case: bytes) -> Iterator[Operation]:
    """Decode the operations behind the head."""
    letters = 1 + case[0] % 254 if case else 1
    at = 2
    while at < len(case):
        code, length = case[at], case[at + 1] if at + 1 < len(case) else 0
        data = bytes(byte % letters for byte in case[at + 2 : at + 2 + length])
        at += 2 + length
        # Repetition reaches long texts and patterns with few bytes of a case.
        yield Operation(("register", "feed", "feed", "flush")[code % 4], data * (1 + code // 4 % 64))


def check(case: bytes) -> None:
    """Run a case. Raises AssertionError when output or hold differ from the oracle's."""
    scanner = Scanner(MARKER, KERNELS[case[1] % len(KERNELS)] if len(case) > 1 else None)
    stream = scanner.stream()
    registered: list[Registered] = []
    text = shown = b""
    kept_from = 0
    for name, data in operations(case):
        if name == "register" and data:
            scanner.add([data])
            registered.append(Registered(data, kept_from))
        elif name == "feed":
            text += data
            shown += stream.feed(data)
            kept_from += _live([entry.pattern for entry in registered], text[kept_from:])
            assert stream.held <= len(text) - kept_from
        elif name == "flush":
            assert shown + stream.flush() == _expected(registered, text)
            assert stream.held == 0
            registered = [Registered(entry.pattern, 0) for entry in registered]
            text = shown = b""
            kept_from = 0
    assert shown + stream.flush() == _expected(registered, text)


def _live(patterns: list[bytes], text: bytes) -> int:
    """Return the start of the longest end of the text that is a proper prefix of a pattern."""
    ends = (n for p in patterns for n in range(1, min(len(p), len(text) + 1)) if text.endswith(p[:n]))
    return len(text) - max(ends, default=0)


def _expected(registered: list[Registered], text: bytes) -> bytes:
    hidden = bytearray(len(text) + 1)
    for pattern, since in registered:
        for at, bit in enumerate(oracle.covered([pattern], text[since:])[:-1]):
            hidden[since + at] |= bit
    pieces = (MARKER[: 0 if hidden[i - 1] else None] if hidden[i] else text[i : i + 1] for i in range(len(text)))
    return b"".join(pieces)
