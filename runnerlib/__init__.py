"""runnerlib runs CI/CD jobs inside their containers, with every secret masked."""

# Before any import but these, `from __future__` among them: each might run a file of the current directory.
import sys

if sys.argv[:1] == ["-m"]:  # `python -m` looks for a module, and is not this package's own
    from runnerlib._util.safe_path import leave_current_directory, runs_module_of

    if runs_module_of("runnerlib"):
        leave_current_directory()

TYPE_CHECKING = False  # `typing` would take most of the time of `import runnerlib`
if TYPE_CHECKING:
    from runnerlib.api.async_jobs import execute_async
    from runnerlib.api.compat.git_ops import changed_files, get_files_changed, get_repository_info, git_info
    from runnerlib.api.compat.source_prep import (
        get_code_directory_path,
        get_job_base_path,
        get_job_directory_path,
        is_in_container_mode,
        prepare_ci_source,
        prepare_source,
    )
    from runnerlib.api.env import env
    from runnerlib.api.jobs import execute, run_job, run_step
    from runnerlib.api.triggers import (
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
    from runnerlib.api.workflow import run_workflow
    from runnerlib.api.workflow_context import WorkflowContext, workflow_context
    from runnerlib.config import RunnerConfig, get_config
    from runnerlib.errors import ConfigError, RunnerError, SourceError
    from runnerlib.events.result import JobResult, StepResult, WorkflowResult
    from runnerlib.masking import SecretMasker, mask_stream
    from runnerlib.pipeline.job import Job, Retry, Step
    from runnerlib.pipeline.job.cache import Cache
    from runnerlib.pipeline.job.concurrency import Concurrency
    from runnerlib.pipeline.job.inputs import Input
    from runnerlib.pipeline.job.service import Service
    from runnerlib.pipeline.workflow import Approval, Workflow, WorkflowJob
    from runnerlib.plugins import register_plugin
    from runnerlib.secrets import mask_text, register_secret
    from runnerlib.triggers.job_trigger import JobTrigger

__all__ = [
    "Approval",
    "Cache",
    "Concurrency",
    "ConfigError",
    "Input",
    "Job",
    "JobResult",
    "JobTrigger",
    "Retry",
    "RunnerConfig",
    "RunnerError",
    "SecretMasker",
    "Service",
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
    "Cache": "runnerlib.pipeline.job.cache",
    "Concurrency": "runnerlib.pipeline.job.concurrency",
    "Approval": "runnerlib.pipeline.workflow",
    "ConfigError": "runnerlib.errors",
    "Job": "runnerlib.pipeline.job",
    "JobResult": "runnerlib.events.result",
    "JobTrigger": "runnerlib.triggers.job_trigger",
    "Input": "runnerlib.pipeline.job.inputs",
    "Retry": "runnerlib.pipeline.job",
    "RunnerConfig": "runnerlib.config",
    "RunnerError": "runnerlib.errors",
    "SecretMasker": "runnerlib.masking",
    "Service": "runnerlib.pipeline.job.service",
    "SourceError": "runnerlib.errors",
    "Step": "runnerlib.pipeline.job",
    "StepResult": "runnerlib.events.result",
    "Workflow": "runnerlib.pipeline.workflow",
    "WorkflowContext": "runnerlib.api.workflow_context",
    "WorkflowJob": "runnerlib.pipeline.workflow",
    "WorkflowResult": "runnerlib.events.result",
    "changed_files": "runnerlib.api.compat.git_ops",
    "env": "runnerlib.api.env",
    "execute": "runnerlib.api.jobs",
    "execute_async": "runnerlib.api.async_jobs",
    "flush_triggers": "runnerlib.api.triggers",
    "get_code_directory_path": "runnerlib.api.compat.source_prep",
    "get_config": "runnerlib.config",
    "get_files_changed": "runnerlib.api.compat.git_ops",
    "get_job_base_path": "runnerlib.api.compat.source_prep",
    "get_job_directory_path": "runnerlib.api.compat.source_prep",
    "get_job_result": "runnerlib.api.triggers",
    "get_repository_info": "runnerlib.api.compat.git_ops",
    "git_info": "runnerlib.api.compat.git_ops",
    "is_in_container_mode": "runnerlib.api.compat.source_prep",
    "is_job_running": "runnerlib.api.triggers",
    "log_next_job": "runnerlib.api.triggers",
    "mask_stream": "runnerlib.masking",
    "mask_text": "runnerlib.secrets",
    "prepare_ci_source": "runnerlib.api.compat.source_prep",
    "prepare_source": "runnerlib.api.compat.source_prep",
    "register_plugin": "runnerlib.plugins",
    "register_secret": "runnerlib.secrets",
    "run_job": "runnerlib.api.jobs",
    "run_step": "runnerlib.api.jobs",
    "run_workflow": "runnerlib.api.workflow",
    "set_workflow_output": "runnerlib.api.triggers",
    "set_workflow_var": "runnerlib.api.triggers",
    "submit_job": "runnerlib.api.triggers",
    "trigger_job": "runnerlib.api.triggers",
    "trigger_jobs": "runnerlib.api.triggers",
    "workflow_context": "runnerlib.api.workflow_context",
    "workflow_vars": "runnerlib.api.triggers",
}

# Modules that are public by a shorter name than their own.
_MODULES = {"job_file": "runnerlib.pipeline.job_file"}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used, so that `import runnerlib` costs nothing."""
    home = _HOMES.get(name) or _MODULES.get(name)
    if home is None:
        raise AttributeError(f"module 'runnerlib' has no attribute '{name}'")
    import importlib

    module = importlib.import_module(home)
    value: object = getattr(module, name) if name in _HOMES else module
    globals()[name] = value
    return value
