"""`runnerlib run --workflow-file`: show or run a workflow, or one of its jobs alone."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from runnerlib.cli._dry_run import as_dry_run, width_of_stdout
from runnerlib.cli._source import bring
from runnerlib.config import Layer
from runnerlib.errors import ConfigError, OutputError, one_line, printable, unknown
from runnerlib.events import Warned
from runnerlib.executor.local.own_process import alone as process_alone
from runnerlib.executor.local.own_process import end_left
from runnerlib.output.workflow_summary import JobsSummary
from runnerlib.pipeline.workflow import instances, load
from runnerlib.runner.journal import Selection
from runnerlib.runner.planner import plan_run
from runnerlib.runner.reporting import audience
from runnerlib.runner.workflow import next_jobs_after, picture, plan_workflow, run_planned
from runnerlib.runner.workflow.includes import RunIncludes

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from runnerlib.events import Observer
    from runnerlib.pipeline.workflow import Workflow
    from runnerlib.runner.request import RunRequest
    from runnerlib.runner.services import RunServices
from runnerlib.runner.workflow import WorkflowPlan


def carry_out(
    services: RunServices, request: RunRequest, *, alone: str | None, drawing: str | None, dry_run: bool
) -> int:
    """Run the workflow or show its plan, and return the exit code. Raises RunnerError."""
    file = request.resolved.config.workflow_file or ""
    plan = planned(services, request, alone, fetching=not (drawing or dry_run))
    if drawing or dry_run:
        graph = picture(plan, drawing or "text", width_of_stdout())
        _echo(plan, graph if drawing else as_dry_run(plan.describe(), graph))
        return 0
    with process_alone(), _audience(plan) as listener:
        try:
            result = run_planned(plan, listener)
        finally:
            end_left(partial(_warn, plan, listener), plan.front.config.grace_period)
    if alone is not None:
        in_place = plan.front.workspace.tree is not None
        following = next_jobs_after(plan, alone, lambda name: _command(name, file, in_place=in_place))
        _echo(plan, f"\n{following}" if following else "")
    taken = request.selection.exit_code_from if request.selection is not None else None
    if taken is None:
        return result.exit_code
    from runnerlib.cli._exit_code_from import code_from

    names = {
        plan.masker.mask_string(name)
        for name, one in plan.instances.items()
        if taken in {name, one.label, one.job.name}
    }
    return code_from(result, result.failed_job, [job for job in result.jobs if job.name in names])


def _warn(plan: WorkflowPlan, listener: Observer, text: str) -> None:
    with suppress(OutputError):  # an earlier event has raised it
        listener.observe(Warned(plan.masker.mask_string(text)))


def _audience(plan: WorkflowPlan) -> AbstractContextManager[Observer]:
    """Open the observers of a run; if jobs may have plugins, also capture the output of their processes."""
    opened = partial(audience, plan.front, plan.services, summary=JobsSummary, workflow=plan)
    if not any(request.may_have_plugins() for request in plan.requests.values()):
        return opened()
    from runnerlib.runner.plugin_host.workflow_capture import overheard

    return overheard(plan.masker, opened)


def planned(
    services: RunServices, request: RunRequest, alone: str | None = None, *, fetching: bool = False
) -> WorkflowPlan:
    """Return the plan of the workflow. Raises RunnerError.

    With `fetching`, the source that contains the file is prepared if it is missing.
    """
    path = _found(services, request, fetching=fetching)
    workflow = load(path, RunIncludes(request, request.cwd / path, services.sources))
    selection = request.selection
    if alone is not None:
        selection = _alone(alone, workflow, selection)
    return plan_workflow(workflow, request._replace(selection=selection), services)


def _found(services: RunServices, request: RunRequest, *, fetching: bool) -> str:
    """Return the path of the workflow file, on disk or in a source of the settings. Raises RunnerError."""
    given = request.resolved.config.workflow_file or ""
    place = request.place_of(given)
    if place.tree is None:
        return place.given
    if os.path.lexists(place.path):
        place.check()
        return str(place.path)
    if not fetching or not place.awaited:
        problem = "is in a source that is not there yet; `runnerlib checkout`, with --ci the trusted one, brings it"
        raise ConfigError(f"the workflow file '{one_line(given)}' {problem}")
    plan = plan_run(request, services)
    wanted = [one for one in plan.checkouts if one.target == place.tree]
    bring(wanted, services.sources, plan.workspace.base, services.masker)
    place.check()
    return str(place.path)


def chosen(request: RunRequest, alone: str | None) -> bool:
    """Return whether to run the workflow file: a job or a command of a higher layer wins over it.

    Raises ConfigError when the same layer gives both, or there is no file for `--job`.
    """
    resolved, words = request.resolved, request.words
    config, layers = resolved.config, list(Layer)
    if config.workflow_file is None:
        raise ConfigError("--job names a job of a workflow; give --workflow-file too")
    given = layers.index(resolved.origin("workflow_file").layer)
    others = {name: layers.index(resolved.origin(name).layer) for name in ("job_command", "job_file")}
    if words:
        others["words"] = layers.index(Layer.COMMAND_LINE)
    others = {name: layer for name, layer in others.items() if name == "words" or getattr(config, name) is not None}
    for name, layer in others.items():
        if layer == given or alone is not None:
            what = "the words after --" if name == "words" else f"{name} ({resolved.origin(name)})"
            raise resolved.error("workflow_file", f"contradicts {what}; give one of them")
    return all(layer < given for layer in others.values())


def _alone(name: str, workflow: Workflow, selection: Selection | None) -> Selection:
    names = [job.name for job in workflow.jobs]
    if name not in names and name not in instances(workflow):
        raise ConfigError(f"--job: {unknown('job', name, names)}")
    selection = selection or Selection()
    if selection.only or selection.start or selection.skip:
        raise ConfigError("--job runs one job alone; --from, --only and --skip say which of several run")
    return selection._replace(only=(name,))


def _command(name: str, file: str, *, in_place: bool) -> str:
    """Return the command line that runs a job alone."""
    if in_place:
        import shlex

        return f"runnerlib run {shlex.quote(name)}"
    from runnerlib.triggers.next_jobs import run_command

    return run_command(name, file)


def _echo(plan: WorkflowPlan, text: str) -> None:
    if text:
        click.echo(printable(plan.masker.mask_string(text.rstrip("\n"))))
