"""The observer that writes the report of a run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runnerlib.events import (
    Annotated,
    JobFinished,
    JobStarted,
    Masked,
    Notice,
    Reported,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Warned,
    WorkflowFinished,
    WorkflowJobFinished,
)
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.messages import retrying
from runnerlib.output.report.page.document import document
from runnerlib.output.report.page.last_run import LARGEST, read_brief
from runnerlib.output.report.page.recording import About, RunRecord, StepRecord
from runnerlib.output.report.whole_file import ReportFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.events import Event


class HtmlReport(UnbufferedObserver):
    """Records a run, and writes its report when it has ended, however it ended.

    Raises OutputError when the file cannot be written.
    """

    def __init__(
        self,
        path: str,
        base: Path,
        about: About = About(),  # noqa: B008 - immutable
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = ReportFile(path, base, "report")
        self._run = RunRecord(about, read_brief(self._file.read(LARGEST)), clock())
        self._clock = clock

    def observe(self, event: Event) -> None:
        """Record an event."""
        match event:
            case StepOutput():
                self._run.step(event.step).write(event.data, self._run.chunks)
            case StepStarted():
                self._run.step(event.step).start(self._clock(), event.command)
            case StepFinished():
                self._run.step(event.result.name).finish(event.result)
            case StepRetrying():
                self._run.step(event.step).fail(self._clock(), event.reason, retrying(event))
            case Masked():
                self._run.step(event.step).masked = event.report
            case Annotated():
                self._run.step(event.step).findings.append(event.finding)
            case Reported():
                self._run.step(event.step).reports.append(event)
            case Warned() if event.step:
                self._run.step(event.step).warn(event.text)
            case Warned() | Notice():
                self._run.note(self._clock(), "warning" if isinstance(event, Warned) else "", event.text)
            case _:
                self._of_the_whole(event)

    def close(self) -> None:
        """Write the report."""
        self._run.ended = self._run.ended or self._clock()
        for step in self._run.steps.values():
            if step.result is None and step.log is not None:
                step.finish(None)
        try:
            self._file.write(document(self._run))
        finally:
            self._file.close()
            self._run.chunks.close()

    def _of_the_whole(self, event: Event) -> None:
        match event:
            case JobStarted():
                self._run.began, self._run.name, self._run.labels = self._clock(), event.job, event.labels
                self._run.steps = {name: StepRecord(name, waits_for) for name, waits_for in event.steps.items()}
            case WorkflowJobFinished():
                self._run.noun = "workflow"
                self._run.jobs.append(event.result)
            case JobFinished() | WorkflowFinished():
                self._run.finish(event.result, self._clock())
