"""Usual times of steps, by their last runs, and the time that is left of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.graph import sorted_by_dependency
from runnerlib.output.history.file import HistoryError, load, short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from runnerlib.events.result import StepResult
    from runnerlib.output.history.file import Run

_LAST = 20
_FEWEST = 3
_SLOWER = 1.5
_NOTEWORTHY = 1.0


class Slow(NamedTuple):
    """A step that took `seconds`, noticeably longer than usual."""

    name: str
    seconds: float
    usual: float


class Left(NamedTuple):
    """The rest of a job: seconds until its end, and the steps on which that depends, in order."""

    seconds: float
    path: tuple[str, ...]


class Estimates:
    """Usual times of a job and of its steps, in seconds; `total` is None where there are too few runs."""

    def __init__(self, runs: Sequence[Run], parallel: int = 1) -> None:
        """`runs` are of one job, the oldest first; `parallel` steps run at a time."""
        self._parallel = parallel
        passed = [run.ended - run.started for run in runs if run.exit_code == 0][-_LAST:]
        self.runs = len(passed)
        self.total = median(passed) if len(passed) >= _FEWEST else None
        times: dict[str, list[float]] = {}
        for run in runs:
            for entry in run.entries:
                if entry.kind == "step":
                    taken = times.setdefault(entry.name, [])
                    if entry.outcome == "success":
                        taken.append(entry.seconds)
        self._usual = {name: median(found[-_LAST:]) if found else 0.0 for name, found in times.items()}
        self._counts = {name: len(found) for name, found in times.items()}

    def usual(self, step: str) -> float | None:
        """Return the usual time of a step: 0 if it never succeeded; None if no run has seen it."""
        return self._usual.get(short(step))

    def slow(self, steps: Iterable[StepResult]) -> list[Slow]:
        """Return the steps that took longer than usual by half and by a second, the worst first.

        A step counts once it has succeeded a few times.
        """
        found = []
        for step in steps:
            name = short(step.name)
            if step.attempts and step.cause != "restored" and self._counts.get(name, 0) >= _FEWEST:
                usual = self._usual[name]
                if step.duration > max(usual * _SLOWER, usual + _NOTEWORTHY):
                    found.append(Slow(step.name, step.duration, usual))
        return sorted(found, key=lambda one: one.usual - one.seconds)

    def left(
        self, graph: Mapping[str, Collection[str]], done: Collection[str], running: Mapping[str, float]
    ) -> Left | None:
        """Return what is left; None if a step that is left is not known from an earlier run.

        `graph` maps each step to those it waits for, and `running` the steps that run to the seconds they have run.
        """
        ends: dict[str, float] = {}
        before: dict[str, str] = {}
        work = 0.0
        for name in sorted_by_dependency(graph):
            own = 0.0
            if name not in done:
                usual = self.usual(name)
                if usual is None:
                    return None
                own = max(usual - running.get(name, 0.0), 0.0)
            last = max((one for one in graph[name] if one in ends), key=ends.__getitem__, default="")
            ends[name] = own + (ends[last] if last else 0.0)
            before[name] = last
            work += own
        if not ends:
            return None
        path = [max(ends, key=ends.__getitem__)]
        while before[path[-1]]:
            path.append(before[path[-1]])
        names = tuple(name for name in reversed(path) if name not in done)
        return Left(max(ends[path[0]], work / max(self._parallel, 1)), names)


def median(values: Sequence[float]) -> float:
    """Return the middle of some values; `statistics` has it, and takes 10 ms to load."""
    found, half = sorted(values), len(values) // 2
    return found[half] if len(found) % 2 else (found[half - 1] + found[half]) / 2


class EarlierRuns:
    """Estimates from a file, for the observers of one run; the file is read on first use."""

    def __init__(self, path: Path, parallel: int) -> None:
        self._path = path
        self._parallel = parallel
        self._known: dict[str, Estimates | None] = {}

    def of(self, job: str) -> Estimates | None:
        """Return the estimates for a job; None where nothing is known, or the history cannot be read."""
        if job not in self._known:
            self._known[job] = self._read(job)
        return self._known[job]

    def _read(self, job: str) -> Estimates | None:
        try:
            runs = load(self._path, job, _LAST)
        except HistoryError:
            return None  # writing to it will say why
        return Estimates(runs, self._parallel) if runs else None
