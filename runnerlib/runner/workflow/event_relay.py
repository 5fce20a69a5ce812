"""Relay of one job's events to the workflow's observer, with each step renamed to `job/step`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runnerlib.events import (
    Annotated,
    JobFinished,
    JobStarted,
    Masked,
    Measured,
    Notice,
    Reported,
    Sampled,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Warned,
)
from runnerlib.events.forwarding import ForwardingObserver, UnbufferedObserver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.events import Event, Observer
    from runnerlib.events.result import StepResult


class JobEventRelay(ForwardingObserver):
    """Relays a job's events to `observer`, with `names` for its steps; leaves out its start and end."""

    def __init__(self, job: str, names: Mapping[str, str], observer: Observer) -> None:
        """`job` and all names are masked; these are in the order of the steps."""
        super().__init__(observer)
        self._job = job
        self.names = names
        self._shown: dict[str, str] = {}
        self.finished: dict[str, StepResult] = {}

    def observe(self, event: Event) -> None:
        """Pass one event on."""
        match event:
            case JobStarted():
                self._shown = dict(zip(event.steps, self.names.values(), strict=True))
            case JobFinished():
                pass
            case StepFinished():
                result = event.result._replace(name=self._shown[event.result.name])
                self.finished[result.name] = result
                self._observer.observe(StepFinished(result))
            case Notice():
                self._observer.observe(Notice(f"{self._job}: {event.text}"))
            case Warned() if not event.step:
                self._observer.observe(Warned(f"{self._job}: {event.text}"))
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
                self._observer.observe(event._replace(step=self._shown[event.step]))
            case Measured():
                job = next(iter(self.names.values()), self._job).partition("/")[0]  # as other events name it
                self._observer.observe(event._replace(job=job, step=self._shown.get(event.step, "")))
            case _:
                self._observer.observe(event)

    def say(self, event: StepFinished) -> None:
        """Send the event of a step that the engine did not report; the name is already that of events."""
        self.finished[event.result.name] = event.result
        self._observer.observe(event)


class ThreadsafeObserver(UnbufferedObserver):
    """Thread-safe observer: passes events from any thread to an observer on an event loop."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._loop = asyncio.get_running_loop()

    def observe(self, event: Event) -> None:
        """Pass the event to the observer, on the loop."""
        self._loop.call_soon_threadsafe(self._observer.observe, event)
