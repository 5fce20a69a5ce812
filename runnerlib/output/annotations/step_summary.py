"""The result of a run as Markdown, for the page that GitHub shows of a step (GITHUB_STEP_SUMMARY)."""

from __future__ import annotations

import os
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from runnerlib._util.files import explain
from runnerlib.errors import one_line
from runnerlib.events import Annotated, JobFinished, JobStarted, Reported, WorkflowFinished
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.findings_summary import described, percent
from runnerlib.output.messages import duration, ended
from runnerlib.output.table import chosen
from runnerlib.output.text.outcomes import CANCELLED, FAILED, PASSED, counted, style_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runnerlib.events import Event
    from runnerlib.events.findings import Finding
    from runnerlib.events.result import JobResult, StepResult, WorkflowResult

VARIABLE = "GITHUB_STEP_SUMMARY"
_MOST_FINDINGS = 50
_LONGEST = 300
# Whatever begins something in Markdown or in HTML, and mentions of people.
_SPECIAL = re.compile(r"[\\`*_{}\[\]()#+.!|~:]")
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", '"': "&quot;"}
_OPEN = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class StepSummary(UnbufferedObserver):
    """Appends a table of steps, or jobs, and the findings to the file at `path`; `warn` tells that it cannot."""

    def __init__(self, path: str, noun: str, warn: Callable[[str], None]) -> None:
        self._path = path
        self._noun = noun
        self._warn = warn
        self._labels: Mapping[str, str] = MappingProxyType({})
        self._findings: list[Finding] = []
        self._reports: list[Reported] = []

    def observe(self, event: Event) -> None:
        """Record an event; write at the end."""
        match event:
            case JobStarted():
                self._labels = event.labels
            case Annotated() if len(self._findings) < _MOST_FINDINGS:
                self._findings.append(event.finding)
            case Reported():
                self._reports.append(event)
            case JobFinished() if self._noun == "job":
                self._write(event.result, event.result.steps)
            case WorkflowFinished():
                self._write(event.result, event.result.jobs)

    def _write(self, result: JobResult | WorkflowResult, rows: tuple[StepResult, ...]) -> None:
        text = "\n".join(self._lines(result, rows)) + "\n"
        try:
            with open(os.open(self._path, _OPEN, 0o600), "ab") as file:
                file.write(text.encode(errors="backslashreplace"))
        except OSError as error:
            self._warn(f"the summary cannot be written to {VARIABLE}: {explain(error)}")

    def _lines(self, result: JobResult | WorkflowResult, rows: tuple[StepResult, ...]) -> Iterator[str]:
        mark = PASSED.mark if result.success else CANCELLED.mark if result.interrupted else FAILED.mark
        yield f"### {mark} {markdown(ended(self._noun, result))}"
        yield ""
        yield f"{markdown(counted(rows))}"
        yield ""
        yield f"| | {'step' if self._noun == 'job' else 'job'} | time | reason |"
        yield "|---|---|---:|---|"
        for row in chosen(rows):
            took = duration(row.duration) if row.started else ""
            name = self._labels.get(row.name, row.name)
            yield f"| {style_of(row).mark} | {markdown(name)} | {took} | {markdown(row.reason)} |"
        yield ""
        yield from self._of_reports()

    def _of_reports(self) -> Iterator[str]:
        for report in self._reports:
            step = markdown(self._labels.get(report.step, report.step))
            if report.cases is not None:
                yield f"- tests of {step}: {markdown(report.cases.summary())}"
            if report.coverage is not None:
                yield f"- coverage of {step}: {markdown(percent(report.coverage))}"
        for found in self._findings:
            yield f"- {found.level}: {markdown(described(found))}"
        if self._reports or self._findings:
            yield ""


def markdown(text: str) -> str:
    """Return a text of others as Markdown that shows it, and does nothing else; a long one is cut."""
    text = one_line(text)
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    plain = _SPECIAL.sub(r"\\\g<0>", text)
    return "".join(_MARKUP.get(char, char) for char in plain)
