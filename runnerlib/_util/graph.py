"""Directed graphs of names: cycles, levels, ancestors. Pure.

A graph is a mapping of each node to the nodes it depends on; every node is a key. The order of the
keys is the written order, and every answer follows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    Graph = Mapping[str, Collection[str]]


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
