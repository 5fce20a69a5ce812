"""Which steps of a job run, which are taken over from the journal, and which are left out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.graph import descendants, sorted_by_dependency
from runnerlib.errors import ConfigError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from runnerlib.pipeline.job import Job
    from runnerlib.runner.journal.file import Entry


class Selection(NamedTuple):
    """What the command line asks for; names of steps. `resume` takes over what still holds."""

    resume: bool = False
    start: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    @property
    def goes_on(self) -> bool:
        """Whether the run goes on where the last one ended, and nothing else is asked for."""
        return self.resume and not self.start and not self.only

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
    """The steps that are taken over from `entries`, and those that are left out; the others run.

    To go on takes over failures that the job does not mind, too, and looks past steps whose condition was false: they
    are decided on again, and if one runs now, those that follow it have to run as well.
    """
    return chosen(job.dependencies(), signatures(job) if entries else {}, wish, entries, _done, _passed)


def _success(entry: Entry) -> bool:
    return entry.result.success


def _done(entry: Entry) -> bool:
    return entry.result.success or (entry.result.outcome == "failure" and not entry.result.required)


def _passed(entry: Entry) -> bool:
    return entry.result.cause == "condition"


def _never(_entry: Entry) -> bool:
    return False


def chosen(
    graph: Mapping[str, Collection[str]],
    current: Mapping[str, str],
    wish: Selection,
    entries: Mapping[str, Entry],
    done: Callable[[Entry], bool] = _success,
    passed: Callable[[Entry], bool] = _never,
) -> tuple[dict[str, Entry], frozenset[str]]:
    """The same for any `graph` whose nodes have the signatures `current`.

    `done` says what is taken over by who goes on, `passed` what stands in nobody's way there.
    """
    same = {name: entry for name, entry in entries.items() if entry.signature == current.get(name)}
    valid = {name: entry for name, entry in same.items() if _success(entry) and entry.exports is not None}
    if wish.only:
        run: Collection[str] = set(wish.only)
    elif wish.start:
        run = descendants(graph, wish.start)
    elif wish.goes_on:
        valid = {name: entry for name, entry in same.items() if done(entry) and entry.exports is not None}
        run = set(graph) - (_unbroken(graph, {*valid, *filter(lambda name: passed(same[name]), same)}) & valid.keys())
    else:
        run = set(graph)
    kept = {name: valid[name] for name in graph if name in valid and name not in run}
    left_out = {name for name in graph if name not in run and name not in kept} | set(wish.skip)
    return {name: entry for name, entry in kept.items() if name not in wish.skip}, frozenset(left_out)


def _unbroken(graph: Mapping[str, Collection[str]], valid: Collection[str]) -> set[str]:
    """Of the valid ones those that wait only for others of them: what follows a step that runs, runs again."""
    unbroken: set[str] = set()
    for name in sorted_by_dependency(graph):
        if name in valid and unbroken.issuperset(graph[name]):
            unbroken.add(name)
    return unbroken
