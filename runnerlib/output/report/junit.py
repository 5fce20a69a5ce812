"""The results of steps as JUnit XML: a suite for each job, a case for each step.

GitLab, Jenkins, Azure and others show it. The elements are those that all of them know (junit-10.xsd of Jenkins).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr  # it only writes XML

from runnerlib.errors import one_line
from runnerlib.events import (
    JobFinished,
    JobStarted,
    StepFinished,
    StepRetrying,
    WorkflowFinished,
    WorkflowJobFinished,
)
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.failure_tails import FailureTails
from runnerlib.output.messages import retrying
from runnerlib.output.report.whole_file import ReportFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from runnerlib.events import Event
    from runnerlib.events.result import StepResult

    _Case = tuple[str, StepResult | None]  # without a result it did not end

# How one ends that did not run to its end by its own fault: an error, not a failed test.
_ERRORS = {"not_started", "runner", "tampered", "lost", "cancelled"}
_COUNTED = ("failure", "error", "skipped")


class JUnitReport(UnbufferedObserver):
    """Writes the file when the run has ended, however it ended; a file of an earlier run is removed at the start.

    Raises OutputError when it cannot be written.
    """

    def __init__(self, path: str, base: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = ReportFile(path, base, "JUnit report")
        self._file.remove()
        self._clock = clock
        self._began = clock()
        self._tails = FailureTails()
        self._retries: dict[str, list[str]] = {}
        self._name = "run"
        self._steps: dict[str, StepResult | None] = {}
        self._jobs: list[StepResult] = []
        self._labels: Mapping[str, str] = MappingProxyType({})

    def observe(self, event: Event) -> None:
        """Record an event."""
        self._tails.observe(event)
        match event:
            case JobStarted():
                self._name, self._labels = event.job, event.labels
                self._steps = dict.fromkeys(event.steps)
            case StepRetrying():
                self._retries.setdefault(event.step, []).append(retrying(event))
            case StepFinished():
                self._steps[event.result.name] = event.result
            case JobFinished():
                self._name, self._steps = event.result.name, {step.name: step for step in event.result.steps}
            case WorkflowJobFinished():
                self._jobs.append(event.result)
            case WorkflowFinished():
                self._name, self._jobs = event.result.name, list(event.result.jobs)

    def close(self) -> None:
        """Write the file."""
        try:
            self._file.write(line.encode() for line in self._document())
        finally:
            self._file.close()

    def _document(self) -> Iterator[str]:
        suites = [self._suite(name, cases) for name, cases in self._cases()]
        yield '<?xml version="1.0" encoding="UTF-8"?>\n'
        yield f"<testsuites name={_quoted(self._name)}>\n"
        for suite in suites:
            yield from suite
        yield "</testsuites>\n"

    def _cases(self) -> Iterator[tuple[str, list[_Case]]]:
        """Yield the steps of each job; of a job of a workflow that has none, the job itself."""
        alone = {job.name: job for job in self._jobs}
        if not alone and not any("/" in name for name in self._steps):
            yield self._name, list(self._steps.items()) or [("the run", None)]
            return
        of_jobs: dict[str, list[_Case]] = {name: [] for name in alone}
        for name, result in self._steps.items():
            job, _, step = name.partition("/")
            of_jobs.setdefault(job, []).append((step or job, result))
        for job, steps in of_jobs.items():
            yield self._labels.get(job, job), steps or [(job, alone[job])]

    def _suite(self, name: str, cases: list[_Case]) -> Iterator[str]:
        texts = [list(self._case(name, step, result)) for step, result in cases]
        kinds = [next((kind for kind in _COUNTED if f"<{kind} " in text[1]), "") for text in texts]
        ran = [one for _, one in cases if one is not None and one.started]
        began = min((one.started for one in ran), default=self._began)
        took = max((one.ended for one in ran), default=began) - began
        counts = (len(cases), *(kinds.count(kind) for kind in _COUNTED), f"{max(took, 0):.3f}")
        figures = "".join(
            f' {key}="{value}"'
            for key, value in zip(("tests", "failures", "errors", "skipped", "time"), counts, strict=True)
        )
        when = datetime.fromtimestamp(began, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        yield f'  <testsuite name={_quoted(name)}{figures} timestamp="{when}">\n'
        for text in texts:
            yield from text
        yield "  </testsuite>\n"

    def _case(self, suite: str, name: str, result: StepResult | None) -> Iterator[str]:
        took = result.duration if result is not None and result.started else 0
        shown = self._labels.get(name, name)
        yield f'    <testcase name={_quoted(shown)} classname={_quoted(suite)} time="{max(took, 0):.3f}">'
        ending = self._ending(result)
        retries = self._retries.get(result.name, ()) if result is not None else ()
        told = _element("system-out", "\n".join(retries)) if retries else ""
        yield f"{ending}{told}</testcase>\n"

    def _ending(self, result: StepResult | None) -> str:
        if result is None:
            return _element("error", "", message="it did not end", type="unfinished")
        if result.outcome == "success":
            return ""
        reason = result.reason or result.outcome
        if result.outcome == "skipped":
            return _element("skipped", "", message=reason)
        if not result.required:
            return _element("skipped", "", message=f"failed, but the job does not require it: {reason}")
        kind = "error" if result.cause in _ERRORS else "failure"
        return _element(kind, "\n".join(self._tails.lines(result.name)), message=reason, type=result.cause or "exit")


def _element(name: str, text: str, **attributes: str) -> str:
    """An element with text of one or more printable lines."""
    words = "".join(f" {key}={_quoted(value)}" for key, value in attributes.items())
    return f"<{name}{words}>{_text(text)}</{name}>"


def _quoted(text: str) -> str:
    """A text as the value of an attribute; a control character is shown escaped, as XML has none."""
    return quoteattr(one_line(text))


def _text(text: str) -> str:
    lines: Iterable[str] = map(one_line, text.split("\n"))
    return escape("\n".join(lines))
