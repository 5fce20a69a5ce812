"""Errors in a job or a workflow as a whole, reported at their position in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.pipeline.job_file.nodes import Node, Place, start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runnerlib.pipeline.job import Problem
    from runnerlib.pipeline.job_file.job import Where
    from runnerlib.pipeline.job_file.reader import Reading

_QUOTES = {None: 0, "": 0, "'": 1, '"': 1}


def check(reading: Reading, problems: Iterable[Problem], places: Mapping[Where, Node], *, named: bool) -> None:
    """Report each of `problems`.

    With `named` False names may be wrong, and errors that may follow from that are left out.
    """
    for problem in problems:
        if named or problem.place[-1] not in {"name", "depends_on", "condition", "steps"} or problem.column:
            place, text = _exact(_node(places, problem.place), problem)
            reading.complain(place, f"{_key(problem.place)}{text}")


def _node(places: Mapping[Where, Node], place: Where) -> Node:
    while place not in places:
        place = place[:-1]
    return places[place]


def _key(place: Where) -> str:
    keys = [part for part in place if isinstance(part, str) and part not in {"jobs", "steps"}]
    return f"{keys[0]}: " if keys else ""


def _exact(node: Node, problem: Problem) -> tuple[Place, str]:
    """Return the position in the file where a text is wrong: exact, if the text is there unchanged."""
    place = start(node)
    if not problem.column:
        return place, problem.text
    quote = _QUOTES.get(node.style, -1)
    width = node.end_mark.column - node.start_mark.column
    if quote >= 0 and node.end_mark.line == node.start_mark.line and width == len(node.value) + 2 * quote:
        return Place(place.line, place.column + quote + problem.column - 1), problem.text
    return place, f"column {problem.column}: {problem.text}"
