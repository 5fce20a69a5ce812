"""The meaning of masking, as naively as possible, and a generator of texts that are hard to get right."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random


def covered(patterns: Iterable[bytes], text: bytes) -> bytearray:
    """Return a 1 for each byte that an occurrence of a pattern covers; one more 0 ends the result."""
    hidden = bytearray(len(text) + 1)
    for pattern in patterns:
        start = text.find(pattern)
        while start >= 0:
            hidden[start : start + len(pattern)] = b"\1" * len(pattern)
            start = text.find(pattern, start + 1)
    return hidden


def mask(patterns: Iterable[bytes], text: bytes, marker: bytes = b"#") -> bytes:
    """Replace each maximal run of covered bytes by one marker."""
    return _mask(tuple(patterns), text, marker)


@lru_cache(512)  # each kernel is asked the same
def _mask(patterns: tuple[bytes, ...], text: bytes, marker: bytes) -> bytes:
    hidden = covered(patterns, text)  # hidden[-1] is 0: nothing is before the text
    pieces = (marker[: 0 if hidden[i - 1] else None] if hidden[i] else text[i : i + 1] for i in range(len(text)))
    return b"".join(pieces)


def held(patterns: Iterable[bytes], text: bytes) -> int:
    """Return how many bytes a stream that got the text must withhold, and no more."""
    ends = (n for p in patterns for n in range(min(len(p) - 1, len(text)), 0, -1) if text.endswith(p[:n]))
    live = len(text) - max(ends, default=0)
    return len(text) - covered(patterns, text).index(0, live)


def text_of(pieces: list[bytes], letters: bytes, size: int, random: Random) -> bytes:
    """Join pieces, whole and damaged, with letters between them."""
    text = b""
    while len(text) < size:
        piece = random.choice(pieces)
        start, stop = sorted(random.choices(range(len(piece) + 1), k=2))
        text += random.choice([piece, piece[:stop], piece[start:], bytes(random.choices(letters, k=3))])
    return text
