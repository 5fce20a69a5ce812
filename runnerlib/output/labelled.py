"""A console filter by which people read labels of steps, `test (macos, 3.12)`, in place of names like `test[3]`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from runnerlib.events import (
    Annotated,
    JobFinished,
    JobStarted,
    Masked,
    Reported,
    Sampled,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Warned,
)
from runnerlib.output.filter import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.events import Event


class Labelled(Filter):
    """Passes every event to the console with the labels that `JobStarted` brings; logs and programs get the names."""

    _labels: Mapping[str, str] = MappingProxyType({})

    def observe(self, event: Event) -> None:
        """Pass one event on."""
        if isinstance(event, JobStarted):
            self._labels = event.labels
            event = event._replace(steps=self._graph(event.steps))
        elif self._labels:
            event = self._labelled(event)
        super().observe(event)

    def _labelled(self, event: Event) -> Event:
        match event:
            case (
                StepOutput()
                | StepStarted()
                | StepRetrying()
                | Masked()
                | Warned()
                | Annotated()
                | Reported()
                | Sampled()
            ):
                return event._replace(step=self._label(event.step))
            case StepFinished():
                return StepFinished(event.result._replace(name=self._label(event.result.name)))
            case JobFinished():
                steps = tuple(step._replace(name=self._label(step.name)) for step in event.result.steps)
                return JobFinished(event.result._replace(steps=steps))
            case _:
                return event

    def _graph(self, steps: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {self._label(step): tuple(map(self._label, others)) for step, others in steps.items()}

    def _label(self, step: str) -> str:
        return self._labels.get(step, step)
