"""The runner's own messages as lines of a structured log on stderr, beside a console that shows only the steps'."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runnerlib.events import (
    JobFinished,
    JobStarted,
    Masked,
    Notice,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Warned,
)
from runnerlib.output.filter import Filter
from runnerlib.output.log.format import structured, timestamp
from runnerlib.output.log.level import LogLevel, passes
from runnerlib.output.messages import command, ended, finished, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.events import Event
    from runnerlib.output.log.trace_fields import TraceFields
    from runnerlib.output.protocol import Console
    from runnerlib.output.streams import Output

    Said = tuple[LogLevel, str, dict[str, object]]

COMPONENT = "runnerlib"
OWN = (Notice, Warned, StepRetrying)
"""Messages of the runner itself. With `FRAMES` they are all that a console adds to the output of steps."""
FRAMES = (StepStarted, StepFinished)


class LogLines:
    """Writes a line of JSON for every event but output."""

    def __init__(
        self,
        out: Output,
        least: LogLevel,
        context: Mapping[str, str],
        clock: Callable[[], float] = time.time,
        trace: TraceFields | None = None,
    ) -> None:
        self._out = out
        self._least = least
        self._context = context
        self._clock = clock
        self._trace = trace
        self._stage = "source_prep"

    def observe(self, event: Event) -> None:
        """Write a line, if the event is more than output and important enough."""
        if isinstance(event, StepOutput):
            return
        if isinstance(event, JobStarted):
            self._stage = "execution"
        said = _said(event)
        if said is not None and passes(said[0], self._least):
            level, message, more = said
            ids = self._trace.of(str(more.get("step", ""))) if self._trace is not None else {}
            fields = {**self._context, **ids, "phase": self._stage, **more}
            line = structured(timestamp(self._clock()), level, COMPONENT, message, fields, as_json=True)
            self._out.write(f"{line}\n".encode())
        if isinstance(event, JobFinished):
            self._stage = "cleanup"

    @property
    def congested(self) -> bool:
        """True while the reader of stderr is behind."""
        return self._out.congested

    async def drain(self) -> None:
        """Return when all is written."""
        await self._out.drain()

    def give_up(self) -> int:
        """Do nothing: the console releases stderr."""
        return 0

    def close(self) -> None:
        """Do nothing: the console closes stderr."""


class Without(Filter):
    """A console filter that leaves out some kinds of events."""

    def __init__(self, console: Console, kinds: tuple[type, ...]) -> None:
        super().__init__(console)
        self._kinds = kinds

    def observe(self, event: Event) -> None:
        """Pass an event on, unless it is of one of these kinds."""
        if not isinstance(event, self._kinds):
            super().observe(event)


def _said(event: Event) -> Said | None:
    match event:
        case Notice():
            said: Said | None = (LogLevel.INFO, event.text, {"phase": event.phase} if event.phase else {})
        case Warned():
            said = (LogLevel.WARNING, event.text, {"step": event.step} if event.step else {})
        case JobStarted():
            said = (LogLevel.INFO, f"job '{event.job}' started", {"job": event.job, "steps": len(event.steps)})
        case StepStarted():
            said = (LogLevel.INFO, command(event), {"step": event.step, "attempt": event.attempt})
        case StepRetrying():
            said = (LogLevel.WARNING, retrying(event), {"step": event.step, "attempt": event.attempt})
        case Masked():
            said = (LogLevel.INFO, event.report.summary(), {"step": event.step, "marks": event.report.marks})
        case StepFinished() | JobFinished():
            said = _ended(event)
        case _:  # events for other observers
            said = None
    return said


def _ended(event: StepFinished | JobFinished) -> Said:
    code: dict[str, object] = {"exit_code": event.result.exit_code, "seconds": round(event.result.duration, 6)}
    if isinstance(event, StepFinished):
        step = event.result
        worst = LogLevel.ERROR if step.required and step.outcome == "failure" else LogLevel.WARNING
        level = worst if step.outcome == "failure" else LogLevel.INFO
        return (
            level,
            f"step '{step.name}' {finished(step)}",
            {"step": step.name, "outcome": step.outcome, "attempts": step.attempts, **code},
        )
    job = event.result
    reason = f": {job.reason}" if job.reason else ""
    level = LogLevel.INFO if job.success else LogLevel.ERROR
    return level, ended("job", job, reason), {"job": job.name, **code}
