"""The profile of steps, for the end of a summary: what used the processor, as a tree of processes by their names."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from runnerlib.errors import one_line
from runnerlib.output.messages import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.events import ProcessSample, Sampled

_MOST_STEPS = 5
_MOST_LINES = 8
_DEEPEST = 20
_SMALLEST = 0.05  # of the step's time


class _Step:
    def __init__(self) -> None:
        self.peak = self.processes = self.samples = 0
        self.moved = (0, 0)
        self.times: dict[tuple[str, ...], float] = defaultdict(float)
        self._known: dict[int, ProcessSample] = {}

    def add(self, event: Sampled) -> None:
        self.samples += 1
        self.peak, self.processes = max(self.peak, event.rss), max(self.processes, event.total)
        self.moved = max(self.moved[0], event.read), max(self.moved[1], event.written)
        known = {one.pid: one for one in event.processes}
        ended: dict[int, float] = defaultdict(float)
        for pid, gone in self._known.items():
            if pid not in known:
                ended[gone.parent] += gone.cpu + gone.children
        for one in event.processes:
            before = self._known.get(one.pid)
            own = one.cpu - (before.cpu if before else 0.0)
            # What children that have ended used was counted while they lived, but for those too short to be seen.
            unseen = one.children - (before.children if before else 0.0) - ended[one.pid]
            self.times[_path(one, known)] += max(own, 0.0) + max(unseen, 0.0)
        self._known = known


def _path(one: ProcessSample, known: dict[int, ProcessSample]) -> tuple[str, ...]:
    names = [one.name]
    while (above := known.get(one.parent)) is not None and len(names) < _DEEPEST:
        names.append(above.name)
        one = above
    return tuple(reversed(names))


class Profile:
    """Adds the samples of steps up."""

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = defaultdict(_Step)

    def add(self, event: Sampled) -> None:
        """Take a sample."""
        self._steps[event.step].add(event)

    def lines(self) -> Iterator[str]:
        """Yield the profiles of the steps that used most, each with its tree."""
        used = {name: sum(step.times.values()) for name, step in self._steps.items()}
        for name in sorted(used, key=lambda one: -used[one])[:_MOST_STEPS]:
            step = self._steps[name]
            moved = f", read {size(step.moved[0])}, wrote {size(step.moved[1])}" if any(step.moved) else ""
            count = f"{step.processes} processes" if step.processes > 1 else "1 process"
            yield one_line(f"profile of '{name}': CPU {duration(used[name])}, memory {size(step.peak)}, {count}{moved}")
            yield from _tree(step.times, used[name])


def _tree(times: dict[tuple[str, ...], float], whole: float) -> Iterator[str]:
    """Yield a line for each path of names that took a share worth telling, with what is below it."""
    sums: dict[tuple[str, ...], float] = defaultdict(float)
    for path, seconds in times.items():
        for depth in range(1, len(path) + 1):
            sums[path[:depth]] += seconds
    shown = [path for path in sorted(sums) if sums[path] > _SMALLEST * whole]
    for path in sorted(sorted(shown, key=lambda one: -sums[one])[:_MOST_LINES]):
        yield one_line(f"{'  ' * len(path)}{path[-1]} {duration(sums[path])} ({sums[path] / whole:.0%})")
