"""The observer that counts a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.events import (
    JobFinished,
    JobStarted,
    Masked,
    Measured,
    StepFinished,
    StepOutput,
    StepRetrying,
    Warned,
    WorkflowFinished,
    WorkflowJobFinished,
)
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.telemetry.figures import Figures

if TYPE_CHECKING:
    from runnerlib.events import Event
    from runnerlib.events.result import JobResult, StepResult, WorkflowResult


class RunFigures(UnbufferedObserver):
    """Counts the events of a job or workflow in `figures`; `pipeline` is its name.

    With `each_step`, for the figures of one run, there is the time of each step.
    """

    def __init__(self, pipeline: str = "", *, workflow: bool = False, each_step: bool = True) -> None:
        self.figures = Figures()
        self._each_step = each_step
        self.pipeline = pipeline
        self._workflow = workflow
        self._written = 0
        self._early: list[Measured | Warned] = []  # before the name of the job is known

    def observe(self, event: Event) -> None:
        """Count an event."""
        match event:
            case StepOutput():
                self._written += len(event.data)
            case StepFinished():
                self._step(event.result)
            case Measured() | Warned() if not self.pipeline:
                self._early.append(event)
            case Measured():
                self._measured(event)
            case StepRetrying() | Warned() | Masked():
                self._count(event)
            case JobStarted():
                self.pipeline = event.job
                self._count_early()
            case WorkflowJobFinished():
                self.job(event.result.outcome, event.result.duration if event.result.attempts else None)
            case JobFinished() if not self._workflow:
                self.job(_outcome(event.result), event.result.duration)
                self._run(event.result)
            case WorkflowFinished():
                self._run(event.result)

    def job(self, outcome: str, seconds: float | None) -> None:
        """Count a job that has ended; one that never ran took no time."""
        self.figures.add("jobs_total", self.pipeline, outcome)
        if seconds is not None:
            self.figures.take("job_duration_seconds", self.pipeline, seconds=seconds)
        self.flush()

    def flush(self) -> None:
        """Count the output so far, which comes in many pieces, and what came before a job that never began."""
        self._count_early()
        if self._written:
            self.figures.add("output_bytes_total", self.pipeline, amount=self._written)
            self._written = 0

    def _count_early(self) -> None:
        early, self._early = self._early, []
        for event in early:
            self._measured(event) if isinstance(event, Measured) else self._count(event)

    def _count(self, event: StepRetrying | Warned | Masked) -> None:
        if isinstance(event, Masked):
            self.figures.add("masked_secrets_total", self.pipeline, amount=event.report.marks)
        else:
            name = "warnings_total" if isinstance(event, Warned) else "step_retries_total"
            self.figures.add(name, self.pipeline)

    def _step(self, result: StepResult) -> None:
        name, figures, usage = self.pipeline, self.figures, result.usage
        figures.add("steps_total", name, result.outcome)
        if not result.attempts or result.cause == "restored":
            return
        figures.take("step_duration_seconds", name, seconds=result.duration)
        if self._each_step:
            figures.set("last_run_step_duration_seconds", name, result.name, value=result.duration)
        if usage is not None:
            figures.add("step_cpu_seconds_total", name, amount=usage.user + usage.system)
            figures.add("step_read_bytes_total", name, amount=usage.read or 0)
            figures.add("step_written_bytes_total", name, amount=usage.written or 0)
            figures.raise_to("step_memory_max_bytes", name, value=usage.max_rss or 0)

    def _measured(self, event: Measured) -> None:
        name, figures, seconds = self.pipeline, self.figures, event.ended - event.started
        match event.kind:
            case "queue":
                figures.take("queue_duration_seconds", name, seconds=seconds)
            case "source":
                figures.take("source_duration_seconds", name, seconds=seconds)
            case "hook":
                figures.take("plugin_hook_duration_seconds", event.name, event.phase, seconds=seconds)
                if event.outcome == "failure":
                    figures.add("plugin_hook_failures_total", event.name, event.phase)
            case "cache":
                figures.add("cache_requests_total", name, event.outcome)
                figures.add("cache_bytes_total", name, event.outcome, amount=event.size)

    def _run(self, result: JobResult | WorkflowResult) -> None:
        name, figures = self.pipeline, self.figures
        figures.add("runs_total", name, _outcome(result))
        figures.set("last_run_timestamp_seconds", name, value=result.ended)
        figures.set("last_run_duration_seconds", name, value=result.duration)
        figures.set("last_run_success", name, value=float(result.success))


def _outcome(result: JobResult | WorkflowResult) -> str:
    return "success" if result.success else "cancelled" if result.interrupted else "failure"
