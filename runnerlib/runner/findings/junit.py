"""JUnit XML, as pytest, Surefire, gotestsum, jest and others write it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runnerlib.events.findings import CaseCounts, Finding
from runnerlib.runner.findings.parsed import MOST, Parsed, WrongReportError, name, number, seconds, text
from runnerlib.runner.findings.xml import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOTS = {"testsuites", "testsuite"}
_FAILED = {"failure", "error"}
# Characters of a failure in which a place is looked for.
_SEARCHED = 20_000
# A file with an ending and a line: `tests/test_a.py:12`, `A.java:12`, `a.test.js:12:7`.
_PLACE = re.compile(r"""(?:^|[\s("'\[])([^\s:()"'<>|\[\]]{1,300}\.[A-Za-z]{1,6}):([0-9]{1,7})\b""", re.MULTILINE)


class _Case:
    """A test case while it is read."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.attributes = attributes
        self.outcome = "passed"
        self.message = ""
        self.text: list[str] = []
        self.size = 0


class _Reader:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.counts = CaseCounts()
        self._case: _Case | None = None
        self._within = ""
        self._is_one = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if not self._is_one and tag not in _ROOTS:
            raise WrongReportError("it is XML, but not of JUnit")
        self._is_one = True
        if tag == "testcase":
            self._case = _Case(attributes)
        elif self._case is not None and not self._within:
            self._outcome(self._case, tag, attributes)

    def _outcome(self, case: _Case, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _FAILED:
            self._within = tag
            case.outcome = "failed"
            case.message = case.message or attributes.get("message", "")
        elif tag == "skipped" and case.outcome == "passed":
            case.outcome = "skipped"

    def end(self, tag: str) -> None:
        if tag == self._within:
            self._within = ""
        elif tag == "testcase" and self._case is not None:
            self._finish(self._case)
            self._case = None

    def data(self, data: str) -> None:
        case = self._case
        if self._within and case is not None and case.size < _SEARCHED:
            case.text.append(data)
            case.size += len(data)

    def _finish(self, case: _Case) -> None:
        one = CaseCounts(**{case.outcome: 1}, seconds=seconds(case.attributes.get("time", 0)))
        self.counts = self.counts.plus(one)
        if case.outcome == "failed" and len(self.findings) < MOST:
            self.findings.append(_finding(case))


def read(data: bytes) -> Parsed:
    """Return the cases of a file, and a finding for each that failed. Raises WrongReportError."""
    reader = _Reader()
    parse(data, reader.start, reader.end, reader.data)
    return Parsed(tuple(reader.findings), reader.counts)


def _finding(case: _Case) -> Finding:
    given = case.attributes
    own, group = given.get("name", ""), given.get("classname", "")
    whole = "".join(case.text)[:_SEARCHED]
    path, line = given.get("file", ""), number(given.get("line", 0))
    if not path or not line:
        path, line = _place(whole, f"{group} {own}", path) or (path, line)
    title = f"{group}::{own}" if group and own else group or own
    first = next((part for part in whole.split("\n") if part.strip()), "")
    return Finding("error", text(case.message or first or "failed"), path, line, title=name(title), source="junit")


def _place(whole: str, names: str, path: str) -> tuple[str, int] | None:
    """Return the file and the line that a failure names: the last in the file of the test, else the first of all."""
    places = [(found[1], number(found[2])) for found in _PLACE.finditer(whole)]
    if path:
        places = [place for place in places if place[0].endswith(path) or path.endswith(place[0])]
    own = [place for place in places if (stem := place[0].rpartition("/")[2].split(".")[0]) and stem in names]
    return own[-1] if own else places[0] if places else None
