"""What happens during a job, as values. Every text in an event is masked before the event is made.

The engine and the runner emit events and know nothing of who listens; the console, logs, metrics
and reports are observers.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Notice(NamedTuple):
    """Progress of the runner itself, one line."""

    text: str


class Warned(NamedTuple):
    """Something the user should know although the job goes on, one line."""

    text: str


class StepStarted(NamedTuple):
    """A step's process is about to start; `command` is shown as a shell would read it."""

    step: str
    command: str


class StepOutput(NamedTuple):
    """Bytes a step wrote, masked, in the order they were written; cut anywhere."""

    step: str
    data: bytes


class StepFinished(NamedTuple):
    """A step ended and all its output was emitted; `reason` is empty when it succeeded."""

    step: str
    exit_code: int
    reason: str


Event = Notice | Warned | StepStarted | StepOutput | StepFinished


class Observer(Protocol):
    """Receives every event of a job."""

    def observe(self, event: Event) -> None:
        """Take one event; raises OutputError when it can be delivered to nobody any more."""

    @property
    def congested(self) -> bool:
        """Whether the observer wants no more output until `drain` returns."""

    async def drain(self) -> None:
        """Return once the observer is not congested; raises OutputError as `observe` does."""
