"""The names that pipelines of Reactorcide import from its module `workflow`."""

from __future__ import annotations

from runnerlib.api.compat.git_ops import changed_files, git_info
from runnerlib.api.triggers import (
    JobTrigger,
    WorkflowContext,
    flush_triggers,
    get_job_result,
    is_job_running,
    log_next_job,
    set_workflow_output,
    set_workflow_var,
    submit_job,
    trigger_job,
    trigger_jobs,
    workflow_context,
    workflow_vars,
)

__all__ = [
    "JobTrigger",
    "WorkflowContext",
    "changed_files",
    "flush_triggers",
    "get_job_result",
    "git_info",
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
