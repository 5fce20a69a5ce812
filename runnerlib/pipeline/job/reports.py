"""Reports of steps that are read: their kinds, and where they may lie. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import unknown
from runnerlib.pipeline.job.cache import wrong_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPORTS = ("junit", "tap", "sarif", "cobertura")
"""The kinds of reports."""


def wrong_reports(reports: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the errors in the reports of a step."""
    for kind, globs in reports.items():
        if kind not in REPORTS:
            yield unknown("kind of reports", kind, REPORTS)
        yield from wrong_paths([glob.removeprefix("!") for glob in globs])
