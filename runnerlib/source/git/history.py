"""Computation of the boundary of a limited history. Pure: the caller passes in a function that returns parents."""

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


_BOTH = 3


def settled(one: str, other: str, known: Mapping[str, Sequence[str]], ended: Collection[str]) -> bool:
    """Return whether missing commits cannot change how two commits compare.

    The comparison is their common commits, and the commits that only one of them has. `known` are all commits
    reachable from both that are present, children before parents; those in `ended` have missing parents. Every end
    must lie below all commits that only one side has, and below the newest common ones: nothing missing can then be
    above any of these, since a history has no cycles.
    """
    sides = _sides(one, other, known)
    ends = {commit: 1 << number for number, commit in enumerate(one for one in known if one in ended)}
    everything, below = (1 << len(ends)) - 1, _ends_below(known, ends)
    older = {above for commit, side in sides.items() if side == _BOTH for above in known[commit]}
    decisive = (commit for commit, side in sides.items() if side != _BOTH or commit not in older)
    return all(below[commit] == everything and (sides[commit] == _BOTH or commit not in ends) for commit in decisive)


def _sides(one: str, other: str, known: Mapping[str, Sequence[str]]) -> Mapping[str, int]:
    """From which of the two each commit is reached: 1, 2, or both."""
    found = dict.fromkeys(known, 0)
    found[one] |= 1
    found[other] |= 2
    for commit, parents in known.items():
        for above in parents:
            if above in found:
                found[above] |= found[commit]
    return found


def _ends_below(known: Mapping[str, Sequence[str]], ends: Mapping[str, int]) -> Mapping[str, int]:
    """Map each commit to the ends reachable from it, itself included. A set is a number with a bit for each end."""
    found: dict[str, int] = {}
    for commit in reversed(list(known)):
        marks = ends.get(commit, 0)
        for above in known[commit]:
            marks |= found.get(above, 0)
        found[commit] = marks
    return found
