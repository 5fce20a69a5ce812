"""A workflow: jobs, and which of them wait for which others."""

# Without `annotations` from __future__: typing compiles each field that is a text, in every start.

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from runnerlib._util.arguments import ArgumentError, check_names, checked, mended
from runnerlib.errors import ConfigError
from runnerlib.pipeline.job import Job, Problem, Step
from runnerlib.pipeline.workflow.checks import problems

NOTHING: Mapping[str, Any] = MappingProxyType({})
ALL_SUCCESS = "all_success"


@checked
class Filter(NamedTuple):
    """For which events a workflow is meant: kinds of events, globs of branches, globs of changed paths."""

    events: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


NO_FILTER = Filter()

_LISTED = ("depends_on", "for_each", "matrix", "upload", "download", "outputs", "runs_on")
_BODY_KEYS = ("steps", "env", "timeout", "max_parallel", "working_dir")


@checked
class Download(NamedTuple):
    """Artifacts of the job `job` that another one gets: those that match `files`, into the directory `to`.

    `to` is seen from the directory of the job; empty, it is `artifacts/JOB` in the job's workspace.
    """

    job: str
    files: tuple[str, ...] = ("**",)
    to: str = ""


def _mended(job: "WorkflowJob") -> "WorkflowJob":
    """Lists as tuples, and single names as tuples of one."""
    changed = _tuples({key: getattr(job, key) for key in _LISTED})
    return job._replace(**changed)


@mended(_mended)
@checked
class WorkflowJob(NamedTuple):
    """One job of a workflow: what it runs (`body`), after which others, and where.

    `command` is the command as it was written, when there are no steps. `condition` is `all_success`,
    `any_failed`, `always` or an expression. The job runs once for each item of `for_each` (which is in the
    variable `item_var`) or for each combination of the values of `matrix` (in MATRIX_<KEY>), whose keys `include`
    and `exclude` add some and take some away. `settings` are
    settings of the configuration (`source_type`, `code_dir`, …), `upload` globs of files that other jobs can
    `download`; one that gives no file fails the job, warns or does nothing (`if_no_files`: fail, warn, ignore).
    `outputs` maps names to `STEP.OUTPUT`, or to "" for an output of that name. What only a coordinator acts on is in
    `remote`, as it was written.
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

    @property
    def env(self) -> Mapping[str, str]:
        """The variables of every step."""
        return self.body.env

    @property
    def timeout(self) -> float | None:
        """Seconds the job may take."""
        return self.body.timeout


_JOB_KEYS = tuple(key for key in WorkflowJob._fields if key not in {"name", "body", "command"})


def workflow_job(
    name: str,
    command: str | Sequence[str] | None = None,
    *,
    steps: Iterable[Step] = (),
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    max_parallel: int | None = None,
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
    body = Job(name, made, env=env, timeout=timeout, max_parallel=max_parallel)
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
    """What a key of a matrix has: a list, or one value for a list of one."""
    single = isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable)
    return (values,) if single else tuple(values)


@checked
class Workflow:
    """Jobs that wait for each other: `Workflow("ci")`, then `add_job` for each of them.

    `on` says for which events it is meant, `vars` are values that every job sees. `file` is where it was read,
    `job_files` are the files that it takes jobs from.
    """

    def __init__(
        self,
        name: str = "workflow",
        jobs: Iterable[WorkflowJob] = (),
        *,
        on: Filter = NO_FILTER,
        vars: Mapping[str, Any] | None = None,  # noqa: A002 - its name in files
        id: str = "",  # noqa: A002 - likewise
        description: str = "",
        file: str = "",
    ) -> None:
        self.name = name
        self.jobs = list(jobs)
        self.on = on
        self.vars = dict(vars or {})
        self.id = id
        self.description = description
        self.file = file
        self.job_files: tuple[str, ...] = ()

    def add_job(
        self, job: str | Job | WorkflowJob, command: str | Sequence[str] | None = None, **keys: Any
    ) -> WorkflowJob:
        """Add a job after the others and return it: by name, with a `command` or `steps`, or a job that has its steps.

        `keys` are fields of WorkflowJob, and `env`, `timeout` and `max_parallel` of its steps; what a Job or a
        WorkflowJob has itself they replace, variables one by one. Raises ConfigError for a key that there is not, and
        for a command or steps beside those of a job.
        """
        check_names("add_job", keys, (*_BODY_KEYS, *_JOB_KEYS))
        given: object = job
        if not isinstance(given, (str, Job, WorkflowJob)):
            told = f"a name, a Job or a WorkflowJob is expected, got a {type(given).__name__}"
            raise ArgumentError(f"add_job: {told}")
        if isinstance(job, str):
            made = workflow_job(job, command, **keys)
        else:
            made = _changed(job if isinstance(job, WorkflowJob) else WorkflowJob(job.name, job), command, keys)
        self.jobs.append(made)
        return made

    def job(self, name: str) -> WorkflowJob:
        """The job `name`. Raises KeyError."""
        for job in self.jobs:
            if job.name == name:
                return job
        raise KeyError(name)

    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """For each job the jobs it waits for, each once."""
        return {job.name: tuple(dict.fromkeys(job.depends_on)) for job in self.jobs}

    def problems(self) -> Iterator[Problem]:
        """Everything that is wrong with the workflow, in written order."""
        return problems(self)

    def check(self) -> None:
        """Raise ConfigError with one line for everything that is wrong."""
        lines = [f"workflow '{self.name}': {_shown(problem, self)}" for problem in self.problems()]
        if lines:
            raise ConfigError("\n".join(lines))


def _changed(job: WorkflowJob, command: str | Sequence[str] | None, keys: Mapping[str, Any]) -> WorkflowJob:
    """The job with what `keys` say instead of what it has. Raises ConfigError for what it would not run."""
    for key, given in (("command", command), ("steps", keys.get("steps")), ("working_dir", keys.get("working_dir"))):
        if given:
            raise ConfigError(f"job '{job.name}': it has steps already, got '{key}' beside them")
    old = job.body
    body = Job(
        old.name,
        old.steps,
        env={**old.env, **(keys.get("env") or {})},
        timeout=keys.get("timeout", old.timeout),
        max_parallel=keys.get("max_parallel", old.max_parallel),
    )
    fields = {key: value for key, value in keys.items() if key not in _BODY_KEYS}
    return _mended(job._replace(body=body, **fields))


def _shown(problem: Problem, workflow: Workflow) -> str:
    kind, *rest = problem.place
    column = f"column {problem.column}: " if problem.column else ""
    if kind != "jobs" or not rest:
        return f"{kind}: {column}{problem.text}"
    job, inner = workflow.jobs[int(rest[0])], rest[1:]
    where = f"job '{job.name}': "
    if inner[:1] == ["steps"] and len(inner) > 1:
        where += f"step '{job.body.steps[int(inner[1])].name}': "
        inner = inner[2:]
    return where + "".join(f"{part}: " for part in inner[:1]) + column + problem.text
