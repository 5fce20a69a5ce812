"""Reports of steps that are read, and problem matchers over their output. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import unknown
from runnerlib.pipeline.job.cache import wrong_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPORTS = ("junit", "tap", "sarif", "cobertura")
"""The kinds of reports."""
MATCHERS = ("gcc", "go", "rustc", "eslint", "mypy", "pytest", "ruff", "tsc")
"""The problem matchers that are built in."""


def wrong_findings(reports: Mapping[str, Sequence[str]], matchers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the errors in the reports and the problem matchers of a step, with the key that has each."""
    for kind, globs in reports.items():
        if kind not in REPORTS:
            yield "reports", unknown("kind of reports", kind, REPORTS)
        yield from (("reports", text) for text in wrong_paths([glob.removeprefix("!") for glob in globs]))
    for one in matchers:
        if one.endswith(".json"):
            yield from (("problem_matchers", text) for text in wrong_paths([one]))
        elif one not in MATCHERS:
            text = unknown("problem matcher", one, MATCHERS)
            yield "problem_matchers", f"{text}; a file of your own ends with '.json'"
