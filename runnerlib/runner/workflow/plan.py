"""The plan of a workflow run: everything that it needs, checked as a whole before any change."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.config import OBSERVING, SETTINGS, Layer, Origin, RunnerConfig
from runnerlib.errors import ConfigError, unknown
from runnerlib.output import mode_of
from runnerlib.output.log.file_names import file_name
from runnerlib.pipeline.job.model import IMAGE, IMAGE_EXPECTED
from runnerlib.pipeline.workflow import Instance, instances
from runnerlib.runner.journal import Selection
from runnerlib.runner.planner import plan_job, plan_run

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from runnerlib._util.paths import Workspace
    from runnerlib.config import Resolved
    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.job import Job
    from runnerlib.pipeline.workflow import Workflow
    from runnerlib.runner.plan import JobPlan, RunPlan
    from runnerlib.runner.request import RunRequest
    from runnerlib.runner.services import RunServices
    from runnerlib.source import SourceSpec

_JOBS = "jobs"
# Settings for the workflow as a whole, not for each of its jobs.
_OF_THE_WHOLE = (
    "max_parallel",
    "job_command",
    "job_file",
    "workflow_file",
    "events",
    "report",
    "junit",
    "annotations",
    "code_quality",
    *OBSERVING,
)
_SOURCE = ("source_type", "source_url", "source_ref", "source_options")


class WorkflowPlan(NamedTuple):
    """Everything a run needs, resolved. `front` is the plan of the workflow as a whole: workspace, settings.

    `services` are shared by all jobs. `requests` has the request of each instance and `plans` its plan, both without
    the outputs of jobs before it. `selection` selects the jobs that run, by
    instance; those in `forced` run whatever their conditions say. `source` is the common source of all jobs, if it is
    a git repository.
    """

    workflow: Workflow
    services: RunServices
    front: RunPlan
    requests: Mapping[str, RunRequest]
    plans: Mapping[str, JobPlan]
    instances: Mapping[str, Instance]
    selection: Selection
    forced: frozenset[str]
    capacity: int
    source: SourceSpec | None = None

    @property
    def masker(self) -> SecretMasker:
        """The one masker of all jobs."""
        return self.services.masker

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of all plans, without duplicates."""
        warnings = (*self.front.warnings, *(warning for plan in self.plans.values() for warning in plan.warnings))
        return tuple(dict.fromkeys(warnings))

    def describe(self) -> Iterator[tuple[str, str]]:
        """Yield the plan as (label, text) rows without its jobs, not masked."""
        yield "workspace", str(self.front.workspace.base)
        yield "parallel", f"at most {self.capacity}"
        yield from dict.fromkeys(
            ("container", job.placement.engine.program) for job in self.plans.values() if job.placement is not None
        )
        for warning in self.warnings:
            yield "warning", warning


def plan_workflow(workflow: Workflow, request: RunRequest, services: RunServices) -> WorkflowPlan:
    """Check the workflow and return its plan; changes nothing but what `services` know.

    The selection of `request` names jobs, or single runs of them as `build[0]` or by their labels: those in its `only`
    and `start` run whatever their conditions say. Raises ConfigError for a wrong workflow, job, setting or selection,
    and for an image without an engine.
    """
    workflow.check()
    workflow = workflow.with_inputs(request.resolved.config.inputs, str(request.resolved.origin("inputs")))
    all_of_them = instances(workflow)
    selection = _by_name(request.selection or Selection(), all_of_them)
    _check_selection(workflow, selection, all_of_them)
    request = request._replace(about=_beside(request.cwd, workflow.file))
    if workflow.file:
        request = request.of_file(workflow.file, request.cwd / workflow.file)
    services.plugins = request.may_have_plugins()
    unset = dict.fromkeys((*_SOURCE, *(f"ci_{name}" for name in _SOURCE)))
    steps = sum(len(instance.job.body.steps) for instance in all_of_them.values())
    front = plan_run(request._replace(resolved=_changed(request.resolved, unset)), services)
    front = replace(front, step_count=steps)
    requests = {name: _requested(request, front, instance, workflow.file) for name, instance in all_of_them.items()}
    fleet = request.resolved.config.fleet is not None
    if not fleet:
        request.as_here()
    plans = {name: plan_job(_without_engine(one) if fleet else one, services) for name, one in requests.items()}
    one_at_a_time = mode_of(front.config.output).verbatim or services.inspect is not None
    plan = WorkflowPlan(
        workflow=workflow,
        services=services,
        front=front,
        requests=requests,
        plans=plans,
        instances=all_of_them,
        selection=_by_instance(selection, all_of_them),
        forced=frozenset(
            all_of_them[name].job.name if name in all_of_them else name for name in selection.only + selection.start
        ),
        capacity=1 if one_at_a_time else front.config.max_parallel or _room(fleet, len(plans)),
        source=_source_of_all(plans.values()),
    )
    if fleet:
        from runnerlib.runner.workflow.fleet_limits import refuse

        refuse(front, all_of_them, plans, inspecting=services.inspect is not None)
    return plan


def _room(fleet: bool, jobs: int) -> int:
    """Return how many jobs run at a time: workers have slots of their own."""
    return max(jobs, 1) if fleet else os.cpu_count() or 1


def _without_engine(request: RunRequest) -> RunRequest:
    """Return a request that is planned where it does not run: its worker has the container engine."""
    return request._replace(resolved=_changed(request.resolved, {"container_engine": "none"}))


def _beside(cwd: Path, file: str) -> Path:
    """Return the directory of a workflow file; `cwd` for a workflow from a program."""
    return (cwd / file).parent if file and os.path.exists(cwd / file) else cwd


def _source_of_all(plans: Iterable[JobPlan]) -> SourceSpec | None:
    """Return the git source that all jobs share, if there is one."""
    found = {next((one.spec for one in plan.checkouts if not one.trusted), None) for plan in plans}
    spec = found.pop() if len(found) == 1 else None
    return spec if spec is not None and spec.type == "git" else None


def _requested(request: RunRequest, front: RunPlan, instance: Instance, file: str) -> RunRequest:
    """Return the request of one instance."""
    return request._replace(
        resolved=_settings_of(request.resolved, instance, file),
        words=(),
        job=body(instance),
        selection=None,
        workspace=workspace_of(front.workspace, instance.name),
    )


def workspace_of(whole: Workspace, name: str) -> Workspace:
    """Return the workspace of one instance, below that of the workflow."""
    return whole.part(_JOBS, file_name(name))


def body(instance: Instance) -> Job:
    """Return the instance's job with matrix variables in its environment."""
    job = instance.job.body
    return job.replaced(name=instance.name, env={**job.env, **instance.env})


def _settings_of(resolved: Resolved, instance: Instance, file: str) -> Resolved:
    """Return the settings of one job; its own win over those of the run. Raises ConfigError."""
    changes: dict[str, object] = dict.fromkeys(_OF_THE_WHOLE)
    own = instance.job.settings
    for prefix in ("", "ci_"):
        if f"{prefix}source_type" in own:  # a job's own source inherits no setting of the workflow's
            changes |= dict.fromkeys(f"{prefix}{name}" for name in _SOURCE)
    if instance.job.image is not None:
        if not re.fullmatch(IMAGE, instance.job.image):  # values of the run may stand in it
            raise ConfigError(f"job '{instance.label}': image: {IMAGE_EXPECTED}, got '{instance.job.image[:100]}'")
        changes["runner_image"] = instance.job.image
    if instance.job.image is not None or any(step.image is not None for step in instance.job.body.steps):
        changes["container"] = True
    for name, value in own.items():
        try:
            changes[name] = SETTINGS[name].parse(value)
        except ValueError as error:
            raise ConfigError(f"job '{instance.job.name}': {name}: {error}") from None
    return _changed(resolved, changes, f"{file}: job '{instance.job.name}'")


def _changed(resolved: Resolved, changes: Mapping[str, object], spelling: str = "") -> Resolved:
    """Return the configuration with other values; None stands for the default."""
    origin = Origin(Layer.JOB_FILE, spelling)
    defaults = RunnerConfig()
    values = {name: getattr(defaults, name) if value is None else value for name, value in changes.items()}
    return resolved.changed({name: (value, origin) for name, value in values.items()})


def _check_selection(workflow: Workflow, selection: Selection, all_of_them: Collection[str]) -> None:
    names = [job.name for job in workflow.jobs]
    for option, given in selection.named():
        for name in given:
            if name not in names and name not in all_of_them:
                raise ConfigError(f"{option}: {unknown('job', name, names)}")
    if selection.start and selection.only:
        raise ConfigError("--from and --only contradict each other; give one of them")


def _by_name(selection: Selection, all_of_them: Mapping[str, Instance]) -> Selection:
    """Return the selection with names of runs in place of their labels, `test (macos, 3.12)`, which people read."""
    labels = {one.label: name for name, one in all_of_them.items()}

    def named(given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name if name in all_of_them else labels.get(name, name) for name in given)

    taken = None if selection.exit_code_from is None else named((selection.exit_code_from,))[0]
    start, only, skip = map(named, (selection.start, selection.only, selection.skip))
    return selection._replace(start=start, only=only, skip=skip, exit_code_from=taken)


def _by_instance(selection: Selection, all_of_them: Mapping[str, Instance]) -> Selection:
    def runs(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name, one in all_of_them.items() if name in names or one.job.name in names)

    return Selection(selection.resume, runs(selection.start), runs(selection.only), runs(selection.skip))
