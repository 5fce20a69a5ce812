"""The rest of a job that runs, for a view that is drawn several times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from runnerlib.output.history.estimate import Estimates, Left

# Seconds for which the path holds: to find it takes 10 ms for ten thousand steps.
_HOLDS = 1.0


class Outlook:
    """The rest of a job, found anew once a second and when a step has ended; `done` has the steps that have."""

    def __init__(self, estimates: Estimates, graph: Mapping[str, Collection[str]]) -> None:
        self.done: set[str] = set()
        self._estimates = estimates
        self._graph = graph
        self._found: Left | None = None
        self._when = (-_HOLDS, 0)

    def usual(self, step: str) -> float | None:
        """Return the usual time of a step in seconds, None if it is not known."""
        return self._estimates.usual(step)

    def left(self, running: Mapping[str, float], now: float) -> Left | None:
        """Return what is left, at the time `now` in seconds; None if that is not known."""
        found, ended = self._when
        if now - found >= _HOLDS or (ended != len(self.done) and now - found >= _HOLDS / 4):
            self._found = self._estimates.left(self._graph, self.done, running)
            self._when = now, len(self.done)
            return self._found
        if self._found is None:
            return None
        return self._found._replace(seconds=max(self._found.seconds - (now - found), 0.0))
