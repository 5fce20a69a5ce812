"""Bounds of steps: the contract of a job's sandbox with the engine."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from runnerlib._util.values import NamedTuple
from runnerlib.errors import RunnerError, TamperedError
from runnerlib.events.result import StepOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runnerlib.executor.process_spec import Confinement
    from runnerlib.pipeline.job import Step


class Enclosure(NamedTuple):
    """Bounds of an attempt: the rights it gives up, variables over its own, and a directory for its exports.

    Steps of different compartments share no container.
    """

    confinement: Confinement
    env: Mapping[str, str]
    scratch: Path
    compartment: str = ""


class Boundary(Protocol):
    """The sandbox of a job: it says what each attempt may do, and sees to it that trusted code stays as it was."""

    def enclosure(self, step: Step) -> Enclosure | None:
        """Return the bounds of an attempt that is about to start; None for none. Raises RunnerError."""

    def collect(self, step: Step) -> None:
        """Take what an attempt of a step has left for the runner. Raises RunnerError for what cannot be used."""

    def check(self) -> None:
        """Raise TamperedError when the trusted CI source has changed."""

    def hint(self, step: Step) -> str:
        """Return what about the bounds of a step may be why it failed, or ""."""

    def close(self) -> None:
        """Collect what steps have written for others, once none runs any more; a second call does nothing.

        Raises RunnerError for what cannot be used.
        """


def left(boundary: Boundary) -> StepOutcome | None:
    """Look at trusted code a last time, and collect what steps have written; how the job ends if either fails."""
    try:
        boundary.check()
        boundary.close()
    except RunnerError as error:
        return StepOutcome(error.exit_code, str(error), "tampered" if isinstance(error, TamperedError) else "outputs")
    return None


def close(boundary: Boundary) -> None:
    """Close the boundary of a job that has another failure to tell."""
    with suppress(RunnerError):
        boundary.close()
