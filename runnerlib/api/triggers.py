"""The methods of WorkflowContext as functions, for pipelines in one script; they share one context."""

from __future__ import annotations

import atexit
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from runnerlib.api.workflow_context import WorkflowContext, workflow_context
from runnerlib.errors import printable
from runnerlib.triggers.channels import named
from runnerlib.triggers.job_trigger import JobTrigger
from runnerlib.triggers.spool import spool_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Unpack

    from runnerlib.triggers.delivery import Verdict
    from runnerlib.triggers.keywords import TriggerKeywords

__all__ = [
    "JobTrigger",
    "WorkflowContext",
    "flush_triggers",
    "get_job_result",
    "is_job_running",
    "log_next_job",
    "set_workflow_output",
    "set_workflow_var",
    "submit_job",
    "trigger_job",
    "trigger_jobs",
    "workflow_context",
    "workflow_vars",
]


@cache
def _context() -> WorkflowContext:
    """Return the context of this process."""
    context = WorkflowContext()
    atexit.register(_remind, context)
    return context


def _remind(context: WorkflowContext) -> None:
    """Warn about jobs that were never flushed; the exit handler cannot see whether the script succeeded."""
    if context.triggers:
        names = named(trigger.job_name for trigger in context.triggers)
        hint = "end with runnerlib.flush_triggers(), or use runnerlib.workflow_context()"
        sys.stderr.write(printable(f"warning: triggers: {names} were never submitted: {hint}\n"))


def trigger_job(
    job_name: str,
    env: Mapping[str, str | int | float | bool] | None = None,
    depends_on: Sequence[str] | str | None = None,
    condition: str = "all_success",
    **fields: Unpack[TriggerKeywords],
) -> JobTrigger:
    """Trigger a job after this one; `fields` are those of JobTrigger.

    In a step or a plugin of a run, the runner submits it when the job has succeeded. Elsewhere it waits for
    `flush_triggers`. Raises TriggerError, which names the field, for a value that a coordinator would refuse.
    """
    trigger = _context().trigger_job(job_name, env, depends_on, condition, **fields)
    _hand_to_runner()
    return trigger


def trigger_jobs(jobs: Iterable[JobTrigger | Mapping[str, Any]]) -> list[JobTrigger]:
    """Trigger several jobs after this one, all or none; a mapping has the fields of JobTrigger.

    Otherwise like `trigger_job`.
    """
    triggers = _context().trigger_jobs(jobs)
    _hand_to_runner()
    return triggers


def _hand_to_runner() -> None:
    if spool_of(os.environ) is not None:
        _context().flush_triggers()


def submit_job(
    job: JobTrigger | str,
    env: Mapping[str, str | int | float | bool] | None = None,
    depends_on: Sequence[str] | str | None = None,
    condition: str = "all_success",
    **fields: Unpack[TriggerKeywords],
) -> JobTrigger:
    """Trigger a job after this one, as `trigger_job` does; takes a JobTrigger as well."""
    trigger = _context().submit_job(job, env, depends_on, condition, **fields)
    _hand_to_runner()
    return trigger


def flush_triggers() -> Verdict:
    """Submit the jobs triggered so far: see `WorkflowContext.flush_triggers`."""
    return _context().flush_triggers()


def workflow_vars() -> dict[str, Any]:
    """Return the workflow variables given to this job. Raises RunnerError when they are not JSON."""
    return _context().workflow_vars()


def set_workflow_var(name: str, value: Any) -> None:
    """Set a variable for later jobs, to any value that JSON can express. Raises VariableError."""
    _context().set_workflow_var(name, value)


def set_workflow_output(name: str, value: Any) -> None:
    """Set an output of this job, which other jobs see as the variable `JOB.name`. Raises VariableError."""
    _context().set_workflow_output(name, value)


def is_job_running(name: str) -> bool:
    """Return whether a job of that name runs, or waits at the Coordinator; on this machine, only running jobs count.

    Raises CoordinatorError when the state cannot be found.
    """
    return _context().is_job_running(name)


def get_job_result(name: str) -> dict[str, Any] | None:
    """Return the result of the last ended job of that name; None if none has ended. Raises CoordinatorError."""
    return _context().get_job_result(name)


def log_next_job(name: str, reason: str = "", depends_on: Sequence[str] = ()) -> None:
    """Print the next job, and the command that runs it."""
    _context().log_next_job(name, reason, depends_on)
