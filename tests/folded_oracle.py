"""The meaning of the folded views, as naively as possible: whole texts, regular expressions, one occurrence at a time.

The joined view is a second one, of the patterns with blanks in them: all blanks are removed, of the text and of the
patterns, and an occurrence has a soft wrap in it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tests import digits_oracle, oracle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORTEST, LONGEST = 6, 16 * 1024
JOINED_SHORTEST = 5
GAP = 600
BEFORE_WRAP = 4

# Whole or not: what a sequence has so far is removed even if the next byte does not belong to it.
_ESCAPE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?")
_OTHER = re.compile(rb"\n[ \t]{0,64}|\r|\xe2\x80[\x8b-\x8d]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad")
_BARRIER = {False: re.compile(rb"\n[^\n]*\n"), True: re.compile(rb"\n[^\n \t]*\n")}
_UNFINISHED = re.compile(rb"(?:\xe2[\x80\x81]?|\xef\xbb?|\xc2)\Z")


class Folded(NamedTuple):
    """A text folded: between two barriers."""

    text: bytes
    at: list[int]  # where each byte is in the text
    gaps: list[bytes]  # what was removed before each byte; one more for what follows the last
    digits: list[int]  # how many bytes may still belong to a percent escape, before each byte

    def letters(self, start: int) -> bool:
        """Return whether a byte from `start` on is a letter of a percent escape."""
        return any(n and byte in b"ABCDEF" for n, byte in zip(self.digits[start:], self.text[start:], strict=True))


def _string_end(text: bytes, start: int) -> int:
    """The end of a control string that begins at `start`."""
    for i in range(start + 2, min(start + 512, len(text))):
        if text[i] == 0x07:
            return i + 1
        if text[i] == 0x1B:
            return i
    return min(start + 512, len(text))


def _removed(text: bytes, at: int) -> tuple[int, bool]:
    """Return the end of what is removed at `at` (`at` if nothing is), and whether it is an escape sequence."""
    if text[at : at + 1] == b"\x1b":
        if text[at + 1 : at + 2] and text[at + 1] in b"]PX^_":
            return _string_end(text, at), True
        found = _ESCAPE.match(text, at)
        assert found
        return found.end(), True
    found = _OTHER.match(text, at)
    return (found.end() if found else at), False


def is_barrier(gap: bytes, joined: bool) -> bool:
    """Return whether nothing goes on behind a gap: it is long, or has an empty line in it."""
    return len(gap) > GAP or bool(_BARRIER[joined].search(gap))


def fold(text: bytes, joined: bool = False) -> tuple[list[Folded], bytearray]:
    """The folded text, and a 1 for each byte of the text that belongs to an escape sequence."""
    parts = [Folded(b"", [], [b""], [])]
    escapes = bytearray(len(text))
    at = digits = 0
    while at < len(text):
        end, escape = _removed(text, at)
        if end > at:
            if escape:
                escapes[at:end] = b"\1" * (end - at)
            parts[-1].gaps[-1] += text[at:end] if not escape else b"\x1b" * (end - at)
            at = end
        elif joined and text[at : at + 1] in b" \t":
            parts[-1].gaps[-1] += text[at : at + 1]
            at += 1
        else:
            byte = text[at : at + 1]
            if is_barrier(parts[-1].gaps[-1], joined):
                parts.append(Folded(b"", [], [b""], []))
            last = parts[-1]
            last.at.append(at)
            last.gaps.append(b"")
            last.digits.append(digits)
            parts[-1] = last._replace(text=last.text + fold_digits(byte, digits))
            digits = 2 if byte == b"%" else digits - 1 if digits and byte in b"0123456789abcdefABCDEF" else 0
            digits = 0 if joined else digits
            at += 1
    if is_barrier(parts[-1].gaps[-1], joined):
        parts.append(Folded(b"", [], [b""], []))
    return parts, escapes


def fold_digits(text: bytes, digits: int) -> bytes:
    """A text without gaps, of which up to so many hexadecimal digits at its beginning belong to a percent escape."""
    before = (b"", b"%0", b"%")[digits]
    return re.sub(rb"%([0-9A-Fa-f]{1,2})", lambda found: found.group().upper(), before + text)[len(before) :]


def has_folded_view(pattern: bytes) -> bool:
    return SHORTEST <= len(pattern) <= LONGEST and not any(byte in b"\n\r\x1b" for byte in pattern)


def join(pattern: bytes) -> bytes:
    """Return a pattern as a joined text has it; nothing if it has no joined view."""
    joined = pattern.translate(None, b" \t")
    return joined if JOINED_SHORTEST <= len(joined) < len(pattern) and has_folded_view(pattern) else b""


def _covered_from(part: Folded, start: int, end: int) -> int:
    wraps = [i for i in range(start + 1, end) if b"\n" in part.gaps[i]]
    return wraps[0] if wraps and wraps[0] - start < BEFORE_WRAP else start


def places(pattern: bytes, part: Folded) -> Iterator[tuple[int, int]]:
    """Yield where a pattern occurs in the folded text. Digits of an escape have any case, in the pattern and there."""
    for digits in range(3) if has_folded_view(pattern) else ():
        folded = fold_digits(pattern, digits)
        start = part.text.find(folded)
        while start >= 0:
            if part.digits[start] == digits:
                yield start, start + len(pattern)
            start = part.text.find(folded, start + 1)


def joined_places(joined: bytes, part: Folded) -> Iterator[tuple[int, int]]:
    """Yield where what is left of a pattern occurs in the joined text, over a soft wrap."""
    start = part.text.find(joined) if joined else -1
    while start >= 0:
        end = start + len(joined)
        if any(b"\n" in gap for gap in part.gaps[start + 1 : end]):
            yield start, end
        start = part.text.find(joined, start + 1)


def occurrences(patterns: Iterable[bytes], text: bytes) -> Iterator[tuple[int, list[int]]]:
    """Yield where each occurrence in the folded texts begins, and the bytes of the text that it covers."""
    patterns = list(patterns)
    for joined in (False, True) if any(map(join, patterns)) else (False,):
        parts, escapes = fold(text, joined)
        for pattern in patterns:
            for part in parts:
                for start, end in joined_places(join(pattern), part) if joined else places(pattern, part):
                    spanned = range(part.at[_covered_from(part, start, end)], part.at[end - 1] + 1)
                    yield part.at[start], [i for i in spanned if not escapes[i]]


def covered(patterns: Iterable[bytes], text: bytes) -> bytearray:
    """Return a 1 for each byte that is covered, in any view; one more 0 ends the result."""
    patterns = list(patterns)
    return _united(_covered_folded(patterns, text), digits_oracle.covered(patterns, text))


def _covered_folded(patterns: list[bytes], text: bytes) -> bytearray:
    hidden = oracle.covered(patterns, text)
    for _, spanned in occurrences(patterns, text):
        for i in spanned:
            hidden[i] = 1
    return hidden


def _united(one: bytearray, other: bytearray) -> bytearray:
    return bytearray(a | b for a, b in zip(one, other.ljust(len(one), b"\0"), strict=True))


def mask(patterns: Iterable[bytes], text: bytes, marker: bytes = b"#") -> bytes:
    """Replace each maximal run of covered bytes by one marker."""
    return _mask(tuple(patterns), text, marker)


@lru_cache(512)  # each kernel is asked the same
def _mask(patterns: tuple[bytes, ...], text: bytes, marker: bytes) -> bytes:
    return shown(text, covered(patterns, text), 0, marker)


def shown(text: bytes, hidden: bytearray, start: int, marker: bytes = b"#") -> bytes:
    """The text from `start` on, with the covered bytes replaced."""
    pieces = (
        (marker if i == start or not hidden[i - 1] else b"") if hidden[i] else text[i : i + 1]
        for i in range(start, len(text))
    )
    return b"".join(pieces)


def _waits_from(text: bytes) -> int:
    """Return where bytes begin that may become a zero-width character; the length of the text if none do."""
    found = _UNFINISHED.search(text)
    if not found or fold(text)[1][found.start()]:  # inside of a sequence nothing waits
        return len(text)
    return found.start()


def _folded_live(patterns: Iterable[bytes], text: bytes) -> int:
    """The least offset that the folded view must hold."""
    end = _waits_from(text)
    part = fold(text[:end])[0][-1]
    least = len(text)
    for pattern in filter(has_folded_view, patterns):
        for length in range(1, min(len(pattern), len(part.text) + 1)):
            start = len(part.text) - length
            if part.text[start:] != fold_digits(pattern[:length], part.digits[start]):
                continue
            if not (end < len(text) or any(part.gaps[start + 1 :]) or part.letters(start)):
                continue
            first = _covered_from(part, start, len(part.text))
            if first == start and b"\n" in part.gaps[-1] and length < BEFORE_WRAP:
                least = min(least, end)  # let go, but for what waits
            else:
                least = min(least, part.at[first])
    return least


def _joined_live(patterns: Iterable[bytes], text: bytes) -> int:
    """The least offset that the joined view must hold: what may go on is held before there is a soft wrap in it."""
    if not any(map(join, patterns)):
        return len(text)
    end = least = _waits_from(text)
    part = fold(text[:end], joined=True)[0][-1]
    for pattern in filter(None, map(join, patterns)):
        for length in range(1, min(len(pattern), len(part.text) + 1)):
            start = len(part.text) - length
            if part.text[start:] != pattern[:length]:
                continue
            first = _covered_from(part, start, len(part.text))
            if first == start and b"\n" in part.gaps[-1] and length < BEFORE_WRAP:
                least = min(least, end)
            else:
                least = min(least, part.at[first])
    return least


def held(patterns: Iterable[bytes], text: bytes) -> int:
    """Return how many bytes a stream that got the text must withhold, and no more."""
    patterns = list(patterns)
    return len(text) - _covered_so_far(patterns, text).index(0, live(patterns, text))


def live(patterns: Iterable[bytes], text: bytes) -> int:
    """The least offset from which on the text is still needed."""
    patterns = list(patterns)
    ends = (n for p in patterns for n in range(min(len(p) - 1, len(text)), 0, -1) if text.endswith(p[:n]))
    folded = min(_folded_live(patterns, text), _joined_live(patterns, text), digits_oracle.live(patterns, text))
    return min(len(text) - max(ends, default=0), folded)


def _covered_so_far(patterns: list[bytes], text: bytes) -> bytearray:
    """As `covered`, but bytes that wait for what follows them are no folded text yet."""
    folded = _united(oracle.covered(patterns, text), _covered_folded(patterns, text[: _waits_from(text)]))
    return _united(folded, digits_oracle.covered(patterns, text, last=False))
