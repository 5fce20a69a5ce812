"""Findings about a source, as values: what a test, a compiler or a check has to say about a line of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

Level = Literal["error", "warning", "notice"]
MOST_TOLD = 200
"""Findings of the reports of a step of one kind that are told one by one; all are counted."""
LEVELS: tuple[Level, ...] = ("error", "warning", "notice")


class Finding(NamedTuple):
    """Something found, by `source`: a test that failed, a message of a compiler.

    `path` is relative to the code of the job where it lies in it, and empty where no file is known, as are `line` and
    `column`, which begin with 1, where they are 0. `title` is the name of the test, or of the rule.
    """

    level: Level
    text: str
    path: str = ""
    line: int = 0
    column: int = 0
    title: str = ""
    source: str = ""

    def masked(self, mask: Callable[[str], str]) -> Finding:
        """Return the finding with `mask` applied to all of its texts."""
        texts = mask(self.text), mask(self.path)
        return Finding(self.level, *texts, self.line, self.column, mask(self.title), mask(self.source))

    @property
    def place(self) -> str:
        """The place as compilers write it: `a.py:3:7`; empty where none is known."""
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part) if self.path else ""


class CaseCounts(NamedTuple):
    """Numbers of test cases that passed, failed and were skipped, and the seconds that they took."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def plus(self, other: CaseCounts) -> CaseCounts:
        """Return the sums."""
        sums = self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        return CaseCounts(*sums, self.seconds + other.seconds)

    def summary(self) -> str:
        """Return the counts in words: `2 failed, 118 passed, 1 skipped`."""
        counts = (("failed", self.failed), ("passed", self.passed), ("skipped", self.skipped))
        return ", ".join(f"{count} {word}" for word, count in counts if count) or "no tests"
