"""A job: its steps, and the checks of both."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, cast

from runnerlib._util.graph import cycle, reachable
from runnerlib._util.values import NamedTuple, checked
from runnerlib.errors import ConfigError, unknown
from runnerlib.pipeline.job.step import LONGEST_WORD, NO_RETRY, Retry, Step, dependencies, in_group, reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Unpack

    from runnerlib._util.graph import Graph
    from runnerlib.pipeline.conditions import Condition
    from runnerlib.pipeline.job.cache import Cache
    from runnerlib.pipeline.job.concurrency import Concurrency
    from runnerlib.pipeline.job.inputs import Input
    from runnerlib.pipeline.job.keywords import JobChanges, StepKeywords
    from runnerlib.pipeline.job.service import Service

# Compiled when they are first used: a single command needs none of them.
_NAME = r"[^\s/\\\x00-\x1f\x7f](?:[^/\\\x00-\x1f\x7f]*[^\s/\\\x00-\x1f\x7f])?"
_LONGEST_NAME = 100
WHEN = ("on_success", "on_failure", "always")
_ATTEMPTS = 100
SANDBOXES = ("auto", "off", "source", "strict")
_LAST_PORT = 65535

IMAGE = r"[A-Za-z0-9][A-Za-z0-9_./:@-]{0,254}"
"""A pattern of names of container images, as a text."""
IMAGE_EXPECTED = "the name of an image is expected, as python:3.12 or registry/group/image@sha256:…"

VARIABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
"""A pattern of names of variables, as a text: few runs use it, so it is compiled there."""
NAME_RULE = " (letters, digits and '_', no digit first)"

Place = tuple[str | int, ...]


class Problem(NamedTuple):
    """One error; `place` is its path in the job, such as ("steps", 3, "depends_on").

    `column` counts from 1 within a text such as a condition; 0 means all of it.
    """

    place: Place
    text: str
    column: int = 0


@checked
class Job:
    """Steps that run in one container: `Job("build")`, then `add_step` for each step.

    `env` is added to the environment of every step. `timeout` limits the whole job, in seconds;
    `max_parallel` the sum of the weights of the steps that run at a time (default: CPUs). `secrets` names the secret
    variables that steps without a list of their own get (default: all). `env_file` names files of variables in its
    directory, for every step. `description` says what the job is for;
    `origins` tells people where values come from that are not said of the job itself. `inputs` are its parameters,
    whose values are in variables INPUT_<NAME>; `input_values` are set by the run. `cache` has files that the job finds
    as an earlier run left them; of the runs of the group `concurrency` one goes on at a time. `services` run beside the
    steps.
    """

    def __init__(
        self,
        name: str = "job",
        steps: Sequence[Step] = (),
        *,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        max_parallel: int | None = None,
        secrets: Sequence[str] | None = None,
        description: str = "",
        env_file: Sequence[str] = (),
        origins: Mapping[str, str] | None = None,
        inputs: Mapping[str, Input] | None = None,
        input_values: Mapping[str, str] | None = None,
        cache: Cache | Sequence[Cache] = (),
        concurrency: Concurrency | str | None = None,
        services: Sequence[Service] = (),
    ) -> None:
        self.name = name
        self.description = description
        self.env_file: tuple[str, ...] = (env_file,) if isinstance(env_file, str) else tuple(env_file)
        self.origins = dict(origins or {})
        self.inputs = dict(inputs or {})
        self.input_values = None if input_values is None else dict(input_values)
        self.steps = list(steps)
        self.env = dict(env or {})
        self.timeout = timeout
        self.max_parallel = max_parallel
        self.secrets = (secrets,) if isinstance(secrets, str) else secrets
        self.concurrency = in_group(concurrency)
        self.services = tuple(services)
        self.cache: tuple[Cache, ...] = (cache,) if hasattr(cache, "_fields") else tuple(cache)  # type: ignore[assignment]

    def replaced(self, **changes: Unpack[JobChanges]) -> Job:
        """Return a copy with other values of some keywords of the constructor."""
        return Job(**{**vars(self), **changes})

    def add_step(self, name: str, run: str | Sequence[str], **keys: Unpack[StepKeywords]) -> Step:
        """Add the step `Step(name, run, **keys)` after the others and return it. Raises ConfigError for a wrong key."""
        step = Step(name, run, **cast("dict[str, Any]", keys))  # it makes a Retry of a number
        self.steps.append(step)
        return step

    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """Return for each step the steps it waits for, in written order."""
        return dependencies(self.steps)

    def secrets_of(self, step: Step) -> tuple[str, ...] | None:
        """Return the names of the secret variables that a step gets; None for all."""
        listed = () if step.untrusted else self.secrets if step.secrets is None else step.secrets
        return None if listed is None else tuple(listed)

    def secret_names(self) -> frozenset[str]:
        """The names of variables that lists of secrets have: of the job, and of its steps."""
        lists = (self.secrets, *(step.secrets for step in self.steps))
        return frozenset(name for listed in lists for name in listed or ())

    def conditions(self) -> dict[str, Condition]:
        """The conditions of the steps that have one, parsed. Raises ConditionError."""
        written = {step.name: step.condition for step in self.steps if step.condition is not None}
        if not written:
            return {}
        # Few jobs have conditions, and their module takes as long to load as everything else a job needs.
        from runnerlib.pipeline.conditions import parse

        return {name: parse(condition) for name, condition in written.items()}

    def problems(self) -> Iterator[Problem]:
        """Yield all errors of the job, in written order."""
        if not self.name or "\0" in self.name:
            yield Problem(("name",), "a job needs a name")
        if not self.steps:
            yield Problem(("steps",), "a job needs at least one step")
        yield from _wrong_variables(("env",), self.env)
        if self.timeout is not None and not self.timeout > 0:
            yield Problem(("timeout",), f"more than 0 seconds are expected, got {self.timeout:g}")
        if self.max_parallel is not None and self.max_parallel < 1:
            yield Problem(("max_parallel",), f"a whole number, 1 or more, is expected, got {self.max_parallel}")
        yield from (Problem(("secrets",), text) for text in _wrong_names(self.secrets))
        if self.cache or self.services or self.concurrency is not None:
            yield from _wrong_around(self)
        yield from (Problem(("env_file",), text) for text in _wrong_files(self.env_file))
        for number, step in enumerate(self.steps):
            for place, text in _wrong(step):
                yield Problem(("steps", number, *place), text)
        if self.inputs:
            from runnerlib.pipeline.job.inputs import problems  # for the few jobs that have some

            yield from (Problem(("inputs", name), text) for name, text in problems(self.inputs))
        yield from _wrong_graph(self.steps, self.inputs)

    def check(self) -> None:
        """Raise ConfigError with one line for each error."""
        lines = [f"job '{self.name}': {_shown(problem, self)}" for problem in self.problems()]
        if lines:
            raise ConfigError("\n".join(lines))


def _shown(problem: Problem, job: Job) -> str:
    kind, *rest = problem.place
    column = f"column {problem.column}: " if problem.column else ""
    if kind == "steps" and rest:
        key = "".join(f"{part}: " for part in rest[1:2])
        return f"step '{job.steps[int(rest[0])].name}': {key}{column}{problem.text}"
    return f"{kind}: {column}{problem.text}"


def variable_part(name: str) -> str:
    """The name of a step or an output as a part of a variable's name: `build-linux` becomes `BUILD_LINUX`."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def wrong_names(list_name: str, names: Sequence[str]) -> Iterator[Problem]:
    """Yield the problems of names that are there twice, or are the same in names of variables."""
    seen: set[str] = set()
    alike: dict[str, str] = {}
    for number, name in enumerate(names):
        other = alike.setdefault(variable_part(name), name)
        if name in seen:
            yield Problem((list_name, number, "name"), f"the name '{name}' is there twice")
        elif other != name:
            text = f"the name '{name}' is too much like '{other}': both are {variable_part(other)} in variables"
            yield Problem((list_name, number, "name"), text)
        seen.add(name)


def _wrong(step: Step) -> Iterator[tuple[Place, str]]:
    if not re.fullmatch(_NAME, step.name) or len(step.name) > _LONGEST_NAME:
        yield ("name",), f"a name has 1 to {_LONGEST_NAME} characters, no '/', no '\\' and no control characters"
    yield from _wrong_command(step)
    if step.env:  # what most steps do not have is asked for here: a job may have thousands
        yield from ((problem.place, problem.text) for problem in _wrong_variables(("env",), step.env))
    if step.when is not None and step.when not in WHEN:
        yield ("when",), unknown("value", step.when, WHEN)
    if step.timeout is not None or step.no_output_timeout is not None:
        yield from _wrong_times(step)
    if step.image is not None and not re.fullmatch(IMAGE, step.image):
        yield ("image",), f"{IMAGE_EXPECTED}, got '{step.image[:100]}'"
    if step.weight < 1:
        yield ("weight",), f"a whole number, 1 or more, is expected, got {step.weight}"
    yield from _wrong_bounds(step)
    yield from ((("env_file",), text) for text in _wrong_files(step.env_file))
    yield from _wrong_kept(step)
    for name in step.outputs:
        if not re.fullmatch(VARIABLE_NAME, name.replace("-", "_")):
            yield ("outputs",), f"'{name}' is no name of an output (letters, digits, '_' and '-')"


def _wrong_files(names: Sequence[str]) -> Iterator[str]:
    return ("the path of a file is expected" for name in names if not name or "\0" in name)


def _wrong_bounds(step: Step) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with the sandbox, the retries, the secrets and the resources of a step."""
    if step.sandbox is not None or step.network is not None:
        yield from _wrong_sandbox(step)
    if step.retry is not NO_RETRY:
        yield from ((("retry",), text) for text in wrong_retry(step.retry))
    if step.secrets or step.untrusted:
        yield from ((("secrets",), text) for text in _wrong_names(step.secrets))
        yield from ((("untrusted",), text) for text in _too_trusting(step))
    if step.resources:
        from runnerlib._util.resources import wrong_resources  # for the few steps that have some

        yield from ((("resources",), text) for text in wrong_resources(step.resources))


def _wrong_around(job: Job) -> Iterator[Problem]:
    from runnerlib.pipeline.job.cache import wrong_around  # for the few jobs that have one

    yield from (Problem((key,), text) for key, text in wrong_around(job.cache, job.concurrency, job.services))
    for service in job.services:
        if service.image is not None and not re.fullmatch(IMAGE, service.image):
            yield Problem(("services",), f"{service.name[:100]}: image: {IMAGE_EXPECTED}")


def _wrong_kept(step: Step) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with the files of a step that are kept from run to run, or read."""
    if step.cache or step.sources or step.generates:
        from runnerlib.pipeline.job.cache import wrong_kept  # likewise

        yield from (((key,), text) for key, text in wrong_kept(step.cache, step.sources, step.generates))
    if step.reports or step.problem_matchers:
        from runnerlib.pipeline.job.reports import wrong_findings  # likewise

        yield from (((key,), text) for key, text in wrong_findings(step.reports, step.problem_matchers))


def _wrong_times(step: Step) -> Iterator[tuple[Place, str]]:
    for key, limit in (("timeout", step.timeout), ("no_output_timeout", step.no_output_timeout)):
        if limit is not None and not limit > 0:
            yield (key,), f"more than 0 seconds are expected, got {limit:g}"


def _wrong_names(secrets: Sequence[str] | None) -> Iterator[str]:
    for name in secrets or ():
        if not re.fullmatch(VARIABLE_NAME, name):
            yield f"'{name[:100]}' is no name of a variable{NAME_RULE}"


def _too_trusting(step: Step) -> Iterator[str]:
    """Yield the problems of an untrusted step that is given secrets."""
    if not step.untrusted:
        return
    if step.secrets:
        yield "an untrusted step gets no secrets; give one of 'untrusted' and 'secrets'"
    for name, value in step.env.items():
        if "${secret:" in value:
            yield f"an untrusted step gets no secrets, but '{name}' in its env refers to one"


def _wrong_sandbox(step: Step) -> Iterator[tuple[Place, str]]:
    if step.sandbox is not None and step.sandbox not in SANDBOXES:
        yield ("sandbox",), unknown("value", step.sandbox, SANDBOXES)
    ports = [1] if step.network is None or isinstance(step.network, bool) else step.network
    if not ports or any(not 0 < port <= _LAST_PORT for port in ports):
        got = ", ".join(str(port) for port in ports if not 0 < port <= _LAST_PORT) or "no port"
        yield ("network",), f"ports from 1 to {_LAST_PORT} are expected, got {got}"
    if step.untrusted and step.sandbox not in {None, "strict"}:
        yield ("sandbox",), "an untrusted step is in the sandbox 'strict'; give one of 'untrusted' and 'sandbox'"
    if step.network is not None and step.sandbox == "off":
        yield ("network",), "a step without a sandbox has the whole network; give one of them"


def _wrong_command(step: Step) -> Iterator[tuple[Place, str]]:
    is_text = isinstance(step.run, str)
    words = (step.run,) if isinstance(step.run, str) else tuple(step.run)
    if not words or not words[0].strip():
        yield ("run",), "there is nothing to run"
    if any("\0" in word for word in words):
        yield ("run",), "it holds a NUL byte"
    longest = max((len(word.encode("utf-8", "surrogatepass")) for word in words), default=0)
    if longest > LONGEST_WORD and not is_text:
        yield ("run",), f"a word of it has {longest} bytes; the system takes {LONGEST_WORD} at most"
    if step.shell is not None and not is_text:
        yield ("shell",), "words run without a shell; give a text to run, or no shell"
    elif step.shell is not None and not _is_command(step.shell):
        yield ("shell",), "the name of a shell, or the words that the text follows, are expected"
    elif is_text and longest > LONGEST_WORD and reader(step.argv[:-1]) is None:
        yield ("run",), f"its {longest} bytes need a file, which '{step.shell}' is not known to run; name a known shell"
    if step.working_dir is not None and "\0" in step.working_dir:
        yield ("working_dir",), "it holds a NUL byte"
    if step.tty and step.stdin is not None:
        yield ("stdin",), "a step with a tty reads its terminal; give one of them"


def _is_command(shell: str) -> bool:
    try:
        return bool(shlex.split(shell)) and "\0" not in shell
    except ValueError:  # quotes that do not match
        return False


def wrong_retry(retry: Retry) -> Iterator[str]:
    """Yield the problems of a retry."""
    if not 0 <= retry.max <= _ATTEMPTS:
        yield f"max is from 0 to {_ATTEMPTS}, got {retry.max}"
    if retry.backoff < 0 or retry.limit < 0:
        yield f"backoff and limit are seconds, 0 or more, got {retry.backoff:g} and {retry.limit:g}"
    if not 0 <= retry.jitter <= 1:
        yield f"jitter is a share from 0 to 1, got {retry.jitter:g}"
    if wrong_codes := [code for code in retry.exit_codes if not 0 < code < 256]:
        yield f"exit codes that can be retried are from 1 to 255, got {wrong_codes[0]}"
    if retry.pattern is not None:
        # Loaded only here: few steps have a pattern.
        from runnerlib.pipeline.job.retry_pattern import wrong_pattern

        if wrong := wrong_pattern(retry.pattern):
            yield f"pattern is no regular expression: {wrong}"


def _wrong_variables(place: tuple[str, ...], variables: Mapping[str, str]) -> Iterator[Problem]:
    for name, value in variables.items():
        if not re.fullmatch(VARIABLE_NAME, name):
            yield Problem((*place, name), f"'{name}' is no name of a variable{NAME_RULE}")
        elif "\0" in value:
            yield Problem((*place, name), f"the value of '{name}' holds a NUL byte")


def _wrong_graph(steps: Sequence[Step], inputs: Mapping[str, Input]) -> Iterator[Problem]:
    yield from wrong_names("steps", [step.name for step in steps])
    names: dict[str, int] = {}
    for number, step in enumerate(steps):
        names.setdefault(step.name, number)
    known: list[Step] = []
    for number, step in enumerate(steps):
        waits_for = step.depends_on or ()
        for name in waits_for:
            if name not in names:
                yield Problem(("steps", number, "depends_on"), unknown("step", name, names))
        if names[step.name] == number:
            missing = not names.keys() >= set(waits_for)
            known.append(step._replace(depends_on=tuple(filter(names.__contains__, waits_for))) if missing else step)
    graph = dependencies(known)  # of the valid part, so that all errors are reported at once
    found = cycle(graph)
    if found:
        text = f"the steps wait for each other: {' -> '.join(found)}"
        yield Problem(("steps", names[found[0]], "depends_on"), text)
    whole = known == list(steps) and not found
    yield from _wrong_conditions(steps, graph, inputs, whole=whole)


def _wrong_conditions(
    steps: Sequence[Step], graph: Graph, inputs: Mapping[str, Input], *, whole: bool
) -> Iterator[Problem]:
    """Yield the problems of the steps' conditions.

    A condition may test only steps that its own step waits for: it is not known how others end. The dependencies are
    known only of a graph that is `whole`.
    """
    for number, step in enumerate(steps):
        if step.condition is None:
            continue
        from runnerlib.pipeline.conditions import ConditionError, parse

        place = ("steps", number, "condition")
        try:
            condition = parse(step.condition)
        except ConditionError as error:
            yield Problem(place, error.text, error.column)
            continue
        yield from (Problem(place, unknown("input", name[:100], inputs)) for name in condition.inputs - inputs.keys())
        known = reachable(graph, step.name) if whole and condition.steps else ()
        for name in sorted(condition.steps):
            if name not in graph:
                yield Problem(place, unknown("step", name[:100], graph))
            elif name == step.name:
                yield Problem(place, "a step cannot look at itself")
            elif whole and name not in known:
                text = f"it looks at step '{name}', which this step does not wait for; name it in depends_on"
                yield Problem(place, text)
