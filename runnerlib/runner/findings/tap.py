"""TAP, the Test Anything Protocol (versions 12 to 14), as prove, bats, node and others write it."""

from __future__ import annotations

import re

from runnerlib.events.findings import CaseCounts, Finding
from runnerlib.runner.findings.parsed import MOST, Parsed, WrongReportError, name, number, text

_CASE = re.compile(r"(not )?ok\b(?: +([0-9]+))?(?: +- +| +)?(.*)")
_PLAN = re.compile(r"1\.\.([0-9]{1,9})\s*(#.*)?")
_DIRECTIVE = re.compile(r"(?<!\\)#\s*(todo|skip)", re.IGNORECASE)
_DETAIL = re.compile(r"\s+(file|line|column|message|at|location)\s*:\s*(.+)")
_AT = re.compile(r"""(?:file://)?([^\s:()"']{1,300}):([0-9]{1,7})(?::([0-9]{1,7}))?""")


class _Reader:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.counts = CaseCounts()
        self.planned: int | None = None
        self.seen = 0
        self._failed = False

    def line(self, line: str) -> None:
        if found := _CASE.fullmatch(line):
            self._case(bool(found[1]), found[2] or str(self.seen + 1), found[3])
        elif found := _PLAN.fullmatch(line):
            self.planned = number(found[1])
        elif line.startswith("Bail out!"):
            self._fail("Bail out!", line.removeprefix("Bail out!") or "the tests gave up")
        elif self._failed and self.findings and (found := _DETAIL.fullmatch(line)):
            self.findings[-1] = _with_detail(self.findings[-1], found[1], found[2].strip().strip("\"'"))

    def _case(self, failed: bool, at: str, title: str) -> None:
        self.seen += 1
        directive = _DIRECTIVE.search(title)
        if directive is not None:
            kind = "skipped" if directive[1].lower() == "skip" or failed else "passed"
            failed = False
        else:
            kind = "failed" if failed else "passed"
        self.counts = self.counts.plus(CaseCounts(**{kind: 1}))
        self._failed = failed
        if failed:
            self._fail(title or f"test {at}", "failed")

    def _fail(self, title: str, said: str) -> None:
        if len(self.findings) < MOST:
            self.findings.append(Finding("error", text(said), title=name(title), source="tap"))

    def end(self) -> None:
        """Count the tests that were planned and did not run as failed."""
        missing = (self.planned or 0) - self.seen
        if missing > 0:
            self._fail("the plan", f"{self.planned} tests were planned, {self.seen} ran")
            self.counts = self.counts.plus(CaseCounts(failed=missing))


def read(data: bytes) -> Parsed:
    """Return the cases of a file, and a finding for each that failed. Raises WrongReportError."""
    reader = _Reader()
    for line in data.decode(errors="replace").split("\n"):
        reader.line(line.rstrip("\r"))
    if reader.planned is None and not reader.seen and not reader.findings:
        raise WrongReportError("it has neither a plan nor a result of a test")
    reader.end()
    return Parsed(tuple(reader.findings), reader.counts)


def _with_detail(finding: Finding, key: str, value: str) -> Finding:
    """Return a finding with what its diagnostics say: a line of the YAML below the result."""
    if key == "message":
        return finding._replace(text=text(value))
    if key == "file":
        return finding._replace(path=name(value))
    if key == "line":
        return finding._replace(line=number(value))
    if key == "column":
        return finding._replace(column=number(value))
    found = _AT.search(value)
    if found is None:
        return finding
    return finding._replace(path=found[1], line=number(found[2]), column=number(found[3] or 0))
