"""The cause of each mark, as naively as possible: every occurrence, and of those at a place the first complete."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from tests import folded_oracle, oracle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RAW, FOLDED, JOINED, SHAPE = range(4)

Tally = dict[int | None, tuple[int, int]]


class Occurrence(NamedTuple):
    """Sorted by what it takes to open a mark: complete first, uninterrupted, longest, first registered."""

    complete: int
    kind: int
    shorter: int
    rule: int
    start: int
    end: int


class Mark(NamedTuple):
    """A maximal run of covered bytes, and the rule of its opener."""

    start: int
    end: int
    rule: int


def occurrences(patterns: list[bytes], text: bytes, folded: bool) -> Iterator[Occurrence]:
    for rule, pattern in enumerate(patterns):
        at = text.find(pattern)
        while at >= 0:
            end = at + len(pattern)
            yield Occurrence(end, RAW, -len(pattern), rule, at, end)
            at = text.find(pattern, at + 1)
    for part in folded_oracle.fold(text)[0] if folded else ():
        for rule, pattern in enumerate(patterns):
            for start, stop in folded_oracle.places(pattern, part):
                first, end = part.at[folded_oracle._covered_from(part, start, stop)], part.at[stop - 1] + 1
                yield Occurrence(end, FOLDED, -len(pattern), rule, first, end)
    for part in folded_oracle.fold(text, joined=True)[0] if folded else ():
        for rule, pattern in enumerate(patterns):
            for start, stop in folded_oracle.joined_places(folded_oracle.join(pattern), part):
                first, end = part.at[folded_oracle._covered_from(part, start, stop)], part.at[stop - 1] + 1
                yield Occurrence(end, JOINED, start - stop, rule, first, end)


def marks(patterns: list[bytes], text: bytes, folded: bool, shapes: Iterable[Occurrence] = ()) -> Iterator[Mark]:
    """The marks of a text, in order."""
    hidden = folded_oracle.covered(patterns, text) if folded else oracle.covered(patterns, text)
    found, escapes = [*occurrences(patterns, text, folded), *shapes], folded_oracle.fold(text)[1]
    for shape in shapes:
        hidden[shape.start : shape.end] = b"\1" * (shape.end - shape.start)
    at = 0
    while (at := hidden.find(1, at)) >= 0:
        end = hidden.index(0, at)
        opener = min(o for o in found if o.start <= at < o.end and not (o.kind in (FOLDED, JOINED) and escapes[at]))
        yield Mark(at, end, opener.rule)
        at = end


def tally(found: Iterable[Mark]) -> Tally:
    """Marks and bytes by rule."""
    counts: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    for mark in found:
        counts[mark.rule] += 1
        sizes[mark.rule] += mark.end - mark.start
    return {rule: (counts[rule], sizes[rule]) for rule in counts}
