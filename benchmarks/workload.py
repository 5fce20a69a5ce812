"""Texts to mask: easy, ordinary and hard ones for a set of secrets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from benchmarks import cilog, secretset
from benchmarks.draw import Draw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.secretset import SecretSet

# What the runner reads from a step's pipe at once.
CHUNK = 1 << 16

_CONTEXTS = ("+ export TOKEN={}\n", '{{"authorization":"Bearer {}","retry":false}}\n', "password: {} (from vault)\n")


class Text:
    """A text, whole and cut into the pieces in which a runner reads it."""

    def __init__(self, whole: bytes) -> None:
        """Wrap a text; the pieces are made when they are first asked for."""
        self.whole = whole

    @cached_property
    def chunks(self) -> list[bytes]:
        """The text in pieces of 64 KiB."""
        return [self.whole[at : at + CHUNK] for at in range(0, len(self.whole), CHUNK)]

    def prefix(self, size: int) -> Text:
        """Return the beginning of the text."""
        return self if size >= len(self.whole) else Text(self.whole[:size])


@dataclass(frozen=True)
class Cell:
    """A row of the masking table: one kind of text for one set of secrets."""

    secrets: SecretSet
    kind: str

    @property
    def name(self) -> str:
        """The name of the cell in tables and records."""
        return f"{self.secrets.name} {self.kind}"

    @property
    def is_plain(self) -> bool:
        """True if no two occurrences can meet, so that every way to replace them gives the same text."""
        return self.kind in {"clean", "hits"} and not self.secrets.encoded

    def text(self, size: int) -> Text:
        """Return `size` bytes of the text; the last two texts are kept."""
        return _text(self, size)


def cells() -> list[Cell]:
    """Every row of the table."""
    sets = [*map(secretset.raw, (1, 10, 100, 1_000, 10_000)), secretset.encoded(100)]
    usual = [Cell(secrets, kind) for secrets in sets for kind in ("clean", "hits", "adversarial")]
    return [*usual, Cell(secretset.nested(), "aaaa")]


@lru_cache(maxsize=2)
def _text(cell: Cell, size: int) -> Text:
    match cell.kind:
        case "clean":
            return _clean(size)
        case "hits":
            return Text(cilog.lay(cilog.log_blocks(), size, Draw("hits"), _hits(cell.secrets.patterns)))
        case "adversarial":
            near = cilog.fill(_near_misses(cell.secrets.patterns, Draw("adversarial")))
            return Text(cilog.lay(near, size, Draw("lay")))
        case "aaaa":
            return Text(b"a" * size)
    raise ValueError(f"unknown kind of text '{cell.kind}'")


@lru_cache(maxsize=1)
def _clean(size: int) -> Text:
    return Text(cilog.lay(cilog.log_blocks(), size, Draw("clean")))


def _hits(patterns: Sequence[bytes]) -> list[bytes]:
    """Lines that show one secret each, for the joints of the blocks: one in 10 KB."""
    contexts = [context.format("\0").encode() for context in _CONTEXTS]
    return [context.replace(b"\0", pattern) for pattern in patterns for context in contexts]


def _near_misses(patterns: Sequence[bytes], draw: Draw) -> Iterator[bytes]:
    """Wall to wall: half of them beginnings of secrets, half whole ones with one byte changed."""
    while True:
        pattern = draw.pick(patterns)
        if draw.below(2):
            yield pattern[: draw.between(1, len(pattern) - 1)]
        else:
            at = draw.below(len(pattern))
            other = draw.pick([letter for letter in b"abc" if letter != pattern[at]])
            yield pattern[:at] + bytes([other]) + pattern[at + 1 :]
