"""One job of a workflow, as a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runnerlib._util.values import checked, mended
from runnerlib.errors import ConfigError
from runnerlib.pipeline.job import NO_RETRY, Job, Retry, Step
from runnerlib.pipeline.job.step import in_group

if TYPE_CHECKING:
    from runnerlib.pipeline.job.cache import Cache
    from runnerlib.pipeline.job.concurrency import Concurrency
    from runnerlib.pipeline.job.inputs import Input
    from runnerlib.pipeline.job.service import Service

NOTHING: Mapping[str, Any] = MappingProxyType({})
ALL_SUCCESS = "all_success"
EVENTS = (
    *("push", "pull_request_opened", "pull_request_updated", "pull_request_merged", "pull_request_closed"),
    "tag_created",
)
"""The events of a coordinator. Source: Reactorcide's evaluation of workflows."""


@checked
class Filter(NamedTuple):
    """For which events a workflow is meant: kinds of events, globs of branches, globs of changed paths."""

    events: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


NO_FILTER = Filter()


@checked
class FanOut(NamedTuple):
    """An output of an earlier job, JSON, that says what a job runs for: `kind` is for_each or matrix."""

    job: str
    output: str
    kind: str


_REFERENCE = re.compile(r"""(?:jobs|needs)(?:\.([A-Za-z0-9_-]+)|\["([^"]+)"\])\.outputs\.([A-Za-z_][A-Za-z0-9_-]*)""")
FAN_OUT_EXPECTED = "a list is expected, or jobs.NAME.outputs.KEY for one that an earlier job writes"


def fan_out(text: str, kind: str) -> FanOut:
    """Read a reference to an output, `jobs.NAME.outputs.KEY`. Raises ConfigError."""
    found = _REFERENCE.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{FAN_OUT_EXPECTED}, got '{text[:100]}'")
    return FanOut(found[1] or found[2], found[3], kind)


@checked
class Approval(NamedTuple):
    """A question that somebody has to say yes to before a job starts: its text, and the seconds that it waits."""

    message: str = ""
    timeout: float = 86400.0


MATRIX_LIMITS: Mapping[str, str] = {"fail_fast": "fail_fast", "max_parallel": "max_runs"}
"""Words in a matrix that say how its runs go, and the field of the job that each of them is."""

_LISTED = ("depends_on", "for_each", "matrix", "upload", "download", "outputs", "runs_on")
BODY_KEYS = (
    *("steps", "env", "timeout", "max_parallel", "secrets", "env_file", "cache", "concurrency", "services"),
    "working_dir",
)


@checked
class Download(NamedTuple):
    """Artifacts of the job `job` that another one gets: those that match `files`, into the directory `to`.

    `to` is seen from the directory of the job; empty, it is `artifacts/JOB` in the job's workspace.
    """

    job: str
    files: tuple[str, ...] = ("**",)
    to: str = ""


def as_tuples(job: WorkflowJob) -> WorkflowJob:
    """Lists as tuples, and single names as tuples of one."""
    changed = _tuples({key: getattr(job, key) for key in _LISTED} | _referred(job))
    retry: object = job.retry
    if isinstance(retry, int):
        changed["retry"] = Retry(retry)
    approve: object = job.approve
    if isinstance(approve, (bool, str)):
        changed["approve"] = None if approve is False else Approval("" if approve is True else approve)
    return job._replace(**_matrix_limits(changed), **changed)


def _referred(job: WorkflowJob) -> dict[str, Any]:
    """Return the fields of a job whose `for_each` or `matrix` is a text: the name of an output. Raises ConfigError."""
    for kind, nothing in (("for_each", None), ("matrix", NOTHING)):
        given: object = getattr(job, kind)
        if isinstance(given, str):
            return {"fan_out": fan_out(given, kind), kind: nothing}
    return {}


def _matrix_limits(changed: dict[str, Any]) -> dict[str, Any]:
    """Take what a matrix says of its runs as a whole out of it."""
    found: dict[str, Any] = {}
    for word, field in MATRIX_LIMITS.items():
        if word in changed["matrix"]:
            found[field] = changed["matrix"][word][0]
    if found:
        changed["matrix"] = {key: values for key, values in changed["matrix"].items() if key not in MATRIX_LIMITS}
    return found


@mended(as_tuples)
class WorkflowJob(NamedTuple):
    """One job of a workflow: its command or steps (`body`), its dependencies, and where it runs.

    `command` is the command as it was written, when there are no steps. `condition` is `all_success`,
    `any_failed`, `always` or an expression. The job runs once for each item of `for_each` (which is in the
    variable `item_var`) or for each combination of the values of `matrix` (in MATRIX_<KEY>), whose keys `include`
    and `exclude` add some and take some away; a text,
    `jobs.NAME.outputs.KEY`, is that of an earlier job (`fan_out`). `settings` are
    settings of the configuration (`source_type`, `code_dir`, …), `upload` globs of files that other jobs can
    `download`; one that gives no file fails the job, warns or does nothing (`if_no_files`: fail, warn, ignore). A run
    removes what is older than `retention` seconds.
    `outputs` maps names to `STEP.OUTPUT`, or to "" for an output of that name. What only a coordinator acts on is in
    `remote`, as it was written. `retry` runs the whole job again after a failure; a job that may fail (`allow_failure`)
    counts as a success for those that wait for it. The first of several runs that fails ends the others (`fail_fast`);
    at most `max_runs` go at a time. Both may stand in `matrix`, too: as `fail_fast` and `max_parallel`.
    With `approve` it starts when somebody has said yes; a text is the question. `origins` tells people where values
    come from that are not said of the job itself.
    """

    name: str
    body: Job
    command: str | Sequence[str] | None = None
    image: str | None = None
    depends_on: tuple[str, ...] = ()
    condition: str = ALL_SUCCESS
    for_each: tuple[Any, ...] | None = None
    item_var: str = "ITEM"
    matrix: Mapping[str, tuple[Any, ...]] = NOTHING
    priority: int | None = None
    settings: Mapping[str, str] = NOTHING
    upload: tuple[str, ...] = ()
    if_no_files: str = "fail"
    download: tuple[Download, ...] = ()
    outputs: Mapping[str, str] = NOTHING
    resources: Mapping[str, Any] = NOTHING
    runs_on: tuple[str, ...] = ()
    remote: Mapping[str, Any] = NOTHING
    on: Filter = NO_FILTER
    description: str = ""
    retry: Retry = NO_RETRY
    allow_failure: bool = False
    fail_fast: bool = False
    max_runs: int | None = None
    approve: Approval | None = None
    retention: float | None = None
    fan_out: FanOut | None = None
    origins: Mapping[str, str] = NOTHING

    @property
    def repeats(self) -> bool:
        """True if the job runs once for each of several things."""
        return self.for_each is not None or bool(self.matrix) or self.fan_out is not None

    @property
    def env(self) -> Mapping[str, str]:
        """The variables of every step."""
        return self.body.env

    @property
    def timeout(self) -> float | None:
        """Seconds the job may take."""
        return self.body.timeout


JOB_KEYS = tuple(key for key in WorkflowJob._fields if key not in {"name", "body", "command", "origins", "fan_out"})


def workflow_job(
    name: str,
    command: str | Sequence[str] | None = None,
    *,
    steps: Iterable[Step] = (),
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    max_parallel: int | None = None,
    secrets: Sequence[str] | None = None,
    env_file: Sequence[str] = (),
    cache: Cache | Sequence[Cache] = (),
    concurrency: Concurrency | str | None = None,
    services: Sequence[Service] = (),
    working_dir: str | None = None,
    **keys: Any,
) -> WorkflowJob:
    """A job of a workflow that runs `steps`, or a command: a text for `sh -c` or words. Raises ConfigError."""
    if working_dir is not None and command is None:
        raise ConfigError(f"job '{name}': working_dir is that of a command; each step has its own")
    made = list(steps)
    command = command if isinstance(command, str | None) else tuple(command)
    if command is not None:
        made.append(Step(name, command, "/bin/sh -c" if isinstance(command, str) else None, working_dir=working_dir))
    body = Job(
        name, made, env=env, timeout=timeout, max_parallel=max_parallel, secrets=secrets, env_file=env_file, cache=cache
    )
    body.concurrency, body.services = in_group(concurrency), tuple(services)
    return WorkflowJob(name, body, command, **keys)


def _tuples(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The keys with lists as tuples, and single names as tuples of one."""
    made = dict(keys)
    for key in ("depends_on", "upload", "runs_on"):
        if key in made:
            made[key] = (made[key],) if isinstance(made[key], str) else tuple(made[key] or ())
    if made.get("for_each") is not None:
        made["for_each"] = tuple(made["for_each"])
    if "matrix" in made:
        made["matrix"] = {name: _several(values) for name, values in made["matrix"].items()}
    if "download" in made:
        given = made["download"]
        listed = (given,) if isinstance(given, (str, Download)) else given
        made["download"] = tuple(one if isinstance(one, Download) else Download(one) for one in listed)
    if not isinstance(made.get("outputs", {}), Mapping):
        made["outputs"] = dict.fromkeys(made["outputs"], "")
    return made


def _several(values: Any) -> tuple[Any, ...]:
    """Return the values of a key of a matrix: a list, or one value for a list of one."""
    single = isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable)
    return (values,) if single else tuple(values)


class JobGraph(Protocol):
    """The parts of a workflow that decide which of its jobs run: `model.Workflow` has them."""

    name: str
    id: str
    jobs: list[WorkflowJob]
    vars: dict[str, Any]
    inputs: dict[str, Input]
    concurrency: Concurrency | None

    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """Return for each job the jobs it waits for, each once."""
