"""In which order the steps of a job run: the graph that `depends_on`, `parallel` and the written order make. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnerlib.pipeline.job.step import Step


def dependencies(steps: Iterable[Step]) -> dict[str, tuple[str, ...]]:
    """Return for each step the steps it waits for.

    A step without `depends_on` waits for all steps written before it, its neighbours in a row of
    `parallel` steps excepted. Only those are named that no other named one waits for already.
    """
    graph: dict[str, tuple[str, ...]] = {}
    last: dict[str, None] = {}  # the written steps that no later one waits for
    row_waits_for: tuple[str, ...] | None = None
    for step in steps:
        in_row = step.parallel and step.depends_on is None
        if step.depends_on is not None:
            graph[step.name] = tuple(dict.fromkeys(step.depends_on))
        elif in_row and row_waits_for is not None:
            graph[step.name] = row_waits_for
        else:
            graph[step.name] = tuple(last)
        row_waits_for = graph[step.name] if in_row else None
        for waited in graph[step.name]:
            last.pop(waited, None)
        last[step.name] = None
    return graph
