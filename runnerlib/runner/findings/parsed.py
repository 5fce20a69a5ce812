"""The content of a report, as values; and texts of others, cut to what people read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from runnerlib.events.findings import CaseCounts, Finding

LONGEST_TEXT = 2_000
LONGEST_NAME = 300
MOST = 10_000
"""Findings of one file that are kept."""


class WrongReportError(Exception):
    """A file is no report of its kind; the text says why, and has none of its content."""


class Parsed(NamedTuple):
    """One report: its findings, the counts of its cases, and how many lines of how many are covered."""

    findings: tuple[Finding, ...] = ()
    cases: CaseCounts | None = None
    covered: int = 0
    lines: int = 0


def text(given: str) -> str:
    """Return a text without blanks around it, cut."""
    given = given.strip()
    return given if len(given) <= LONGEST_TEXT else f"{given[:LONGEST_TEXT]}…"


def name(given: str) -> str:
    """Return a name, cut."""
    given = given.strip()
    return given if len(given) <= LONGEST_NAME else f"{given[:LONGEST_NAME]}…"


def number(given: object, most: int = 1 << 31) -> int:
    """Return a whole number from 0 to `most`; 0 for what is none."""
    try:
        found = int(str(given))
    except ValueError:
        return 0
    return found if 0 <= found <= most else 0


def seconds(given: object) -> float:
    """Return a time, as `1,234.5` too; 0 for what is none."""
    try:
        found = float(str(given).replace(",", ""))
    except ValueError:
        return 0.0
    return found if 0 <= found < 1e9 else 0.0
