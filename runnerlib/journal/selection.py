"""Which steps of a job run, which are taken over from the journal, and which are left out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import ConfigError, unknown
from runnerlib.graph import descendants, sorted_by_dependency

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from runnerlib.job import Job
    from runnerlib.journal.file import Entry


class Selection(NamedTuple):
    """What the command line asks for; names of steps. `resume` takes over every success that still holds."""

    resume: bool = False
    start: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    @property
    def uses_journal(self) -> bool:
        """Whether results of the last run matter."""
        return bool(self.resume or self.start or self.only)

    def check(self, job: Job) -> None:
        """Raise ConfigError for a step that the job does not have, or wishes that contradict each other."""
        names = [step.name for step in job.steps]
        for option, given in (("--from", self.start), ("--only", self.only), ("--skip", self.skip)):
            for name in given:
                if name not in names:
                    raise ConfigError(f"{option}: {unknown('step', name, names)}")
        if self.start and self.only:
            raise ConfigError("--from and --only contradict each other; give one of them")


def signatures(job: Job) -> dict[str, str]:
    """For each step a text that changes when its definition, or that of a step it waits for, does."""
    from hashlib import blake2b  # only jobs of several steps keep a journal

    graph = job.dependencies()
    steps = {step.name: step for step in job.steps}
    found: dict[str, str] = {}
    for name in sorted_by_dependency(graph):
        step = steps[name]
        definition = (tuple(step), sorted(step.env.items()), sorted(job.env.items()), [found[n] for n in graph[name]])
        found[name] = blake2b(repr(definition).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return found


def select(job: Job, wish: Selection, entries: Mapping[str, Entry]) -> tuple[dict[str, Entry], frozenset[str]]:
    """The steps that are taken over from `entries`, and those that are left out; the others run."""
    return chosen(job.dependencies(), signatures(job) if entries else {}, wish, entries)


def chosen(
    graph: Mapping[str, Collection[str]], current: Mapping[str, str], wish: Selection, entries: Mapping[str, Entry]
) -> tuple[dict[str, Entry], frozenset[str]]:
    """The same for any `graph` whose nodes have the signatures `current`."""
    valid = _valid(current, entries)
    if wish.only:
        run: Collection[str] = set(wish.only)
    elif wish.start:
        run = descendants(graph, wish.start)
    else:
        run = set(graph) - (_unbroken(graph, valid) if wish.resume else set())
    kept = {name: valid[name] for name in graph if name in valid and name not in run}
    left_out = {name for name in graph if name not in run and name not in kept} | set(wish.skip)
    return {name: entry for name, entry in kept.items() if name not in wish.skip}, frozenset(left_out)


def _valid(current: Mapping[str, str], entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The successes whose definition is still the same and whose exports are known."""
    return {
        name: entry
        for name, entry in entries.items()
        if entry.result.success and entry.exports is not None and entry.signature == current.get(name)
    }


def _unbroken(graph: Mapping[str, Collection[str]], valid: Collection[str]) -> set[str]:
    """Of the valid successes those that wait only for others of them: what follows a step that runs, runs again."""
    unbroken: set[str] = set()
    for name in sorted_by_dependency(graph):
        if name in valid and unbroken.issuperset(graph[name]):
            unbroken.add(name)
    return unbroken
