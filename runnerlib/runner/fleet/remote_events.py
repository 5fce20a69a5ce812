"""The events of a job on a worker, as the dispatcher shows them.

They are checked, masked once more, and have the times of the dispatcher's clock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runnerlib.events import (
    Annotated,
    Masked,
    Measured,
    Notice,
    Reported,
    Sampled,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Triggered,
    Warned,
)
from runnerlib.runner.fleet.codec import DamagedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from runnerlib.events import Event, Observer
    from runnerlib.events.result import StepResult
    from runnerlib.masking import SecretMasker, Stream


class RemoteEvents:
    """Passes the events of one job on; `steps` are the names that it may speak of."""

    def __init__(self, steps: Collection[str], masker: SecretMasker, observer: Observer) -> None:
        self._steps = frozenset(steps)
        self._masker = masker
        self._observer = observer
        self._streams: dict[str, Stream] = {}
        self._open: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._ahead = 0.0
        self.finished: set[str] = set()

    def begin(self, at: float) -> None:
        """Begin an attempt, at this time of the worker's clock."""
        self._ahead = at - time.time()

    def lost(self, reason: str) -> None:
        """End what an attempt has left open: each of its steps will be tried again."""
        for step, attempt in self._open.items():
            self._flush(step)
            self._before[step] = attempt
            self._observer.observe(StepRetrying(step, attempt, reason, 0.0))
        self._open = {}

    def show(self, event: Event) -> None:
        """Pass one event on. Raises DamagedError for one that is not this job's."""
        mask = self._masker.mask_string
        match event:
            case StepOutput():
                self._output(self._checked(event.step), event.data)
            case StepStarted() | StepRetrying():
                self._attempt(event)
            case StepFinished():
                self._finish(event.result)
            case Masked() | Annotated() | Reported() | Sampled():
                self._of_step(event)
            case Notice() | Warned():
                if isinstance(event, Warned) and event.step:
                    self._checked(event.step)
                self._observer.observe(event._replace(text=mask(event.text)))
            case Measured():
                if event.step:
                    self._checked(event.step)
                started, ended = event.started - self._ahead, event.ended - self._ahead
                texts = mask(event.name), mask(event.phase), mask(event.outcome), mask(event.job)
                self._observer.observe(_measured(event, started, ended, *texts))
            case Triggered():
                pass  # a worker of a coordinator reads it on the stdout of its own runner
            case _:
                raise DamagedError(f"a job cannot say '{type(event).__name__}'")

    def _of_step(self, event: Masked | Annotated | Reported | Sampled) -> None:
        self._checked(event.step)
        if isinstance(event, Annotated):
            event = event._replace(finding=event.finding.masked(self._masker.mask_string))
        elif isinstance(event, Reported):
            event = event._replace(kind=self._masker.mask_string(event.kind))
        elif isinstance(event, Sampled):
            names = (one._replace(name=self._masker.mask_string(one.name)) for one in event.processes)
            event = event._replace(at=event.at - self._ahead, processes=tuple(names))
        self._observer.observe(event)

    def _output(self, step: str, data: bytes) -> None:
        if step not in self._streams:
            self._streams[step] = self._masker.stream()
        if shown := self._streams[step].feed(data):
            self._observer.observe(StepOutput(step, shown))

    def _attempt(self, event: StepStarted | StepRetrying) -> None:
        """Pass the beginning of an attempt at a step on, or its end; attempts of lost workers count."""
        step = self._checked(event.step)
        self._flush(step)
        attempt = event.attempt + self._before.get(step, 0)
        if isinstance(event, StepStarted):
            self._open[step] = attempt
            self._observer.observe(StepStarted(step, self._masker.mask_string(event.command), attempt))
        else:
            reason = self._masker.mask_string(event.reason)
            self._observer.observe(event._replace(attempt=attempt, reason=reason))

    def _finish(self, result: StepResult) -> None:
        step = self._checked(result.name)
        self._flush(step)
        self._open.pop(step, None)
        self.finished.add(step)
        attempts = result.attempts and result.attempts + self._before.get(step, 0)
        self._observer.observe(StepFinished(self.masked(self.here(result._replace(attempts=attempts)))))

    def here(self, result: StepResult) -> StepResult:
        """Return a result with the times of the dispatcher's clock."""
        if not result.started:
            return result
        return result._replace(started=result.started - self._ahead, ended=result.ended - self._ahead)

    def masked(self, result: StepResult) -> StepResult:
        """Return a result without a secret in it."""
        mask = self._masker.mask_string
        outputs = {mask(name): mask(value) for name, value in result.outputs.items()}
        return result._replace(reason=mask(result.reason), outputs=outputs)

    def _flush(self, step: str) -> None:
        stream = self._streams.pop(step, None)
        if stream is not None and (rest := stream.flush()):
            self._observer.observe(StepOutput(step, rest))

    def _checked(self, step: str) -> str:
        if step not in self._steps:
            raise DamagedError("a job speaks of a step that is not its own")
        return step


def _measured(event: Measured, started: float, ended: float, name: str, phase: str, outcome: str, job: str) -> Measured:
    return event._replace(started=started, ended=ended, name=name, phase=phase, outcome=outcome, job=job)
