"""Reasons why a job waits for a worker, as one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import one_line
from runnerlib.runner.fleet.contract import Why

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnerlib.runner.fleet.contract import Queue, WorkerFacts


def waiting_for(queue: Queue, workers: Iterable[WorkerFacts]) -> Why:
    """Return why no worker takes the jobs of a queue."""
    there = list(workers)
    if any(queue.serves(worker) for worker in there):
        return Why()
    if not there:
        return Why("no worker of the fleet is there")
    ours = [worker for worker in there if worker.key == queue.key]
    if not ours:
        return Why("the workers of the fleet have another key than this run", certain=True)
    same = [worker for worker in ours if worker.version == queue.version]
    if not same:
        other = ours[0]
        text = f"worker '{one_line(other.name)}' is runnerlib {one_line(other.version)}, and this is {queue.version}"
        return Why(text, certain=True)
    nearest = min(same, key=lambda worker: len(set(queue.labels) - set(worker.labels)))
    lacking = sorted(set(queue.labels) - set(nearest.labels))
    return Why(f"no worker has the label{'s' * (len(lacking) > 1)} {', '.join(map(repr, lacking))}")
