"""Steps, jobs and tests that fail and succeed on the same code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnerlib.output.history.file import Run


class Flaky(NamedTuple):
    """A step, job or test that is not reliable.

    `runs` is how often it ran. In `retried` of them an attempt failed and a later one succeeded; of `revisions`
    commits some runs failed and others succeeded. `last` is the start of the latest such run, since the epoch.
    """

    kind: str
    name: str
    runs: int
    retried: int
    revisions: int
    last: float

    @property
    def rate(self) -> float:
        """The share of runs that show it, from 0 to 1."""
        return min((self.retried + self.revisions) / self.runs, 1.0)


class _Record:
    def __init__(self) -> None:
        self.runs = self.retried = 0
        self.outcomes: dict[str, set[str]] = {}
        self.last = 0.0


def flaky(runs: Sequence[Run]) -> list[Flaky]:
    """Return what is flaky in these runs, the oldest first; the most unreliable comes first."""
    records: dict[tuple[str, str], _Record] = {}
    for run in runs:
        for entry in run.entries:
            if entry.outcome not in {"success", "failure"} or not entry.attempts:
                continue
            record = records.setdefault((entry.kind, entry.name), _Record())
            record.runs += 1
            both = record.outcomes.setdefault(run.revision, set()) if run.revision else set()
            changes = bool(both - {entry.outcome})
            both.add(entry.outcome)
            if entry.attempts > 1 and entry.outcome == "success":
                record.retried += 1
            elif not changes:
                continue
            record.last = run.started
    found = [
        Flaky(kind, name, one.runs, one.retried, sum(len(both) > 1 for both in one.outcomes.values()), one.last)
        for (kind, name), one in records.items()
        if one.last
    ]
    return sorted(found, key=lambda one: (-one.rate, one.name))
