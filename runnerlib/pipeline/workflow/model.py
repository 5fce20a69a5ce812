"""A workflow: jobs, and which of them wait for which others."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, cast

from runnerlib._util.values import ArgumentError, check_names, checked
from runnerlib.errors import ConfigError
from runnerlib.pipeline.job import Job, Problem
from runnerlib.pipeline.job.inputs import Input, origins_of, values_of
from runnerlib.pipeline.job.step import in_group
from runnerlib.pipeline.workflow.checks import problems
from runnerlib.pipeline.workflow.job import BODY_KEYS, JOB_KEYS, NO_FILTER, Filter, WorkflowJob, as_tuples, workflow_job

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Unpack

    from runnerlib.pipeline.job.concurrency import Concurrency
    from runnerlib.pipeline.workflow.keywords import JobKeywords


@checked
class Workflow:
    """Jobs that wait for each other: `Workflow("ci")`, then `add_job` for each of them.

    `on` says for which events it is meant, `vars` are values that every job sees. `file` is where it was read,
    `job_files` are the files that it takes jobs from. `inputs` are parameters of all jobs, whose values
    are in variables INPUT_<NAME>; `origins` tells people where values of a run come from. Of the runs of
    the group `concurrency` one goes on at a time.
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
        inputs: Mapping[str, Input] | None = None,
        concurrency: Concurrency | str | None = None,
    ) -> None:
        self.name = name
        self.jobs = list(jobs)
        self.on = on
        self.vars = dict(vars or {})
        self.id = id
        self.description = description
        self.file = file
        self.inputs = dict(inputs or {})
        self.concurrency = in_group(concurrency)
        self.origins: dict[str, str] = {}
        self.job_files: tuple[str, ...] = ()

    def add_job(
        self,
        job: str | Job | WorkflowJob,
        command: str | Sequence[str] | None = None,
        **keys: Unpack[JobKeywords],
    ) -> WorkflowJob:
        """Add a job after the others and return it: a name with a `command` or `steps`, or a complete job.

        `keys` are fields of WorkflowJob, and `env`, `timeout` and `max_parallel` of its steps; what a Job or a
        WorkflowJob has itself they replace, variables one by one. Raises ConfigError for a key that there is not, and
        for a command or steps beside those of a job.
        """
        check_names("add_job", keys, (*BODY_KEYS, *JOB_KEYS))
        given: object = job
        if not isinstance(given, (str, Job, WorkflowJob)):
            problem = f"a name, a Job or a WorkflowJob is expected, got a {type(given).__name__}"
            raise ArgumentError(f"add_job: {problem}")
        if isinstance(job, str):
            made = workflow_job(job, command, **cast("dict[str, Any]", keys))
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
        """Return for each job the jobs it waits for, each once."""
        return {job.name: tuple(dict.fromkeys(job.depends_on)) for job in self.jobs}

    def with_inputs(self, given: Sequence[tuple[str, str]], place: str) -> Workflow:
        """Return a copy whose jobs know the values of their inputs; those that are `given` come from `place`.

        Raises ConfigError as `values_of` does.
        """
        declared = {name: one for job in self.jobs for name, one in job.body.inputs.items()} | self.inputs
        values = values_of(declared, given)
        made = copy(self)
        made.origins = {**self.origins, **origins_of(values, given, place)}
        made.jobs = [job._replace(body=_knowing(job.body, self.inputs, values)) for job in self.jobs]
        return made

    def problems(self) -> Iterator[Problem]:
        """Return all errors of the workflow, in written order."""
        return problems(self)

    def check(self) -> None:
        """Raise ConfigError with one line for each error."""
        lines = [f"workflow '{self.name}': {_shown(problem, self)}" for problem in self.problems()]
        if lines:
            raise ConfigError("\n".join(lines))


def _knowing(body: Job, inputs: Mapping[str, Input], values: Mapping[str, str]) -> Job:
    own = {**body.inputs, **inputs}
    return body.replaced(inputs=own, input_values={name: values[name] for name in own})


def _changed(job: WorkflowJob, command: str | Sequence[str] | None, keys: Mapping[str, Any]) -> WorkflowJob:
    """Return the job with the changes in `keys`. Raises ConfigError for keys that would have no effect."""
    for key, given in (("command", command), ("steps", keys.get("steps")), ("working_dir", keys.get("working_dir"))):
        if given:
            raise ConfigError(f"job '{job.name}': it has steps already, got '{key}' beside them")
    old = job.body
    limits = {key: keys[key] for key in ("timeout", "max_parallel", "secrets", "env_file", "cache") if key in keys}
    body = old.replaced(env={**old.env, **(keys.get("env") or {})}, **limits)
    if "services" in keys:
        body.services = tuple(keys["services"])
    if "concurrency" in keys:
        body.concurrency = in_group(keys["concurrency"])
    fields = {key: value for key, value in keys.items() if key not in BODY_KEYS}
    return as_tuples(job._replace(body=body, **fields))


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
