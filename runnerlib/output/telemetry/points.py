"""Points of metrics, made of events: those of the conventions for CI/CD, and the duration of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from runnerlib.events import JobFinished, JobStarted, StepFinished, WorkflowFinished
from runnerlib.output.telemetry.spans import result_of, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnerlib.events import Event
    from runnerlib.events.result import JobResult, WorkflowResult


class Point(NamedTuple):
    """A value of a metric. Attributes have few values: no names of steps."""

    kind: Literal["histogram", "counter", "sum"]
    name: str
    unit: str
    value: float
    attributes: Mapping[str, str]


class PointMaker:
    """Makes the points of one run."""

    def __init__(self, *, workflow: bool) -> None:
        self._workflow = workflow
        self._pipeline: dict[str, str] = {}

    def points(self, event: Event) -> Iterator[Point]:
        """Yield the points that an event gives."""
        match event:
            case JobStarted():
                self._pipeline = {"cicd.pipeline.name": text(event.job)}
                yield self._active(1)
            case StepFinished() if event.result.attempts:
                result = event.result
                known = {"cicd.pipeline.task.run.result": result_of(result.outcome, result.cause)}
                seconds = max(result.duration, 0.0)
                yield Point("histogram", "runnerlib.step.duration", "s", seconds, {**self._pipeline, **known})
            case JobFinished() if not self._workflow:
                yield from self._run(event.result)
            case WorkflowFinished():
                yield from self._run(event.result)

    def _active(self, change: int) -> Point:
        known = {**self._pipeline, "cicd.pipeline.run.state": "executing"}
        return Point("sum", "cicd.pipeline.run.active", "{run}", change, known)

    def _run(self, result: JobResult | WorkflowResult) -> Iterator[Point]:
        yield self._active(-1)
        outcome = "success" if result.success else "cancelled" if result.interrupted else "failure"
        known = {
            **self._pipeline,
            "cicd.pipeline.run.state": "executing",
            "cicd.pipeline.result": result_of(outcome, "timeout" if result.exit_code == 124 else ""),
        }
        if not result.success:
            known["error.type"] = f"exit code {result.exit_code}"
            failed = {**self._pipeline, "error.type": known["error.type"]}
            yield Point("counter", "cicd.pipeline.run.errors", "{error}", 1, failed)
        yield Point("histogram", "cicd.pipeline.run.duration", "s", max(result.duration, 0.0), known)
