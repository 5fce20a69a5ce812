"""Interface of consoles that show how long a job will take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from runnerlib.output.history.estimate import EarlierRuns


@runtime_checkable
class Estimating(Protocol):
    """A console with estimates by earlier runs, None where there are none; they are set before the first event."""

    earlier: EarlierRuns | None
