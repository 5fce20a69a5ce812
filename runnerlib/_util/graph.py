"""Graphs of names that wait for each other: circles, order, and a schedule of which one is next. Pure."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Graph = Mapping[str, Collection[str]]
    from collections.abc import Collection, Mapping


def cycle(graph: Graph) -> list[str]:
    """Return a cycle with its first node repeated at the end, or an empty list.

    It is `a, b, a` when a depends on b and b on a.

    Iterative: a chain may be longer than the interpreter's stack.
    """
    done: set[str] = set()
    for root in graph:
        path: list[str] = []
        on_path: set[str] = set()
        pending = [(root, False)]
        while pending:
            node, left = pending.pop()
            if left:
                done.add(path.pop())
                on_path.discard(node)
            elif node in on_path:
                return [*path[path.index(node) :], node]
            elif node not in done:
                path.append(node)
                on_path.add(node)
                pending.append((node, True))
                pending.extend((other, False) for other in graph[node])
    return []


def levels(graph: Graph) -> list[list[str]]:
    """The nodes by level: level 0 depends on nothing, level n on something of level n-1. The graph has no cycle."""
    level: dict[str, int] = {}
    for node in sorted_by_dependency(graph):
        level[node] = max((level[other] + 1 for other in graph[node]), default=0)
    rows: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for node in graph:
        rows[level[node]].append(node)
    return rows


def sorted_by_dependency(graph: Graph) -> list[str]:
    """Return every node after those it depends on, else in written order.

    The graph has no cycle.
    """
    ordered: dict[str, None] = {}
    for root in graph:
        pending = [root]
        while pending:
            node = pending[-1]
            missing = [other for other in graph[node] if other not in ordered]
            if missing and node not in ordered:
                pending.extend(reversed(missing))
            else:
                ordered.setdefault(pending.pop())
    return list(ordered)


def reachable(graph: Graph, node: str) -> set[str]:
    """All nodes that `node` depends on, directly or through others."""
    found: set[str] = set()
    pending = list(graph[node])
    while pending:
        other = pending.pop()
        if other not in found:
            found.add(other)
            pending.extend(graph[other])
    return found


def descendants(graph: Graph, roots: Collection[str]) -> set[str]:
    """`roots` and every node that depends on one of them, directly or through others. The graph has no cycle."""
    found = set(roots)
    for node in sorted_by_dependency(graph):
        if not found.isdisjoint(graph[node]):
            found.add(node)
    return found


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

    def put_aside(self) -> str:
        """Take the next step out of the order until it is put back; return its name."""
        return self._names[heappop(self._ready)]

    def put_back(self, names: Iterable[str]) -> None:
        """Let steps that were put aside be taken in their order again."""
        for name in names:
            heappush(self._ready, self._numbers[name])

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
