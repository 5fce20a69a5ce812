"""Other ways to mask a text, each made as fast as Python allows and as right as its library allows.

What is searched by a library and cut by us goes through `Window`: the end of the text is withheld, so
that an occurrence is found wherever the text is cut. A rival without `union` in its class replaces one
occurrence at a time: where occurrences overlap or touch, it leaks a rest or repeats the marker, so its
answer counts on texts only in which none do (`Cell.is_plain`).
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from benchmarks.engine import Engine
from benchmarks.secretset import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.engine import Piece
    from benchmarks.secretset import SecretSet
    from benchmarks.workload import Text

Span = tuple[int, int]


class Window:
    """The part of a stream that may still belong to an occurrence; positions count from its beginning.

    An occurrence that is not found yet ends behind the text seen so far. So what lies further back than
    the longest pattern reaches is decided and released, as a view: nothing is copied twice.
    """

    def __init__(self, longest: int) -> None:
        self._reach = longest - 1
        self._spans: list[Span] = []
        self._masked = -1  # where the last marker's run ends
        self._released = 0
        self.start = 0
        self.bytes = b""

    def slide(self, chunk: bytes) -> None:
        """Take in the next piece, and forget all but the reach of the text before it."""
        kept = self.bytes[max(len(self.bytes) - self._reach, 0) :]
        self.start += len(self.bytes) - len(kept)
        self.bytes = kept + chunk

    def release(self, found: Iterable[Span], *, last: bool = False) -> Piece:
        """Note occurrences, in any order and also again; the masked text that is decided."""
        end = self.start + len(self.bytes)
        decided = end if last else max(end - self._reach, self._released)
        self._spans.extend(found)
        if not self._spans:
            start, self._released = self._released, decided
            return memoryview(self.bytes)[start - self.start : decided - self.start]
        return b"".join(self._replaced(decided))

    def _replaced(self, decided: int) -> Iterator[bytes]:
        pending = []
        for start, end in sorted(self._spans):
            if start >= decided:
                pending.append((start, end))
            elif start > self._masked:
                yield self._text(start)
                yield MARKER
                self._masked = end
            else:
                self._masked = max(self._masked, end)
            self._released = max(self._released, self._masked)
        self._spans = pending
        yield self._text(decided)

    def _text(self, end: int) -> bytes:
        start, self._released = self._released, max(self._released, end)
        return self.bytes[start - self.start : max(end - self.start, 0)]


class Pyahocorasick(Engine):
    """pyahocorasick: a trie with failure links that is walked byte by byte; reports every occurrence.

    Its wheels search `str`, so bytes are read as Latin-1.
    """

    name = "pyahocorasick"
    module = "ahocorasick"
    union = True

    def __init__(self, secrets: SecretSet) -> None:
        library = import_module(self.module)
        self._automaton = library.Automaton(library.STORE_LENGTH)
        for pattern in secrets.patterns:
            self._automaton.add_word(pattern.decode("latin-1"))
        self._automaton.make_automaton()
        self._longest = max(map(len, secrets.patterns))

    def masked(self, text: Text) -> Iterator[Piece]:
        window = Window(self._longest)
        search = self._automaton.iter("")
        for chunk in text.chunks:
            window.slide(chunk)
            search.set(chunk.decode("latin-1"))
            yield window.release([(last + 1 - size, last + 1) for last, size in search])
        yield window.release((), last=True)


class AhocorasickRs(Engine):
    """ahocorasick_rs in its overlapping mode, the only one that finds every occurrence.

    It keeps no state between pieces, so the window is searched.
    """

    name = "ahocorasick_rs"
    module = "ahocorasick_rs"
    union = True

    def __init__(self, secrets: SecretSet) -> None:
        self._automaton = import_module(self.module).BytesAhoCorasick(secrets.patterns)
        self._longest = max(map(len, secrets.patterns))

    def masked(self, text: Text) -> Iterator[Piece]:
        window = Window(self._longest)
        search = self._automaton.find_matches_as_indexes
        for chunk in text.chunks:
            window.slide(chunk)
            at = window.start
            found = search(window.bytes, overlapping=True)
            yield window.release([(start + at, end + at) for _, start, end in found])
        yield window.release((), last=True)


class Hyperscan(Engine):
    """Hyperscan's literal matcher in streaming mode; reports every occurrence to a callback."""

    name = "hyperscan"
    module = "hyperscan"
    union = True

    def __init__(self, secrets: SecretSet) -> None:
        library = import_module(self.module)
        self._database = library.Database(mode=library.HS_MODE_STREAM)
        self._database.compile(expressions=secrets.patterns, ids=range(len(secrets.patterns)), literal=True)
        self._lengths = [len(pattern) for pattern in secrets.patterns]

    def masked(self, text: Text) -> Iterator[Piece]:
        window = Window(max(self._lengths))
        lengths = self._lengths
        found: list[Span] = []

        # The library keeps no reference to its callback: a lambda in the call would be freed before it is called.
        def note(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end - lengths[pattern], end))

        with self._database.stream(match_event_handler=note) as stream:
            for chunk in text.chunks:
                window.slide(chunk)
                stream.scan(chunk)
                yield window.release(found)
                found.clear()
        yield window.release((), last=True)


class ReAlternation(Engine):
    """`re` with all secrets as alternatives, the longest first, so that the longest of a place is taken.

    It cannot stream: it is given the whole text.
    """

    name = "re"
    module = "re"
    union = False

    def __init__(self, secrets: SecretSet) -> None:
        self._sub = re.compile(_alternatives(secrets)).sub

    def masked(self, text: Text) -> Iterator[bytes]:
        yield self._sub(MARKER, text.whole)


class Re2Alternation(Engine):
    """google-re2 with all secrets as alternatives, longest match first.

    It cannot stream: it is given the whole text.
    """

    name = "re2"
    module = "re2"
    union = False

    def __init__(self, secrets: SecretSet) -> None:
        library = import_module(self.module)
        options = library.Options()
        options.encoding = library.Options.Encoding.LATIN1
        options.longest_match = True
        options.max_mem = 1 << 30  # with less, thousands of alternatives are refused
        self._sub = library.compile(_alternatives(secrets), options).sub

    def masked(self, text: Text) -> Iterator[bytes]:
        yield self._sub(MARKER, text.whole)


class ReplaceLoop(Engine):
    """`bytes.replace` for one secret after the other, the longest first.

    It cannot stream: it is given the whole text.
    """

    name = "bytes.replace"
    module = "builtins"
    union = False

    def __init__(self, secrets: SecretSet) -> None:
        self._patterns = sorted(secrets.patterns, key=len, reverse=True)

    def masked(self, text: Text) -> Iterator[bytes]:
        whole = text.whole
        for pattern in self._patterns:
            whole = whole.replace(pattern, MARKER)
        yield whole


def _alternatives(secrets: SecretSet) -> bytes:
    return b"|".join(map(re.escape, sorted(secrets.patterns, key=len, reverse=True)))


RIVALS: tuple[type[Engine], ...] = (
    *(Hyperscan, AhocorasickRs, Pyahocorasick),
    *(Re2Alternation, ReAlternation, ReplaceLoop),
)
