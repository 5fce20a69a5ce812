"""Running workflows from Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.api.call import OTHER_TASKS, masked_errors
from runnerlib.api.jobs import handed_on, refuse_in_a_loop
from runnerlib.config import read
from runnerlib.errors import ConfigError
from runnerlib.output.python_streams import program_streams
from runnerlib.output.workflow_summary import JobsSummary
from runnerlib.pipeline.workflow import Workflow, load
from runnerlib.runner.journal import Selection
from runnerlib.runner.reporting import audience
from runnerlib.runner.request import RunRequest
from runnerlib.runner.services import services_for
from runnerlib.runner.workflow import plan_workflow, run_planned
from runnerlib.runner.workflow.includes import RunIncludes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from runnerlib.api.call import Directory
    from runnerlib.config.keywords import WorkflowSettingKeywords
    from runnerlib.events import Observer
    from runnerlib.events.result import WorkflowResult


def _loaded(file: str, request: RunRequest) -> Workflow:
    return load(file, RunIncludes(request, request.cwd / file))


# Settings of the command line only, and what a program does instead.
_INSTEAD = {
    "job_command": "the jobs of the workflow say what they run",
    "job_file": "the jobs of the workflow say what they run",
    "workflow_file": "give the file itself",
    "config_exit_code": "an error is raised, and has its `exit_code`",
    "work_dir": "a library leaves the current directory alone",
}


def run_workflow(
    workflow: Workflow | Directory,
    *,
    workspace: Directory | None = None,
    resume: bool = False,
    only: Iterable[str] = (),
    start: Iterable[str] = (),
    skip: Iterable[str] = (),
    observer: Observer | None = None,
    **settings: Unpack[WorkflowSettingKeywords],
) -> WorkflowResult:
    """Run the jobs of `workflow`, or of the file it names, on this machine; return their results.

    Each job runs in its own workspace below `workspace` (default: `/job` in a container, else `./job`). At most
    `max_parallel` jobs run at a time (default: the number of CPUs). `resume` continues after the last run in this
    workspace failed or was killed; `only`, `start` and `skip` name jobs as `--only`, `--from` and `--skip` do.

    `settings` are those of the configuration, by name, times in seconds; they override environment and files.
    Output goes to `sys.stdout` and `sys.stderr`, with every secret of every job masked, or as events to `observer`.
    Blocks until no process of a job is left; signals are handled as `execute` handles them.

    Raises ConfigError for a wrong workflow, job or setting, before anything is started, and RunnerError when the
    runner itself fails, or an event loop runs in this thread. A failed job is no error, but part of the result.
    """
    refuse_in_a_loop()
    for name, advice in _INSTEAD.items():
        if settings.get(name) is not None:
            raise ConfigError(f"{name} is for the command line: {advice}")
    environ = {name: value for name, value in os.environ.items() if name not in OTHER_TASKS}
    if workspace is not None:
        environ["RUNNERLIB_WORKSPACE"] = os.path.realpath(workspace)
    selection = Selection(resume, tuple(start), tuple(only), tuple(skip))
    request = RunRequest(read(settings, environ), (), environ, Path.cwd(), selection=selection)
    made = workflow if isinstance(workflow, Workflow) else _loaded(os.fspath(workflow), request)
    services = services_for(request.resolved)
    with handed_on() as stop, masked_errors(services.masker):
        plan = plan_workflow(made, request, services)
        if observer is not None:
            return run_planned(plan, observer, stop=stop)
        with audience(plan.front, services, program_streams(), summary=JobsSummary, workflow=plan) as listener:
            return run_planned(plan, listener, stop=stop)
