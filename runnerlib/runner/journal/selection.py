"""Selection of the steps that run, are reused from the journal, or are left out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.graph import descendants, sorted_by_dependency
from runnerlib.errors import ConfigError, unknown
from runnerlib.runner.journal.signature import signed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from runnerlib.pipeline.job import Job
    from runnerlib.runner.journal.file import Entry


class Selection(NamedTuple):
    """The steps selected on the command line, by name. `resume` reuses results that are still valid.

    `exit_code_from` is the step whose exit code the run gets, if one is named.
    """

    resume: bool = False
    start: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    exit_code_from: str | None = None

    @property
    def goes_on(self) -> bool:
        """Return whether the run resumes the last one, without a selection of steps."""
        return self.resume and not self.start and not self.only

    @property
    def uses_journal(self) -> bool:
        """Return whether the run needs results of the last run."""
        return bool(self.resume or self.start or self.only)

    def named(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield each option that takes names, with its names."""
        yield "--from", self.start
        yield "--only", self.only
        yield "--skip", self.skip
        yield "--exit-code-from", () if self.exit_code_from is None else (self.exit_code_from,)

    def check(self, job: Job) -> None:
        """Raise ConfigError for an unknown step, or for options that contradict each other."""
        names = [step.name for step in job.steps]
        for option, given in self.named():
            for name in given:
                if name not in names:
                    raise ConfigError(f"{option}: {unknown('step', name, names)}")
        if self.start and self.only:
            raise ConfigError("--from and --only contradict each other; give one of them")


def signatures(job: Job) -> dict[str, str]:
    """Return for each step a hash of its definition and of those of the steps it depends on."""
    steps = {step.name: step for step in job.steps}
    # As a variable that is not there, an input that is not there changes nothing.
    given = sorted({**job.env, **{f"inputs.{name}": value for name, value in (job.input_values or {}).items()}}.items())
    given += [("env_file", name) for name in job.env_file]
    return signed(job.dependencies(), lambda name: (steps[name], given))


def select(job: Job, selection: Selection, entries: Mapping[str, Entry]) -> tuple[dict[str, Entry], frozenset[str]]:
    """Return the steps reused from `entries`, and those left out; the others run.

    --resume also reuses allowed failures. A skipped step does not block reuse of the steps after it: it is decided on
    again, and if it runs now, the steps after it run as well.
    """
    return chosen(job.dependencies(), signatures(job) if entries else {}, selection, entries, _done, _passed)


def _success(entry: Entry) -> bool:
    return entry.result.success


def _done(entry: Entry) -> bool:
    return entry.result.success or (entry.result.outcome == "failure" and not entry.result.required)


def _passed(entry: Entry) -> bool:
    return entry.result.cause in {"condition", "dependency"}  # it follows from what is decided again


def _never(_entry: Entry) -> bool:
    return False


def chosen(
    graph: Mapping[str, Collection[str]],
    current: Mapping[str, str],
    selection: Selection,
    entries: Mapping[str, Entry],
    done: Callable[[Entry], bool] = _success,
    passed: Callable[[Entry], bool] = _never,
) -> tuple[dict[str, Entry], frozenset[str]]:
    """Select as `select` does, for any `graph` whose nodes have the signatures `current`.

    `done` selects results that --resume may reuse; `passed` selects steps that do not block reuse of the steps after
    them.
    """
    same = {name: entry for name, entry in entries.items() if entry.signature == current.get(name)}
    valid = {name: entry for name, entry in same.items() if _success(entry) and entry.exports is not None}
    if selection.only:
        run: Collection[str] = set(selection.only)
    elif selection.start:
        run = descendants(graph, selection.start)
    elif selection.goes_on:
        valid = {name: entry for name, entry in same.items() if done(entry) and entry.exports is not None}
        run = set(graph) - (_unbroken(graph, {*valid, *filter(lambda name: passed(same[name]), same)}) & valid.keys())
    else:
        run = set(graph)
    kept = {name: valid[name] for name in graph if name in valid and name not in run}
    left_out = {name for name in graph if name not in run and name not in kept} | set(selection.skip)
    return {name: entry for name, entry in kept.items() if name not in selection.skip}, frozenset(left_out)


def _unbroken(graph: Mapping[str, Collection[str]], valid: Collection[str]) -> set[str]:
    """Return the valid nodes whose dependencies are all valid: what depends on a step that runs, runs again."""
    unbroken: set[str] = set()
    for name in sorted_by_dependency(graph):
        if name in valid and unbroken.issuperset(graph[name]):
            unbroken.add(name)
    return unbroken
