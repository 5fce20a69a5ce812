"""Marks and colours of outcomes, the same in every mode and summary.

Green, yellow and red say how something ended, or warn, and nothing else has them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.output.text.columns import columns, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runnerlib.events.result import StepResult
    from runnerlib.output.capabilities import TerminalCapabilities


class OutcomeStyle(NamedTuple):
    """The look of an outcome: a mark of one column, the parameters of SGR for its colour, and a word for counts."""

    mark: str
    sgr: str
    word: str


PASSED = OutcomeStyle("✓", "32", "passed")
FAILED = OutcomeStyle("✗", "31", "failed")
ALLOWED = OutcomeStyle("✗", "33", "failed but not required")
CANCELLED = OutcomeStyle("!", "33", "cancelled")
SKIPPED = OutcomeStyle("·", "2", "skipped")

_STYLES: Mapping[str, OutcomeStyle] = {
    "success": PASSED,
    "failure": FAILED,
    "cancelled": CANCELLED,
    "skipped": SKIPPED,
}

_REUSED = "reused"
_WORDS = (FAILED.word, ALLOWED.word, CANCELLED.word, PASSED.word, _REUSED, SKIPPED.word)

_HANGING = "  "
WARNING = "33"
"""The colour of warnings, and of an attempt that failed and is followed by another one."""


def style_of(result: StepResult) -> OutcomeStyle:
    """Return the look of a result; a failure that the job does not require is no failure of the job."""
    return ALLOWED if result.outcome == "failure" and not result.required else _STYLES[result.outcome]


def counted(results: Iterable[StepResult]) -> str:
    """Return how many results there are of each kind, as `1 failed, 4 passed`."""
    count = Counter(_REUSED if one.success and one.cause == "restored" else style_of(one).word for one in results)
    return ", ".join(f"{count[word]} {word}" for word in _WORDS if count[word])


def marked(text: str, result: StepResult, look: TerminalCapabilities) -> str:
    """Return `text` behind the mark of a result."""
    return f"{look.plain(style_of(result).mark)} {text}"


def said(text: str, sgr: str, look: TerminalCapabilities, width: int) -> bytes:
    """Return `text`, what the runner says, as lines in a colour; 0 columns are no limit.

    A line that is too long for the terminal goes on behind an indent.
    """
    rows: list[str] = []
    for line in text.split("\n"):
        if not 0 < width < columns(line):
            rows.append(line)
            continue
        first, *others = wrapped(line, max(width - len(_HANGING), 1), look.plain("…"))
        rows += (first, *(_HANGING + row for row in others))
    return "".join(f"{look.paint(row, sgr)}\n" for row in rows).encode()
