"""Conversion of the jobs of workflow files to triggers, with the decisions a coordinator cannot make."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any

from runnerlib._util.path_glob import any_matches
from runnerlib.errors import ConfigError, one_line
from runnerlib.pipeline.conditions import variables
from runnerlib.pipeline.job.inputs import values_of
from runnerlib.pipeline.job.inputs import variables as input_variables
from runnerlib.pipeline.surroundings import Surroundings
from runnerlib.pipeline.workflow import ALL_SUCCESS, condition_of, expand, filled, plain_condition
from runnerlib.triggers.evaluate.worker_shell import by_worker, if_single, needs_shell
from runnerlib.triggers.job_trigger import made

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from runnerlib.pipeline.workflow import WorkflowJob
    from runnerlib.triggers.evaluate.event import Event
    from runnerlib.triggers.evaluate.filters import Changes
    from runnerlib.triggers.job_trigger import JobTrigger

_SAME = ("capabilities", "image_pull_secrets", "worker_class", "characteristics", "run_local", "disable_run_local")
_RUNNERLIB = "runnerlib "
# The directory in which a worker puts the trusted source.
_CI = "/job/ci"


def triggers(
    jobs: Sequence[WorkflowJob],
    event: Event,
    changes: Changes,
    file: str = "",
    unwanted: Collection[str] = (),
    note: Callable[[str], object] = lambda _text: None,
) -> list[JobTrigger]:
    """The triggers of the jobs of a workflow in `file`, a path in the trusted source; without one none may have steps.

    An expression as a condition is decided now; a job for which it is false is left out, and so are those that need
    it, or one of the jobs `unwanted`: they would wait for ever. `note` is told why. A job with a matrix becomes one for
    each combination, and so does one of steps with `for_each`. Raises ConfigError for what a coordinator cannot do: an
    expression about how other jobs end.
    """
    left_out = set(unwanted)
    names: dict[str, list[str]] = {}
    found: list[JobTrigger] = []
    for written in _in_order(jobs):
        job = _with_inputs(written)
        _refuse(job)
        why = _why_not(job, event, changes, left_out)
        if why:
            note(f"job '{one_line(job.name)}': {why}")
            left_out.add(job.name)
            continue
        waits_for = [name for other in job.depends_on if other not in left_out for name in names.get(other, [other])]
        instances = list(_instances(job, waits_for, event, file))
        names[job.name] = [one.job_name for one in instances]
        found += instances
    return found


def _in_order(jobs: Sequence[WorkflowJob]) -> Iterator[WorkflowJob]:
    """Yield each job after those it waits for, else as written; the graph was checked before."""
    done: set[str] = set()
    waiting = list(jobs)
    known = {job.name for job in jobs}
    while waiting:
        ready = next((job for job in waiting if done.issuperset(known.intersection(job.depends_on))), waiting[0])
        waiting.remove(ready)
        done.add(ready.name)
        yield ready


def _with_inputs(job: WorkflowJob) -> WorkflowJob:
    """Return a job with the values of its inputs, of which an event sets none. Raises ConfigError for a missing one."""
    if not job.body.inputs or job.body.input_values is not None:
        return job
    return job._replace(body=job.body.replaced(input_values=values_of(job.body.inputs, ())))


def _refuse(job: WorkflowJob) -> None:
    """Raise ConfigError for what a coordinator, which starts each job by itself, does not do."""
    given = {
        "allow_failure": job.allow_failure,
        "approve": job.approve is not None,
        "fail_fast": job.fail_fast,
        job.fan_out.kind if job.fan_out is not None else "": job.fan_out is not None,
        "max_runs": job.max_runs is not None,
    }
    for key, there in given.items():
        if there:
            raise ConfigError(
                f"job '{one_line(job.name)}': {key}: a coordinator knows nothing of it; `runnerlib run` does"
            )


def _why_not(job: WorkflowJob, event: Event, changes: Changes, left_out: Collection[str]) -> str:
    """Return why a job is left out: its condition, if that is an expression, or a job it needs; empty if it is not."""
    why = _why_false(job, event, changes)
    missing = min((other for other in job.depends_on if other in left_out), default=None)
    if why or missing is None or _condition(job) != ALL_SUCCESS:
        return why
    return f"it needs '{one_line(missing)}', which does not run"


def _why_false(job: WorkflowJob, event: Event, changes: Changes) -> str:
    condition = condition_of(job)
    if condition is None:
        return ""
    if condition.decides:
        problem = "it asks how other jobs end, which a coordinator knows only as all_success, any_failed and always"
        raise ConfigError(f"job '{one_line(job.name)}': condition: {problem}")

    def changed(glob: str) -> bool:
        files = changes()
        return files is None or any_matches(files, glob)

    surroundings = Surroundings(lambda: variables(event.variables, job.name), changed, job.body.input_values or {})
    facts = surroundings.facts({**event.variables, **job.env}, {})
    return "" if condition.evaluate(facts) else one_line(condition.why_false(facts))


def _condition(job: WorkflowJob) -> str:
    return plain_condition(job.condition) or ALL_SUCCESS


def _instances(job: WorkflowJob, waits_for: list[str], event: Event, file: str) -> Iterator[JobTrigger]:
    fields = _fields(job, event, file)
    fields["condition"] = _condition(job)
    if waits_for:
        fields["depends_on"] = waits_for
    if not job.matrix and (job.for_each is None or not (_by_file(job) or "${" in (job.image or ""))):
        yield made(fields)
        return
    # Steps are found by their file: each of these jobs needs the number of its run.
    alone = {name: value for name, value in fields.items() if name not in {"for_each", "item_var"}}
    for one in expand(job):
        command = _command(job, file, one.name)
        image = {} if one.job.image is None else {"container_image": one.job.image}
        yield made({**alone, **image, "job_name": one.name, "job_command": command, "env": {**alone["env"], **one.env}})


def _fields(job: WorkflowJob, event: Event, file: str) -> dict[str, Any]:
    described = event.variables
    fields: dict[str, Any] = {
        "job_name": job.name,
        "env": {**described, **input_variables(job.body.input_values), **job.env},
        **_sources(described),
        **job.settings,
        "container_image": None if job.image is None else filled(job, {}),
        "job_command": _command(job, file, job.name),
        "priority": job.priority,
        "timeout": None if job.timeout is None else math.ceil(job.timeout),
        "for_each": None if job.for_each is None else list(job.for_each),
        "item_var": None if job.for_each is None else job.item_var,
        "resources": dict(job.resources) or None,
        "working_dir": job.remote.get("working_dir"),
        **{name: job.remote.get(name) for name in _SAME},
    }
    run_as = job.remote.get("run_as")
    fields["run_as_user"] = run_as.get("user") if isinstance(run_as, dict) else run_as
    return {name: value for name, value in fields.items() if value is not None}


def _sources(described: Mapping[str, str]) -> dict[str, str | None]:
    """Return the sources in the variables of the event; a job inherits the rest from the one that triggers it."""
    url, ci_url = described.get("REACTORCIDE_SOURCE_URL"), described.get("REACTORCIDE_CI_SOURCE_URL")
    return {
        "source_type": "git" if url else None,
        "source_url": url,
        "source_ref": (described.get("REACTORCIDE_SHA") or described.get("REACTORCIDE_BRANCH")) if url else None,
        "ci_source_type": "git" if ci_url else None,
        "ci_source_url": ci_url,
        "ci_source_ref": described.get("REACTORCIDE_CI_SOURCE_REF") if ci_url else None,
    }


def _by_file(job: WorkflowJob) -> bool:
    """Return whether the worker needs the file of a job: for its steps, or for what a command alone does not say."""
    return job.command is None or bool(job.retry.max or job.body.env_file)


def _command(job: WorkflowJob, file: str, name: str) -> str:
    """Return the command for the worker: the one of the job, run with masking, or one that runs its steps."""
    if job.command is None and not file:
        raise ConfigError(f"job '{one_line(job.name)}': a job of steps that is triggered by itself needs a 'command'")
    if _by_file(job) and not file:
        raise ConfigError(f"job '{one_line(job.name)}': retry and env_file are for jobs of a workflow file")
    if job.command is None or _by_file(job):
        return by_worker(f"runnerlib run --workflow-file {shlex.quote(f'{_CI}/{file}')} --job {shlex.quote(name)}")
    command = job.command if isinstance(job.command, str) else shlex.join(job.command)
    if job.remote.get("raw_command"):
        return command
    if command.startswith(_RUNNERLIB):
        return if_single(command)
    if "$" in command and not needs_shell(command):
        command += "\n"  # else `exec` would be no word of a shell
    return by_worker(f"runnerlib run --job-command {shlex.quote(command)}")
