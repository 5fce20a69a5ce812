"""Steps of a job: their rules, what each waits for, and the program that runs a script too long for an argument."""

from __future__ import annotations

import shlex
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from runnerlib._util.values import NamedTuple, checked, mended

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runnerlib.events.result import StepResult
    from runnerlib.pipeline.job.cache import Cache
    from runnerlib.pipeline.job.concurrency import Concurrency


When = Literal["on_success", "on_failure", "always"]
"""The condition to run after the steps it depends on: all succeeded, one failed, or either."""

Sandbox = Literal["auto", "off", "source", "strict"]
"""The bounds of a step: none, the CI source and the runner are closed to it, or all but its own directories are."""

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
NO_REPORTS: Mapping[str, Sequence[str]] = MappingProxyType({})

# The words before a script, for shells given by name: stop at the first command that fails.
_SHELLS: Mapping[str, tuple[str, ...]] = {
    "sh": ("/bin/sh", "-e", "-c"),
    "dash": ("dash", "-e", "-c"),
    "bash": ("bash", "-eo", "pipefail", "-c"),
    "zsh": ("zsh", "-e", "-c"),
    "python": ("python", "-c"),
    "python3": ("python3", "-c"),
    "node": ("node", "-e"),
    "perl": ("perl", "-e"),
    "ruby": ("ruby", "-e"),
}


@checked
class Retry(NamedTuple):
    """Further attempts at a step that fails.

    `max` counts the attempts after the first. The pause before them is `backoff` seconds, doubled
    each time up to `limit`, and varied by the share `jitter` (0.1: 10 % more or less) so that a
    fleet does not retry in step. With none of `exit_codes`, `pattern` and `timeout` any failure is
    tried again, else only one that matches: an exit code, a regular expression (of RE2) found in a
    line of the masked output as a person sees it, or running out of time.
    """

    max: int = 0
    backoff: float = 1.0
    limit: float = 60.0
    jitter: float = 0.1
    exit_codes: tuple[int, ...] = ()
    pattern: str | None = None
    timeout: bool = False

    @property
    def any_failure(self) -> bool:
        """True if every kind of failure is tried again."""
        return not (self.exit_codes or self.pattern is not None or self.timeout)


NO_RETRY = Retry()


_LISTED = ("depends_on", "outputs", "secrets", "env_file", "sources", "generates", "problem_matchers")


class _Fields(NamedTuple):
    name: str
    run: str | Sequence[str]
    shell: str | None = None
    env: Mapping[str, str] = NO_VARIABLES
    working_dir: str | None = None
    depends_on: Sequence[str] | None = None
    parallel: bool = False
    when: When | None = None
    condition: str | None = None
    required: bool = True
    timeout: float | None = None
    no_output_timeout: float | None = None
    retry: Retry = NO_RETRY
    outputs: Sequence[str] = ()
    weight: int = 1
    stdin: str | None = None
    tty: bool = False
    secrets: Sequence[str] | None = None
    untrusted: bool = False
    sandbox: Sandbox | None = None
    network: bool | Sequence[int] | None = None
    description: str = ""
    image: str | None = None
    env_file: Sequence[str] = ()
    cache: Sequence[Cache] = ()
    sources: Sequence[str] = ()
    generates: Sequence[str] = ()
    reports: Mapping[str, Sequence[str]] = NO_REPORTS
    problem_matchers: Sequence[str] = ()
    resources: Mapping[str, Any] = NO_VARIABLES


def _mended(step: Step) -> Step:
    """Return the step with a single name as a list of one, and a number of retries as a Retry."""
    changes: dict[str, Any] = {key: (name,) for key in _LISTED if isinstance(name := getattr(step, key), str)}
    if hasattr(step.cache, "_fields"):  # one, not a list of them
        changes["cache"] = (step.cache,)
    if any(isinstance(globs, str) for globs in step.reports.values()):
        changes["reports"] = {kind: _list(globs) for kind, globs in step.reports.items()}
    retry: object = step.retry
    if isinstance(retry, int):
        changes["retry"] = Retry(retry)
    return step._replace(**changes) if changes else step


def _list(globs: str | Sequence[str]) -> Sequence[str]:
    return (globs,) if isinstance(globs, str) else globs


@mended(_mended)
class Step(_Fields):
    """One command of a job. Times are in seconds.

    `run` is a text that a shell runs, or the words of a command that runs without one. A text of one
    line is run by `sh -c`, one of several lines by `sh -e -c`, which stops at the first command that
    fails; `shell` names another (`bash` adds `-o pipefail`) or gives the words that the text follows.

    `depends_on` None means: after all steps written before it, except that steps with `parallel`
    that follow one another run together. `when` None means `on_success`, or whatever `condition`
    says if that looks at how other steps ended. A step that is not `required` may fail. `outputs`
    are names the step promises to write to the file RUNNERLIB_OUTPUT; a single name is a list of one.
    `weight` counts against the job's limit of parallel steps. `stdin` is a text the step reads. `tty`
    gives it a terminal. `secrets` names the secret variables of the job that the step gets, None those of the job's
    own list. `sandbox` and `network` (whether it may use TCP, or at which ports) are those of the settings by default.
    A step that is `untrusted` gets no secrets, and is in the sandbox `strict`. `description`
    says what the step is for; it changes nothing.
    `image` is that of its container, where the steps of the job run in containers, by default the
    job's. `cache` has files that it finds as an earlier run left them. A step with `sources`, globs of files below its
    directory, is skipped while they stay as they were when it succeeded; the files that match `generates` are restored
    where they are gone or have changed. `resources` limit it, as `{"cpu": 2, "memory": "1Gi"}`: on this machine to so
    many processors, and each of its processes to so much memory; in containers they are those of its container.

    `reports` are globs of files below its directory that are read when it has ended, by their kind: `junit`, `tap`,
    `sarif` or `cobertura`. `problem_matchers` find messages about lines of the source in what it prints: names of
    built-in ones, and paths of JSON files in its directory.

    `env_file` names files of NAME=VALUE lines in the job's directory, read when the step starts; `env` wins.

    After `run_step` or `run_job` the step's `result` says how it ended.
    """

    result: StepResult | None = None

    @property
    def success(self) -> bool:
        """True if the step has run and succeeded."""
        return self.result is not None and self.result.success

    @property
    def argv(self) -> tuple[str, ...]:
        """The words that are executed."""
        if not isinstance(self.run, str):
            return tuple(self.run)
        return (*self._shell_words(), self.run)

    @property
    def shown(self) -> str:
        """The command as a shell would read it; not masked."""
        return self.run if isinstance(self.run, str) else shlex.join(self.run)

    def _shell_words(self) -> tuple[str, ...]:
        """Return the words that are followed by the text. Raises ValueError for a shell whose quotes do not match."""
        if self.shell is None:
            several = isinstance(self.run, str) and "\n" in self.run.strip()
            return _SHELLS["sh"] if several else ("/bin/sh", "-c")
        return _SHELLS.get(self.shell) or tuple(shlex.split(self.shell))


def dependencies(steps: Iterable[Step]) -> dict[str, tuple[str, ...]]:
    """Return for each step the steps it waits for.

    A step without `depends_on` waits for all steps written before it, its neighbours in a row of
    `parallel` steps excepted. Only those are named that no other named one waits for already.
    """
    graph: dict[str, tuple[str, ...]] = {}
    last: dict[str, None] = {}  # the written steps that no later one waits for
    row_waits_for: tuple[str, ...] | None = None
    for step in steps:
        in_row = step.parallel and step.depends_on is None
        if step.depends_on is not None:
            graph[step.name] = tuple(dict.fromkeys(step.depends_on))
        elif in_row and row_waits_for is not None:
            graph[step.name] = row_waits_for
        else:
            graph[step.name] = tuple(last)
        row_waits_for = graph[step.name] if in_row else None
        for waited in graph[step.name]:
            last.pop(waited, None)
        last[step.name] = None
    return graph


def in_group(given: Concurrency | str | None) -> Concurrency | None:
    """Return the group of a job or workflow; a text is its name."""
    if not isinstance(given, str):
        return given
    from runnerlib.pipeline.job.concurrency import Concurrency  # for the few that are in one

    return Concurrency(given)


LONGEST_WORD = (1 << 17) - 1
"""Bytes of a word, or of a variable with its name, that the kernel takes (MAX_ARG_STRLEN, less the NUL)."""

SCRIPT = "RUNNERLIB_SCRIPT"
"""The variable that names the file."""

_PYTHON = f"import os; exec(compile(open(os.environ['{SCRIPT}'], 'rb').read(), '<string>', 'exec'))"
_READERS: Mapping[str, str] = {
    **dict.fromkeys(("sh", "dash", "bash", "zsh", "ksh", "ash"), f'. "${SCRIPT}"'),
    **dict.fromkeys(("python", "python3"), _PYTHON),
    "node": f'require("vm").runInThisContext(require("fs").readFileSync(process.env.{SCRIPT}, "utf8"))',
    "perl": f'open my $f, "<", $ENV{{{SCRIPT}}} or die; my $t = join "", <$f>; close $f; eval $t; die $@ if $@',
    "ruby": f'eval File.read(ENV["{SCRIPT}"]), TOPLEVEL_BINDING',
}


def reader(shell: Sequence[str]) -> str | None:
    """Return the text that makes `shell` run the file; None for an unknown shell.

    `shell` are the words that are followed by a text.
    """
    if not (shell[-1].startswith("-") and shell[-1].endswith(("c", "e"))):
        return None
    names = (word.rpartition("/")[2] for word in reversed(shell[:-1]))
    return next((_READERS[name] for name in names if name in _READERS), None)
