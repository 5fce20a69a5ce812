"""runnerlib runs CI/CD jobs inside their containers, with every secret masked."""

# Before any import but these, `from __future__` among them: each might run a file of the current directory.
import sys

if sys.argv[:1] == ["-m"]:  # `python -m` looks for a module, and is not this package's own
    from runnerlib.safe_path import leave_current_directory, runs_module_of

    if runs_module_of("runnerlib"):
        leave_current_directory()

TYPE_CHECKING = False  # `typing` would take most of the time of `import runnerlib`
if TYPE_CHECKING:
    from runnerlib.api.awaiting import execute_async
    from runnerlib.api.running import execute, run_job, run_step
    from runnerlib.api.workflow import run_workflow
    from runnerlib.config import RunnerConfig, get_config
    from runnerlib.context import env
    from runnerlib.delivery.calls import (
        flush_triggers,
        get_job_result,
        is_job_running,
        log_next_job,
        set_workflow_output,
        set_workflow_var,
        submit_job,
        trigger_job,
        trigger_jobs,
        workflow_vars,
    )
    from runnerlib.delivery.context import WorkflowContext, workflow_context
    from runnerlib.errors import ConfigError, RunnerError, SourceError
    from runnerlib.git_ops import changed_files, get_files_changed, get_repository_info, git_info
    from runnerlib.job import Job, Retry, Step
    from runnerlib.masking import SecretMasker, mask_stream
    from runnerlib.plugins import register_plugin
    from runnerlib.result import JobResult, StepResult, WorkflowResult
    from runnerlib.secrets import mask_text, register_secret
    from runnerlib.source_prep import (
        get_code_directory_path,
        get_job_base_path,
        get_job_directory_path,
        is_in_container_mode,
        prepare_ci_source,
        prepare_source,
    )
    from runnerlib.trigger.job_trigger import JobTrigger
    from runnerlib.workflow import Workflow, WorkflowJob

__all__ = [
    "ConfigError",
    "Job",
    "JobResult",
    "JobTrigger",
    "Retry",
    "RunnerConfig",
    "RunnerError",
    "SecretMasker",
    "SourceError",
    "Step",
    "StepResult",
    "Workflow",
    "WorkflowContext",
    "WorkflowJob",
    "WorkflowResult",
    "__version__",
    "changed_files",
    "env",
    "execute",
    "execute_async",
    "flush_triggers",
    "get_code_directory_path",
    "get_config",
    "get_files_changed",
    "get_job_base_path",
    "get_job_directory_path",
    "get_job_result",
    "get_repository_info",
    "git_info",
    "is_in_container_mode",
    "is_job_running",
    "log_next_job",
    "mask_stream",
    "mask_text",
    "prepare_ci_source",
    "prepare_source",
    "register_plugin",
    "register_secret",
    "run_job",
    "run_step",
    "run_workflow",
    "set_workflow_output",
    "set_workflow_var",
    "submit_job",
    "trigger_job",
    "trigger_jobs",
    "workflow_context",
    "workflow_vars",
]
__version__ = "0.1.0"

_HOMES = {
    "ConfigError": "runnerlib.errors",
    "Job": "runnerlib.job",
    "JobResult": "runnerlib.result",
    "JobTrigger": "runnerlib.trigger.job_trigger",
    "Retry": "runnerlib.job",
    "RunnerConfig": "runnerlib.config",
    "RunnerError": "runnerlib.errors",
    "SecretMasker": "runnerlib.masking",
    "SourceError": "runnerlib.errors",
    "Step": "runnerlib.job",
    "StepResult": "runnerlib.result",
    "Workflow": "runnerlib.workflow",
    "WorkflowContext": "runnerlib.delivery.context",
    "WorkflowJob": "runnerlib.workflow",
    "WorkflowResult": "runnerlib.result",
    "changed_files": "runnerlib.git_ops",
    "env": "runnerlib.context",
    "execute": "runnerlib.api.running",
    "execute_async": "runnerlib.api.awaiting",
    "flush_triggers": "runnerlib.delivery.calls",
    "get_code_directory_path": "runnerlib.source_prep",
    "get_config": "runnerlib.config",
    "get_files_changed": "runnerlib.git_ops",
    "get_job_base_path": "runnerlib.source_prep",
    "get_job_directory_path": "runnerlib.source_prep",
    "get_job_result": "runnerlib.delivery.calls",
    "get_repository_info": "runnerlib.git_ops",
    "git_info": "runnerlib.git_ops",
    "is_in_container_mode": "runnerlib.source_prep",
    "is_job_running": "runnerlib.delivery.calls",
    "log_next_job": "runnerlib.delivery.calls",
    "mask_stream": "runnerlib.masking",
    "mask_text": "runnerlib.secrets",
    "prepare_ci_source": "runnerlib.source_prep",
    "prepare_source": "runnerlib.source_prep",
    "register_plugin": "runnerlib.plugins",
    "register_secret": "runnerlib.secrets",
    "run_job": "runnerlib.api.running",
    "run_step": "runnerlib.api.running",
    "run_workflow": "runnerlib.api.workflow",
    "set_workflow_output": "runnerlib.delivery.calls",
    "set_workflow_var": "runnerlib.delivery.calls",
    "submit_job": "runnerlib.delivery.calls",
    "trigger_job": "runnerlib.delivery.calls",
    "trigger_jobs": "runnerlib.delivery.calls",
    "workflow_context": "runnerlib.delivery.context",
    "workflow_vars": "runnerlib.delivery.calls",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used, so that `import runnerlib` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'runnerlib' has no attribute '{name}'")
    import importlib

    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
