"""Interfaces of consoles that are told more than events before the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from runnerlib.output.history.estimate import EarlierRuns
    from runnerlib.output.log.trace_fields import TraceFields


@runtime_checkable
class Estimating(Protocol):
    """A console that shows how long a job will take, by earlier runs; None where there are none."""

    earlier: EarlierRuns | None


@runtime_checkable
class Traced(Protocol):
    """A console whose lines have the ids of the trace; None where there is no trace."""

    trace: TraceFields | None
