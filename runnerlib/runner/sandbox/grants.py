"""Grants of a ruleset, from a few paths that are special and from everything that is not.

Landlock only grants, and a grant holds for all that is below. To keep one directory closed, everything beside the way
to it is granted, entry by entry, and nothing on the way: so in the directories on the way nothing can be made, renamed
or removed, or the closed directory could be replaced with one of its parents. What others make there later is granted
before the next step starts.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from runnerlib.executor.local.landlock import Ruleset


# Nanoseconds: the clock of files ticks every 10 ms at least.
_TICK = 50_000_000
# File systems of the kernel, in whose upper directories no program makes anything.
_KERNELS = ("/sys", "/proc")


class Treatment(NamedTuple):
    """Rights at a path and below; `listed`: not at the path itself, but to each of its entries that is not special."""

    rights: int
    listed: bool = False


class Grants:
    """The grants of one ruleset; `special` has a treatment for each path that needs one, "/" among them."""

    def __init__(self, ruleset: Ruleset, special: Mapping[str, Treatment]) -> None:
        self._ruleset = ruleset
        self._special = special
        self._ways = ways(special)
        self._seen: dict[str, tuple[int, set[tuple[str, int]]]] = {}
        self._watched: list[str] = []
        for path, treatment in special.items():
            if treatment.listed:
                self._list(path, treatment.rights)
            elif treatment.rights:
                ruleset.grant(path, treatment.rights)

    @property
    def closed(self) -> Set[str]:
        """The directories in which nothing new can be made."""
        return self._seen.keys()

    def refresh(self) -> None:
        """Grant what has appeared since in the directories on the way."""
        now = time.time_ns()
        for path in [path for path in self._watched if changed_at(path, now) != self._seen[path][0]]:
            self._list(path, self._rights_of(path))

    def _rights_of(self, path: str) -> int:
        """Return the rights to the entries of a directory on the way: those of the nearest special one above."""
        while path not in self._special:
            path = os.path.dirname(path)
        return self._special[path].rights

    def _list(self, directory: str, rights: int) -> None:
        """Grant rights to the entries of a directory, except on a way, which is followed."""
        changed = changed_at(directory, time.time_ns())
        if directory not in self._seen and not directory.startswith(_KERNELS):
            self._watched.append(directory)
        before = self._seen.get(directory, (0, set[tuple[str, int]]()))[1]
        now = set(_entries(directory))
        self._seen[directory] = changed, now
        for name, _ in now - before:
            path = os.path.join(directory, name)
            if path in self._special:
                continue
            if path not in self._ways:
                self._ruleset.grant(path, rights)
            elif path not in self._seen:
                self._list(path, rights)


def ways(special: Mapping[str, Treatment]) -> frozenset[str]:
    """Return the directories that lead to special paths, from a listed one on; pure."""
    found: set[str] = set()
    for path in special:
        way: list[str] = []
        above = path
        while above != "/":
            above = os.path.dirname(above)
            if above in special:
                found.update(way if special[above].listed else ())
                break
            way.append(above)
    return frozenset(found)


def _entries(directory: str) -> Iterator[tuple[str, int]]:
    """Yield name and inode of each entry; a directory that this user cannot list grants nothing."""
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                yield entry.name, entry.inode()
    except OSError:
        return


def changed_at(directory: str, now: int) -> int:
    """Return when a directory last changed; never the same twice while a change could still leave that as it is.

    `now` is the time, or one shortly before. No process can choose the answer, unlike other times of a file.
    """
    try:
        changed = os.stat(directory).st_ctime_ns
    except OSError:
        return -1
    return changed if changed < now - _TICK else -now
