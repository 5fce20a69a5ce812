"""The part of a summary about reports: how many tests passed, which failed and where, what checks found, coverage.

tests of unit: 2 failed, 118 passed, 1 skipped
  ✗ tests/test_cart.py:12 test_cart::test_total: assert 3 == 4
coverage of unit: 87.3 %
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import one_line
from runnerlib.events import Annotated, Reported
from runnerlib.events.findings import MOST_TOLD
from runnerlib.output.text.columns import shortened
from runnerlib.output.text.outcomes import FAILED, PASSED, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib.events.findings import Finding
    from runnerlib.output.capabilities import TerminalCapabilities

_MOST = 20
_LONGEST = 200
_COLOURS = {"error": FAILED.sgr, "warning": WARNING, "notice": ""}
_MARKS = {"error": FAILED.mark, "warning": "!", "notice": "·"}


class FindingsSummary:
    """Keeps what reports say, and makes lines of it at the end; of the findings the first ones."""

    def __init__(self) -> None:
        self._reports: list[Reported] = []
        self._findings: list[tuple[str, Finding]] = []
        self._count = 0

    def observe(self, event: Annotated | Reported) -> None:
        """Record an event."""
        if isinstance(event, Reported):
            self._reports.append(event)
            self._count += max(event.findings - MOST_TOLD, 0)
            return
        self._count += 1
        if len(self._findings) < _MOST:
            self._findings.append((event.step, event.finding))

    def lines(self, look: TerminalCapabilities, labels: Mapping[str, str]) -> Iterator[str]:
        """Yield the lines, none where there is nothing to say."""
        if not self._reports and not self._findings:
            return
        yield ""
        for report in self._reports:
            yield from self._sums(report, look, labels)
        width = look.width() or _LONGEST
        for _step, found in self._findings:
            text = one_line(f"{_MARKS[found.level]} {described(found)}")
            line = shortened(look.plain(text), max(width - 2, 1), look.plain("…"))
            yield f"  {look.paint(line, _COLOURS[found.level])}"
        if self._count > len(self._findings):
            yield f"  {look.plain('…')} {self._count - len(self._findings)} more"

    def _sums(self, report: Reported, look: TerminalCapabilities, labels: Mapping[str, str]) -> Iterator[str]:
        step = one_line(labels.get(report.step, report.step))
        if report.cases is not None:
            style = FAILED if report.cases.failed else PASSED
            yield look.paint(f"tests of {step}: {report.cases.summary()}", style.sgr)
        elif report.coverage is None:
            yield f"{report.kind} of {step}: {report.findings} findings"
        if report.coverage is not None:
            yield f"coverage of {step}: {percent(report.coverage)}"


def described(found: Finding) -> str:
    """Return a finding in one line: its place, its title and its text."""
    about = " ".join(filter(None, (found.place, found.title)))
    return f"{about}: {found.text}" if about else found.text


def percent(share: float) -> str:
    """Return a share as `87.3 %`, cut, so that only all is 100 %."""
    return f"{int(share * 1000) / 10:.1f} %"
