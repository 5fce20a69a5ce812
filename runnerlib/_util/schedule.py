"""Order of steps, or jobs, by graph, weights and capacity. Pure: the caller reports what has ended."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Schedule:
    """Steps become ready when all they depend on has ended, and are taken in written order.

    No step overtakes another that is ready: a heavy one would otherwise wait for ever behind light
    ones. A step heavier than the capacity runs alone. Step n costs the edges that lead to it.
    """

    def __init__(self, graph: Mapping[str, Collection[str]], weights: Mapping[str, int], capacity: int) -> None:
        self._names = list(graph)
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._weights = [min(weights[name], capacity) for name in self._names]
        self._waits_for = [len(graph[name]) for name in self._names]
        self._waiting: list[list[int]] = [[] for _ in self._names]
        for name, others in graph.items():
            for other in others:
                self._waiting[self._numbers[other]].append(self._numbers[name])
        # Ascending numbers are a heap already.
        self._ready = [number for number, count in enumerate(self._waits_for) if not count]
        self._free = capacity
        self._left = len(self._names)

    @property
    def done(self) -> bool:
        """True if every step has ended."""
        return not self._left

    def head(self) -> str | None:
        """The step that is next, whether or not there is room for it now."""
        return self._names[self._ready[0]] if self._ready else None

    def start_head(self) -> bool:
        """Take the step that is next if there is room for it; whether it was taken."""
        weight = self._weights[self._ready[0]]
        if weight > self._free:
            return False
        self._free -= weight
        heappop(self._ready)
        return True

    def skip_head(self) -> None:
        """End the next step without running it."""
        self._end(heappop(self._ready))

    def end(self, name: str) -> None:
        """Record the end of a step that was taken."""
        number = self._numbers[name]
        self._free += self._weights[number]
        self._end(number)

    def _end(self, number: int) -> None:
        self._left -= 1
        for waiting in self._waiting[number]:
            self._waits_for[waiting] -= 1
            if not self._waits_for[waiting]:
                heappush(self._ready, waiting)
