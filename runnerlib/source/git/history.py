"""Where a history of so many commits ends. Pure: who knows the parents is passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    Parents = Callable[[Collection[str]], Mapping[str, Sequence[str]]]


def boundary(commit: str, depth: int, ended: Collection[str], parents: Parents) -> frozenset[str]:
    """The commits that a history of `depth` commits from `commit` ends with, roots excepted.

    `ended` are the commits whose parents are missing already.
    """
    return frozenset(
        one
        for level, known in _layers(commit, depth, ended, parents)
        for one, above in known.items()
        if above and (one in ended or level == depth)
    )


def is_deep(commit: str, depth: int, ended: Collection[str], parents: Parents) -> bool:
    """Tell whether `depth` commits from `commit` are there, or all down to the roots."""
    layers = _layers(commit, depth - 1, ended, parents)
    return not any(above and one in ended for _, known in layers for one, above in known.items())


def _layers(
    commit: str, depth: int, ended: Collection[str], parents: Parents
) -> Iterator[tuple[int, Mapping[str, Sequence[str]]]]:
    """The commits at each depth with their parents; a commit's depth is the shortest way to it, as git counts."""
    seen, layer = {commit}, {commit}
    for level in range(1, depth + 1):
        if not layer:
            return
        known = parents(layer)
        yield level, known
        layer = {above for one in layer if one not in ended for above in known[one]} - seen
        seen |= layer
