"""Spans, made of events when they have ended: of a run, its jobs, steps and attempts, and what else it did.

Source: the conventions for CI/CD, https://opentelemetry.io/docs/specs/semconv/cicd/.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import one_line
from runnerlib.events import (
    JobFinished,
    JobStarted,
    Measured,
    StepFinished,
    StepRetrying,
    StepStarted,
    WorkflowFinished,
    WorkflowJobFinished,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runnerlib.events import Event
    from runnerlib.events.result import JobResult, StepResult, WorkflowResult
    from runnerlib.output.telemetry.trace import Trace

Value = str | int | float | bool

_LONGEST = 1000
_RESULTS = {"success": "success", "failure": "failure", "cancelled": "cancellation", "skipped": "skip"}

# The phase of the runner that hooks of plugins are called in.
_PHASES = {
    **dict.fromkeys(("pre_source_prep", "post_source_prep", "pre_execution"), "prepare"),
    **dict.fromkeys(("post_execution", "on_error", "cleanup"), "finish"),
}


class Span(NamedTuple):
    """A span that has ended; times are seconds since the epoch, `error` says why it failed."""

    name: str
    span_id: str
    parent_id: str
    started: float
    ended: float
    attributes: Mapping[str, Value]
    error: str = ""
    is_run: bool = False


class SpanMaker:
    """Makes the spans of one run; `parent` is the id of the span that the run is a part of, "" without one."""

    def __init__(self, trace: Trace, parent: str, about: Callable[[], Mapping[str, Value]], *, workflow: bool) -> None:
        """`about` returns attributes of the run, as its source; it is asked at the end."""
        self._trace = trace
        self._parent = parent
        self._about = about
        self.workflow = workflow
        self._began = time.time()
        self._attempts: dict[str, tuple[int, float]] = {}
        self._pipeline = ""

    def spans(self, event: Event) -> Iterator[Span]:
        """Yield the spans that end with an event."""
        match event:
            case StepStarted():
                self._attempts[event.step] = event.attempt, time.time()
            case StepRetrying():
                yield from self._attempt(event.step, time.time(), event.reason)
            case StepFinished():
                yield from self._step(event.result)
            case WorkflowJobFinished():
                if event.result.started:
                    yield self._task(event.result, self._trace.job(event.result.name), self._trace.span_id, "job")
            case Measured():
                yield self._measured(event)
            case JobStarted():
                self._pipeline = event.job
            case JobFinished() if not self.workflow:
                yield self._run(event.result)
            case WorkflowFinished():
                yield self._run(event.result)

    def _attempt(self, step: str, ended: float, error: str) -> Iterator[Span]:
        number, started = self._attempts.pop(step, (0, 0.0))
        if number:
            known: dict[str, Value] = {"cicd.pipeline.task.name": text(step), "runnerlib.attempt": number}
            span, parent = self._trace.attempt(step, number), self._trace.step(step)
            yield Span(f"attempt {number}", span, parent, started, max(ended, started), known, text(error))

    def _step(self, result: StepResult) -> Iterator[Span]:
        if not result.started:
            return
        failed = result.reason if result.outcome in {"failure", "cancelled"} else ""
        yield from self._attempt(result.name, result.ended, failed)
        job, slash, _ = result.name.partition("/")
        of_job = self.workflow and (slash or result.name)
        parent = self._trace.job(job) if of_job else self._trace.span_id
        yield self._task(result, self._trace.step(result.name), parent, "step")

    def _task(self, result: StepResult, span: str, parent: str, kind: str) -> Span:
        known: dict[str, Value] = {
            "cicd.pipeline.task.name": text(result.name),
            "cicd.pipeline.task.run.id": span,
            "cicd.pipeline.task.run.result": result_of(result.outcome, result.cause),
            "runnerlib.kind": kind,
            "runnerlib.attempts": result.attempts,
            "process.exit.code": result.exit_code,
        }
        if result.worker:
            known["cicd.worker.name"] = text(result.worker)
        if result.usage is not None:
            known["runnerlib.cpu.seconds"] = result.usage.user + result.usage.system
            if result.usage.max_rss is not None:
                known["runnerlib.memory.max_bytes"] = result.usage.max_rss
        error = ""
        if result.outcome in {"failure", "cancelled"}:
            known["error.type"] = result.cause or "failure"
            error = text(result.reason) or result.outcome
        return Span(text(result.name), span, parent, result.started, max(result.ended, result.started), known, error)

    def _measured(self, event: Measured) -> Span:
        known: dict[str, Value] = {"runnerlib.kind": event.kind, "runnerlib.outcome": text(event.outcome)}
        if event.phase:
            known["runnerlib.hook"] = text(event.phase)
        if event.size:
            known["runnerlib.bytes"] = event.size
        whole = self._trace.job(event.job) if event.job else self._trace.span_id
        phase = _PHASES.get(event.phase) or ("prepare" if event.kind == "source" else "")
        span, parent = os.urandom(8).hex(), whole
        if event.kind == "phase":
            span = self._trace.phase(event.job, event.name)
        elif event.step:
            parent = self._trace.step(event.step)
        elif phase:
            parent = self._trace.phase(event.job, phase)
        words = text(" ".join(filter(None, (event.kind, event.name, event.phase))))
        error = "failed" if event.outcome == "failure" else ""
        return Span(words, span, parent, event.started, max(event.ended, event.started), known, error)

    def _run(self, result: JobResult | WorkflowResult) -> Span:
        outcome = "success" if result.success else "cancelled" if result.interrupted else "failure"
        known: dict[str, Value] = {
            **self._about(),
            "cicd.pipeline.name": text(result.name),
            "cicd.pipeline.action.name": "RUN",
            "cicd.pipeline.run.id": self._trace.span_id,
            "cicd.pipeline.result": result_of(outcome, "timeout" if result.exit_code == 124 else ""),
            "process.exit.code": result.exit_code,
        }
        error = ""
        if not result.success:
            known["error.type"] = f"exit code {result.exit_code}"
            error = text(result.reason) or outcome
        return Span(
            f"RUN {text(result.name)}", self._trace.span_id, self._parent, self._began, result.ended, known, error, True
        )


def text(given: str) -> str:
    """Return a text as any reader of a trace takes it: one line of bounded length, and UTF-8."""
    line = one_line(given[: 2 * _LONGEST]).encode(errors="replace").decode()
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def result_of(outcome: str, cause: str) -> str:
    """Return the word of the conventions for how something ended."""
    if cause in {"timeout", "no_output"}:
        return "timeout"
    if outcome == "failure" and cause in {"runner", "not_started", "lost", "tampered"}:
        return "error"
    return _RESULTS.get(outcome, "error")
